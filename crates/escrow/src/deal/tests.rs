use super::*;
use crate::record::Seconds;
use crate::world_for_tests::{Rng, World, name, trustee};
use media::id::Day;
use rand_core::SeedableRng as _;
use std::vec::Vec;

const CTX: CtxHash = CtxHash([3; 32]);

fn id(index: u8) -> TrusteeId {
    TrusteeId::of(&trustee(index).verifier())
}

fn secret(index: u8) -> SecretKey {
    SecretKey::new([index; 32])
}

fn trustees(n: u8) -> Vec<Option<(TrusteeId, DayKey)>> {
    let key = |index| DayKey {
        trustee: name(trustee(index).name()),
        day: Day(0),
        public: secret(index).public(),
        destroy_by: Seconds(1),
    };
    (1..=n).map(|index| Some((id(index), key(index)))).collect()
}

fn seed() -> EpochSeed {
    EpochSeed::new([7; 32])
}

fn value(unsealed: Result<Unsealed, HpkeError>) -> [u8; 32] {
    match unsealed {
        Ok(Unsealed::Share(share)) => *share.expose(),
        Ok(Unsealed::Nonsense) => panic!("nonsense"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_trustee_opens_its_own_share_and_it_is_the_one_committed_to() {
    let dealt = deal(&seed(), &CTX, 3, &trustees(5), &mut Rng::seed_from_u64(1)).unwrap();
    assert_eq!(dealt.share_commits, commitments(&seed(), &CTX, 3, 5).unwrap());
    for index in 1..=5u8 {
        let sealed = dealt.shares[usize::from(index) - 1].as_ref().unwrap();
        let share = value(unseal(sealed, &CTX, index, &id(index), &secret(index)));
        assert_eq!(share_commit(&CTX, index, &share), dealt.share_commits[usize::from(index) - 1]);
    }
}

#[test]
fn a_share_opens_nowhere_else() {
    let dealt = deal(&seed(), &CTX, 2, &trustees(2), &mut Rng::seed_from_u64(1)).unwrap();
    let sealed = dealt.shares[0].as_ref().unwrap();
    let closed = |unsealed: Result<Unsealed, HpkeError>| {
        assert!(matches!(unsealed, Err(HpkeError::CannotOpen)));
    };
    closed(unseal(sealed, &CtxHash([4; 32]), 1, &id(1), &secret(1)));
    closed(unseal(sealed, &CTX, 2, &id(1), &secret(1)));
    closed(unseal(sealed, &CTX, 1, &id(2), &secret(1)));
    closed(unseal(sealed, &CTX, 1, &id(1), &secret(2)));
    let mut other_key = sealed.clone();
    other_key.day_key_id[0] ^= 1;
    closed(unseal(&other_key, &CTX, 1, &id(1), &secret(1)));
    for at in [0, 600, 1119, sealed.sealed.len() - 1] {
        let mut altered = sealed.clone();
        altered.sealed[at] ^= 1;
        closed(unseal(&altered, &CTX, 1, &id(1), &secret(1)));
        let cut = SealedShare { sealed: sealed.sealed[..at].to_vec(), ..sealed.clone() };
        closed(unseal(&cut, &CTX, 1, &id(1), &secret(1)));
    }
}

#[test]
fn a_camera_that_seals_nonsense_is_found_out() {
    let key_id = [5; 32];
    for plaintext in [&[][..], &[1], &[1; 32], &[2; 33], &[1; 34]] {
        let info = seal_info(SHARE_DOMAIN, &id(1), &key_id);
        let sealed = seal::hpke::seal(
            &secret(1).public(),
            &info,
            &seal_aad(&CTX, 1),
            plaintext,
            &mut Rng::seed_from_u64(2),
        );
        let sealed = SealedShare { day_key_id: key_id, sealed: sealed.unwrap() };
        assert!(matches!(unseal(&sealed, &CTX, 1, &id(1), &secret(1)), Ok(Unsealed::Nonsense)));
    }
}

#[test]
fn thresholds_and_keys_are_checked() {
    let dealt = |threshold, trustees: &[Option<(TrusteeId, DayKey)>]| {
        deal(&seed(), &CTX, threshold, trustees, &mut Rng::seed_from_u64(1))
    };
    let nothing = dealt(0, &[]).unwrap();
    assert!(nothing.shares.is_empty() && nothing.share_commits.is_empty());
    for (threshold, count) in [(1, 0), (0, 1), (3, 2), (17, 17)] {
        let error = ShareError::BadThreshold { threshold, count };
        assert_eq!(dealt(threshold, &trustees(count)).unwrap_err(), error);
    }
}

#[test]
fn a_trustee_without_a_key_has_an_empty_slot_and_under_t_holders_all_are_empty() {
    let dealt = |gone: &[usize]| {
        let mut holders = trustees(4);
        gone.iter().for_each(|at| holders[*at] = None);
        deal(&seed(), &CTX, 3, &holders, &mut Rng::seed_from_u64(1)).unwrap()
    };
    let filled = |dealt: &Dealt| dealt.shares.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(filled(&dealt(&[1])), [true, false, true, true]);
    assert_eq!(filled(&dealt(&[1, 3])), [false; 4]);
    for dealt in [dealt(&[]), dealt(&[1]), dealt(&[0, 1, 2, 3])] {
        assert_eq!(dealt.share_commits, commitments(&seed(), &CTX, 3, 4).unwrap(), "dealt or not");
    }
    // One that cannot be sealed to is none.
    let mut holders = trustees(4);
    if let Some((_, key)) = &mut holders[2] {
        key.public.pop();
    }
    let dealt = deal(&seed(), &CTX, 3, &holders, &mut Rng::seed_from_u64(1)).unwrap();
    assert_eq!(filled(&dealt), [true, true, false, true]);
}

#[test]
fn a_grant_s_list_names_exactly_these_shares() {
    let world = World::new();
    let opens: Vec<media::epoch::EpochOpen> =
        world.camera.opens.iter().map(|open| open.unverified().clone()).collect();
    let whole = shares_hash(&opens[..3], 1);
    assert_ne!(shares_hash(&opens[..3], 2), whole);
    assert_ne!(shares_hash(&opens[..2], 1), whole);
    assert_ne!(shares_hash(&opens[1..], 1), whole);
    let mut gone = opens[..3].to_vec();
    gone[1].shares[0] = None;
    assert_ne!(shares_hash(&gone, 1), whole);
    assert_eq!(shares_hash(&gone, 2), shares_hash(&opens[..3], 2));
    assert_eq!((slots(&gone, 1).count(), slots(&gone, 2).count()), (2, 3));
    assert_eq!((slots(&opens, 0).count(), slots(&opens, 6).count()), (0, 0));
}
