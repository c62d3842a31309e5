//! From the source to the owner's screen.

use crate::world::{World, until};
use camera::{Error, PairError, SourceConfig, SpoolError};
use host::clock::{Clock, Hand};
use host::machine::Machine;
use host::shutdown::Shutdown;
use host::start::Start;
use media::epoch::GapReason;
use media::id::TrackId;
use stage::fixture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_played_once_is_wholly_at_the_relay_when_the_camera_ends() {
    let mut world = World::new().await;
    world.camera.source = SourceConfig::file(fixture("h264-aac.mp4"), false);
    world.pair().await;
    let again = camera::pair::pair(&world.camera, "candor://pair?", &mut |_| {}).await;
    assert!(matches!(again, Err(PairError::Invite(_))));

    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    filming.join().await.unwrap();
    // Four seconds with a key frame each.
    assert_eq!((stats.now().sent, stats.now().acked, stats.now().spooled), (4, 4, (0, 0)));
    let (watched, gaps) = world.play().await;
    assert_eq!((watched.segments, watched.refused), (4, 0), "{gaps:?}");
    assert!(gaps.is_empty(), "{gaps:?}");
    assert_eq!(std::fs::read_dir(world.camera.data.join("spool")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_pictures_reach_the_owner_while_their_segment_is_still_being_filmed() {
    let world = World::new().await;
    world.pair().await;
    let filming = world.film().await;
    let (owner, stop) = (world.owner.clone(), Shutdown::new());
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let live = tokio::spawn({
        let stop = stop.clone();
        async move {
            let on = &mut |event| drop(events.send(event));
            owner::live::live(&owner, "door", &mut tokio::io::sink(), &stop, on).await
        }
    });
    // Two fragments of one segment before its signed end: it was not sent when it was whole.
    let (mut fragments, mut grew) = (0, 0);
    while grew < 3 {
        let event = tokio::time::timeout(std::time::Duration::from_secs(60), seen.recv()).await.unwrap();
        match event.unwrap() {
            owner::live::Event::Fragment { .. } => fragments += 1,
            owner::live::Event::SegmentVerified { .. } => {
                grew += i32::from(fragments > 2);
                fragments = 0;
            }
            _ => {}
        }
    }
    stop.request();
    let watched = live.await.unwrap().unwrap();
    assert_eq!(watched.refused, 0);
    // A segment lasts a second: what waited for its end would be half a second old in the median.
    assert!(watched.latency_us_p50.unwrap() < 400_000, "{watched:?}");
    filming.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filming_goes_on_without_the_relay_and_nothing_is_missing_afterwards() {
    let mut world = World::new().await;
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "two acknowledged", |stats| stats.now().acked >= 2).await;
    world.stop_relay().await;
    let before = stats.now().sent;
    until(&stats, "three more spooled", |stats| stats.now().sent >= before + 3).await;
    assert!(stats.now().troubles.link.is_some() && stats.now().troubles.picture.is_none(), "{stats:?}");
    world.start_relay().await;
    until(&stats, "the backlog and live ones", |stats| stats.now().acked >= before + 5).await;
    filming.stop_and_join().await.unwrap();
    let (watched, gaps) = world.play().await;
    assert_eq!((watched.segments, watched.refused), (stats.now().acked, 0));
    assert!(gaps.is_empty(), "{gaps:?}");

    // It starts again: the same camera, and it says that it was off.
    world.camera.source = SourceConfig::file(fixture("h265.mp4"), false);
    world.film().await.join().await.unwrap();
    let (watched, gaps) = world.play().await;
    assert!(watched.segments > stats.now().acked);
    assert!(
        matches!(&gaps[..], [reason] if reason.contains("restart") || reason.contains("off")),
        "{gaps:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_overflows_loses_the_oldest_and_the_camera_signs_that_it_did() {
    let mut world = World::new().await;
    // Room for about two seconds.
    world.camera.spool_bytes = 40_000;
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "one acknowledged", |stats| stats.now().acked >= 1).await;
    world.stop_relay().await;
    until(&stats, "three dropped", |stats| stats.now().dropped >= 3).await;
    assert!(stats.now().spooled.1 <= 40_000, "{stats:?}");
    world.start_relay().await;
    // Into the next epoch of 10 s, whose EpochOpen says it.
    let acked = stats.now().acked;
    until(&stats, "a further epoch", |stats| stats.now().acked >= acked + 13).await;
    filming.stop_and_join().await.unwrap();
    let (watched, gaps) = world.play().await;
    assert_eq!((watched.segments, watched.refused), (stats.now().acked, 0));
    assert!(!gaps.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_outage_the_second_track_goes_first_and_both_sign_what_they_lost() {
    let mut world = World::new().await;
    world.camera.sub = Some(world.camera.source.clone());
    // Room for about five seconds of one of them.
    world.camera.spool_bytes = 100_000;
    world.pair().await;
    let filming = world.film().await;
    let (main, sub) = (filming.at().stats.clone(), filming.at().sub.clone().unwrap());
    until(&main, "one acknowledged", |stats| stats.now().acked >= 1).await;
    until(&sub, "one of the second acknowledged", |stats| stats.now().acked >= 1).await;
    world.stop_relay().await;
    until(&sub, "one of the second dropped", |stats| stats.now().dropped >= 1).await;
    assert_eq!(main.now().dropped, 0);
    until(&main, "three of the main dropped", |stats| stats.now().dropped >= 3).await;
    assert!(main.now().spooled.1 + sub.now().spooled.1 <= world.camera.spool_bytes);
    until(&sub, "the second one is full", |stats| {
        stats.now().troubles.picture.is_some_and(|trouble| trouble.contains("full of the main track's"))
    })
    .await;
    world.start_relay().await;
    // Into the next epoch of 10 s, whose EpochOpen says it.
    for stats in [&main, &sub] {
        let acked = stats.now().acked;
        until(stats, "a further epoch", |stats| stats.now().acked >= acked + 13).await;
        assert_eq!(stats.now().troubles.picture, None);
    }
    filming.stop_and_join().await.unwrap();
    for (track, stats) in [(TrackId::MAIN, &main), (TrackId::SUB, &sub)] {
        let (watched, gaps) = world.play_track(track).await;
        assert_eq!((watched.segments, watched.refused), (stats.now().acked, 0), "track {track}");
        assert!(gaps.iter().any(|reason| reason.contains("spool")), "track {track}: {gaps:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_takes_no_second_track_gets_the_main_one_and_what_waits_is_sent_once_it_does() {
    let mut world = World::new().await;
    world.camera.sub = Some(SourceConfig::file(fixture("h265.mp4"), false));
    world.camera.source = SourceConfig::file(fixture("h264-aac.mp4"), true);
    world.pair().await;
    world.stop_relay().await;
    world.relay_config.limits.tracks_per_camera = 1;
    world.start_relay().await;
    let filming = world.film().await;
    let (main, sub) = (filming.at().stats.clone(), filming.at().sub.clone().unwrap());
    until(&main, "the main track", |stats| stats.now().acked >= 3).await;
    until(&sub, "the second one's trouble", |stats| {
        stats.now().troubles.link.is_some_and(|trouble| trouble.contains("at most 1 tracks"))
    })
    .await;
    until(&sub, "all of the second one", |stats| stats.now().sent >= 2).await;
    filming.stop_and_join().await.unwrap();
    assert_eq!(sub.now().acked, 0);
    let waiting = std::fs::read_dir(world.camera.data.join("sub")).unwrap().count() as u64;
    assert_eq!(waiting, sub.now().sent);

    // The second source is gone from the configuration, the relay takes two tracks: what waited is
    // not forgotten.
    world.camera.sub = None;
    world.camera.source = SourceConfig::file(fixture("h264-aac.mp4"), false);
    world.stop_relay().await;
    world.relay_config.limits.tracks_per_camera = 2;
    world.start_relay().await;
    world.film().await.join().await.unwrap();
    let (watched, _) = world.play_track(TrackId::SUB).await;
    assert_eq!((watched.segments, watched.refused), (waiting, 0));
    assert_eq!(std::fs::read_dir(world.camera.data.join("sub")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_track_whose_epochs_the_relay_refuses_keeps_the_main_one_from_nothing() {
    let mut world = World::new().await;
    world.camera.sub = Some(world.camera.source.clone());
    world.pair().await;
    // Two epochs: the relay shows the newest.
    for _ in 0..2 {
        let filming = world.film().await;
        let sub = filming.at().sub.clone().unwrap();
        until(&sub, "the second track", |stats| stats.now().acked >= 1).await;
        filming.stop_and_join().await.unwrap();
    }
    // Somebody spoils an EpochOpen of the second track that is to be put again.
    let database = redb::Database::open(world.camera.data.join("state.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let confirmed = redb::TableDefinition::<u32, u64>::new("confirmed opens of track");
    assert!(write.open_table(confirmed).unwrap().remove(TrackId::SUB.0).unwrap().is_some());
    let opens = redb::TableDefinition::<(u32, u64), &[u8]>::new("epoch opens");
    write.open_table(opens).unwrap().insert((TrackId::SUB.0, 0), &b"spoilt"[..]).unwrap();
    write.commit().unwrap();
    drop(database);
    let filming = world.film().await;
    let (main, sub) = (filming.at().stats.clone(), filming.at().sub.clone().unwrap());
    until(&sub, "the relay's refusal", |stats| {
        stats.now().troubles.link.is_some_and(|trouble| trouble.contains("malformed"))
    })
    .await;
    // More than may be under way at once: none of the second track's holds them up.
    let acked = main.now().acked;
    until(&main, "ten more of the main track", |stats| {
        assert_eq!(stats.now().troubles.link, None, "the session is kept");
        stats.now().acked >= acked + 10
    })
    .await;
    assert_eq!(sub.now().acked, 0);
    filming.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_has_one_owner() {
    let world = World::new().await;
    let unpaired = camera::start(world.camera.clone(), Shutdown::new()).await;
    assert!(matches!(unpaired, Err(Error::Spool(SpoolError::NotPaired))));
    world.pair().await;
    let invitation = owner::pair::invite(&world.owner, "again").await.unwrap();
    let again = camera::pair::pair(&world.camera, invitation.url(), &mut |_| {}).await;
    assert!(matches!(again, Err(PairError::Spool(SpoolError::Paired))));
}

/// Nine seconds in which nothing moves, then three in which a bar jumps about, with a key frame
/// each second.
fn half_still(world: &World) -> std::path::PathBuf {
    let file = world.camera.data.with_extension("mp4");
    let (grey, black) = ("color=gray:s=320x180:r=10:d=12", "color=black:s=80x180:r=10:d=12");
    let bar = "overlay=x='if(lt(t,9),0,mod(floor(t)*70,240))'";
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", grey, "-f", "lavfi", "-i", black])
        .args(["-filter_complex", bar, "-c:v", "libx264", "-bf", "0", "-g", "10", "-keyint_min", "10"])
        .args(["-sc_threshold", "0", "-pix_fmt", "yuv420p"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_films_events_only_sends_what_moves_and_its_owner_reads_that_nothing_did() {
    let mut world = World::new().await;
    world.camera.source = SourceConfig::file(half_still(&world), true);
    let table = "mode = \"events\"\npre_roll_secs = 1\npost_roll_secs = 1\nthreshold_permille = 100";
    world.camera.filming = host::config::parse(table, std::path::Path::new("camera.toml")).unwrap();
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    // Nine still seconds come round between the moving ones.
    let mut gaps = Vec::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while gaps.is_empty() {
        assert!(std::time::Instant::now() < deadline, "{stats:?}");
        let acked = stats.now().acked;
        until(&stats, "a further segment", |stats| stats.now().acked > acked).await;
        gaps = world.play().await.1;
    }
    filming.stop_and_join().await.unwrap();
    assert!(gaps.iter().all(|reason| reason.contains("nothing moved")), "{gaps:?}");
}

/// Whether a process plays this camera's film.
fn has_ffmpeg(world: &World) -> bool {
    let film = world.camera.data.with_extension("mp4");
    let film = film.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|process| process.ok());
    let words = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    words.map(|words| String::from_utf8_lossy(&words).into_owned()).any(|words| words.contains(film))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_privacy_switch_lets_the_source_go_stays_over_a_restart_and_its_gap_is_signed() {
    let mut world = World::new().await;
    let film = world.camera.data.with_extension("mp4");
    std::fs::copy(fixture("h264-aac.mp4"), &film).unwrap();
    world.camera.source = SourceConfig::file(film, true);
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "two acknowledged", |stats| stats.now().acked >= 2).await;
    assert!(has_ffmpeg(&world));
    camera::duty::set_privacy(&world.camera, true).unwrap();
    until(&stats, "it rests", |stats| stats.now().rests == Some(GapReason::Privacy)).await;
    assert!(!has_ffmpeg(&world), "its source is let go");
    let before = stats.now().sent;
    filming.stop_and_join().await.unwrap();

    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "it still rests", |stats| stats.now().rests == Some(GapReason::Privacy)).await;
    assert!(!has_ffmpeg(&world) && stats.now().sent == 0);
    camera::duty::set_privacy(&world.camera, false).unwrap();
    until(&stats, "it films again", |stats| stats.now().acked >= 2).await;
    assert_eq!(stats.now().rests, None);
    filming.stop_and_join().await.unwrap();
    let (watched, gaps) = world.play().await;
    assert_eq!((watched.segments, watched.refused), (before + stats.now().sent, 0));
    assert!(matches!(&gaps[..], [reason] if reason.contains("privacy switch")), "{gaps:?}");
}

/// Moves a clock as time passes.
async fn move_on(hand: Hand) {
    let mut last = std::time::Instant::now();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        hand.step(last.elapsed());
        last = std::time::Instant::now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_while_a_camera_films_is_told_by_the_gap_that_it_makes() {
    let world = World::new().await;
    world.pair().await;
    let (clock, hand) = Clock::stepped(Clock::system().micros());
    let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock.clone()));
    let moving = tokio::spawn(move_on(hand.clone()));
    let filming = world.film_with(start).await;
    let stats = filming.at().stats.clone();
    until(&stats, "two acknowledged", |stats| stats.now().acked >= 2).await;
    hand.set(clock.micros() + 5_000_000);
    // Until the footage behind the step lies in the past of everybody else.
    let acked = stats.now().acked;
    until(&stats, "eight more", |stats| stats.now().acked >= acked + 8).await;
    filming.stop_and_join().await.unwrap();
    moving.abort();
    let (watched, gaps) = world.play().await;
    assert_eq!(watched.refused, 0);
    assert!(matches!(&gaps[..], [reason] if reason.contains("clock")), "{gaps:?}");
}

/// Key frames of 12 MB, as 4K cameras at the highest rates send them: from the source to the owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_frame_of_twelve_megabytes_is_carried_to_the_owner() {
    let mut world = World::new().await;
    let file = world.camera.data.with_file_name("large.mp4");
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args("-nostdin -v error -f lavfi -i testsrc2=size=160x120:rate=1 -t 2 -c:v libx264".split(' '));
    ffmpeg.args("-preset ultrafast -g 1 -pix_fmt yuv420p -x264-params nal-hrd=cbr:force-cfr=1".split(' '));
    ffmpeg.args("-b:v 96M -minrate 96M -maxrate 96M -bufsize 96M".split(' ')).arg(&file);
    assert!(ffmpeg.status().unwrap().success());
    assert!(std::fs::metadata(&file).unwrap().len() > 24_000_000);
    world.camera.source = SourceConfig::file(file, false);
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    filming.join().await.unwrap();
    assert_eq!((stats.now().sent, stats.now().acked), (2, 2), "{stats:?}");
    let (watched, gaps) = world.play().await;
    assert_eq!((watched.segments, watched.refused), (2, 0), "{gaps:?}");
    // The film is over: on a slow machine some time has passed since.
    let is_after = |reason: &String| reason.contains("gave nothing of this time when it was asked");
    assert!(gaps.iter().all(is_after), "{gaps:?}");
}
