//! Strangers: a key that nobody knows, a camera where another's footage is, an impostor at the
//! relay's address, an unknown submitter at the log, and an owner who would have the relay sponsor
//! an emergency. Each is refused by name.

use camera::{PairError, SourceConfig};
use candor::cast::Cast;
use ed25519_dalek::SigningKey;
use host::http::{Fetch, FetchLimits};
use host::running::Running;
use host::shutdown::Shutdown;
use media::enrollment::{CameraConsent, Enrollment};
use media::id::{CameraId, DeviceId, EpochNo, Sequence, TrackId};
use media::message::{Control, From, RefusalCode, Request, Response, Side};
use media::notice::{self, DayNotice, HeldNotice};
use media::pair::HeldPolicy;
use media::pair::PolicyBundle;
use media::policy::{OwnerPolicy, Recipient, Role};
use media::segment::{HeadQuery, SegmentHeader, SegmentQuery, Start};
use media::settings::Settings;
use media::time::{Micros, Seconds};
use owner::Span;
use owner::live::WatchError;
use quic::{CallError, ControlReceiver, Endpoint, Identity, Link, LinkError};
use requester::request::{Kind, RequestError};
use std::time::Duration;
use tlog::note::Signer;
use tokio::time::Instant;
use world::{PATIENCE, Stage, until};

const TRACK: TrackId = TrackId(0);
const SECOND_US: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_and_another_camera_may_neither_publish_nor_see_anything() {
    let mut stage = Stage::set(2).await;
    stage.stored_until(stage.cast.video.filming_since_us + 2 * SECOND_US).await;
    // The second camera's key in the hands of whoever stole it.
    let thief = &mut stage.cast.video.cameras[1];
    thief.part.stop().await.unwrap();
    let stolen = secret(&thief.part.config.data.join("identity.secret"), "camera");
    let stolen_id = thief.id;
    let cast = &stage.cast;
    let target = cast.video.cameras[0].id;
    let relay = cast.video.relay.at().unwrap();
    let before = stored(cast, target).await;

    for seed in [[0x51; 32], stolen] {
        let mut end = End::connect(&relay.quic.to_string(), &relay.key.0, &seed).await;
        for request in what_a_stranger_asks(target, &seed) {
            let refusal = end.refused(&request).await;
            let expected = match (&request, seed == stolen) {
                // A camera may put notices; this one is another camera's, and not signed by it.
                (Request::PutDayNotice(_), true) => {
                    &[RefusalCode::BadSignature, RefusalCode::WrongCamera][..]
                }
                (Request::MailboxPut { .. } | Request::MailboxTake { .. }, _) => &[RefusalCode::InviteSpent],
                // Any camera may read day keys: they are in the log for everybody.
                (Request::GetDayKeys(_), true) => continue,
                _ => &[RefusalCode::NotAllowed, RefusalCode::WrongCamera],
            };
            assert!(refusal.is_some_and(|code| expected.contains(&code)), "{request:?}: {refusal:?}");
        }
        let listed = match end.link.call(&Request::ListCameras).await.unwrap() {
            Response::Cameras(listed) => listed,
            other => panic!("{other:?}"),
        };
        assert!(listed.iter().all(|camera| camera.camera_id != target), "{listed:?}");
        let fetched = end.link.fetch_segments(&fetch(target)).await.err();
        assert!(
            matches!(&fetched, Some(CallError::Refused(r)) if r.code == RefusalCode::NotAllowed),
            "{fetched:?}"
        );
        for message in [
            Control::Subscribe { camera_id: target, track: TRACK, from: From::NewestKeyFrame },
            Control::Publish { camera_id: target, track: TRACK },
        ] {
            match end.asked(&message).await {
                Control::Refuse(refusal) => {
                    let expected = [RefusalCode::NotAllowed, RefusalCode::WrongCamera];
                    assert!(expected.contains(&refusal.code), "{message:?}: {refusal:?}");
                }
                other => panic!("{message:?}: {other:?}"),
            }
        }
    }

    // As itself the stolen camera may publish; a segment in another's name is refused, and its own
    // past is closed to it.
    let mut end = End::connect(&relay.quic.to_string(), &relay.key.0, &stolen).await;
    let fetched = end.link.fetch_segments(&fetch(stolen_id)).await.err();
    assert!(matches!(&fetched, Some(CallError::Refused(r)) if r.code == RefusalCode::NotAllowed));
    let publish = Control::Publish { camera_id: stolen_id, track: TRACK };
    assert!(matches!(end.asked(&publish).await, Control::PublishOk { .. }));
    let header = SegmentHeader {
        camera_id: target,
        track: TRACK,
        epoch_no: media::id::EpochNo(1),
        k: 0,
        sequence: Sequence(1_000_000),
        run: 0,
        start_us: Micros(host::clock::now_us()),
        start: Start::KeyFrame,
    };
    let mut stream = end.link.open_segment(0).await.unwrap();
    stream.write(&header.encode()).await.unwrap();
    match end.hear().await {
        Control::Nack { refusal, .. } => assert_eq!(refusal.code, RefusalCode::WrongCamera),
        other => panic!("{other:?}"),
    }
    drop(stream);

    // The camera that was meant never noticed.
    until("it goes on", async || stored(cast, target).await > before).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_invite_nobody_pairs_and_neither_relay_nor_log_speaks_for_strangers() {
    let stage = Stage::set(1).await;
    let cast = &stage.cast;
    // A camera with a secret of its own making, while the owner has an invite open for another one.
    let invitation = owner::pair::invite(&cast.people.owner, "side-door").await.unwrap();
    let (front, _) = invitation.url().rsplit_once("&s=").unwrap();
    let guessed = format!("{front}&s={}", "A".repeat(43));
    let source = SourceConfig::file(&cast.plan.footage[0], true);
    let config = camera::Config::new(stage.folder().join("stranger"), source);
    camera::init(&config).unwrap();
    match camera::pair::pair(&config, &guessed, &mut |_| {}).await {
        Err(PairError::Spent(refusal)) => {
            assert_eq!(refusal.code, RefusalCode::InviteSpent);
        }
        other => panic!("{other:?}"),
    }
    drop(invitation);
    assert_eq!(owner::status::status(&cast.people.owner).await.unwrap().len(), 1);

    // The owner asks the relay to sponsor what only an agency may ask, and what only trustees or
    // the registrar may say.
    let filmed = stage.filmed(1).await;
    let folder = stage.request_folder("emergency");
    let ask = stage.ask(0, Kind::Emergency, filmed);
    let draft = requester::request::new(&cast.people.requester, &ask, &folder).await.unwrap();
    let own_sponsor = &cast.people.requester_config.names.sponsor;
    let relay_sponsor = &cast.video.relay.config.log.sponsor;
    let emergency = draft.public_text.replace(own_sponsor.as_str(), relay_sponsor);
    assert!(emergency.contains("kind emergency") && emergency.contains(relay_sponsor.as_str()));
    let share_too = emergency.replacen("kind emergency\n", "kind owner-share\nkind emergency\n", 1);
    let root = secret(&cast.people.owner_config.keybook.join("root.secret"), "owner-root");
    let relay = cast.video.relay.at().unwrap();
    let owner = End::connect(&relay.quic.to_string(), &relay.key.0, &root).await;
    for text in [
        emergency.clone(),
        emergency.replacen("kind emergency", "kind legal", 1),
        emergency.replacen("kind emergency", "kind recovery", 1),
        share_too,
        emergency.replacen("candor request v1", "candor grant v1", 1),
        emergency.replacen("candor request v1", "candor requester-key v1", 1),
        emergency.replacen("candor request v1", "candor ratification v1", 1),
        format!("candor veto v1\nsponsor {own_sponsor}\n"),
    ] {
        let refused = owner.refused(&Request::SponsorLeaf(text.clone())).await;
        assert_eq!(refused, Some(RefusalCode::NotSponsored), "{text}");
    }

    // An unknown submitter, by its own program and with bare hands.
    let stranger = registrar::Config {
        data: stage.folder().join("stranger-registrar"),
        name: "stranger.example".to_owned(),
        log: cast.people.registrar.log.clone(),
    };
    let own = registrar::init(&stranger).unwrap();
    match registrar::register(&stranger, escrow::record::Role::Sponsor, "stranger.example", &own).await {
        Err(registrar::Error::NotASubmitter { vkey, .. }) => assert_eq!(vkey, own),
        other => panic!("{other:?}"),
    }
    let forged = Signer::from_seed(relay_sponsor, &[3; 32]).unwrap();
    let leaf = tlog::note::sign(&emergency, &[&forged]).unwrap().encode();
    let url = format!("{}/add", cast.people.registrar.log.url);
    let reply = Fetch::new(FetchLimits::default()).post(&url, "text/plain", leaf).await.unwrap();
    let said: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status, said["error"].as_str()), (403, Some("unknown-submitter")));

    // Nothing of it is in the log: nobody has asked for anything.
    let counted = monitor::check(&cast.monitors[0].config, None).await.unwrap();
    assert_eq!(counted.counts.emergencies().requested, 0);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_at_the_relays_address_is_the_relay_for_nobody() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let cast = &mut stage.cast;
    cast.video.relay.stop().await.unwrap();
    // It even holds what the relay stored, and has another key.
    let mut config = cast.video.relay.config.clone();
    config.data = cast.plan.dir.join("impostor");
    relay::init(&config).unwrap();
    let impostor = relay_again(&config).await;
    assert_eq!(impostor.at().quic, cast.video.relay.config.listen);

    let (owner, name) = (&cast.people.owner, &cast.video.cameras[0].name);
    let shown = owner::status::status(owner).await.unwrap_err();
    assert_eq!(shown, CallError::Link(LinkError::WrongKey));
    let span = Span::new(Micros(filmed.from_us), Micros(filmed.to_us)).unwrap();
    let played = owner::play::play(owner, name, span, &mut tokio::io::sink(), &mut |_| {}).await.unwrap_err();
    assert!(
        matches!(
            &played,
            WatchError::Link(LinkError::WrongKey) | WatchError::Call(CallError::Link(LinkError::WrongKey))
        ),
        "{played:?}"
    );
    let stats = &cast.video.cameras[0].stats;
    let wrong_key = LinkError::WrongKey.to_string();
    let acked = stats.now().acked;
    until("the camera says that this is not its relay", async || {
        stats.now().troubles.link.is_some_and(|said| said == wrong_key)
    })
    .await;
    let folder = stage.request_folder("to-the-impostor");
    let ask = stage.ask(0, Kind::Legal, filmed);
    let asked = requester::request::new(&stage.cast.people.requester, &ask, &folder).await.unwrap_err();
    assert!(matches!(&asked, RequestError::Objects(error) if error.to_string() == wrong_key), "{asked:?}");
    assert_eq!(stats_of(&stage.cast), acked);

    // With the relay back, everything that was filmed meanwhile arrives.
    impostor.stop_and_join().await.unwrap();
    let running = relay_again(&stage.cast.video.relay.config).await;
    stage.cast.video.relay.resume(running);
    stage.stored_until(host::clock::now_us()).await;
    stage.strike().await;
}

/// Starts a relay where one was before. Its port may be another socket's for a moment: every client
/// takes a free one.
pub(super) async fn relay_again(config: &relay::Config) -> Running<relay::At, relay::Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match relay::start(config.clone(), Shutdown::new()).await {
            Ok(running) => return running,
            Err(relay::Error::Listen(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn stats_of(cast: &Cast) -> u64 {
    cast.video.cameras[0].stats.now().acked
}

/// One end of a session with the relay.
struct End {
    link: Link,
    control: ControlReceiver,
    _endpoint: Endpoint,
}

impl End {
    async fn connect(address: &str, relay_key: &[u8; 32], seed: &[u8; 32]) -> Self {
        let endpoint = Endpoint::client(&Identity::from_seed(seed)).unwrap();
        let (link, control) = endpoint.connect(address, relay_key).await.unwrap();
        Self { link, control, _endpoint: endpoint }
    }

    async fn refused(&self, request: &Request) -> Option<RefusalCode> {
        match self.link.call(request).await.unwrap() {
            Response::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    async fn asked(&mut self, message: &Control) -> Control {
        self.link.control_send(message).unwrap();
        self.hear().await
    }

    async fn hear(&mut self) -> Control {
        loop {
            let said = tokio::time::timeout(PATIENCE, self.control.next()).await.unwrap().unwrap().unwrap();
            // They come when it is time for them.
            if !matches!(said, Control::Receipt(_)) {
                return said;
            }
        }
    }
}

/// Every call there is, about a camera that the asker has nothing to do with.
fn what_a_stranger_asks(camera_id: CameraId, seed: &[u8; 32]) -> Vec<Request> {
    let key = SigningKey::from_bytes(seed);
    let own = key.verifying_key().to_bytes();
    let today = Micros(host::clock::now_us()).day();
    let enrollment = Enrollment {
        camera_pk: own,
        owner_root_pk: own,
        created: Seconds(1),
        firmware_hash: [0; 32],
        camera_consent: CameraConsent::sign(&key, &own, [7; 32]),
    };
    let recipient = Recipient {
        device_id: DeviceId::of_key(&own),
        wrap_pk: vec![1; media::limits::WRAP_KEY],
        role: Role::Admin,
        not_after: Seconds::MAX,
    };
    let policy = OwnerPolicy {
        version: 2,
        prev_hash: [9; 32],
        epoch_len_s: 10,
        recipients: vec![recipient],
        ..stage::bare::policy(camera_id)
    };
    let policy = policy.sign(&key).unwrap();
    let bundle = PolicyBundle { policy: policy.bytes().to_vec(), leaf: vec![1], proof: vec![1] };
    let notice_commit = notice::commit(&[1; 32]);
    let notice = DayNotice { camera_id, day: today, notice_commit, slots: Vec::new() };
    let sealed = vec![1; media::limits::SETTINGS_SEALED];
    let settings = Settings { camera_id, number: 1, signer: own, day: today, sealed };
    vec![
        Request::FetchEpochs {
            camera_id,
            track: TRACK,
            from_us: Micros(0),
            to_us: Micros::MAX,
            cursor: EpochNo(0),
        },
        Request::FetchHeads(HeadQuery { segments: fetch(camera_id), pictures: true }),
        Request::PutDayNotice(HeldNotice { notice_key: [1; 32], notice: notice.sign(&key) }),
        Request::GetLabel { camera_id, day: today, draft: [1; 32] },
        Request::GetDayNotice { camera_id, day: today },
        Request::PutSettings(settings.sign(&key)),
        Request::GetSettings { camera_id },
        Request::PutPolicy(HeldPolicy { enrollment: enrollment.sign(&key), bundle }),
        Request::GetPolicy { camera_id, hash: [0; 32] },
        Request::GetDayKeys(today),
        Request::MailboxOpen { mailbox: [1; 32], ttl_s: 60 },
        Request::MailboxPut { mailbox: [1; 32], side: Side::Camera, mail: vec![1; 100] },
        Request::MailboxTake { mailbox: [1; 32], side: Side::Owner },
        Request::SponsorLeaf("candor veto v1\nsponsor relay.example\n".to_owned()),
    ]
}

fn fetch(camera_id: CameraId) -> SegmentQuery {
    SegmentQuery { camera_id, track: TRACK, from_us: Micros(0), to_us: Micros::MAX, cursor: Sequence(0) }
}

/// How many segments of the camera the owner sees stored.
async fn stored(cast: &Cast, camera_id: CameraId) -> u64 {
    let shown = owner::status::status(&cast.people.owner).await.unwrap();
    let id = camera_id.to_string();
    shown.iter().find(|camera| camera.camera_id == id).unwrap().segments
}

fn secret(path: &std::path::Path, label: &str) -> [u8; 32] {
    host::secret::read(path, label).unwrap()[..].try_into().unwrap()
}
