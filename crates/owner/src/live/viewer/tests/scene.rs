//! A camera that films, and what its owner's device makes of it.

use super::super::*;
use crate::book::fixtures;
use crate::live::policy::Policies;
use ed25519_dalek::SigningKey;
use host::rng::Rng;
use media::chain::Chain;
use media::epoch::{EpochClose, EpochContext, GapReason, Lost};
use media::id::Day;
use media::policy::{OwnerPolicy, Recipient, Role};
use media::receipt::SignedReceipt;
use media::segment::Start;
use media::time::{Micros, Seconds};
use relay_client::{EpochQuery, Paging};
use seal::epoch::{EpochSeed, Pool};
use seal::sealer::SegmentHead;
use seal::sealer::SegmentSealer;

pub(super) const EPOCH_US: u64 = 60_000_000;
pub(super) const SEGMENT_US: u64 = 2_000_000;
/// The seed of the owner's own relay's key.
pub(super) const RELAY: u8 = 50;
/// Where time begins: a whole epoch.
pub(super) const START: u64 = 1_800_000_000_000_000;

/// A camera that films two-second segments of three fragments, and its owner's device.
pub(super) struct Scene {
    pub(super) key: SigningKey,
    pub(super) wrap: SecretKey,
    pub(super) device: DeviceId,
    pub(super) policy_hash: [u8; 32],
    pub(super) policies: Policies,
    pub(super) pool: Pool,
    pub(super) epoch: Option<Filming>,
    pub(super) next: u64,
    /// What the next EpochOpen says of segments before it.
    pub(super) lost: Vec<Lost>,
    pub(super) receipt: Option<SignedReceipt>,
}

pub(super) struct Filming {
    pub(super) open: EpochOpen,
    pub(super) bytes: Vec<u8>,
    pub(super) seed: EpochSeed,
    pub(super) chain: Chain,
    pub(super) k: u32,
}

#[derive(Clone)]
pub(super) struct Filmed {
    pub(super) bytes: Vec<u8>,
    pub(super) open: Vec<u8>,
    pub(super) fragments: Vec<Vec<u8>>,
}

impl Scene {
    pub(super) fn new(at: u8) -> Self {
        let key = SigningKey::from_bytes(&[at; 32]);
        let (wrap, device) = (SecretKey::generate(&mut Rng::system()), DeviceId([3; 32]));
        let camera_id = CameraId::of_key(&key.verifying_key().to_bytes());
        let recipients = vec![recipient(&wrap, device)];
        let policy = OwnerPolicy { recipients, ..fixtures::policy(camera_id, 0, Vec::new()) };
        let stored = fixtures::camera("door", policy, Day(0));
        Self {
            key,
            wrap,
            device,
            policy_hash: stored.policies[0].signed().unwrap().hash(),
            policies: Policies::of(&stored).unwrap(),
            pool: Pool::new([at; 32]),
            epoch: None,
            next: 0,
            lost: Vec::new(),
            receipt: None,
        }
    }

    pub(super) fn public(&self) -> PublicKey {
        self.key.verifying_key().to_bytes()
    }

    pub(super) fn viewer(&self, write_when: WriteWhen) -> Viewer {
        Viewer::of(
            self.public(),
            TrackId::MAIN,
            self.policies.clone(),
            (self.device, self.wrap.clone()),
            public_of(RELAY),
            write_when,
        )
    }

    pub(super) fn start_epoch(&mut self, number: u64) {
        let previous = self.epoch.take().map(|epoch| EpochClose {
            epoch_no: epoch.open.context.epoch_no,
            segments: epoch.k,
            chain: epoch.chain.0,
            gap: GapReason::None,
        });
        let context = EpochContext {
            camera_id: CameraId::of_key(&self.public()),
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            start_us: Micros(START + number * EPOCH_US),
            dur_ms: 60_000,
            policy_hash: self.policy_hash,
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        let ctx = context.hash();
        let seed = self.pool.next_seed(&host::rng::bytes(), &ctx);
        let wrap =
            seal::wrap::wrap(&recipient(&self.wrap, self.device), &ctx, &seed, &mut Rng::system()).unwrap();
        let open = EpochOpen {
            context,
            key_commit: seed.key_commit(&ctx),
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: vec![wrap],
            previous,
            lost: std::mem::take(&mut self.lost),
            receipt: self.receipt.take(),
        };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        let bytes = open.clone().sign(&self.key).bytes().to_vec();
        self.epoch = Some(Filming { open, bytes, seed, chain, k: 0 });
    }

    /// The next segment, `start` or continuing the one before; the epoch turns with the clock.
    pub(super) fn film(&mut self, start: Start) -> Filmed {
        let sequence = self.next;
        self.next += 1;
        let start_us = START + sequence * SEGMENT_US;
        let number = sequence * SEGMENT_US / EPOCH_US;
        if self.epoch.as_ref().is_none_or(|epoch| epoch.open.context.epoch_no.0 != number) {
            self.start_epoch(number);
        }
        let camera_id = CameraId::of_key(&self.public());
        let epoch = self.epoch.as_mut().unwrap();
        let header = SegmentHeader {
            camera_id,
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            k: epoch.k,
            sequence: Sequence(sequence),
            run: 1,
            start_us: Micros(start_us),
            start,
        };
        epoch.k += 1;
        let key = epoch.seed.content_key(&epoch.open.context.hash());
        let head = SegmentHead {
            captured_us: Micros(start_us),
            motion: media::motion::Motion::default(),
            waiting: 0,
            codecs: "avc1.640028".to_owned(),
            init: b"init".to_vec(),
        };
        let (mut sealer, mut bytes) = SegmentSealer::start(&key, header, &head, &mut Rng::system()).unwrap();
        let fragments: Vec<_> = (0..3).map(|at| format!("{sequence}.{at}").into_bytes()).collect();
        for (at, fragment) in (1..).zip(&fragments) {
            bytes.extend(
                sealer.fragment(Micros(start_us + at * 100_000), fragment, &mut Rng::system()).unwrap(),
            );
        }
        bytes.extend(sealer.finish(2_000_000, &mut epoch.chain, &self.key));
        Filmed { bytes, open: epoch.bytes.clone(), fragments }
    }
}

pub(super) fn public_of(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

pub(super) fn recipient(wrap: &SecretKey, device: DeviceId) -> Recipient {
    Recipient { device_id: device, wrap_pk: wrap.public(), role: Role::Admin, not_after: Seconds::MAX }
}

/// What is believed of a relay's answer.
pub(super) fn verified(viewer: &Viewer, opens: &[Vec<u8>]) -> Vec<Epoch> {
    let (camera_key, track) = (viewer.camera_key, viewer.track);
    Paging::new(EpochQuery { camera_key, track, from_us: Micros(0), to_us: Micros::MAX })
        .handle(opens, false)
        .epochs
}

/// Sends a segment in pieces, as a relay does; `opens` is what it answers when asked for the
/// EpochOpen.
pub(super) fn send(viewer: &mut Viewer, bytes: &[u8], opens: &[Vec<u8>]) -> Vec<Output> {
    viewer.begin();
    for piece in bytes.chunks(100) {
        let mut step = viewer.push(piece, Micros(START));
        while let Step::Epoch(_) = step {
            let epochs = verified(viewer, opens);
            viewer.learn(&epochs);
            step = viewer.push(&[], Micros(START));
        }
    }
    viewer.finish();
    viewer.outputs()
}

pub(super) fn show(viewer: &mut Viewer, filmed: &Filmed) -> Vec<Output> {
    send(viewer, &filmed.bytes, std::slice::from_ref(&filmed.open))
}

pub(super) fn written(out: &[Output]) -> Vec<Vec<u8>> {
    let bytes = |output: &Output| match output {
        Output::Fragment(bytes) | Output::Init(bytes) => Some(bytes.clone()),
        Output::Event(_) => None,
    };
    out.iter().filter_map(bytes).collect()
}

pub(super) fn refusal(out: &[Output]) -> Option<String> {
    out.iter().find_map(|output| match output {
        Output::Event(Event::Refused { reason, .. }) => Some(reason.clone()),
        _ => None,
    })
}

pub(super) fn gaps(out: &[Output]) -> usize {
    out.iter().filter(|output| matches!(output, Output::Event(Event::Gap { .. }))).count()
}

pub(super) const BOTH: [WriteWhen; 2] = [WriteWhen::Opened, WriteWhen::Verified];
