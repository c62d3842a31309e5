use super::*;
use crate::deal::deal;
use crate::share::split;
use crate::world_for_tests::{Setup, THRESHOLD, TRUSTEES, World, trustee};
use std::vec::Vec;
use zeroize::Zeroizing;

/// The shares as dealt, recomputed from the seed.
fn shares(seed: &EpochSeed, open: &EpochOpen) -> Vec<Share> {
    let ctx = open.context.hash();
    let coefficients: Vec<Zeroizing<[u8; 32]>> =
        (1..open.context.t).map(|j| seed.share_coefficient(&ctx, j)).collect();
    let plain: Vec<[u8; 32]> = coefficients.iter().map(|one| **one).collect();
    split(seed.expose(), &plain, open.context.t, open.context.n).unwrap()
}

fn bad(share: &Share) -> Share {
    let mut value = *share.expose();
    value[31] ^= 1;
    Share::new(share.index(), value).unwrap()
}

#[test]
fn every_choice_of_good_and_bad_shares_gives_the_seed_or_names_the_culprits() {
    let world = World::new();
    let (open, seed) = (world.camera.opens[0].unverified(), &world.camera.seeds[0]);
    let good = shares(seed, open);
    // Each trustee is absent, honest or a liar: 3^5 crowds.
    for crowd in 0..3u32.pow(u32::from(TRUSTEES)) {
        let role = |at: usize| crowd / 3u32.pow(u32::try_from(at).unwrap()) % 3;
        let mut given = Vec::new();
        let mut liars = Vec::new();
        for (at, share) in good.iter().enumerate() {
            match role(at) {
                1 => given.push(share.clone()),
                2 => {
                    given.push(bad(share));
                    liars.push(share.index());
                }
                _ => {}
            }
        }
        // The order in which they answer does not matter.
        let turn = usize::try_from(crowd).unwrap() % given.len().max(1);
        given.rotate_left(turn);
        let honest = given.len() - liars.len();
        match combine(open, &given) {
            Ok(combined) => {
                assert!(honest >= usize::from(THRESHOLD));
                assert_eq!(combined.seed.expose(), seed.expose());
                assert_eq!(combined.culprits, liars);
            }
            Err(error) => {
                let expected = CombineError::TooFew { good: honest, needed: THRESHOLD, culprits: liars };
                assert!(honest < usize::from(THRESHOLD));
                assert_eq!(error, expected);
            }
        }
    }
}

#[test]
fn one_share_twice_counts_once() {
    let world = World::new();
    let (open, seed) = (world.camera.opens[0].unverified(), &world.camera.seeds[0]);
    let good = shares(seed, open);
    let twice = [good[0].clone(), good[0].clone(), good[1].clone()];
    assert!(matches!(combine(open, &twice), Err(CombineError::TooFew { good: 2, .. })));
}

#[test]
fn a_camera_that_deals_badly_is_named_rather_than_a_trustee() {
    // All commitments hold, and the key's does not.
    let key = World::with(&Setup { open: |_, open| open.key_commit = [0; 32], ..Setup::default() });
    let (open, seed) = (key.camera.opens[0].unverified(), &key.camera.seeds[0]);
    assert_eq!(combine(open, &shares(seed, open)).unwrap_err(), CombineError::CameraDealtBadly);

    // Shares of another polynomial, well committed to: t of them rebuild something, but not what
    // the rest are.
    let world = World::new();
    let mut open = world.camera.opens[0].unverified().clone();
    let ctx = open.context.hash();
    let mut mixed = shares(&world.camera.seeds[0], &open);
    mixed[4] = bad(&mixed[4]);
    open.share_commits[4] = share_commit(&ctx, 5, mixed[4].expose());
    assert_eq!(combine(&open, &mixed[..3]).unwrap_err(), CombineError::CameraDealtBadly);
}

#[test]
fn an_epoch_without_escrow_cannot_be_combined() {
    let world = World::new();
    let mut open = world.camera.opens[0].unverified().clone();
    (open.context.t, open.context.n) = (0, 0);
    open.share_commits.clear();
    let good = shares(&world.camera.seeds[0], world.camera.opens[0].unverified());
    assert!(matches!(combine(&open, &good), Err(CombineError::TooFew { good: 0, needed: 0, .. })));
}

#[test]
fn what_is_dealt_is_what_is_combined_for_every_small_t_and_n() {
    let mut world = World::new();
    let seed = EpochSeed::new([7; 32]);
    let key = crate::daykeys::DayKey {
        trustee: crate::world_for_tests::name("trustee1.example"),
        day: media::id::Day(0),
        public: world.day_keys[0].public(),
        destroy_by: crate::record::Seconds(1),
    };
    let id = crate::deal::TrusteeId::of(&trustee(1).verifier());
    for n in 1..=5u8 {
        for t in 1..=n {
            let mut open = world.camera.opens[0].unverified().clone();
            (open.context.t, open.context.n) = (t, n);
            let ctx = open.context.hash();
            let trustees = std::vec![Some((id, key.clone())); usize::from(n)];
            let dealt = deal(&seed, &ctx, t, &trustees, &mut world.rng).unwrap();
            (open.share_commits, open.shares) = (dealt.share_commits, dealt.shares);
            open.key_commit = seed.key_commit(&ctx);
            let all = shares(&seed, &open);
            let last_t = &all[usize::from(n - t)..];
            assert_eq!(combine(&open, last_t).unwrap().seed.expose(), seed.expose());
            assert!(combine(&open, &last_t[1..]).is_err());
        }
    }
}
