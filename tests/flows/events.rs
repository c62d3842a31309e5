//! A camera that films events only, with real people in front of it over RTSP: what moves is sealed
//! with what was before, the quiet between is a signed gap, and its owner is shown the motion where
//! it was.

use super::rtsp::{exported, frames, key_frames, today};
use camera::Transport;
use host::http::{Fetch, FetchLimits};
use owner::live::Event;
use serde::Deserialize;
use std::path::Path;
use tokio::process::Command;
use world::Stage;
use world::filming::Filming;
use world::rtsp::RtspServer;

/// The film, in pictures, of which there are 25 a second: people until here,
const STILL: usize = 150;
/// a frozen picture until here, then people.
const MOVES_AGAIN: usize = 450;
const PICTURES: usize = 650;
/// Key frames are so far apart: two seconds, in which a machine has measured the one before, unless
/// it is very busy.
const SEGMENT: usize = 50;

const TABLE: &str = "mode = \"events\"\npre_roll_secs = 7\npost_roll_secs = 1\npad_to_bytes = 4096";

#[tokio::test(flavor = "multi_thread")]
async fn people_are_filmed_with_what_was_before_and_the_quiet_between_is_signed() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let film = server.film("own");
    half_still(&film).await;
    let config = camera::Config {
        filming: host::config::parse(TABLE, Path::new("camera.toml")).unwrap(),
        ..camera::Config::new(stage.folder().join("door"), server.source("own", Transport::Tcp))
    };
    let filming = Filming::begin_as(&stage, "door", config).await;
    // As many segments as the film has; not all of it is kept, so that by then it was played to its
    // end.
    filming.acked(key_frames(&film).await).await;
    let id = filming.id.clone();
    filming.stop().await;

    // Between what was filmed is one signed gap that says why, and nothing is missing for another
    // reason.
    let (mut starts, mut gaps) = (Vec::new(), Vec::new());
    let mut on = |event| match event {
        Event::Segment { start_us, .. } => starts.push(start_us),
        Event::Gap { from_us, to_us, reason } => gaps.push((starts.len(), from_us, to_us, reason)),
        Event::Refused { reason, .. } => panic!("{reason}"),
        _ => {}
    };
    let owner = &stage.cast.people.owner;
    owner::play::play(owner, "door", today(), &mut tokio::io::sink(), &mut on).await.unwrap();
    // The first one is the time before the camera was there.
    let (segments, from_us, to_us, reason) = &gaps[1];
    assert_eq!(reason, "nothing moved: the camera films events only", "{gaps:?}");
    assert!(starts[segments - 1] < *from_us && *to_us <= starts[*segments], "{gaps:?}, segments {starts:?}");
    assert!(!gaps.iter().any(|(.., reason)| reason.starts_with("filmed, but")), "{gaps:?}");

    // The first play comes out picture by picture, but for the middle of the quiet.
    let clip = exported(&stage, "door").await.remove(0);
    let (sent, kept) = (frames(&film).await, frames(&clip).await);
    assert_eq!(sent.len(), PICTURES);
    let (first, rest) = kept.split_at(segments * SEGMENT);
    // From the first picture on, if motion was measured in time; from a key frame at any rate.
    let begins = (0..STILL).step_by(SEGMENT).find(|begins| sent[*begins..].starts_with(first)).unwrap();
    assert!(sent.ends_with(rest));
    let (quiet, before) = (begins + first.len(), PICTURES - rest.len());
    assert!(STILL <= quiet && quiet < before, "{quiet} to {before} was not filmed");
    assert!(before + SEGMENT <= MOVES_AGAIN, "{before}: what was before motion is there");
    assert!(before.is_multiple_of(SEGMENT), "{before}");
    // When the segment began that begins with this picture.
    let at = |picture: usize| match picture < quiet {
        true => starts[(picture - begins) / SEGMENT],
        false => starts[segments + (picture - before) / SEGMENT],
    };

    // SPEC: segment.md#motion: the score of a segment is of the time from the start of the segment
    // two before.
    let app = owner::app::start(owner.clone(), None, stage.shutdown.child()).await.unwrap();
    let span = format!("camera={id}&from={}&to={}", at(begins), at(before) + 10_000_000);
    let Shown { events, complete } = shown(&app.at().url, &span).await;
    assert!(complete, "{events:?}");
    let [first, second, ..] = &events[..] else { panic!("two events: {events:?}") };
    assert!(first.from <= at(STILL - SEGMENT) && first.to <= *from_us, "{events:?}, segments {starts:?}");
    // At once, or where the machine is slow to measure up to two key frames later; never before.
    let moves = at(MOVES_AGAIN)..=at(MOVES_AGAIN + 2 * SEGMENT);
    assert!(moves.contains(&second.from), "{events:?}, segments {starts:?}");
    assert!((20..500).contains(&first.permille) && (20..500).contains(&second.permille), "{events:?}");
    // The page's line ends the recording where the last segment ended, and the gap stands from
    // there.
    let fetch = Fetch::new(FetchLimits::default());
    let told = fetch.get(&format!("{}api/timeline?{span}", app.at().url)).await.unwrap();
    let told: Timeline = serde_json::from_slice(&told.body).unwrap();
    let drawn = told.gaps.iter().find(|gap| gap.reason == *reason).unwrap();
    assert_eq!((drawn.from, drawn.to), (*from_us, *to_us), "{told:?}");
    assert!(told.recorded.iter().all(|(from, to)| to <= from_us || from >= to_us), "{told:?}");
    app.stop_and_join().await.unwrap();
    stage.strike().await;
}

/// People, then one frozen picture for twelve seconds, then the same people going on.
async fn half_still(film: &Path) {
    let [street, _] = &world::footage()[..] else { panic!("two films") };
    // A little longer, so that nothing has moved between the last two key frames of the quiet.
    let frozen = MOVES_AGAIN + 10 - STILL;
    let picture = format!("scale=320:-2,fps=25,loop=loop={frozen}:size=1:start={STILL},setpts=N/25/TB");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(street).args(["-an", "-vf", &picture]);
    ffmpeg.args(["-frames:v", &PICTURES.to_string(), "-pix_fmt", "yuv420p", "-c:v", "libx264"]);
    ffmpeg.args(["-preset", "veryfast", "-bf", "0", "-g", &SEGMENT.to_string(), "-sc_threshold", "0"]);
    assert!(ffmpeg.arg(film).status().await.unwrap().success());
}

/// What the owner's page is told of motion.
#[derive(Deserialize)]
struct Shown {
    events: Vec<Moved>,
    complete: bool,
}

#[derive(Debug, Deserialize)]
struct Moved {
    from: u64,
    to: u64,
    permille: u16,
}

/// What it is told of the past.
#[derive(Debug, Deserialize)]
struct Timeline {
    recorded: Vec<(u64, u64)>,
    gaps: Vec<Gap>,
}

#[derive(Debug, Deserialize)]
struct Gap {
    from: u64,
    to: u64,
    reason: String,
}

async fn shown(page: &str, span: &str) -> Shown {
    let fetch = Fetch::new(FetchLimits::default());
    // The timeline learns of the epochs.
    fetch.get(&format!("{page}api/timeline?{span}")).await.unwrap();
    let told = fetch.get(&format!("{page}api/events?{span}")).await.unwrap();
    serde_json::from_slice(&told.body).unwrap()
}
