//! Wraps: each device its own, an admin the seed and a guest the content key, and none of them
//! anywhere else.

use chacha20::ChaCha20Rng as Rng;
use media::epoch::{EpochContext, EpochOpen, Wrap};
use media::id::{CameraId, DeviceId, EpochNo, TrackId};
use media::policy::{Recipient, Role};
use media::time::{Micros, Seconds};
use rand_core::SeedableRng as _;
use seal::epoch::EpochSeed;
use seal::hpke::{self, HpkeError, SecretKey};
use seal::wrap::{Unwrapped, WrapError, unwrap, wrap};

struct Device {
    id: DeviceId,
    key: SecretKey,
    role: Role,
}

impl Device {
    fn new(n: u8, role: Role) -> Self {
        Self { id: DeviceId([n; 32]), key: SecretKey::new([n; 32]), role }
    }

    fn recipient(&self) -> Recipient {
        Recipient { device_id: self.id, wrap_pk: self.key.public(), role: self.role, not_after: Seconds::MAX }
    }
}

fn epoch(epoch_no: u64, seed: &EpochSeed, devices: &[&Device]) -> EpochOpen {
    let context = EpochContext {
        camera_id: CameraId([1; 32]),
        track: TrackId(0),
        epoch_no: EpochNo(epoch_no),
        start_us: Micros(60_000_000 * epoch_no),
        dur_ms: 60_000,
        policy_hash: [2; 32],
        notice_commit: [3; 32],
        t: 0,
        n: 0,
    };
    let ctx = context.hash();
    let mut rng = Rng::seed_from_u64(epoch_no);
    EpochOpen {
        key_commit: seed.key_commit(&ctx),
        context,
        share_commits: vec![],
        shares: vec![],
        wraps: devices.iter().map(|d| wrap(&d.recipient(), &ctx, seed, &mut rng).unwrap()).collect(),
        previous: None,
        lost: Vec::new(),
        receipt: None,
    }
}

#[test]
fn an_admin_gets_the_seed_and_a_guest_the_content_key() {
    let (admin, guest) = (Device::new(1, Role::Admin), Device::new(2, Role::Guest));
    let seed = EpochSeed::new([9; 32]);
    let open = epoch(7, &seed, &[&admin, &guest]);
    let ctx = open.context.hash();
    assert!(open.wraps.iter().all(|wrap| wrap.sealed.len() == hpke::ENCAPSULATION_BYTES + 16 + 33));

    let for_admin = unwrap(&admin.id, &admin.key, &open).unwrap();
    assert!(matches!(&for_admin, Unwrapped::Seed(found) if *found == seed));
    let for_guest = unwrap(&guest.id, &guest.key, &open).unwrap();
    assert!(matches!(for_guest, Unwrapped::Content(_)));
    assert!(for_admin.content_key(&ctx) == for_guest.content_key(&ctx));
    assert!(for_guest.content_key(&ctx) == seed.content_key(&ctx));
}

#[test]
fn no_device_opens_anothers() {
    let (mine, other) = (Device::new(1, Role::Admin), Device::new(2, Role::Admin));
    let open = epoch(7, &EpochSeed::new([9; 32]), &[&mine]);
    assert_eq!(unwrap(&other.id, &other.key, &open).unwrap_err(), WrapError::NotForMe);
    let cannot_open = WrapError::Hpke(HpkeError::CannotOpen);
    assert_eq!(unwrap(&mine.id, &other.key, &open).unwrap_err(), cannot_open);
    // The same wrap under another device's name, opened with the right key: the info names the
    // device.
    let mut renamed = open;
    renamed.wraps[0].device_id = other.id;
    assert_eq!(unwrap(&other.id, &mine.key, &renamed).unwrap_err(), cannot_open);
}

#[test]
fn a_wrap_moved_to_another_context_does_not_open() {
    let device = Device::new(1, Role::Guest);
    let open = epoch(7, &EpochSeed::new([9; 32]), &[&device]);
    for change in [
        |c: &mut EpochContext| c.epoch_no.0 += 1,
        |c: &mut EpochContext| c.camera_id.0[0] ^= 1,
        |c: &mut EpochContext| c.track.0 += 1,
        |c: &mut EpochContext| c.start_us.0 += 1,
        |c: &mut EpochContext| c.policy_hash[0] ^= 1,
        |c: &mut EpochContext| c.n += 1,
    ] {
        let mut moved = open.clone();
        change(&mut moved.context);
        let error = unwrap(&device.id, &device.key, &moved).unwrap_err();
        assert_eq!(error, WrapError::Hpke(HpkeError::CannotOpen));
    }
}

#[test]
fn a_seed_that_the_commitment_contradicts_and_other_plaintexts_are_no_key() {
    let device = Device::new(1, Role::Admin);
    let mut open = epoch(7, &EpochSeed::new([9; 32]), &[&device]);
    open.key_commit[0] ^= 1;
    assert_eq!(unwrap(&device.id, &device.key, &open).unwrap_err(), WrapError::WrongKey);

    let (ctx, mut rng) = (open.context.hash(), Rng::seed_from_u64(3));
    let info = [b"candor wrap\0", &device.id.0[..]].concat();
    for plaintext in [&[][..], &[1], &[2; 32], &[2; 34], &[0; 33], &[3; 33]] {
        let sealed = hpke::seal(&device.key.public(), &info, &ctx.0, plaintext, &mut rng).unwrap();
        open.wraps = vec![Wrap { device_id: device.id, sealed }];
        let error = unwrap(&device.id, &device.key, &open).unwrap_err();
        assert_eq!(error, WrapError::WrongKey, "{plaintext:?}");
    }
}

#[test]
fn nothing_is_wrapped_for_a_key_that_is_none() {
    let mut recipient = Device::new(1, Role::Admin).recipient();
    recipient.wrap_pk = vec![0xff; hpke::PUBLIC_BYTES];
    let seed = EpochSeed::new([9; 32]);
    let ctx = epoch(7, &seed, &[]).context.hash();
    assert_eq!(wrap(&recipient, &ctx, &seed, &mut Rng::seed_from_u64(1)), Err(HpkeError::BadPublicKey));
}
