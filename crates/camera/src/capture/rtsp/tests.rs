//! Cameras with faults, over real sockets: what comes out, and when it says it was made. They run
//! beside one another, in as many seconds as the longest takes.

mod camera;
mod veil;

use super::{FROZEN, FROZEN_MOST, PROBE, is_without_pictures, patience};
use crate::capture::made::film;
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::heard::Heard;
use crate::shoot::Shoot;
use crate::source::{SourceConfig, SourceError, Stream};
use crate::stats::{Stats, Troubles};
use camera::{Behaviour, Camera, Sound};
use container::fragment::{Begins, Fragment};
use container::split::Piece;
use host::rng::Rng;
use host::shutdown::Shutdown;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use veil::Veil;

/// What was heard of a camera.
struct Watched {
    camera: Camera,
    heard: Vec<Heard>,
    troubles: Vec<Troubles>,
}

impl Watched {
    /// Films for so long.
    async fn for_secs(behaviour: Behaviour, secs: u64) -> Self {
        let clocks = Clocks::new(host::clock::Clock::system());
        let camera = Camera::start(behaviour, clocks.clone()).await;
        let stream = of_port("rtsp", camera.port);
        Self::camera_for_secs(camera, stream, clocks, secs).await
    }

    async fn camera_for_secs(camera: Camera, stream: Stream, clocks: Clocks, secs: u64) -> Self {
        let (sender, mut hearing) = mpsc::channel(10_000);
        let (stats, off) = (Stats::default(), watch::channel(None).1);
        let (clocks_of_it, stats_of_it) = (clocks.clone(), stats.clone());
        let stop = Shutdown::new();
        let stopping = stop.clone();
        let running = tokio::spawn(async move {
            let source = SourceConfig::Stream(stream);
            let (stats, clocks) = (stats_of_it, clocks_of_it);
            Shoot {
                source,
                sound: SoundMode::On,
                mask: crate::mask::Mask::default(),
                heard: sender,
                stats,
                off,
                clocks,
                rng: Rng::system(),
            }
            .run(&stopping)
            .await;
        });
        let mut troubles = Vec::new();
        // No longer on a machine that is busy.
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        for _ in 0..=secs * 4 {
            looks.tick().await;
            troubles.push(stats.now().troubles);
        }
        stop.request();
        running.await.unwrap();
        let mut heard = Vec::new();
        while let Ok(next) = hearing.try_recv() {
            heard.push(next);
        }
        Self { camera, heard, troubles }
    }

    /// Each fragment, and when its first picture was made, by the film.
    fn fragments(&self) -> Vec<(&Fragment, i64)> {
        let made = self.heard.iter().filter_map(|heard| match heard {
            Heard::Piece(Piece::Fragment(fragment), now) => {
                Some((fragment, now.steady_us as i64 - fragment.duration_us as i64))
            }
            _ => None,
        });
        made.collect()
    }

    /// Of each key frame that came out: which picture of the film, and how wrong its time is, seconds.
    fn keys(&self) -> Vec<(usize, f64)> {
        let fragments = self.fragments();
        let keys = fragments.iter().filter(|(fragment, _)| fragment.begins == Begins::WithKeyFrame);
        keys.map(|(fragment, made)| {
            let number = self.camera.number_of(fragment.bytes());
            (number, (made - self.camera.made_us(number)) as f64 / 1e6)
        })
        .collect()
    }

    /// As many pictures, of so many that the camera sent.
    fn pictures(&self) -> (usize, usize) {
        let numbers: std::collections::BTreeSet<usize> = self
            .fragments()
            .iter()
            .flat_map(|(fragment, _)| self.camera.numbers_of(fragment.bytes()))
            .collect();
        (numbers.len(), self.camera.sent())
    }

    fn inits(&self) -> Vec<String> {
        let codecs = |heard: &Heard| match heard {
            Heard::Piece(Piece::Init(init), _) => Some(init.codecs().to_owned()),
            _ => None,
        };
        self.heard.iter().filter_map(codecs).collect()
    }

    fn holes(&self) -> usize {
        self.heard.iter().filter(|heard| matches!(heard, Heard::Lost)).count()
    }

    /// All that must hold of each camera: no key frame's time is further off than this, seconds, no
    /// two segments of a run lie on each other by more than a picture, none lasts over ten seconds.
    fn lies_right(&self, name: &str, within: f64) {
        let keys = self.keys();
        assert!(!keys.is_empty(), "{name}: nothing came");
        let worst = keys.iter().map(|(_, wrong)| wrong.abs()).fold(0.0, f64::max);
        assert!(worst <= within, "{name}: {keys:?}");
        let fragments = self.fragments();
        let mut before: Option<i64> = None;
        for (fragment, made) in &fragments {
            if fragment.begins == Begins::WithKeyFrame {
                assert!(before.is_none_or(|end| made + 110_000 >= end), "{name}: {made} before {before:?}");
            }
            assert!(fragment.duration_us < 1_000_000, "{name}: {}", fragment.duration_us);
            before = Some(made + fragment.duration_us as i64);
        }
        let last = keys.last().map_or(0, |(number, _)| *number);
        assert!(last + 20 >= self.camera.sent(), "{name}: {last} of {}", self.camera.sent());
        let ahead = self.troubles.iter().find_map(|troubles| troubles.clock.clone());
        assert_eq!(ahead, None, "{name}");
    }
}

fn of_port(scheme: &str, port: u16) -> Stream {
    let url = format!("{scheme}://127.0.0.1:{port}/picture").parse().unwrap();
    Stream::new(url, crate::Transport::Tcp, None, None).unwrap()
}

/// A camera that sends steadily, ten pictures a second, a key frame each second.
fn steady() -> Behaviour {
    Behaviour { film: film("160x120", &["-t", "14"]), ..Behaviour::default() }
}

/// How wrong a time may be on a machine that is busy with other tests.
const WITHIN: f64 = 0.3;
/// And where sound is made AAC beside it.
const WITHIN_OF_SOUND: f64 = 0.2;

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_does_not_come_pauses_dies_or_comes_first_costs_the_picture_nothing() {
    let with = |sound: Sound| Behaviour { sound: Some(sound), ..steady() };
    let announced = Watched::for_secs(with(Sound { is_heard: |_| false, ..Sound::default() }), 8);
    let dies = Watched::for_secs(with(Sound { is_heard: |since| since < 3.0, ..Sound::default() }), 10);
    let is_heard = |since: f64| !(3.0..6.0).contains(&since);
    let pauses = Watched::for_secs(with(Sound { is_heard, ..Sound::default() }), 10);
    let leads = Watched::for_secs(with(Sound { leads_secs: 4, ..Sound::default() }), 9);
    let (announced, dies, pauses, leads) = tokio::join!(announced, dies, pauses, leads);
    for (name, filmed, silent) in [
        ("announced", announced, true),
        ("dies", dies, true),
        ("pauses", pauses, false),
        ("leads", leads, false),
    ] {
        filmed.lies_right(name, WITHIN_OF_SOUND);
        let (kept, sent) = filmed.pictures();
        assert!(kept + 12 >= sent, "{name}: {kept} of {sent}");
        let [codecs] = &filmed.inits()[..] else { panic!("{name}: {:?}", filmed.inits()) };
        assert!(codecs.contains("avc1") && codecs.ends_with("mp4a.40.2"), "{name}: {codecs}");
        let said = filmed.troubles.last().unwrap().sound.clone();
        assert_eq!(said.is_some_and(|said| said.contains("has not come for 5 s")), silent, "{name}");
        assert_eq!((filmed.holes(), filmed.camera.connections()), (0, 1), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_a_camera_refuses_costs_the_picture_nothing_and_is_said() {
    let of = |refusals| Some(Sound { refusals, ..Sound::default() });
    let filmed = Watched::for_secs(Behaviour { sound: of(9), ..steady() }, 4);
    let once = Watched::for_secs(Behaviour { sound: of(1), ends_at: 12, ..steady() }, 6);
    let (filmed, once) = tokio::join!(filmed, once);
    filmed.lies_right("refused", WITHIN);
    assert_eq!((filmed.inits().len(), filmed.camera.connections()), (1, 1));
    for filmed in [&filmed, &once] {
        let mut said = filmed.troubles.iter().filter_map(|troubles| troubles.sound.clone());
        let said = said.next().unwrap();
        assert!(said.starts_with("the camera refuses its sound: 404 response to SETUP"), "{said}");
    }
    assert!(filmed.troubles.last().unwrap().sound.is_some());
    assert_eq!(once.troubles.last().unwrap().sound, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_of_any_kind_that_never_comes_or_cannot_be_read_costs_the_picture_nothing_and_is_said() {
    let of = |named, is_heard| {
        let sound = Some(Sound { named, is_heard, ..Sound::default() });
        Watched::for_secs(Behaviour { sound, ..steady() }, 8)
    };
    let filmed = tokio::join!(
        of((97, "opus/48000/2"), |_| false),
        of((14, "MPA/90000"), |_| true),
        of((97, "ac3/48000"), |_| false),
        of((97, "AMR/8000"), |_| true),
    );
    let silent = "sound is announced and has not come for 5 s";
    for (filmed, said, codecs) in [
        (filmed.0, silent, "mp4a.40.2"),
        (filmed.1, "sound comes and could not be read for 5 s", "mp4a.40.2"),
        (filmed.2, silent, "mp4a.40.2"),
        (filmed.3, "the camera's sound (amr) is of a kind that is not read", ""),
    ] {
        filmed.lies_right(said, WITHIN_OF_SOUND);
        let (kept, sent) = filmed.pictures();
        assert!(kept + 12 >= sent, "{said}: {kept} of {sent}");
        let [init] = &filmed.inits()[..] else { panic!("{said}: {:?}", filmed.inits()) };
        assert!(init.starts_with("avc1") && init.ends_with(codecs), "{said}: {init}");
        assert_eq!(init.contains("mp4a"), !codecs.is_empty(), "{said}: {init}");
        let found = filmed.troubles.iter().filter_map(|troubles| troubles.sound.clone()).next_back();
        assert!(found.as_ref().is_some_and(|found| found.starts_with(said)), "{said}: {found:?}");
        assert_eq!((filmed.holes(), filmed.camera.connections()), (0, 1), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_announced_sound_that_never_comes_costs_the_picture_nothing_and_goodbye_is_said() {
    let clocks = Clocks::new(host::clock::Clock::system());
    let sound = Some(Sound { is_heard: |_| false, ..Sound::default() });
    let camera = Camera::start(Behaviour { sound, ..steady() }, clocks.clone()).await;
    let veil = Veil::before(camera.port).await;
    let refused = super::check(&of_port("rtsps", veil.port)).await.unwrap_err();
    let SourceError::UnknownCertificate { found: fingerprint, .. } = refused else { panic!("{refused}") };
    assert_eq!(camera.connections(), 0, "nothing was said to it");
    let stream = of_port("rtsps", veil.port).pinned(Some(fingerprint)).unwrap();
    let filmed = Watched::camera_for_secs(camera, stream, clocks, 8).await;
    filmed.lies_right("veiled", WITHIN);
    let (kept, sent) = filmed.pictures();
    assert!(kept + 12 >= sent, "{kept} of {sent}");
    let said = filmed.troubles.last().unwrap().sound.clone();
    assert!(said.is_some_and(|said| said.contains("has not come for 5 s")));
    assert_eq!((filmed.holes(), filmed.camera.connections(), filmed.camera.goodbyes()), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_looked_at_over_one_connection_and_what_is_wrong_is_advised() {
    let clocks = Clocks::new(host::clock::Clock::system());
    let sound = Some(Sound { is_heard: |_| false, ..Sound::default() });
    let film = film("160x120", &["-t", "14", "-g", "30"]);
    let camera = Camera::start(Behaviour { film, sound, joined_at: 12, ..steady() }, clocks).await;
    let found = crate::probe::probe(&SourceConfig::Stream(of_port("rtsp", camera.port))).await.unwrap();
    assert_eq!((found.video.width, found.video.height, found.video.codec.as_str()), (160, 120, "h264"));
    assert!((found.video.fps - 10.0).abs() < 0.3, "{found:?}");
    let (least, most) = found.video.key_frames_apart_s.unwrap();
    assert!((least - 3.0).abs() < 0.2 && (most - 3.0).abs() < 0.2, "{found:?}");
    let audio = found.audio.as_ref().unwrap();
    assert_eq!(
        (audio.codec.as_str(), audio.sample_rate, audio.passes_through),
        ("pcm_mulaw", Some(8000), false)
    );
    let names: Vec<&str> = found.advice.iter().map(|advice| advice.name).collect();
    assert_eq!(names, ["sound-is-converted", "sound-fails"], "{found:?}");
    assert_eq!((camera.connections(), camera.goodbyes()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_joined_within_a_group_of_pictures_is_filmed_from_its_key_frame() {
    let of = |has_sets| Behaviour {
        film: film("160x120", &["-t", "14", "-g", "60"]),
        joined_at: 12,
        has_sets,
        ..steady()
    };
    let filmed = tokio::join!(Watched::for_secs(of(true), 9), Watched::for_secs(of(false), 9));
    for filmed in [filmed.0, filmed.1] {
        assert_eq!(filmed.keys().len(), 1);
        let (number, wrong) = filmed.keys()[0];
        assert!(number == 60 && wrong.abs() < WITHIN, "{number} {wrong}");
        let waits: Vec<String> =
            filmed.troubles.iter().filter_map(|troubles| troubles.picture.clone()).collect();
        assert!(waits.iter().any(|text| text.contains("waiting for the first key frame (")), "{waits:?}");
        assert_eq!((filmed.camera.connections(), filmed.holes()), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_the_pictures_own_whatever_the_network_and_the_stamps_do() {
    let held_up =
        Behaviour { delay: |since| if (4.0..7.0).contains(&since) { 7.0 - since } else { 0.0 }, ..steady() };
    let hour = Behaviour { stamp: |since| if since < 4.0 { since } else { since + 3600.0 }, ..steady() };
    let half = Behaviour { stamp: |since| if since < 4.0 { since } else { since + 30.0 }, ..steady() };
    let back = Behaviour { stamp: |since| if since < 4.0 { since } else { since - 10.0 }, ..steady() };
    let crawls = Behaviour { stamp: |since| since / 90.0, ..steady() };
    let cached = Behaviour { delay: |since| (2.0 - since).max(0.0), ..steady() };
    let filmed = tokio::join!(
        Watched::for_secs(held_up, 10),
        Watched::for_secs(hour, 9),
        Watched::for_secs(half, 9),
        Watched::for_secs(back, 9),
        Watched::for_secs(crawls, 9),
        Watched::for_secs(cached, 6),
    );
    let names = ["held up", "hour", "half a minute", "back", "crawls", "cached"];
    let all = [filmed.0, filmed.1, filmed.2, filmed.3, filmed.4, filmed.5];
    for (name, filmed) in names.iter().zip(all) {
        filmed.lies_right(name, WITHIN);
        assert_eq!((filmed.inits().len(), filmed.holes(), filmed.camera.connections()), (1, 0, 1), "{name}");
        let (kept, sent) = filmed.pictures();
        assert!(kept + 12 >= sent, "{name}: {kept} of {sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_pictures_are_rare_is_filmed() {
    let of = |sound| {
        let film = film("160x120", &["-g", "1"]);
        let behaviour = Behaviour { film, apart: Duration::from_secs(12), sound, ..Behaviour::default() };
        Watched::for_secs(behaviour, 26)
    };
    // Sound that began anew is a fault at each of its packets.
    let restarted = Sound { restarts_at: 1.0, ..Sound::default() };
    let filmed = tokio::join!(of(None), of(Some(restarted)));
    for filmed in [filmed.0, filmed.1] {
        let keys = filmed.keys();
        assert!(keys.len() == 2 && keys.iter().all(|(_, wrong)| wrong.abs() < WITHIN), "{keys:?}");
        assert_eq!((filmed.camera.connections(), filmed.holes()), (1, 0));
        assert!(filmed.troubles.iter().all(|troubles| troubles.picture.is_none()), "{:?}", filmed.troubles);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_leaves_out_is_a_hole_and_its_clock_is_not_blamed() {
    let left_out = Behaviour { leaves_out: 43..75, ..steady() };
    let filmed = Watched::for_secs(left_out, 11).await;
    filmed.lies_right("left out", WITHIN);
    assert_eq!((filmed.holes(), filmed.camera.connections()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_closes_soon_is_asked_with_pauses_that_grow_and_is_told_goodbye() {
    let closes = Behaviour { ends_at: 12, ..steady() };
    let filmed = Watched::for_secs(closes, 9).await;
    // One connection a try: in nine seconds of runs of over one and pauses of at least one.
    assert!((2..=4).contains(&filmed.camera.connections()), "{}", filmed.camera.connections());
    // The last of them may go on as it is stopped.
    let running = filmed.inits().len() - filmed.holes();
    assert!(running <= 1, "{running}");
    let stopped = Watched::for_secs(steady(), 2).await;
    assert_eq!((stopped.camera.connections(), stopped.camera.goodbyes()), (1, 1));
}

#[test]
fn a_camera_is_waited_for_as_its_pictures_come() {
    let secs = |longest: i64| patience(longest * 1_000_000).as_secs();
    assert_eq!((patience(0), patience(40_000)), (PROBE, FROZEN));
    let secs_without = |secs: i64| is_without_pictures(secs * 1_000_000, 0);
    assert_eq!((secs_without(60), secs_without(61)), (false, true));
    assert_eq!((secs(3), secs(12), secs(19), Duration::from_secs(secs(100))), (10, 36, 57, FROZEN_MOST));
}
