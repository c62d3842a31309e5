//! Cameras as processes of their own, an observer of what they seal, and the comparison of that
//! with what is stored and what is played.

use bytes::Bytes;
use media::epoch::{EpochOpen, GapReason, SignedEpochOpen};
use media::id::{CameraId, TrackId};
use media::segment::{HEADER_LEN, SegmentHeader};
use media::time::Micros;
use owner::live::Event;
use owner::{Owner, Picture, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use world::processes::Process;
use world::session::Session;
use world::{Stage, config_files, footage, until};

/// Of what is filmed without a gap, so much may stand in no segment, microseconds: sources that
/// start slowly, clocks that are read late.
const MISSING_US: u64 = 2_000_000;
/// How often it is looked into a spool.
const LOOK: Duration = Duration::from_millis(10);

/// A paired camera; it films while it has a process.
pub(crate) struct Camera {
    config: PathBuf,
    process: Option<Process>,
    pub(crate) main: Film,
    /// What its second source films, if it has one.
    pub(crate) sub: Film,
}

/// What one track of a camera films.
pub(crate) struct Film {
    /// The camera's.
    pub(crate) name: String,
    camera_id: CameraId,
    track: TrackId,
    spool: PathBuf,
    /// Every segment that was seen in its spool.
    sealed: Arc<Mutex<BTreeMap<u64, Bytes>>>,
    observer: JoinHandle<()>,
}

impl Drop for Film {
    fn drop(&mut self) {
        self.observer.abort();
    }
}

/// Pairs `count` cameras with the stage's owner, through `proxy` if there is one, and starts them.
pub(crate) async fn film(
    stage: &Stage,
    count: usize,
    proxy: Option<SocketAddr>,
    change: impl Fn(&mut camera::Config),
) -> Vec<Camera> {
    let mut config = stage.cast.people.owner_config.clone();
    config.relay.invite_address = proxy.map(|address| address.to_string());
    let owner = Owner::open(config).unwrap();
    let mut cameras = Vec::new();
    for (n, path) in footage().into_iter().cycle().take(count).enumerate() {
        let name = format!("yard-{n}");
        let data = stage.folder().join(&name);
        let source = camera::SourceConfig::file(&path, true);
        let mut config = camera::Config::new(&data, source);
        change(&mut config);
        let id = candor::cast::pair(&owner, &config, &name).await.unwrap();
        let main = Film::of(&name, id, TrackId::MAIN, data.join("spool"));
        let sub = Film::of(&name, id, TrackId::SUB, data.join("sub"));
        let config = config_files::write(stage.folder(), &name, &config_files::camera_text(&config));
        let mut camera = Camera { config, process: None, main, sub };
        camera.start();
        cameras.push(camera);
    }
    cameras
}

impl Camera {
    pub(crate) fn start(&mut self) {
        self.process = Some(Process::start(&["camera", "run", "--config", self.config.to_str().unwrap()]));
    }

    /// SIGKILL; what of the main track is in the spool then.
    pub(crate) async fn kill(&mut self) -> BTreeMap<u64, Bytes> {
        self.process.take().unwrap().kill().await;
        self.main.spooled()
    }
}

impl Film {
    fn of(name: &str, camera_id: CameraId, track: TrackId, spool: PathBuf) -> Self {
        let sealed = Arc::new(Mutex::new(BTreeMap::new()));
        let observer = tokio::spawn(observe(spool.clone(), sealed.clone()));
        Self { name: name.to_owned(), camera_id, track, spool, sealed, observer }
    }

    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture { camera: &self.name, track: self.track }
    }

    /// What waits in the spool, by sequence.
    pub(crate) fn spooled(&self) -> BTreeMap<u64, Bytes> {
        segments_in(&self.spool, |_| true)
    }

    /// Every segment that was ever seen there.
    pub(crate) fn sealed(&self) -> BTreeMap<u64, Bytes> {
        self.sealed.lock().unwrap().clone()
    }

    /// The last segment that was seen there.
    pub(crate) fn last_sealed(&self) -> Option<u64> {
        self.sealed.lock().unwrap().keys().next_back().copied()
    }

    /// Waits until the relay has all that was sealed so far; the last of it.
    pub(crate) async fn drained(&self) -> u64 {
        let last = self.last_sealed().unwrap();
        until("what waited is at the relay", async || self.spooled().keys().all(|waits| *waits > last)).await;
        last
    }
}

/// Waits until each camera has sealed so many more segments of its main track.
pub(crate) async fn seal_more(cameras: &[Camera], more: u64) {
    let last = |camera: &Camera| camera.main.last_sealed().map_or(0, |last| last + 1);
    let before: Vec<u64> = cameras.iter().map(last).collect();
    until("every camera seals segments", async || {
        cameras.iter().zip(&before).all(|(camera, before)| last(camera) >= before + more)
    })
    .await;
}

/// Reads each whole segment of a spool as soon as it is there: the relay's acknowledgement takes it
/// away.
async fn observe(folder: PathBuf, sealed: Arc<Mutex<BTreeMap<u64, Bytes>>>) {
    loop {
        let found = segments_in(&folder, |sequence| !sealed.lock().unwrap().contains_key(&sequence));
        sealed.lock().unwrap().extend(found);
        tokio::time::sleep(LOOK).await;
    }
}

fn segments_in(folder: &Path, wanted: impl Fn(u64) -> bool) -> BTreeMap<u64, Bytes> {
    let mut segments = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(sequence) = name.strip_suffix(".segment").and_then(|number| number.parse().ok()) else {
            continue;
        };
        // One that went meanwhile is at the relay.
        if wanted(sequence)
            && let Ok(bytes) = std::fs::read(folder.join(&name))
        {
            segments.insert(sequence, Bytes::from(bytes));
        }
    }
    segments
}

/// What the relay stores of a film, by sequence; each sequence once and in order.
pub(crate) async fn stored(stage: &Stage, film: &Film) -> BTreeMap<u64, Bytes> {
    let session = Session::of_device(stage).await;
    let mut stored = BTreeMap::new();
    for segment in session.segments_of(film.camera_id, film.track, 0, u64::MAX).await {
        let sequence = header(&segment).sequence.0;
        let last = stored.last_key_value().map(|(last, _)| *last);
        assert!(last.is_none_or(|last| last < sequence), "{sequence} follows {last:?}");
        stored.insert(sequence, segment);
    }
    stored
}

fn header(segment: &[u8]) -> SegmentHeader {
    SegmentHeader::decode(&segment[..HEADER_LEN]).unwrap()
}

/// The owner, with the cameras that were paired: the stage's own was opened before.
pub(crate) fn owner(stage: &Stage) -> Owner {
    Owner::open(stage.cast.people.owner_config.clone()).unwrap()
}

/// What the owner's player told.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Epoch, sequence, start: of each verified segment, in the order of playing.
    pub(crate) segments: Vec<(u64, u64, u64)>,
    /// And how long each is, microseconds.
    lengths_us: Vec<u64>,
    /// Why footage is missing, and how many segments were played before.
    pub(crate) gaps: Vec<(usize, String)>,
}

/// Plays all of a film.
pub(crate) async fn play(stage: &Stage, film: &Film) -> Played {
    let now = host::clock::now_us();
    let span = Span::new(Micros(now - 3_600_000_000), Micros(now + 60_000_000)).unwrap();
    let (mut played, mut begun) = (Played::default(), None);
    let on = &mut |event| match event {
        Event::Segment { epoch, sequence, start_us } => begun = Some((epoch, sequence, start_us)),
        Event::SegmentVerified { sequence, duration_us } => {
            played.lengths_us.push(duration_us);
            let segment = begun.take().unwrap();
            assert_eq!(segment.1, sequence);
            played.segments.push(segment);
        }
        // Before the camera was there is nothing.
        Event::Gap { from_us, .. } if from_us == span.from_us().0 => {}
        Event::Gap { reason, .. } => played.gaps.push((played.segments.len(), reason)),
        Event::Refused { sequence, reason } => panic!("segment {sequence} is refused: {reason}"),
        _ => {}
    };
    owner::play::play(&owner(stage), film.picture(), span, &mut tokio::io::sink(), on).await.unwrap();
    played
}

/// What the camera sealed up to segment `last` is stored as it was sealed and is played once, in
/// order, and nothing else is; returns why the camera says that it filmed nothing in between.
pub(crate) async fn nothing_is_lost(stage: &Stage, film: &Film, last: u64) -> Vec<String> {
    let (sealed, mut stored) = (film.sealed(), stored(stage, film).await);
    // It films on.
    stored.retain(|sequence, _| *sequence <= last);
    for (sequence, segment) in sealed.range(..=last) {
        assert!(stored.contains_key(sequence), "{}: segment {sequence} is not stored", film.name);
        assert_eq!(stored[sequence], segment, "{}: segment {sequence} is another one", film.name);
    }
    let numbers: Vec<u64> = stored.keys().copied().collect();
    assert_eq!(numbers, (0..=last).collect::<Vec<_>>(), "{}: every number once", film.name);
    let mut played = play(stage, film).await;
    played.segments.truncate(stored.len());
    let headers = stored.values().map(|segment| header(segment));
    let expected: Vec<_> = headers.map(|h| (h.epoch_no.0, h.sequence.0, h.start_us.0)).collect();
    assert_eq!(played.segments, expected, "{}: played is what is stored", film.name);
    played.gaps.retain(|(before, _)| *before < stored.len());
    if played.gaps.is_empty() {
        // No second is missing between two numbers either. What a busy machine captures late it
        // captures in the end.
        let last = *stored.last_key_value().unwrap().0;
        let (first_us, last_us) = (played.segments[0].2, played.segments[stored.len() - 1].2);
        let filmed_us: u64 = played.lengths_us[..stored.len() - 1].iter().sum();
        let missing_us = (last_us - first_us).saturating_sub(filmed_us);
        assert!(missing_us < MISSING_US, "{}: {missing_us} us up to segment {last} are in none", film.name);
    }
    played.gaps.into_iter().map(|(_, reason)| reason).collect()
}

const OVERFLOWED: &str = "the camera's spool overflowed during an outage";

/// The numbers that are missing of what was sealed up to segment `last`. The rest is stored as it
/// was sealed and is played once, in order; the owner is told of each hole, and the camera signed,
/// after each, that its spool overflowed.
pub(crate) async fn lost(stage: &Stage, film: &Film, last: u64) -> Vec<u64> {
    let (sealed, mut stored) = (film.sealed(), stored(stage, film).await);
    stored.retain(|sequence, _| *sequence <= last);
    for (sequence, segment) in &stored {
        assert!(sealed.get(sequence).is_none_or(|sealed| sealed == segment), "segment {sequence} is another");
    }
    let played = play(stage, film).await;
    let numbers: Vec<u64> = played.segments.iter().map(|segment| segment.1).filter(|n| *n <= last).collect();
    assert_eq!(numbers, stored.keys().copied().collect::<Vec<_>>(), "played is what is stored");
    let holes: Vec<usize> = (1..numbers.len()).filter(|at| numbers[*at] != numbers[at - 1] + 1).collect();
    let told: BTreeMap<usize, &String> = played.gaps.iter().map(|(at, reason)| (*at, reason)).collect();
    assert!(holes.iter().all(|at| told.contains_key(at)), "{holes:?} of {numbers:?}; told: {told:?}");
    let by_camera = told.values().any(|reason| reason.starts_with(OVERFLOWED));
    assert!(by_camera, "{holes:?} of {numbers:?}; told: {told:?}");
    let opens = Session::of_device(stage).await.opens_of(film.camera_id, film.track).await;
    let opens: Vec<_> = opens.iter().map(|open| SignedEpochOpen::decode(open).unwrap()).collect();
    let overflowed =
        |open: &&EpochOpen| open.previous.as_ref().is_some_and(|close| close.gap == GapReason::SpoolOverflow);
    let said = opens.iter().map(|open| open.unverified()).filter(overflowed);
    let said_last = said.map(|open| open.context.epoch_no.0).max();
    let before_last_hole = holes.last().map(|at| played.segments[at - 1].0);
    assert!(said_last > before_last_hole, "said in epoch {said_last:?}, missing after {before_last_hole:?}");
    (0..=last).filter(|number| !stored.contains_key(number)).collect()
}
