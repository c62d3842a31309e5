//! One of each signed object and a segment, as a camera and its owner would make them.

use ed25519_dalek::SigningKey;
use media::chain::{Chain, FragmentsHash};
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{
    EpochClose, EpochContext, EpochOpen, GapReason, LossReason, Lost, SealedShare, SignedEpochOpen, Wrap,
};
use media::health::Health;
use media::id::{CameraId, Day, DeviceId, EpochNo, Sequence, TrackId};
use media::limits;
use media::notice::{self, DayNotice, HeldNotice};
use media::policy::{Class, Classes, OwnerPolicy, Recipient, Role, SignedOwnerPolicy, TrusteeEntry};
use media::receipt::{Range, Receipt, SignedReceipt};
use media::segment::{SegmentHeader, Start, Trailer, frame};
use media::settings::Settings;
use media::sign::PublicKey;
use media::time::{Micros, Seconds};

pub(crate) fn camera() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn owner() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub(crate) fn public(key: &SigningKey) -> PublicKey {
    *key.verifying_key().as_bytes()
}

pub(crate) fn camera_id() -> CameraId {
    CameraId::of_key(&public(&camera()))
}

pub(crate) fn header() -> SegmentHeader {
    SegmentHeader {
        camera_id: camera_id(),
        track: TrackId(0),
        epoch_no: EpochNo(7),
        k: 2,
        sequence: Sequence(42),
        run: 3,
        start_us: Micros(1_793_000_000_000_000),
        start: Start::KeyFrame,
    }
}

/// A segment of these fragments, behind `chain`.
pub(crate) fn segment(chain: &Chain, fragments: &[&[u8]]) -> Vec<u8> {
    let header = header();
    let mut bytes = header.encode().to_vec();
    let mut hash = FragmentsHash::default();
    for (index, sealed) in (0u32..).zip(fragments) {
        hash.update(index, sealed);
        bytes.extend(frame(index, sealed));
    }
    let chain = media::segment::chain_after(chain, &header, hash);
    let count = u32::try_from(fragments.len()).unwrap();
    bytes.extend(Trailer::sign(&camera(), &header.hash(), count, 2_000_000, chain).encode());
    bytes
}

pub(crate) fn epoch_open() -> SignedEpochOpen {
    let context = EpochContext {
        camera_id: camera_id(),
        track: TrackId(0),
        epoch_no: EpochNo(7),
        start_us: Micros(1_793_000_000_000_000),
        dur_ms: 60_000,
        policy_hash: [3; 32],
        notice_commit: [4; 32],
        t: 1,
        n: 2,
    };
    let share = |n| SealedShare { day_key_id: [n; 32], sealed: vec![n; 40] };
    let open = EpochOpen {
        context,
        key_commit: [5; 32],
        share_commits: vec![[6; 32], [7; 32]],
        shares: vec![Some(share(8)), None],
        wraps: vec![Wrap { device_id: DeviceId([10; 32]), sealed: vec![11; 40] }],
        previous: Some(EpochClose {
            epoch_no: EpochNo(6),
            segments: 30,
            chain: [12; 32],
            gap: GapReason::Restart,
        }),
        lost: vec![Lost { range: range(3, 5), why: LossReason::SpoolOverflow }],
        receipt: Some(receipt()),
    };
    open.sign(&camera())
}

fn range(first: u64, last: u64) -> Range {
    Range { first: Sequence(first), last: Sequence(last) }
}

pub(crate) fn health() -> Vec<u8> {
    let health = Health {
        camera_id: camera_id(),
        at_us: Micros(1_793_000_000_000_000),
        no_picture_since_us: Some(Micros(1_792_999_999_000_000)),
        day: Day(20_752),
        sealed: vec![9; limits::HEALTH_SEALED],
    };
    health.sign(&camera())
}

pub(crate) fn settings() -> Vec<u8> {
    let sealed = vec![9; limits::SETTINGS_SEALED];
    let settings =
        Settings { camera_id: camera_id(), number: 1_793_000_000, signer: [0; 32], day: Day(20_782), sealed };
    settings.sign(&owner())
}

pub(crate) fn receipt() -> SignedReceipt {
    let relay = owner();
    let receipt = Receipt {
        relay_key: public(&relay),
        camera_id: camera_id(),
        track: TrackId(0),
        at_us: Micros(1_793_000_000_000_000),
        epoch_no: EpochNo(6),
        k: 29,
        chain: [13; 32],
        acknowledged: vec![range(0, 2), range(6, 9)],
    };
    receipt.sign(&relay)
}

pub(crate) fn policy() -> SignedOwnerPolicy {
    let trustee =
        |name: &str| TrusteeEntry { name: name.into(), vkey: format!("{name}+key"), url: "https://t".into() };
    let policy = OwnerPolicy {
        camera_id: camera_id(),
        version: 2,
        prev_hash: [1; 32],
        epoch_len_s: 60,
        t: 2,
        trustees: vec![trustee("one"), trustee("two"), trustee("three")],
        recipients: vec![Recipient {
            device_id: DeviceId([9; 32]),
            wrap_pk: vec![8; media::limits::WRAP_KEY],
            role: Role::Admin,
            not_after: Seconds::MAX,
        }],
        classes: Classes::of(&[Class::Legal, Class::Emergency]),
        retention_days: 30,
        log_policy_hash: [2; 32],
        policy_doc_hash: [3; 32],
        day_key_max_secs: 8_640_000,
        recovery_pk: [0; 32],
        audit_pk: vec![0; 1216],
    };
    policy.sign(&owner()).unwrap()
}

pub(crate) fn enrollment() -> Vec<u8> {
    let enrollment = Enrollment {
        camera_pk: public(&camera()),
        owner_root_pk: public(&owner()),
        created: Seconds(1_793_000_000),
        firmware_hash: [0; 32],
        camera_consent: CameraConsent::sign(&camera(), &public(&owner()), [7; 32]),
    };
    enrollment.sign(&owner())
}

pub(crate) fn day_notice() -> Vec<u8> {
    let slot = |id: u8| SealedShare { day_key_id: [id; 32], sealed: vec![id; 40] };
    let notice_commit = notice::commit(&[9; 32]);
    let slots = vec![slot(3), slot(4)];
    DayNotice { camera_id: camera_id(), day: Day(20_752), notice_commit, slots }.sign(&camera())
}

pub(crate) fn held_notice() -> HeldNotice {
    HeldNotice { notice_key: [9; 32], notice: day_notice() }
}
