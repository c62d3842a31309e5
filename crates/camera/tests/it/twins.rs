//! Two histories of one identity: a folder that was put back from a backup, and one that was copied.
//! Contract: `proto/segment.md#two-histories`.

use crate::world::{World, until};
use host::shutdown::Shutdown;
use media::chain::Chain;
use media::epoch::SignedEpochOpen;
use media::id::{CameraId, Sequence, TrackId};
use media::message::Control;
use media::segment::{SegmentHeader, Start as SegmentStart};
use owner::audit::{Since, audit};
use owner::book::BookError;
use owner::cameras::{self, CameraError};
use owner::evidence::OwnEvidenceError;
use owner::pair::PairStep;
use quic::{Endpoint, Identity};
use std::path::Path;
use std::time::Duration;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What the owner's audit says of two histories.
async fn told(world: &World) -> Vec<String> {
    let mut alarms = audit(&world.owner, Since::LastHead, &mut |_| {}).await.unwrap().policy_alarms;
    alarms.retain(|alarm| alarm.contains("another one films with its key"));
    alarms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_was_put_back_from_a_backup_films_on_beside_what_it_forgot() {
    let world = World::new().await;
    world.pair().await;
    let mut acked = 0;
    // Films until so many more are at the relay.
    let film = async |more: u64| {
        let filming = world.film().await;
        let stats = filming.at().stats.clone();
        until(&stats, "more at the relay", |stats| stats.now().acked >= more).await;
        filming.stop_and_join().await.unwrap();
        stats.now()
    };
    acked += film(2).await.acked;
    let backup = world.camera.data.with_extension("backup");
    copy(&world.camera.data, &backup);
    // A day passes: the relay has epochs of which the backup knows nothing.
    acked += film(2).await.acked;
    assert_eq!(told(&world).await, Vec::<String>::new());
    std::fs::remove_dir_all(&world.camera.data).unwrap();
    copy(&backup, &world.camera.data);

    let restored = film(3).await;
    assert!(restored.troubles.identity.is_some(), "{restored:?}");
    acked += restored.acked;
    let (watched, gaps) = world.play().await;
    assert_eq!(watched.segments, acked, "nobody's footage was replaced");
    assert!(gaps.iter().any(|gap| gap.contains("put back from a backup")), "{gaps:?}");
    assert_eq!(told(&world).await.len(), 1);
    assert_eq!(owner::status::status(&world.owner).await.unwrap()[0].conflicts, 1);

    // It is told once, and it goes on as before.
    let again = film(2).await;
    assert_eq!(again.troubles.identity, None);
    assert_eq!((told(&world).await.len(), world.play().await.0.segments), (1, acked + again.acked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_runs_for_15_s_stops_the_original_for_no_longer_and_is_told() {
    let world = World::new().await;
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "two acknowledged", |stats| stats.now().acked >= 2).await;
    filming.stop_and_join().await.unwrap();
    let before = stats.now().acked;
    let mut config = world.camera.clone();
    config.data = world.camera.data.with_extension("copy");
    copy(&world.camera.data, &config.data);

    let original = world.film().await;
    let copied = camera::start(config, Shutdown::new()).await.unwrap();
    // Whichever of them the relay lets in first, the other one has its turn.
    let of_copy = copied.at().stats.clone();
    until(&of_copy, "the copy publishes", |stats| stats.now().acked >= 1).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    copied.stop_and_join().await.unwrap();
    let since = std::time::Instant::now();
    let stats = original.at().stats.clone();
    let acked = stats.now().acked;
    until(&stats, "it is back", |stats| stats.now().acked > acked).await;
    // A pause of 15 s at the most, and what a noisy machine takes.
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    // What it filmed meanwhile, and what it films now.
    until(&stats, "the original goes on", |stats| {
        stats.now().acked >= acked + 15 && stats.now().spooled.0 <= 1
    })
    .await;
    assert!(stats.now().troubles.identity.is_some(), "{stats:?}");
    original.stop_and_join().await.unwrap();

    let now = stats.now();
    // All that it filmed is at the relay, but for what it filmed before it heard of the copy: that is
    // kept, and told.
    assert_eq!(now.acked + now.refused, now.sent, "{now:?}");
    let spool = std::fs::read_dir(world.camera.data.join("spool")).unwrap();
    let kept = spool.filter(|file| file.as_ref().unwrap().path().extension().unwrap() == "refused");
    assert_eq!(kept.count() as u64, now.refused);
    let (watched, gaps) = world.play().await;
    assert!(watched.segments >= before + now.acked, "{watched:?}");
    assert!(gaps.iter().any(|gap| gap.contains("same key")), "{gaps:?}");
    assert!(!told(&world).await.is_empty());
    assert!(owner::status::status(&world.owner).await.unwrap()[0].conflicts >= 1);
}

/// Whoever copied the key sends one segment that no other can stand behind.
async fn forges(world: &World) {
    let seed = host::secret::read(&world.camera.data.join("identity.secret"), "camera").unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&<[u8; 32]>::try_from(&seed[..]).unwrap());
    let relay = world.relay.as_ref().unwrap().at();
    let endpoint = Endpoint::client(&Identity::from_seed(&key.to_bytes())).unwrap();
    let (link, mut control) = endpoint.connect(&relay.quic.to_string(), &relay.key.0).await.unwrap();
    let camera_id = CameraId::of_key(key.verifying_key().as_bytes());
    link.control_send(&Control::Publish { camera_id, track: TrackId::MAIN }).unwrap();
    let newest = loop {
        if let Some(Control::PublishOk { newest, .. }) = control.next().await.unwrap() {
            break SignedEpochOpen::decode(&newest).unwrap();
        }
    };
    let context = &newest.unverified().context;
    let header = SegmentHeader {
        camera_id,
        track: TrackId::MAIN,
        epoch_no: context.epoch_no,
        k: u32::MAX,
        sequence: Sequence((1 << 36) - 1),
        run: 1,
        start_us: context.start_us,
        start: SegmentStart::KeyFrame,
    };
    let (bytes, _) = stage::books::signed(&key, &header, &Chain([0; 32]), &[b"nothing that opens"]);
    let mut stream = link.open_segment(0).await.unwrap();
    stream.write(&bytes).await.unwrap();
    stream.finish().unwrap();
    while !matches!(control.next().await.unwrap(), Some(Control::Ack { .. })) {}
    link.goodbye();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_forged_segment_that_leaves_no_place_behind_it_stops_no_camera() {
    let world = World::new().await;
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "two acknowledged", |stats| stats.now().acked >= 2).await;
    forges(&world).await;
    // From its next epoch on nothing of it has a place.
    until(&stats, "it goes on elsewhere", |stats| stats.now().troubles.identity.is_some()).await;
    let acked = stats.now().acked;
    until(&stats, "and is taken there", |stats| stats.now().acked >= acked + 3).await;
    filming.stop_and_join().await.unwrap();
    assert!(owner::status::status(&world.owner).await.unwrap()[0].conflicts >= 1);
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_takes_the_name_the_old_one_is_refused_and_both_films_are_one() {
    let world = World::new().await;
    world.pair().await;
    let film = async |config: camera::Config| {
        let filming = camera::start(config, Shutdown::new()).await.unwrap();
        let stats = filming.at().stats.clone();
        until(&stats, "two more at the relay", |stats| stats.now().acked >= 2).await;
        filming.stop_and_join().await.unwrap();
        stats.now().acked
    };
    let of_old = film(world.camera.clone()).await;
    let owner = &world.owner;
    assert!(matches!(cameras::rekey(owner, "yard").await, Err(CameraError::Book(BookError::Unknown(_)))));
    let invitation = cameras::rekey(owner, "door").await.unwrap();
    let mut config = world.camera.clone();
    config.data = world.camera.data.with_extension("new");
    camera::init(&config).unwrap();
    let url = invitation.url().to_owned();
    let mut steps = Vec::new();
    let (on, of_camera) = (&mut |step| steps.push(step), &mut |_| {});
    let (answered, paired) = tokio::join!(invitation.wait(on), camera::pair::pair(&config, &url, of_camera));
    let new = answered.unwrap();
    assert_eq!((&new.camera_id, new.name.as_str()), (&paired.unwrap().camera_id, "door"));
    assert_eq!(steps.last(), Some(&PairStep::Retired));

    // Whoever has the old key is refused, and a camera that hears of it films nothing.
    let old = camera::start(world.camera.clone(), Shutdown::new()).await.unwrap();
    let stats = old.at().stats.clone();
    until(&stats, "the relay's refusal", |stats| {
        stats.now().troubles.link.is_some_and(|trouble| trouble.contains("has retired this camera"))
    })
    .await;
    until(&stats, "it films nothing", |stats| {
        stats.now().troubles.picture.is_some_and(|trouble| trouble.contains("has retired this camera"))
    })
    .await;
    let sent = stats.now().sent;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((stats.now().acked, stats.now().sent), (0, sent), "it was off when it was retired");
    old.stop_and_join().await.unwrap();
    // The owner was cut off after the camera had its answer, before the book said so.
    let first = world.owner.cameras().into_iter().find(|camera| camera.retired).unwrap();
    edit_the_book(&world, &new.camera_id, |camera| {
        (camera["welcomed"], camera["name"]) = (false.into(), "door (new)".into());
    });
    edit_the_book(&world, &first.camera_id, |camera| camera["name"] = "door".into());
    // So that it is read.
    let unknown = cameras::retire(owner, "nobody", &mut |_| {}).await;
    assert!(matches!(unknown, Err(CameraError::Book(BookError::Unknown(_)))), "{unknown:?}");
    assert!(owner.cameras().iter().any(|camera| camera.name == "door (new)"));
    let of_new = film(config.clone()).await;

    let names = async || {
        let all = owner::status::status(owner).await.unwrap();
        all.into_iter().map(|camera| (camera.name, camera.retired)).collect::<Vec<_>>()
    };
    let long = format!("door ({})", &first.camera_id[..8]);
    assert_eq!(names().await, [("door".to_owned(), false), (long.clone(), true)]);
    let (watched, gaps) = world.play().await;
    assert_eq!(watched.segments, of_old + of_new, "one film");
    assert!(gaps.iter().any(|gap| gap.contains("given a new key")), "{gaps:?}");
    the_page_shows_one_camera(&world, &first.camera_id, &new.camera_id).await;
    let report = audit(owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(report.is_clean(), "{report:?}");

    // What the configuration says brings no retired camera back.
    let mut told = Vec::new();
    owner::policy::apply(owner, None, &mut |step| told.push(step)).await.unwrap();
    let is_same = |step: &owner::policy::PolicyStep| matches!(step, owner::policy::PolicyStep::Same { .. });
    assert!(told.len() == 2 && told.iter().all(is_same), "{told:?}");
    assert!(names().await.contains(&(long.clone(), true)));
    assert!(matches!(cameras::rekey(owner, &long).await, Err(CameraError::Replaced { .. })));

    let hour = owner::Span::new(
        media::time::Micros(host::clock::now_us() - 3_600_000_000),
        media::time::Micros(host::clock::now_us()),
    );
    let evidence = world.camera.data.with_extension("evidence");
    let halves = owner::evidence::export(owner, "door", hour.unwrap(), &evidence).await;
    let Err(OwnEvidenceError::NewKey { at, .. }) = halves else { panic!("{halves:?}") };
    let from = media::time::Seconds(at).micros();
    let newer = owner::Span::new(from, media::time::Micros(host::clock::now_us())).unwrap();
    owner::evidence::export(owner, "door", newer, &evidence).await.unwrap();

    // Renamed, it is the same camera with the same past; retired, it films no more.
    let taken = cameras::rename(owner, &long, "door").await;
    assert!(matches!(taken, Err(CameraError::Book(BookError::NameTaken { .. }))), "{taken:?}");
    cameras::rename(owner, "door", "gate").await.unwrap();
    assert_eq!(world.play_of("gate").await.0.segments, of_old + of_new);
    for _ in 0..2 {
        assert!(cameras::retire(owner, "gate", &mut |_| {}).await.unwrap().retired, "may be repeated");
    }
    let old = camera::start(config, Shutdown::new()).await.unwrap();
    let stats = old.at().stats.clone();
    until(&stats, "the relay's refusal", |stats| {
        stats.now().troubles.link.is_some_and(|trouble| trouble.contains("has retired this camera"))
    })
    .await;
    old.stop_and_join().await.unwrap();
}

/// Changes what the book says of a camera, as if another command had.
fn edit_the_book(world: &World, camera_id: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = world.keybook.join("book.json");
    let mut book: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let cameras = book["cameras"].as_array_mut().unwrap().iter_mut();
    change(cameras.into_iter().find(|camera| camera["camera_id"] == camera_id).unwrap());
    std::fs::write(&path, serde_json::to_vec(&book).unwrap()).unwrap();
}

/// Small pictures and events of what the key before filmed, asked for by the camera that there is now.
async fn the_page_shows_one_camera(world: &World, old: &str, new: &str) {
    let app = owner::app::start(world.owner.clone(), None, Shutdown::new()).await.unwrap();
    let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
    let get = async |path: String| {
        let reply = fetch.get(&format!("{}api/{path}", app.at().url)).await.unwrap();
        (reply.status, serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap_or_default())
    };
    let to = host::clock::now_us();
    let (from, span) = (to - 3_600_000_000, format!("&from={}&to={to}", to - 3_600_000_000));
    let drawn = async |camera: &str| {
        // The app asks the relay for the cameras first.
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (_, line) = get(format!("timeline?camera={camera}{span}")).await;
            if line["recorded"][0].is_array() {
                return line;
            }
            assert!(std::time::Instant::now() < deadline, "{line}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let line = drawn(old).await;
    let recorded = line["recorded"][0].clone();
    let (begin, end) = (recorded[0].as_u64().unwrap(), recorded[1].as_u64().unwrap());
    assert!(from < begin && begin < end, "{line}");
    for camera in [old, new] {
        assert_eq!(get(format!("picture?camera={camera}&at={}", begin + 100_000)).await.0, 200, "{camera}");
    }
    let whole = drawn(new).await;
    assert_eq!(whole["recorded"][0][0], recorded[0], "{whole}");
    let events = async |camera: &str| get(format!("events?camera={camera}{span}")).await.1;
    let (of_old, of_both) = (events(old).await, events(new).await);
    assert_eq!((&of_old["complete"], &of_both["complete"]), (&true.into(), &true.into()));
    let times = |of: &serde_json::Value| -> Vec<(u64, u64)> {
        let events = of["events"].as_array().unwrap().iter();
        events.map(|event| (event["from"].as_u64().unwrap(), event["to"].as_u64().unwrap())).collect()
    };
    // Whatever moved before is there, and perhaps in one event with what the new key saw.
    let both = times(&of_both);
    for (from, to) in times(&of_old) {
        assert!(both.iter().any(|event| event.0 <= from && to <= event.1), "{of_old} {of_both}");
    }
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_is_retired_while_it_films_stops_by_itself() {
    let world = World::new().await;
    world.pair().await;
    let filming = world.film().await;
    let stats = filming.at().stats.clone();
    until(&stats, "one acknowledged", |stats| stats.now().acked >= 1).await;
    cameras::retire(&world.owner, "door", &mut |_| {}).await.unwrap();
    until(&stats, "it films nothing", |stats| {
        stats.now().troubles.picture.is_some_and(|trouble| trouble.contains("has retired this camera"))
    })
    .await;
    filming.stop_and_join().await.unwrap();
    let status = owner::status::status(&world.owner).await.unwrap();
    assert_eq!(status[0].segments, stats.now().acked);
}
