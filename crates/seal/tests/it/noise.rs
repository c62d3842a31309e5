//! Noise where a peer's bytes come in: no panic, nothing opened.

use chacha20::ChaCha20Rng as Rng;
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::Side;
use media::segment::{END, SegmentHeader, Start, frame};
use media::time::Micros;
use proptest::prelude::*;
use rand_core::SeedableRng as _;
use seal::cobblestone;
use seal::epoch::EpochSeed;
use seal::hpke::SecretKey;
use seal::opener::{Keyring, OpenError, SegmentOpener};
use seal::pair::Invite;

/// A viewer who holds the key of epoch 7.
fn viewer() -> (Keyring, SegmentHeader, EpochSeed, EpochContext) {
    let camera_key = [1; 32];
    let context = EpochContext {
        camera_id: CameraId::of_key(&camera_key),
        track: TrackId(0),
        epoch_no: EpochNo(7),
        start_us: Micros(0),
        dur_ms: 60_000,
        policy_hash: [0; 32],
        notice_commit: [0; 32],
        t: 0,
        n: 0,
    };
    let seed = EpochSeed::new([3; 32]);
    let ctx = context.hash();
    let open = EpochOpen {
        context: context.clone(),
        key_commit: seed.key_commit(&ctx),
        share_commits: vec![],
        shares: vec![],
        wraps: vec![],
        previous: None,
        lost: Vec::new(),
        receipt: None,
    };
    let mut keys = Keyring::new(camera_key, TrackId(0));
    keys.insert(&open, seed.content_key(&ctx));
    let header = SegmentHeader {
        camera_id: context.camera_id,
        track: TrackId(0),
        epoch_no: EpochNo(7),
        k: 0,
        sequence: Sequence(0),
        run: 0,
        start_us: Micros(0),
        start: Start::KeyFrame,
    };
    (keys, header, seed, context)
}

/// Opens to the end; the error.
fn error_of(bytes: &[u8], keys: &Keyring) -> OpenError {
    let mut opener = SegmentOpener::default();
    for piece in bytes.chunks(97) {
        if let Err(error) = opener.push(piece) {
            return error;
        }
        loop {
            match opener.poll(keys) {
                Ok(None) => break,
                Ok(Some(_)) => {}
                Err(error) => {
                    assert_eq!(opener.poll(keys), Err(error.clone()), "a fault stays one");
                    return error;
                }
            }
        }
    }
    opener.finish().expect_err("no camera signed it")
}

#[test]
fn what_a_key_holder_seals_badly_is_refused_by_name() {
    let (keys, header, seed, context) = viewer();
    let key = seed.content_key(&context.hash());
    let mut rng = Rng::seed_from_u64(1);
    let mut sealed = |index: u32, plaintext: &[u8]| {
        let place = [&header.hash()[..], &index.to_be_bytes()].concat();
        frame(index, &cobblestone::seal(key.expose(), &place, plaintext, &mut rng))
    };
    // A score, cells and an event of nothing stand between the time and what waits.
    let head =
        [&[0, 1, 0x12][..], &[0; 8], &[0; 2 + 18 + 16], &[0; 4], &[0, 0, 0, 1, b'x'], &[0; 4]].concat();
    let good = sealed(0, &head);
    for (first, second, malformed) in [
        (sealed(0, b""), vec![], true),
        (sealed(0, &head[..head.len() - 1]), vec![], true),
        (sealed(0, &[&head[..], &[0]].concat()), vec![], true),
        (good.clone(), sealed(1, &[0; 7]), false),
        (good.clone(), frame(1, b"not sealed at all"), false),
        // An end that nobody signed.
        (good.clone(), [&END.to_be_bytes()[..], &1u32.to_be_bytes(), &[0; 100]].concat(), false),
    ] {
        let error = error_of(&[&header.encode()[..], &first, &second].concat(), &keys);
        match error {
            OpenError::Malformed(_) => assert!(malformed),
            OpenError::Fragment(1) | OpenError::Signature(_) => assert!(!malformed),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn noise_opens_nothing(noise in prop::collection::vec(any::<u8>(), 0..500)) {
        let (keys, header, ..) = viewer();
        error_of(&noise, &keys);
        error_of(&[&header.encode()[..], &noise].concat(), &keys);
        error_of(&[&header.encode()[..], &frame(0, &noise)].concat(), &keys);
        prop_assert!(cobblestone::open(&[0; 32], b"", &noise).is_err());
        prop_assert!(SecretKey::new([1; 32]).open(b"", b"", &noise).is_err());
        let invite = Invite { relay: "r:1".into(), relay_key: [0; 32], owner_key: [0; 32], secret: [0; 32].into() };
        prop_assert!(invite.open_mail(Side::Camera, &noise).is_err());
    }

    #[test]
    fn an_invite_with_a_few_characters_changed_is_refused_or_means_what_it_says(
        at in any::<prop::sample::Index>(), cut in 0usize..5, insert in "\\PC{0,3}",
    ) {
        let invite = Invite { relay: "relay.example:4433".into(), relay_key: [1; 32], owner_key: [2; 32], secret: [3; 32].into() };
        let mut url: Vec<char> = invite.url().chars().collect();
        let at = at.index(url.len());
        let end = (at + cut).min(url.len());
        url.splice(at..end, insert.chars());
        let url: String = url.into_iter().collect();
        if let Ok(parsed) = Invite::parse(&url) {
            prop_assert_eq!(parsed.url(), url.trim());
        }
    }
}
