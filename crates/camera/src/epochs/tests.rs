use super::*;
use escrow::record::{Name, Seconds};
use host::rng::Rng;
use media::epoch::CtxHash;
use media::id::{Day, DeviceId};
use media::policy::{Recipient, Role, TrusteeEntry};
use seal::hpke::SecretKey;
use seal::wrap::{Unwrapped, unwrap};
use tlog::note::Signer;

const START: Micros = Micros(1_800_000_000_000_000);

fn after(us: u64) -> Micros {
    START.after(std::time::Duration::from_micros(us))
}

fn camera() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn trustee(at: u8) -> Signer {
    Signer::from_seed(&format!("trustee{at}.example"), &[20 + at; 32]).unwrap()
}

fn policy(recipients: Vec<Recipient>) -> SignedOwnerPolicy {
    let entry = |at: u8| TrusteeEntry {
        name: trustee(at).name().to_owned(),
        vkey: trustee(at).verifier().vkey(),
        url: String::new(),
    };
    let camera_id = CameraId::of_key(camera().verifying_key().as_bytes());
    let policy = OwnerPolicy {
        t: 2,
        trustees: (1..=3).map(entry).collect(),
        recipients,
        ..stage::bare::policy(camera_id)
    };
    policy.sign(&SigningKey::from_bytes(&[8; 32])).unwrap()
}

fn day_keys(day: Day) -> Vec<Option<(TrusteeId, DayKey)>> {
    let key = |at: u8| {
        let signer = trustee(at);
        let public = SecretKey::generate(&mut Rng::system()).public();
        let trustee = Name::new(signer.name()).unwrap();
        let key = DayKey { trustee, day, public, destroy_by: Seconds(1) };
        Some((TrusteeId::of(&signer.verifier()), key))
    };
    (1..=3).map(key).collect()
}

fn open_at(
    policy: &SignedOwnerPolicy,
    day_keys: &[Option<(TrusteeId, DayKey)>],
    now: Seconds,
) -> Result<(Epoch, SignedEpochOpen), ShareError> {
    let opening = Opening {
        camera: &camera(),
        track: TrackId::SUB,
        policy,
        day_keys,
        notice_commit: [5; 32],
        epoch_no: EpochNo(4),
        start_us: START,
        previous: Some(EpochClose {
            epoch_no: EpochNo(3),
            segments: 2,
            chain: [1; 32],
            gap: GapReason::Source,
        }),
        lost: Vec::new(),
        receipt: None,
        now,
    };
    Epoch::open(opening, &mut Pool::new([1; 32]), &[2; 32], &mut Rng::system())
}

#[test]
fn an_epoch_is_wrapped_for_those_whose_time_is_not_over_and_dealt_to_every_trustee() {
    let (lasting, over) = (SecretKey::generate(&mut Rng::system()), SecretKey::generate(&mut Rng::system()));
    let recipient = |device: u8, key: &SecretKey, not_after: Seconds| Recipient {
        device_id: DeviceId([device; 32]),
        wrap_pk: key.public(),
        role: Role::Admin,
        not_after,
    };
    let policy = policy(vec![recipient(1, &lasting, Seconds::MAX), recipient(2, &over, Seconds(999))]);
    let keys = day_keys(START.day());
    let (epoch, signed) = open_at(&policy, &keys, Seconds(1000)).unwrap();
    let open = signed.verify(camera().verifying_key().as_bytes()).unwrap();
    assert_eq!((open.context.t, open.context.n, open.shares.len(), open.share_commits.len()), (2, 3, 3, 3));
    assert_eq!((open.context.policy_hash, open.context.dur_ms), (policy.hash(), 60_000));
    let ctx: CtxHash = open.context.hash();
    let Unwrapped::Seed(seed) = unwrap(&DeviceId([1; 32]), &lasting, open).unwrap() else {
        panic!("no seed")
    };
    assert_eq!(seed.content_key(&ctx).expose(), epoch.key.expose());
    assert!(unwrap(&DeviceId([2; 32]), &over, open).is_err());
    assert_eq!(open_at(&policy, &keys, Seconds(999)).unwrap().0.open.wraps.len(), 2, "until then it was one");
    assert_eq!(epoch.chain, Chain::start(&ctx, &open.previous.unwrap().hash()));
    assert_eq!((epoch.close(GapReason::None).segments, epoch.next_k), (0, 0));
}

#[test]
fn a_trustee_whose_key_of_the_day_is_not_there_gets_no_share_and_the_epoch_opens() {
    let policy = policy(Vec::new());
    let day = START.day();
    let filled = |keys: &[Option<(TrusteeId, DayKey)>]| {
        let (_, signed) = open_at(&policy, keys, Seconds(0)).unwrap();
        let open = signed.verify(camera().verifying_key().as_bytes()).unwrap();
        assert_eq!(
            (open.context.t, open.context.n, open.share_commits.len()),
            (2, 3, 3),
            "as the policy says"
        );
        open.shares.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    let mut keys = day_keys(day);
    keys[1] = None;
    assert_eq!(filled(&keys), [true, false, true]);
    // Yesterday's is none of today's.
    keys[1] = day_keys(Day(day.0 - 1))[1].clone();
    assert_eq!(filled(&keys), [true, false, true]);
    keys[0] = None;
    assert_eq!(filled(&keys), [false; 3], "under t, for the owner's devices alone");
    assert_eq!(filled(&[]), [false; 3]);
}

#[test]
fn epochs_end_at_round_times() {
    assert_eq!(length_ms(START, 60), 60_000);
    assert_eq!(length_ms(after(59_000_000), 60), 1_000);
    assert_eq!(length_ms(after(59_999_000), 60), 1);
    assert_eq!(length_ms(after(3_000_000), 10), 7_000);
}

#[test]
fn epochs_join_unless_something_is_missing_between_them() {
    let (before, _) = open_at(&policy(Vec::new()), &day_keys(START.day()), Seconds(0)).unwrap();
    assert!(before.holds(START) && before.holds(after(59_999_999)) && !before.holds(after(60_000_000)));
    let next = after(61_234_567);
    assert_eq!(start_us(next, 60, Some(&before), GapReason::None), after(60_000_000));
    assert_eq!(start_us(next, 60, Some(&before), GapReason::Source), after(61_234_000));
    assert_eq!(start_us(next, 60, None, GapReason::Restart), after(61_234_000));
    // Another length that reaches back into the epoch before.
    assert_eq!(start_us(after(60_500_000), 600, Some(&before), GapReason::None), after(60_500_000));
}
