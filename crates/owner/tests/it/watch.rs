//! Pairing, live view, playback, export and status over real sockets.

use crate::world::World;
use escrow::evidence::{Completeness, FileVerification, OpenedAs, Seen, Verified};
use escrow::record::{OwnerPolicyLeaf, Signed};
use host::durable::TargetError;
use host::running::Running;
use host::shutdown::Shutdown;
use media::id::TrackId;
use media::segment::Start;
use media::time::{Micros, Seconds};
use owner::audit::{Since, audit};
use owner::book::BookError;
use owner::evidence::OwnEvidenceError;
use owner::export::ExportError;
use owner::live::{Event, WatchError};
use owner::pair::{PairError, PairStep};
use owner::{Owner, Span};
use relay_client::Addresses;
use stage::by_hand::{Camera, SEGMENT_US};
use std::process::Command;
use tempfile::TempDir;
use tlog::Logged;
use tlog::policy::Policy;
use tlog::proof::TlogProof;

pub(crate) struct Scene {
    dir: TempDir,
    pub(crate) world: World,
    relay: Option<Running<relay::At, relay::Error>>,
    relay_config: relay::Config,
    pub(crate) owner: Owner,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = |url: String, policy| relay::Log { url, policy, sponsor: "relay.example".to_owned() };
        let loopback = "127.0.0.1:0".parse().unwrap();
        let mut relay_config =
            relay::Config::new(loopback, dir.path().join("relay"), log(String::new(), "none".into()));
        let created = relay::init(&relay_config).unwrap();
        let mut world = World::with_submitters(&[created.sponsor_vkey]).await;
        let owner = world.owner();
        relay_config.log = log(world.owner_config.log.url.clone(), world.owner_config.log.policy.clone());
        relay_config.owners = vec![owner.public().root_key];
        let relay = relay::start(relay_config.clone(), Shutdown::new()).await.unwrap();
        // So that a restarted one is found again.
        relay_config.listen = relay.at().quic;
        world.owner_config.relay.addresses = Addresses::one(relay.at().quic.to_string());
        world.owner_config.relay.key = created.link_key;
        world.owner_config.footage.epoch_seconds = 10;
        let owner = world.owner();
        Self { dir, world, relay: Some(relay), relay_config, owner }
    }

    pub(crate) async fn paired(&self, name: &str) -> Camera {
        let invitation = owner::pair::invite(&self.owner, name).await.unwrap();
        let url = invitation.url().to_owned();
        let mut steps = Vec::new();
        let mut on = |step: PairStep| steps.push(step);
        let (mut camera, paired) = tokio::join!(Camera::pair(&url, 9), invitation.wait(&mut on));
        let paired = paired.unwrap();
        assert_eq!((paired.name.as_str(), paired.camera_id), (name, camera.id.to_string()));
        assert!(
            matches!(
                &steps[..],
                [
                    PairStep::Answered { .. },
                    PairStep::PolicyLogged { .. },
                    PairStep::PolicyStored,
                    PairStep::Paired
                ]
            ),
            "{steps:?}"
        );
        camera.publish().await;
        camera
    }

    async fn restart_relay(&mut self) {
        self.relay.take().unwrap().stop_and_join().await.unwrap();
        let restarted = relay::start(self.relay_config.clone(), Shutdown::new()).await.unwrap();
        self.relay = Some(restarted);
    }
}

fn span(camera: &Camera, from: u64, to: u64) -> Span {
    Span::new(Micros(camera.began_us + from * SEGMENT_US), Micros(camera.began_us + to * SEGMENT_US)).unwrap()
}

fn gaps(events: &[Event]) -> Vec<(u64, u64)> {
    let gap = |event: &Event| match event {
        Event::Gap { from_us, to_us, .. } => Some((*from_us, *to_us)),
        _ => None,
    };
    events.iter().filter_map(gap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_is_paired_and_its_policy_is_in_the_witnessed_log_before_it_is_told() {
    let scene = Scene::new().await;
    let camera = scene.paired("front-door").await;
    let bundle = camera.bundle();
    let leaf = Signed::<OwnerPolicyLeaf>::parse(&bundle.leaf).unwrap();
    let policy = Policy::parse(camera.log_policy().as_bytes()).unwrap();
    let proof = TlogProof::parse(&bundle.proof).unwrap();
    let logged = Logged::verify(leaf, &proof, &policy).unwrap();
    assert!(logged.value().value().commits_to(&tlog::Hash(media::sign::sha256(&[&bundle.policy]))));

    // Another command sees it; the name is taken; an audit knows the leaf as the owner's own.
    let again = scene.world.owner();
    assert_eq!(again.cameras().len(), 1);
    assert!(matches!(owner::pair::invite(&again, "front-door").await, Err(PairError::Book(_))));
    let report = audit(&again, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.rows.len(), 1);
    let status = owner::status::status(&again).await.unwrap();
    assert_eq!((status.len(), status[0].online, status[0].segments), (1, true, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_the_relay_does_not_know_is_told_what_to_do() {
    let scene = Scene::new().await;
    let mut config = scene.world.owner_config.clone();
    config.keybook = scene.dir.path().join("stranger");
    owner::keys::init(&config).unwrap();
    let error = owner::pair::invite(&Owner::open(config).unwrap(), "door").await.unwrap_err();
    assert!(error.to_string().contains("under `owners`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answers_without_the_invite_or_for_another_owner_is_not_paired() {
    use media::enrollment::CameraConsent;
    use media::message::{Request, Side};
    let scene = Scene::new().await;
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let camera_pk = key.verifying_key().to_bytes();
    let hello = |owner: &[u8; 32], mailbox| {
        let consent = CameraConsent::sign(&key, owner, mailbox);
        media::pair::PairHello { camera_pk, consent, model: String::new() }.encode()
    };
    for case in ["garbage", "no hello", "another owner", "another mailbox"] {
        let invitation = owner::pair::invite(&scene.owner, "door").await.unwrap();
        let invite = seal::pair::Invite::parse(invitation.url()).unwrap();
        let mail = |message: &[u8]| invite.seal_mail(Side::Camera, message, &mut host::rng::Rng::system());
        let mail = match case {
            "garbage" => vec![0; 200],
            "no hello" => mail(b"hello"),
            "another owner" => mail(&hello(&[7; 32], invite.mailbox())),
            _ => mail(&hello(&invite.owner_key, [7; 32])),
        };
        let endpoint = quic::Endpoint::client(&quic::Identity::from_seed(&key.to_bytes())).unwrap();
        let (link, _control) = endpoint.connect(&invite.relay, &invite.relay_key).await.unwrap();
        let put = Request::MailboxPut { mailbox: invite.mailbox(), side: Side::Camera, mail };
        link.call(&put).await.unwrap();
        let error = invitation.wait(&mut |_| {}).await.unwrap_err();
        let named = match case {
            "garbage" => matches!(error, PairError::Mail(_)),
            "no hello" => matches!(error, PairError::Hello(_)),
            _ => matches!(error, PairError::Consent(_)),
        };
        assert!(named, "{case}: {error}");
    }
    assert!(scene.owner.cameras().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_view_begins_at_the_newest_key_frame_and_outlives_a_restart_of_the_relay() {
    let mut scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for _ in 0..3 {
        camera.film().await;
    }
    let owner = scene.owner.clone();
    let (stop, (events, mut seen)) = (Shutdown::new(), tokio::sync::mpsc::unbounded_channel());
    let stopped = stop.clone();
    let live = tokio::spawn(async move {
        let mut sink = Vec::new();
        let on = &mut |event: Event| drop(events.send(event));
        let watched = owner::live::live(&owner, "front-door", &mut sink, &stopped, on).await;
        (watched, sink)
    });
    let mut all = Vec::new();
    let mut verified = async |wanted: u64, all: &mut Vec<Event>| loop {
        let event = tokio::time::timeout(std::time::Duration::from_secs(60), seen.recv()).await.unwrap();
        all.push(event.unwrap());
        if matches!(all.last(), Some(Event::SegmentVerified { sequence, .. }) if *sequence == wanted) {
            break;
        }
    };
    verified(2, &mut all).await;
    for _ in 3..12 {
        camera.film().await;
    }
    verified(11, &mut all).await;
    scene.restart_relay().await;
    camera.reconnect().await;
    camera.film().await;
    verified(12, &mut all).await;
    stop.request();
    let (watched, sink) = live.await.unwrap();
    let watched = watched.unwrap();
    assert_eq!((watched.segments, watched.gaps, watched.refused), (11, 0, 0), "{all:?}");
    assert!(watched.latency_us_p50.is_some());
    let path = scene.dir.path().join("live.mp4");
    std::fs::write(&path, sink).unwrap();
    assert_eq!(frames(&path), 110);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_span_is_played_exported_twice_alike_and_its_gaps_are_named() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..20 {
        if at == 12 {
            camera.lose().await;
        } else {
            camera.film().await;
        }
    }
    let owner = &scene.owner;
    // Five whole seconds, cut at the key frame before the asked start.
    let asked = Span::new(Micros(camera.began_us + 4_500_000), Micros(camera.began_us + 9_000_000)).unwrap();
    let (mut sink, mut events) = (Vec::new(), Vec::new());
    let on = &mut |event| events.push(event);
    let watched = owner::play::play(owner, "front-door", asked, &mut sink, on).await.unwrap();
    assert_eq!((watched.segments, watched.gaps, watched.refused), (5, 0, 0), "{events:?}");
    let path = scene.dir.path().join("played.mp4");
    std::fs::write(&path, sink).unwrap();
    assert_eq!(frames(&path), 50);

    let to = scene.dir.path().join("clip.mp4");
    let (mut events, whole) = (Vec::new(), span(&camera, 0, 20));
    let on = &mut |event| events.push(event);
    let exported = owner::export::export(owner, "front-door", whole, &to, on).await.unwrap();
    let [file] = &exported.files[..] else { panic!("{exported:?}") };
    assert_eq!((file.segments, frames(&file.path)), (19, 190));
    assert_eq!((file.from_us, file.to_us), (whole.from_us().0, whole.to_us().0));
    let lost = span(&camera, 12, 13);
    assert_eq!(gaps(&events), [(lost.from_us().0, lost.to_us().0)]);
    assert_eq!(exported.gaps.len(), 1);
    let bytes = std::fs::read(&file.path).unwrap();
    assert_eq!(file.bytes, bytes.len() as u64);
    assert_eq!(file.sha256, hex::encode(media::sign::sha256(&[&bytes])));
    let twin = scene.dir.path().join("twin.mp4");
    let again = owner::export::export(owner, "front-door", whole, &twin, &mut |_| {}).await.unwrap();
    assert_eq!(again.files[0].sha256, file.sha256);
    // A file that is there is no place for another film, whatever it is: nothing is asked for.
    let key = scene.dir.path().join("wrap.secret");
    std::fs::write(&key, "a key").unwrap();
    for there in [&key, &twin] {
        let before = std::fs::read(there).unwrap();
        let mut asked = false;
        let refused = owner::export::export(owner, "front-door", whole, there, &mut |_| asked = true).await;
        let is_told = matches!(refused, Err(ExportError::Target(TargetError::Exists { .. })));
        assert!(is_told && !asked, "{refused:?}");
        assert_eq!(std::fs::read(there).unwrap(), before);
    }
    let left = std::fs::read_dir(scene.dir.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(left.count(), 0);

    // Before anything was filmed there is nothing, and it is said so.
    let before =
        Span::new(Micros(camera.began_us - 60_000_000), Micros(camera.began_us - 30_000_000)).unwrap();
    let free = scene.dir.path().join("free.mp4");
    let nothing = owner::export::export(owner, "front-door", before, &free, &mut |_| {}).await;
    assert!(matches!(nothing, Err(ExportError::Nothing)), "{nothing:?}");
    let unknown = owner::play::play(owner, "yard", before, &mut tokio::io::sink(), &mut |_| {}).await;
    assert!(matches!(unknown, Err(WatchError::Book(BookError::Unknown(_)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn playback_begins_at_the_key_frame_before_the_span_however_many_segments_continue_it() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..12 {
        // A long picture group: closed for its age, continued twice.
        camera.start = if (4..=6).contains(&at) { Start::Continuation } else { Start::KeyFrame };
        camera.film().await;
    }
    let asked = Span::new(Micros(camera.began_us + 6_200_000), Micros(camera.began_us + 8_000_000)).unwrap();
    let mut begun = Vec::new();
    let on = &mut |event: Event| {
        if let Event::Segment { sequence, .. } = event {
            begun.push(sequence);
        }
    };
    let watched =
        owner::play::play(&scene.owner, "front-door", asked, &mut tokio::io::sink(), on).await.unwrap();
    assert_eq!((begun, watched.gaps, watched.refused), (vec![3, 4, 5, 6, 7], 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_without_any_key_frame_before_the_span_is_played_from_the_first_one_within() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..5 {
        camera.start = if at < 3 { Start::Continuation } else { Start::KeyFrame };
        camera.film().await;
    }
    let (mut begun, asked) = (Vec::new(), span(&camera, 1, 5));
    let on = &mut |event: Event| {
        if let Event::Segment { sequence, .. } = event {
            begun.push(sequence);
        }
    };
    let watched =
        owner::play::play(&scene.owner, "front-door", asked, &mut tokio::io::sink(), on).await.unwrap();
    assert_eq!((begun, watched.refused), (vec![3, 4], 0));
    assert_eq!(watched.gaps, 1, "what could not be shown is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_a_camera_added_in_silence_is_an_alarm_of_the_audit_until_it_ends() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for _ in 0..10 {
        camera.film().await;
    }
    let clean = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(clean.is_clean(), "{clean:?}");
    assert_eq!(clean.epochs_checked, 1);
    camera.film_for(&[stranger()]).await;
    for _ in 0..2 {
        let report = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
        assert!(!report.is_clean());
        let alarm = &report.policy_alarms[0];
        assert!(alarm.contains("front-door: epoch 1") && alarm.contains("a key for device 4242"), "{alarm}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_commits_to_a_foreign_notice_chain_on_any_track_is_an_alarm_before_any_request() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    camera.film().await;
    let clean = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(clean.is_clean(), "{clean:?}");
    camera.hide_from_its_owner();
    camera.on_track(TrackId(3)).await;
    camera.film().await;
    for _ in 0..2 {
        let report = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
        assert!(!report.is_clean() && report.rows.iter().all(|row| row.expected));
        let [alarm] = &report.policy_alarms[..] else { panic!("{:?}", report.policy_alarms) };
        assert!(alarm.contains("front-door, track 3: epoch 0") && alarm.contains("not yours"), "{alarm}");
    }
}

/// Somebody whom no policy of the owner's names.
fn stranger() -> media::policy::Recipient {
    media::policy::Recipient {
        device_id: media::id::DeviceId([66; 32]),
        wrap_pk: seal::hpke::SecretKey::generate(&mut host::rng::Rng::system()).public(),
        role: media::policy::Role::Guest,
        not_after: Seconds::MAX,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_picture_is_watched_and_audited_as_a_track_of_its_own() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for _ in 0..2 {
        camera.film().await;
    }
    let status = async || owner::status::status(&scene.owner).await.unwrap().remove(0);
    let before = status().await;
    assert_eq!((before.second, before.tracks.len()), (false, 1), "{before:?}");
    camera.second().await;
    for _ in 0..10 {
        camera.film().await;
    }
    let both = status().await;
    let [main, sub] = both.tracks[..] else { panic!("{both:?}") };
    assert_eq!(main, before.tracks[0]);
    assert_eq!((both.second, main.segments, sub.track, sub.segments), (true, 2, TrackId::SUB.0, 10));
    assert_eq!((both.segments, both.bytes), (12, main.bytes + sub.bytes));
    assert_eq!(sub.newest_us, camera.began_us + 9 * SEGMENT_US);
    let clean = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(clean.is_clean(), "{clean:?}");
    assert_eq!(clean.epochs_checked, 2, "the first of each track");

    let asked = Span::new(Micros(camera.began_us), Micros(camera.began_us + 60_000_000)).unwrap();
    for (track, segments) in [(TrackId::MAIN, 2), (TrackId::SUB, 10)] {
        let picture = owner::Picture { camera: "front-door", track };
        let mut nowhere = tokio::io::sink();
        let watched =
            owner::play::play(&scene.owner, picture, asked, &mut nowhere, &mut |_| {}).await.unwrap();
        assert_eq!((watched.segments, watched.refused), (segments, 0), "track {track}");
    }

    camera.film_for(&[stranger()]).await;
    let report = audit(&scene.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    let alarm = report.policy_alarms.first().unwrap();
    assert!(alarm.contains("front-door, second picture: epoch 1"), "{alarm}");
}

/// Decoded without an error, and how many pictures there are.
fn frames(path: &std::path::Path) -> usize {
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-xerror", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let lines = String::from_utf8(decoded.stdout).unwrap();
    lines.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_s_evidence_is_whole_epochs_signed_by_this_device_and_says_what_was_lost() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..21 {
        if at == 12 {
            camera.lose().await;
        } else {
            camera.film().await;
        }
    }
    let to = scene.dir.path().join("door.evidence");
    let written =
        owner::evidence::export(&scene.owner, "front-door", span(&camera, 2, 8), &to).await.unwrap();
    let epoch = span(&camera, 0, 10);
    assert_eq!((written.from_us, written.to_us), (epoch.from_us().0, epoch.to_us().0));
    assert_eq!((written.segments, written.missing, written.complete), (10, 0, true));
    let verified = evidence(&to);
    assert_eq!(verified.footage.completeness(), Completeness::Complete);
    assert_eq!((verified.release, verified.opener.unwrap().opened), (None, OpenedAs::Owner));

    // The second epoch lacks a segment, which its close record counts.
    let both = span(&camera, 2, 18);
    let refused = owner::evidence::export(&scene.owner, "front-door", both, &to).await;
    assert!(matches!(refused, Err(OwnEvidenceError::Target(TargetError::Exists { .. }))), "{refused:?}");
    let to = scene.dir.path().join("both.evidence");
    let written = owner::evidence::export(&scene.owner, "front-door", both, &to).await.unwrap();
    assert_eq!((written.segments, written.missing, written.complete), (19, 1, false));
    let lost = span(&camera, 12, 13);
    let [gap] = evidence(&to).footage.gaps[..] else { panic!("one second is missing") };
    assert_eq!((gap.from_us, gap.to_us, gap.segments), (lost.from_us(), lost.to_us(), 1));
    let mode = std::os::unix::fs::MetadataExt::mode(&to.metadata().unwrap()) & 0o777;
    assert_eq!(mode, 0o600, "who has it can watch");

    let before = Span::new(Micros(camera.began_us - 60_000_000), epoch.from_us()).unwrap();
    let free = scene.dir.path().join("free.evidence");
    let nothing = owner::evidence::export(&scene.owner, "front-door", before, &free).await;
    assert!(matches!(nothing, Err(OwnEvidenceError::Nothing)), "{nothing:?}");
}

/// What an evidence file shows.
fn evidence(path: &std::path::Path) -> Verified {
    let bytes = std::fs::read(path).unwrap();
    let (mut file, mut verification) = (&bytes[..], FileVerification::default());
    loop {
        let (next, rest) = file.split_at(verification.wanted().min(file.len()));
        file = rest;
        if let Seen::End(verified) = verification.feed(next.to_vec()).unwrap() {
            return *verified;
        }
    }
}
