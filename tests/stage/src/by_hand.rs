//! A camera driven by hand: pairs by an invite, seals the container's fixture, publishes what it is
//! told to, good and bad.

use container::split::{Piece, Splitter};
use ed25519_dalek::SigningKey;
use host::rng::Rng;
use media::chain::Chain;
use media::enrollment::CameraConsent;
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::{Control, Request, Response, Side};
use media::motion::{Event, Motion};
use media::pair::{PairHello, PairWelcome};
use media::policy::SignedOwnerPolicy;
use media::segment::{SegmentHeader, Start};
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Link};
use seal::epoch::{EpochSeed, Pool};
use seal::notice::NoticeRoot;
use seal::pair::Invite;
use seal::sealer::{SegmentHead, SegmentSealer};
use std::process::Command;

/// Each segment is one second of footage.
pub const SEGMENT_US: u64 = 1_000_000;
const EPOCH_MS: u32 = 10_000;

/// Footage cut at its key frames: an init segment, then the fragments of each second.
#[derive(Debug)]
struct Footage {
    init: Vec<u8>,
    seconds: Vec<Vec<Vec<u8>>>,
}

impl Footage {
    /// The container's fixture, repeated.
    fn new() -> Self {
        Self::of("h264-aac.mp4", "5", &["-an"])
    }

    /// A fixture, so often repeated, with what else ffmpeg is told of it.
    fn of(fixture: &str, again: &str, more: &[&str]) -> Self {
        let fragmented = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-stream_loop", again, "-i"])
            .arg(crate::fixture(fixture))
            .args(more)
            .args(["-c", "copy", "-f", "mp4", "-frag_duration", "500000"])
            .args(["-movflags", "empty_moov+default_base_moof+frag_keyframe", "pipe:1"])
            .output()
            .unwrap();
        assert!(fragmented.status.success(), "{}", String::from_utf8_lossy(&fragmented.stderr));
        let mut splitter = Splitter::new();
        splitter.push(&fragmented.stdout);
        let (mut init, mut seconds) = (Vec::new(), Vec::new());
        while let Some(piece) = splitter.next_piece().unwrap() {
            match piece {
                Piece::Init(found) => init = found.bytes().to_vec(),
                Piece::Fragment(fragment) => {
                    if fragment.begins == container::fragment::Begins::WithKeyFrame {
                        seconds.push(Vec::new());
                    }
                    seconds.last_mut().unwrap().push(fragment.bytes().to_vec());
                }
            }
        }
        assert!(seconds.len() >= 20);
        Self { init, seconds }
    }
}

#[derive(Debug)]
pub struct Camera {
    key: SigningKey,
    track: TrackId,
    pub id: CameraId,
    invite: Invite,
    link: Link,
    control: ControlReceiver,
    welcome: PairWelcome,
    policy: SignedOwnerPolicy,
    pool: Pool,
    epoch: Option<Epoch>,
    footage: Footage,
    run: u32,
    /// When it began to film, Unix microseconds.
    pub began_us: u64,
    pub next: u64,
    /// How long it did not film so far, microseconds.
    rested_us: u64,
    /// Why it has not filmed since its last segment.
    gap: GapReason,
    /// How the next segments begin.
    pub start: Start,
    /// What their heads say.
    pub motion: Motion,
    /// The event that they named last.
    event: Option<Event>,
    pub waiting: u32,
}

#[derive(Debug)]
struct Epoch {
    open: EpochOpen,
    seed: EpochSeed,
    chain: Chain,
    k: u32,
}

impl Camera {
    /// Answers an invite; what the owner must do meanwhile runs elsewhere.
    pub async fn pair(url: &str, at: u8) -> Self {
        let key = SigningKey::from_bytes(&[at; 32]);
        let invite = Invite::parse(url).unwrap();
        let (link, control) = connect(&key, &invite).await;
        let camera_pk = key.verifying_key().to_bytes();
        let consent = CameraConsent::sign(&key, &invite.owner_key, invite.mailbox());
        let hello = PairHello { camera_pk, consent, model: "by hand".to_owned() };
        let mail = invite.seal_mail(Side::Camera, &hello.encode(), &mut Rng::system());
        let put = Request::MailboxPut { mailbox: invite.mailbox(), side: Side::Camera, mail };
        assert_eq!(link.call(&put).await.unwrap(), Response::Ok);
        let take = Request::MailboxTake { mailbox: invite.mailbox(), side: Side::Owner };
        let Response::Object(mail) = link.call(&take).await.unwrap() else { panic!("no welcome") };
        let welcome = invite.open_mail(Side::Owner, &mail).unwrap();
        let welcome = PairWelcome::decode(&welcome).unwrap();
        let policy = SignedOwnerPolicy::decode_verified(&welcome.policy.policy, &invite.owner_key).unwrap();
        Self {
            id: CameraId::of_key(&camera_pk),
            pool: Pool::new([at; 32]),
            track: TrackId::MAIN,
            key,
            invite,
            link,
            control,
            welcome,
            policy,
            epoch: None,
            footage: Footage::new(),
            run: 1,
            began_us: host::clock::now_us() - 25 * SEGMENT_US,
            next: 0,
            rested_us: 0,
            gap: GapReason::None,
            start: Start::KeyFrame,
            motion: Motion::default(),
            event: None,
            waiting: 0,
        }
    }

    pub fn log_policy(&self) -> &str {
        &self.welcome.log_policy
    }

    pub fn bundle(&self) -> &media::pair::PolicyBundle {
        &self.welcome.policy
    }

    /// Says that it publishes.
    pub async fn publish(&mut self) {
        let publish = Control::Publish { camera_id: self.id, track: self.track };
        self.link.control_send(&publish).unwrap();
        while !matches!(self.control.next().await.unwrap().unwrap(), Control::PublishOk { .. }) {}
    }

    /// From here on it films another fixture for minutes, as another run; `more` is what ffmpeg is told of it.
    pub fn films(&mut self, fixture: &str, more: &[&str]) {
        (self.footage, self.run) = (Footage::of(fixture, "60", more), self.run + 1);
    }

    /// From here on it films its second picture.
    pub async fn second(&mut self) {
        self.on_track(TrackId::SUB).await;
    }

    /// From here on it films another picture.
    pub async fn on_track(&mut self, track: TrackId) {
        (self.track, self.epoch, self.next) = (track, None, 0);
        self.publish().await;
    }

    /// From here on its EpochOpens commit to notice keys that its owner does not have.
    pub fn hide_from_its_owner(&mut self) {
        (self.welcome.notice_root, self.epoch) = (host::rng::bytes(), None);
    }

    /// Comes back on a new session.
    pub async fn reconnect(&mut self) {
        (self.link, self.control) = connect(&self.key, &self.invite).await;
        self.publish().await;
    }

    /// When its next segment starts.
    pub fn next_us(&self) -> u64 {
        self.began_us + self.next * SEGMENT_US + self.rested_us
    }

    /// Films nothing for a time and says why: its next segment is of a new epoch.
    pub fn rest(&mut self, for_us: u64, why: GapReason) {
        self.rested_us += for_us;
        self.gap = why;
    }

    async fn start_epoch(&mut self, start_us: u64, strangers: &[media::policy::Recipient]) {
        let previous = self.epoch.take().map(|epoch| EpochClose {
            epoch_no: epoch.open.context.epoch_no,
            segments: epoch.k,
            chain: epoch.chain.0,
            gap: std::mem::replace(&mut self.gap, GapReason::None),
        });
        let number = previous.map_or(0, |previous| previous.epoch_no.0 + 1);
        let root = NoticeRoot::new(self.welcome.notice_root);
        let context = EpochContext {
            camera_id: self.id,
            track: self.track,
            epoch_no: EpochNo(number),
            start_us: Micros(start_us),
            dur_ms: EPOCH_MS,
            policy_hash: self.policy.hash(),
            notice_commit: root.key(&self.id, self.welcome.day).commit(),
            t: 0,
            n: 0,
        };
        let ctx = context.hash();
        let seed = self.pool.next_seed(&host::rng::bytes(), &ctx);
        let recipients = self.policy.unverified().recipients.iter().chain(strangers);
        let wraps =
            recipients.map(|to| seal::wrap::wrap(to, &ctx, &seed, &mut Rng::system()).unwrap()).collect();
        let open =
            EpochOpen { key_commit: seed.key_commit(&ctx), wraps, previous, ..crate::bare::open(context) };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        let put = Request::PutEpochOpen(open.clone().sign(&self.key).bytes().to_vec());
        assert_eq!(self.link.call(&put).await.unwrap(), Response::Ok);
        self.epoch = Some(Epoch { open, seed, chain, k: 0 });
    }

    /// Films the next second and publishes it; durable on return.
    pub async fn film(&mut self) {
        self.film_for(&[]).await;
    }

    /// The same, with keys for devices that the policy does not list.
    pub async fn film_for(&mut self, strangers: &[media::policy::Recipient]) {
        let (sequence, bytes) = self.seal(strangers).await;
        let mut stream = self.link.open_segment(0).await.unwrap();
        for piece in bytes.chunks(1000) {
            stream.write(piece).await.unwrap();
        }
        stream.finish().unwrap();
        loop {
            match self.control.next().await.unwrap().unwrap() {
                Control::Ack { sequence: acked, .. } if acked.0 == sequence => return,
                Control::Nack { refusal, .. } => panic!("{refusal}"),
                _ => {}
            }
        }
    }

    /// Films the next second and loses it.
    pub async fn lose(&mut self) {
        self.seal(&[]).await;
    }

    /// What the next head says. As a camera does: of a score that reaches the usual threshold it names
    /// the event, in the segment two before, or one that went on a moment ago.
    fn named(&mut self, start_us: u64) -> Motion {
        if self.motion.permille < 20 || self.motion.event.is_some() {
            return self.motion;
        }
        let from_us = Micros(start_us.saturating_sub(2 * SEGMENT_US).max(self.began_us));
        let to_us = Micros(from_us.0 + SEGMENT_US);
        let goes_on = |event: &Event| from_us <= Micros(event.to_us.0 + 5 * SEGMENT_US);
        let began = self.event.filter(goes_on).map_or(from_us, |event| event.from_us);
        self.event = Some(Event { from_us: began, to_us });
        Motion { event: self.event, ..self.motion }
    }

    async fn seal(&mut self, strangers: &[media::policy::Recipient]) -> (u64, Vec<u8>) {
        let (sequence, start_us) = (self.next, self.next_us());
        self.next += 1;
        let motion = self.named(start_us);
        let holds =
            |epoch: &Epoch| Micros(start_us) < epoch.open.context.end_us() && self.gap == GapReason::None;
        if !self.epoch.as_ref().is_some_and(holds) {
            self.start_epoch(start_us, strangers).await;
        }
        let epoch = self.epoch.as_mut().unwrap();
        let header = SegmentHeader {
            camera_id: self.id,
            track: self.track,
            epoch_no: epoch.open.context.epoch_no,
            k: epoch.k,
            sequence: Sequence(sequence),
            run: self.run,
            start_us: Micros(start_us),
            start: self.start,
        };
        epoch.k += 1;
        let key = epoch.seed.content_key(&epoch.open.context.hash());
        let head = SegmentHead {
            captured_us: Micros(start_us),
            motion,
            waiting: self.waiting,
            codecs: "avc1.640009".to_owned(),
            init: self.footage.init.clone(),
        };
        let (mut sealer, mut bytes) = SegmentSealer::start(&key, header, &head, &mut Rng::system()).unwrap();
        let second = usize::try_from(sequence).unwrap() % self.footage.seconds.len();
        for (at, fragment) in (1..).zip(&self.footage.seconds[second]) {
            bytes.extend(
                sealer.fragment(Micros(start_us + at * 100_000), fragment, &mut Rng::system()).unwrap(),
            );
        }
        bytes.extend(sealer.finish(1_000_000, &mut epoch.chain, &self.key));
        (sequence, bytes)
    }
}

async fn connect(key: &SigningKey, invite: &Invite) -> (Link, ControlReceiver) {
    let endpoint = Endpoint::client(&Identity::from_seed(&key.to_bytes())).unwrap();
    endpoint.connect(&invite.relay, &invite.relay_key).await.unwrap()
}
