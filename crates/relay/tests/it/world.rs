//! The cast of these tests: a relay, one owner, a device that watches, cameras.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use host::running::Running;
use host::shutdown::Shutdown;
use media::chain::{Chain, FragmentsHash};
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason};
use media::id::{CameraId, DeviceId, EpochNo, Sequence, TrackId};
use media::limits;
use media::message::{Control, RefusalCode, Request, Response};
use media::pair::PolicyBundle;
use media::policy::{Classes, OwnerPolicy, Recipient, Role, SignedOwnerPolicy};
use media::segment::{SegmentHeader, SegmentQuery, Start, Trailer, chain_after, frame};
use quic::{ControlReceiver, Endpoint, Identity, Link};
use relay::{At, Config, Error, Key, Log};
use std::time::Duration;
use tempfile::TempDir;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::Signer;
use tokio::time::timeout;

pub(crate) const TRACK: TrackId = TrackId(0);
/// This machine is noisy; nothing here takes a tenth of it when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SECOND: u64 = 1_000_000;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

pub(crate) const OWNER: u8 = 1;
pub(crate) const DEVICE: u8 = 2;
pub(crate) const GUEST: u8 = 3;
pub(crate) const SPONSOR: u8 = 4;
pub(crate) const STRANGER: u8 = 5;
pub(crate) const CAMERA: u8 = 20;

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("nothing here takes this long when it works")
}

pub(crate) struct World {
    pub dir: TempDir,
    pub config: Config,
    pub running: Option<Running<At, Error>>,
}

/// One end of a session; the endpoint is kept, because dropping it ends the session.
pub(crate) struct End {
    pub link: Link,
    pub control: ControlReceiver,
    _endpoint: Endpoint,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = dir.path().join("policy");
        let log = Signer::from_seed("log.example", &[9; 32]).unwrap().verifier().vkey();
        let witness = Cosigner::from_seed("witness.example/w1", Algorithm::Ed25519, &[8; 32]).unwrap();
        let witness = witness.verifier().vkey();
        std::fs::write(&policy, format!("log {log}\nwitness w1 {witness}\nquorum w1\n")).unwrap();
        let log = Log { url: "http://127.0.0.1:1".to_owned(), policy, sponsor: "relay.example".to_owned() };
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), dir.path().join("relay"), log);
        config.owners = vec![Key(public(OWNER))];
        config.sponsors = vec![Key(public(SPONSOR))];
        config.store.min_free_bytes = 0;
        change(&mut config);
        relay::init(&config).unwrap();
        let mut world = Self { dir, config, running: None };
        world.start().await;
        world
    }

    pub(crate) async fn start(&mut self) {
        let running = relay::start(self.config.clone(), Shutdown::new()).await.unwrap();
        // So that a restarted one is found again.
        self.config.listen = running.at().quic;
        self.running = Some(running);
    }

    pub(crate) async fn stop(&mut self) {
        soon(self.running.take().unwrap().stop_and_join()).await.unwrap();
    }

    pub(crate) fn at(&self) -> &At {
        self.running.as_ref().unwrap().at()
    }

    pub(crate) async fn connect(&self, seed: u8) -> End {
        let endpoint = Endpoint::client(&Identity::from_seed(&[seed; 32])).unwrap();
        let address = self.at().quic.to_string();
        let (link, control) = soon(endpoint.connect(&address, &self.at().key.0)).await.unwrap();
        End { link, control, _endpoint: endpoint }
    }

    /// A camera that the owner has enrolled, connected and publishing, with its first EpochOpen put.
    pub(crate) async fn camera(&self) -> (Camera, End) {
        let mut camera = Camera::new(CAMERA);
        self.enroll(&camera, &[(DEVICE, Role::Admin), (GUEST, Role::Guest)]).await;
        let mut end = self.connect(CAMERA).await;
        camera.put_epoch(&end).await;
        assert_eq!(end.publish(camera.id()).await, Control::PublishOk { track: TRACK, next: Sequence(0) });
        (camera, end)
    }

    pub(crate) async fn enroll(&self, camera: &Camera, recipients: &[(u8, Role)]) {
        let owner = self.connect(OWNER).await;
        let (enrollment, policy) = camera.enrollment(1, [0; 32], recipients);
        let bundle = bundle(&policy);
        assert_eq!(owner.call(&Request::PutPolicy { enrollment, bundle }).await, Response::Ok);
    }
}

pub(crate) fn bundle(policy: &SignedOwnerPolicy) -> PolicyBundle {
    PolicyBundle { policy: policy.bytes().to_vec(), leaf: b"leaf".to_vec(), proof: b"proof".to_vec() }
}

impl End {
    pub(crate) async fn call(&self, request: &Request) -> Response {
        soon(self.link.call(request)).await.unwrap()
    }

    pub(crate) async fn refused(&self, request: &Request) -> RefusalCode {
        match self.call(request).await {
            Response::Refused(refusal) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn hear(&mut self) -> Control {
        soon(self.control.next()).await.unwrap().expect("the session goes on")
    }

    pub(crate) async fn publish(&mut self, camera_id: CameraId) -> Control {
        self.link.control_send(&Control::Publish { camera_id, track: TRACK }).unwrap();
        self.hear().await
    }

    pub(crate) async fn subscribe(&mut self, camera_id: CameraId, from: media::message::From) -> Control {
        self.link.control_send(&Control::Subscribe { camera_id, track: TRACK, from }).unwrap();
        self.hear().await
    }

    /// Sends a whole segment's stream.
    pub(crate) async fn send(&self, bytes: &[u8]) {
        let mut segment = soon(self.link.open_segment(0)).await.unwrap();
        // A relay that stops a stream early has said why on the control stream.
        if soon(segment.write(bytes)).await.is_ok() {
            let _ = segment.finish();
        }
    }

    /// Sends it and expects it to become durable.
    pub(crate) async fn stored(&mut self, segment: &Segment) {
        self.send(&segment.bytes).await;
        assert_eq!(self.hear().await, Control::Ack { track: TRACK, sequence: segment.header.sequence });
    }

    /// Sends it and expects a Nack for this sequence.
    pub(crate) async fn nacked(&mut self, bytes: &[u8], sequence: Sequence) -> RefusalCode {
        self.send(bytes).await;
        match self.hear().await {
            Control::Nack { track: TRACK, sequence: named, refusal } if named == sequence => refusal.code,
            other => panic!("no Nack of {sequence}: {other:?}"),
        }
    }

    /// Everything stored of a camera from `cursor` on.
    pub(crate) async fn fetch(&self, camera_id: CameraId, cursor: u64) -> Vec<(u64, Bytes)> {
        let request = fetch(camera_id, cursor);
        let mut segments = soon(self.link.fetch_segments(&request)).await.unwrap();
        let mut all = Vec::new();
        while let Some(segment) = soon(segments.next()).await.unwrap() {
            all.push(segment);
        }
        all
    }
}

pub(crate) fn fetch(camera_id: CameraId, cursor: u64) -> SegmentQuery {
    let cursor = Sequence(cursor);
    SegmentQuery { camera_id, track: TRACK, from_us: 0, to_us: u64::MAX, cursor }
}

/// A segment as sent.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub header: SegmentHeader,
    pub bytes: Vec<u8>,
}

/// A camera's books: it signs and chains, and seals nothing.
pub(crate) struct Camera {
    pub key: SigningKey,
    pub policy_hash: [u8; 32],
    open: Option<EpochOpen>,
    chain: Chain,
    pub k: u32,
    pub sequence: u64,
    pub now_us: u64,
}

impl Camera {
    pub(crate) fn new(seed: u8) -> Self {
        let mut camera = Self {
            key: key(seed),
            policy_hash: [0; 32],
            open: None,
            chain: Chain([0; 32]),
            k: 0,
            sequence: 0,
            now_us: host::clock::now_us(),
        };
        let (_, policy) = camera.enrollment(1, [0; 32], &[(DEVICE, Role::Admin), (GUEST, Role::Guest)]);
        camera.policy_hash = policy.hash();
        camera
    }

    pub(crate) fn id(&self) -> CameraId {
        CameraId::of_key(&self.key.verifying_key().to_bytes())
    }

    pub(crate) fn enrollment(
        &self,
        version: u32,
        prev_hash: [u8; 32],
        recipients: &[(u8, Role)],
    ) -> (Vec<u8>, SignedOwnerPolicy) {
        self.enrollment_by(OWNER, version, prev_hash, recipients)
    }

    pub(crate) fn enrollment_by(
        &self,
        owner: u8,
        version: u32,
        prev_hash: [u8; 32],
        recipients: &[(u8, Role)],
    ) -> (Vec<u8>, SignedOwnerPolicy) {
        let enrollment = Enrollment {
            camera_pk: self.key.verifying_key().to_bytes(),
            owner_root_pk: public(owner),
            created: 1,
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&self.key, &public(owner), [7; 32]),
        };
        let recipient = |(seed, role): &(u8, Role)| Recipient {
            device_id: DeviceId::of_key(&public(*seed)),
            wrap_pk: vec![*seed; limits::WRAP_KEY],
            role: *role,
            not_after: u64::MAX,
        };
        let policy = OwnerPolicy {
            camera_id: self.id(),
            version,
            prev_hash,
            epoch_len_s: 60,
            t: 0,
            trustees: Vec::new(),
            recipients: recipients.iter().map(recipient).collect(),
            classes: Classes::default(),
            retention_days: 30,
            log_policy_hash: [0; 32],
            policy_doc_hash: [0; 32],
            recovery_pk: [0; 32],
        };
        (enrollment.sign(&key(owner)), policy.sign(&key(owner)).unwrap())
    }

    /// Begins the next epoch; its signed EpochOpen.
    pub(crate) fn next_epoch(&mut self) -> Vec<u8> {
        let epoch_no = self.open.as_ref().map_or(EpochNo(0), |open| EpochNo(open.context.epoch_no.0 + 1));
        let previous = self.open.as_ref().map(|open| EpochClose {
            epoch_no: open.context.epoch_no,
            segments: self.k,
            chain: self.chain.0,
            gap: GapReason::None,
        });
        let open = EpochOpen {
            context: EpochContext {
                camera_id: self.id(),
                track: TRACK,
                epoch_no,
                start_us: self.now_us,
                dur_ms: 60_000,
                policy_hash: self.policy_hash,
                notice_commit: [0; 32],
                t: 0,
                n: 0,
            },
            key_commit: [0; 32],
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: Vec::new(),
            previous,
        };
        self.chain = Chain::start(&open.context.hash(), &open.prev_close_hash());
        self.k = 0;
        self.open = Some(open.clone());
        open.sign(&self.key).bytes().to_vec()
    }

    pub(crate) async fn put_epoch(&mut self, end: &End) {
        let open = self.next_epoch();
        assert_eq!(end.call(&Request::PutEpochOpen(open)).await, Response::Ok);
    }

    /// The next header, of a segment of one second.
    pub(crate) fn header(&self) -> SegmentHeader {
        SegmentHeader {
            camera_id: self.id(),
            track: TRACK,
            epoch_no: self.open.as_ref().unwrap().context.epoch_no,
            k: self.k,
            sequence: Sequence(self.sequence),
            run: 0,
            start_us: self.now_us,
            start: Start::KeyFrame,
        }
    }

    /// The next segment, with these fragments.
    pub(crate) fn film(&mut self, fragments: &[&[u8]]) -> Segment {
        let header = self.header();
        let (bytes, chain) = signed(&self.key, &header, &self.chain, fragments);
        self.chain = chain;
        self.k += 1;
        self.sequence += 1;
        self.now_us += SECOND;
        Segment { header, bytes }
    }

    /// The next segment, of about so many bytes.
    pub(crate) fn film_bytes(&mut self, bytes: usize) -> Segment {
        let fragment = vec![u8::try_from(self.sequence % 251).unwrap(); bytes / 4];
        self.film(&[&fragment, &fragment, &fragment, &fragment])
    }

    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }
}

/// A segment's bytes and the chain after it.
pub(crate) fn signed(
    key: &SigningKey,
    header: &SegmentHeader,
    before: &Chain,
    fragments: &[&[u8]],
) -> (Vec<u8>, Chain) {
    let mut bytes = header.encode().to_vec();
    let mut hash = FragmentsHash::default();
    for (index, sealed) in (0u32..).zip(fragments) {
        bytes.extend_from_slice(&frame(index, sealed));
        hash.update(index, sealed);
    }
    let chain = chain_after(before, header, hash);
    let count = u32::try_from(fragments.len()).unwrap();
    let trailer = Trailer::sign(key, &header.hash(), count, 1_000_000, chain);
    bytes.extend_from_slice(&trailer.encode());
    (bytes, chain)
}
