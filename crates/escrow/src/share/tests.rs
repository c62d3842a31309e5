//! The vectors of a second implementation, `vsss-rs` as oracle, and laws over every small t and n.

use super::*;
use crate::world_for_tests::Rng;
use rand_core::SeedableRng as _;
use serde_json::Value;
use std::vec::Vec;
use vsss_rs::Gf256;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../proto/vectors/sharing.json")).unwrap()
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn byte(value: &Value) -> u8 {
    u8::try_from(value.as_u64().unwrap()).unwrap()
}

fn bytes(value: &Value) -> [u8; 32] {
    tlog::Hash::from_hex(value.as_str().unwrap()).unwrap().0
}

fn secret(label: u8) -> [u8; 32] {
    tlog::Hash::of(&[&[label]]).0
}

fn dealt(t: u8, n: u8) -> ([u8; 32], Vec<Share>) {
    let coefficients: Vec<_> = (1..t).map(|j| secret(100 + j)).collect();
    (secret(t), split(&secret(t), &coefficients, t, n).unwrap())
}

/// All subsets of the shares.
fn subsets(shares: &[Share]) -> impl Iterator<Item = Vec<&Share>> {
    (0..1u32 << shares.len()).map(|set| {
        let chosen = shares.iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1);
        chosen.map(|(_, share)| share).collect()
    })
}

#[test]
fn the_second_implementation_agrees() {
    let vectors = vectors();
    for product in array(&vectors["products"]) {
        assert_eq!(multiply(byte(&product[0]), byte(&product[1])), byte(&product[2]));
    }
    for case in array(&vectors["shared"]) {
        let coefficients: Vec<_> = array(&case["coefficients"]).iter().map(bytes).collect();
        let shares =
            split(&bytes(&case["secret"]), &coefficients, byte(&case["t"]), byte(&case["n"])).unwrap();
        let values: Vec<_> = shares.iter().map(|share| *share.expose()).collect();
        assert_eq!(values, array(&case["shares"]).iter().map(bytes).collect::<Vec<_>>());
    }
    for case in array(&vectors["interpolated"]) {
        let share = |share: &Value| Share::new(byte(&share[0]), bytes(&share[1])).unwrap();
        let shares: Vec<_> = array(&case["shares"]).iter().map(share).collect();
        assert_eq!(*interpolate(&shares.iter().collect::<Vec<_>>()).unwrap(), bytes(&case["secret"]));
    }
    for case in array(&vectors["refused_thresholds"]) {
        let (threshold, count) = (byte(&case[0]), byte(&case[1]));
        assert_eq!(check_threshold(threshold, count), Err(ShareError::BadThreshold { threshold, count }));
    }
}

#[test]
fn the_oracle_multiplies_and_divides_alike_everywhere() {
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(multiply(a, b), (Gf256(a) * Gf256(b)).0);
        }
        assert_eq!(multiply(a, invert(a)), u8::from(a != 0));
    }
}

#[test]
fn the_oracle_combines_our_shares_and_we_combine_the_oracle_s() {
    let mut rng = Rng::seed_from_u64(3);
    for n in 2..=7u8 {
        for t in 2..=n {
            let (secret, shares) = dealt(t, n);
            let theirs = |share: &Share| [&[share.index()][..], share.expose()].concat();
            let last: Vec<_> = shares[usize::from(n - t)..].iter().map(theirs).collect();
            assert_eq!(Gf256::combine_bytes(&last).unwrap(), secret);

            let split = Gf256::split_bytes(usize::from(t), usize::from(n), secret, &mut rng).unwrap();
            let ours = |share: &Vec<u8>| Share::new(share[0], share[1..].try_into().unwrap()).unwrap();
            let shares: Vec<_> = split.iter().map(ours).collect();
            assert_eq!(
                *interpolate(&shares.iter().take(usize::from(t)).collect::<Vec<_>>()).unwrap(),
                secret
            );
        }
    }
}

#[test]
fn t_shares_or_more_give_the_secret_and_fewer_do_not() {
    for n in 1..=7 {
        for t in 1..=n {
            let (secret, shares) = dealt(t, n);
            for subset in subsets(&shares).filter(|subset| !subset.is_empty()) {
                let same = *interpolate(&subset).unwrap() == secret;
                assert_eq!(same, subset.len() >= usize::from(t), "{t} of {n}, {} shares", subset.len());
            }
        }
    }
}

#[test]
fn any_bad_share_changes_the_secret() {
    let (secret, shares) = dealt(3, 5);
    for at in 0..3 {
        for bit in 0..256 {
            let mut value = *shares[at].expose();
            value[bit / 8] ^= 1 << (bit % 8);
            let bad = Share::new(shares[at].index(), value).unwrap();
            let mut chosen: Vec<&Share> = shares.iter().take(3).collect();
            chosen[at] = &bad;
            assert_ne!(*interpolate(&chosen).unwrap(), secret);
        }
    }
}

#[test]
fn fewer_than_t_shares_fit_every_secret() {
    // For any secret there is a polynomial through t - 1 given shares: they say nothing about it.
    let (_, shares) = dealt(3, 5);
    let (a, b) = (&shares[0], &shares[1]);
    for guess in 0..=255u8 {
        let wanted = [guess; 32];
        // The third share that goes with the guess: interpolation at 0 is linear in it, with a
        // weight that is not 0.
        let with_zero = *interpolate(&[a, b, &Share::new(3, [0; 32]).unwrap()]).unwrap();
        let weight = interpolate(&[
            &Share::new(1, [0; 32]).unwrap(),
            &Share::new(2, [0; 32]).unwrap(),
            &Share::new(3, [1; 32]).unwrap(),
        ])
        .unwrap()[0];
        assert_ne!(weight, 0);
        let value: Vec<u8> =
            wanted.iter().zip(with_zero).map(|(want, have)| multiply(want ^ have, invert(weight))).collect();
        let third = Share::new(3, value.try_into().unwrap()).unwrap();
        assert_eq!(*interpolate(&[a, b, &third]).unwrap(), wanted);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(Share::new(0, [0; 32]).unwrap_err(), ShareError::BadIndex(0));
    assert_eq!(Share::new(SHARES_MAX + 1, [0; 32]).unwrap_err(), ShareError::BadIndex(17));
    assert_eq!(interpolate(&[]).unwrap_err(), ShareError::Empty);
    let (_, shares) = dealt(2, 3);
    assert_eq!(interpolate(&[&shares[0], &shares[1], &shares[0]]).unwrap_err(), ShareError::Duplicate(1));
    let wrong = split(&[0; 32], &[], 2, 3).unwrap_err();
    assert_eq!(wrong, ShareError::WrongCoefficients { threshold: 2, got: 0 });
    assert_eq!(std::format!("{:?}", shares[0]), "Share(1, secret)");
}
