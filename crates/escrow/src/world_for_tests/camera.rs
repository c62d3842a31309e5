//! A camera that films epochs, deals their seeds and seals their segments, all with the real parts.

use super::{CAMERA_EPOCHS, NOW, Rng, Setup};
use crate::daykeys::DayKey;
use crate::deal::{TrusteeId, deal, notice};
use core::time::Duration;
use ed25519_dalek::SigningKey;
use media::chain::Chain;
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason, SignedEpochOpen};
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::segment::{SegmentHeader, Start};
use media::time::{Micros, Seconds};
use rand_core::SeedableRng as _;
use seal::details::audit_key;
use seal::epoch::{EpochSeed, Pool};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use seal::sealer::{SegmentHead, SegmentSealer};
use std::vec::Vec;

/// The first epoch's number and start; each lasts a minute.
pub(crate) const FIRST_EPOCH: u64 = 7;
pub(crate) const START_US: Micros = Micros((NOW - 600) * 1_000_000);
/// Segments in each epoch.
pub(crate) const SEGMENTS: u32 = 2;

pub(crate) struct Camera {
    pub(crate) key: SigningKey,
    pub(crate) owner: SigningKey,
    pub(crate) enrollment: Vec<u8>,
    pub(crate) notices: Vec<Vec<u8>>,
    /// The trustees whose keys of days it has.
    holders: Vec<(TrusteeId, DayKey)>,
    keys: Vec<(Day, NoticeKey)>,
    pub(crate) opens: Vec<SignedEpochOpen>,
    pub(crate) seeds: Vec<EpochSeed>,
    pub(crate) segments: Vec<Vec<u8>>,
}

impl Camera {
    pub(crate) fn new(created: u64) -> Self {
        let (key, owner) = (SigningKey::from_bytes(&[91; 32]), SigningKey::from_bytes(&[92; 32]));
        let owner_pk = owner.verifying_key().to_bytes();
        let enrollment = Enrollment {
            camera_pk: key.verifying_key().to_bytes(),
            owner_root_pk: owner_pk,
            created: Seconds(created),
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&key, &owner_pk, [5; 32]),
        };
        let id = enrollment.camera_id();
        let mut day = Seconds(created).day();
        let mut root = NoticeRoot::new([93; 32]);
        let mut keys = Vec::new();
        // One day more than packages tell of.
        while day <= Day(Seconds(NOW).day().0 + 1) {
            keys.push((day, root.key(&id, day)));
            root = root.next(&id, day);
            day = Day(day.0 + 1);
        }
        let enrollment = enrollment.sign(&owner);
        Self {
            key,
            owner,
            enrollment,
            notices: Vec::new(),
            holders: Vec::new(),
            keys,
            opens: Vec::new(),
            seeds: Vec::new(),
            segments: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> CameraId {
        CameraId::of_key(&self.key.verifying_key().to_bytes())
    }

    /// The days of which it has notice keys: one day more than packages tell of.
    pub(crate) fn days(&self) -> impl Iterator<Item = Day> {
        self.keys.iter().map(|(day, _)| *day)
    }

    /// Makes the DayNotices that packages carry, for those who have keys of these days.
    pub(crate) fn give_notices(&mut self, holders: Vec<(TrusteeId, DayKey)>, rng: &mut Rng) {
        self.holders = holders;
        let days = self.keys.iter().take(self.keys.len() - 1).map(|(day, _)| self.notice(*day, rng));
        self.notices = days.collect();
    }

    /// The DayNotice of a day, for all who have a key of it.
    pub(crate) fn notice(&self, day: Day, rng: &mut Rng) -> Vec<u8> {
        notice(self.notice_key(day), self.id(), day, None, &self.holders, rng).sign(&self.key)
    }

    /// The same without this trustee.
    pub(crate) fn notice_without(&self, day: Day, trustee: &TrusteeId) -> Vec<u8> {
        let others: Vec<_> = self.holders.iter().filter(|(holder, _)| holder != trustee).cloned().collect();
        let mut rng = Rng::seed_from_u64(8);
        notice(self.notice_key(day), self.id(), day, None, &others, &mut rng).sign(&self.key)
    }

    pub(crate) fn public(&self) -> media::sign::PublicKey {
        self.key.verifying_key().to_bytes()
    }

    /// By which its owner reads details.
    pub(crate) fn audit(&self) -> SecretKey {
        audit_key(&self.owner.to_bytes())
    }

    pub(crate) fn notice_key(&self, day: Day) -> &NoticeKey {
        &self.keys.iter().find(|(known, _)| *known == day).unwrap().1
    }

    pub(crate) fn film(
        &mut self,
        policy_hash: [u8; 32],
        t: u8,
        trustees: &[Option<(TrusteeId, DayKey)>],
        setup: &Setup,
        rng: &mut Rng,
    ) {
        let mut pool = Pool::new([94; 32]);
        let mut previous = None;
        let mut sequence = 40;
        for at in 0..CAMERA_EPOCHS {
            let start_us = START_US.after(Duration::from_secs(60 * at));
            let mut context = EpochContext {
                camera_id: self.id(),
                track: TrackId(0),
                epoch_no: EpochNo(FIRST_EPOCH + at),
                start_us,
                dur_ms: 60_000,
                policy_hash,
                notice_commit: self.notice_key(start_us.day()).commit(),
                t,
                n: u8::try_from(trustees.len()).unwrap(),
            };
            (setup.context)(at, &mut context);
            let ctx = context.hash();
            let seed = pool.next_seed(&[u8::try_from(at).unwrap(); 32], &ctx);
            let dealt = deal(&seed, &ctx, t, trustees, rng).unwrap();
            let mut open = EpochOpen {
                key_commit: seed.key_commit(&ctx),
                share_commits: dealt.share_commits,
                shares: dealt.shares,
                wraps: Vec::new(),
                previous,
                lost: Vec::new(),
                receipt: None,
                context,
            };
            (setup.open)(at, &mut open);
            let mut chain = Chain::start(&ctx, &open.prev_close_hash());
            for k in 0..SEGMENTS {
                self.segments.push(self.segment(&open.context, &seed, k, sequence, &mut chain, rng));
                sequence += 1;
            }
            previous = Some(EpochClose {
                epoch_no: open.context.epoch_no,
                segments: SEGMENTS,
                chain: chain.0,
                gap: GapReason::None,
            });
            self.seeds.push(seed);
            self.opens.push(open.sign(&self.key));
        }
    }

    fn segment(
        &self,
        context: &EpochContext,
        seed: &EpochSeed,
        k: u32,
        sequence: u64,
        chain: &mut Chain,
        rng: &mut Rng,
    ) -> Vec<u8> {
        let start_us = context.start_us.after(Duration::from_secs(30) * k);
        let header = SegmentHeader {
            camera_id: context.camera_id,
            track: context.track,
            epoch_no: context.epoch_no,
            k,
            sequence: Sequence(sequence),
            run: 0,
            start_us,
            start: Start::KeyFrame,
        };
        let head = SegmentHead {
            captured_us: start_us,
            motion: media::motion::Motion::default(),
            waiting: 0,
            codecs: "avc1.640028".into(),
            init: std::vec![1; 64],
        };
        let key = seed.content_key(&context.hash());
        let (mut sealer, mut bytes) = SegmentSealer::start(&key, header, &head, rng).unwrap();
        bytes.extend(
            sealer.fragment(start_us.after(Duration::from_millis(100)), b"a moof and an mdat", rng).unwrap(),
        );
        bytes.extend(sealer.finish(30_000_000, chain, &self.key));
        bytes
    }
}
