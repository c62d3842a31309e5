//! A camera's books: it signs and chains what it sends, and seals nothing. Nobody on the way can
//! tell.
//!
//! In scope: enrollment, owner's policy, EpochOpens and segments as a relay parses and checks them.
//! Out of scope: keys of footage (`by_hand`), sessions.

use crate::keys::{key, public};
use ed25519_dalek::SigningKey;
use media::chain::{Chain, FragmentsHash};
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason};
use media::id::{CameraId, DeviceId, EpochNo, Sequence, TrackId};
use media::limits;
use media::pair::PolicyBundle;
use media::policy::{OwnerPolicy, Recipient, Role, SignedOwnerPolicy};
use media::segment::{SegmentHeader, Start, Trailer, chain_after, frame};
use media::time::{Micros, Seconds};

pub const TRACK: TrackId = TrackId(0);
pub const SECOND: u64 = 1_000_000;

/// Seeds of keys.
pub const OWNER: u8 = 1;
pub const DEVICE: u8 = 2;
pub const GUEST: u8 = 3;
/// Who may watch, under the policy that a new camera films by.
pub const RECIPIENTS: [(u8, Role); 2] = [(DEVICE, Role::Admin), (GUEST, Role::Guest)];

/// A segment as sent.
#[derive(Debug, Clone)]
pub struct Segment {
    pub header: SegmentHeader,
    pub bytes: Vec<u8>,
}

/// A camera's books: it signs and chains, and seals nothing.
#[derive(Debug)]
pub struct Camera {
    pub key: SigningKey,
    pub policy_hash: [u8; 32],
    open: Option<EpochOpen>,
    chain: Chain,
    pub k: u32,
    pub sequence: u64,
    pub now_us: u64,
    /// How long its epochs are, milliseconds.
    pub epoch_ms: u32,
    /// How long its segments are, microseconds.
    pub segment_us: u32,
}

impl Camera {
    pub fn new(seed: u8) -> Self {
        let mut camera = Self {
            key: key(seed),
            policy_hash: [0; 32],
            open: None,
            chain: Chain([0; 32]),
            k: 0,
            sequence: 0,
            now_us: host::clock::now_us(),
            epoch_ms: 60_000,
            segment_us: 1_000_000,
        };
        camera.policy_hash = camera.enrollment(1, [0; 32], &RECIPIENTS).1.hash();
        camera
    }

    pub fn id(&self) -> CameraId {
        CameraId::of_key(&self.key.verifying_key().to_bytes())
    }

    pub fn enrollment(
        &self,
        version: u32,
        prev_hash: [u8; 32],
        recipients: &[(u8, Role)],
    ) -> (Vec<u8>, SignedOwnerPolicy) {
        self.enrollment_by(OWNER, version, prev_hash, recipients)
    }

    pub fn enrollment_by(
        &self,
        owner: u8,
        version: u32,
        prev_hash: [u8; 32],
        recipients: &[(u8, Role)],
    ) -> (Vec<u8>, SignedOwnerPolicy) {
        let enrollment = Enrollment {
            camera_pk: self.key.verifying_key().to_bytes(),
            owner_root_pk: public(owner),
            created: Seconds(1),
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&self.key, &public(owner), [7; 32]),
        };
        let recipient = |(seed, role): &(u8, Role)| Recipient {
            device_id: DeviceId::of_key(&public(*seed)),
            wrap_pk: vec![*seed; limits::WRAP_KEY],
            role: *role,
            not_after: Seconds::MAX,
        };
        let policy = OwnerPolicy {
            version,
            prev_hash,
            epoch_len_s: (self.epoch_ms / 1000).try_into().unwrap(),
            recipients: recipients.iter().map(recipient).collect(),
            ..crate::bare::policy(self.id())
        };
        (enrollment.sign(&key(owner)), policy.sign(&key(owner)).unwrap())
    }

    /// Begins the next epoch; its signed EpochOpen.
    pub fn next_epoch(&mut self) -> Vec<u8> {
        let epoch_no = self.open.as_ref().map_or(EpochNo(0), |open| EpochNo(open.context.epoch_no.0 + 1));
        self.epoch(epoch_no, GapReason::None)
    }

    /// Begins the epoch of this number; its signed EpochOpen.
    pub fn epoch(&mut self, epoch_no: EpochNo, gap: GapReason) -> Vec<u8> {
        let previous = self.open.as_ref().map(|open| EpochClose {
            epoch_no: open.context.epoch_no,
            segments: self.k,
            chain: self.chain.0,
            gap,
        });
        let open = EpochOpen {
            previous,
            ..crate::bare::open(EpochContext {
                camera_id: self.id(),
                track: TRACK,
                epoch_no,
                start_us: Micros(self.now_us),
                dur_ms: self.epoch_ms,
                policy_hash: self.policy_hash,
                notice_commit: [0; 32],
                t: 0,
                n: 0,
            })
        };
        self.chain = Chain::start(&open.context.hash(), &open.prev_close_hash());
        self.k = 0;
        self.open = Some(open.clone());
        open.sign(&self.key).bytes().to_vec()
    }

    /// The next header.
    pub fn header(&self) -> SegmentHeader {
        SegmentHeader {
            camera_id: self.id(),
            track: TRACK,
            epoch_no: self.open.as_ref().unwrap().context.epoch_no,
            k: self.k,
            sequence: Sequence(self.sequence),
            run: 0,
            start_us: Micros(self.now_us),
            start: Start::KeyFrame,
        }
    }

    /// The next segment, with these fragments.
    pub fn film(&mut self, fragments: &[&[u8]]) -> Segment {
        let header = self.header();
        let (bytes, chain) = signed_for(&self.key, &header, &self.chain, fragments, self.segment_us);
        self.chain = chain;
        self.k += 1;
        self.sequence += 1;
        self.now_us += u64::from(self.segment_us);
        Segment { header, bytes }
    }

    /// The next segment, of about so many bytes.
    pub fn film_bytes(&mut self, bytes: usize) -> Segment {
        let fragment = vec![u8::try_from(self.sequence % 251).unwrap(); bytes / 4];
        self.film(&[&fragment, &fragment, &fragment, &fragment])
    }

    pub fn chain(&self) -> Chain {
        self.chain
    }
}

pub fn bundle(policy: &SignedOwnerPolicy) -> PolicyBundle {
    PolicyBundle { policy: policy.bytes().to_vec(), leaf: b"leaf".to_vec(), proof: b"proof".to_vec() }
}

/// A segment of one second: its bytes and the chain after it.
pub fn signed(
    key: &SigningKey,
    header: &SegmentHeader,
    before: &Chain,
    fragments: &[&[u8]],
) -> (Vec<u8>, Chain) {
    signed_for(key, header, before, fragments, 1_000_000)
}

fn signed_for(
    key: &SigningKey,
    header: &SegmentHeader,
    before: &Chain,
    fragments: &[&[u8]],
    duration_us: u32,
) -> (Vec<u8>, Chain) {
    let mut bytes = header.encode().to_vec();
    let mut hash = FragmentsHash::default();
    for (index, sealed) in (0u32..).zip(fragments) {
        bytes.extend_from_slice(&frame(index, sealed));
        hash.update(index, sealed);
    }
    let chain = chain_after(before, header, hash);
    let count = u32::try_from(fragments.len()).unwrap();
    let trailer = Trailer::sign(key, &header.hash(), count, duration_us, chain);
    bytes.extend_from_slice(&trailer.encode());
    (bytes, chain)
}
