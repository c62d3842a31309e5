//! What a holder of the epoch's key can send: fragments sealed well, of any plaintext, then noise.
//! Nothing ends as the camera's.
#![no_main]

use media::time::Micros;
use libfuzzer_sys::fuzz_target;
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::segment::{SegmentHeader, Start, frame};
use seal::cobblestone;
use seal::epoch::EpochSeed;
use seal::opener::{Keyring, Opened, SegmentOpener, open_whole};

/// Salts that repeat: the sealed bytes are thrown away.
struct Zeros;

impl rand_core::TryRng for Zeros {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Self::Error> {
        destination.fill(0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Zeros {}

fuzz_target!(|input: (Vec<Vec<u8>>, Vec<u8>, u8)| {
    let (plaintexts, noise, piece) = input;
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
    let (seed, ctx) = (EpochSeed::new([3; 32]), context.hash());
    let key = seed.content_key(&ctx);
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
    let mut bytes = header.encode().to_vec();
    for (index, plaintext) in (0u32..).zip(plaintexts.iter().take(8)) {
        let place = [&header.hash()[..], &index.to_be_bytes()].concat();
        bytes.extend(frame(index, &cobblestone::seal(key.expose(), &place, plaintext, &mut Zeros)));
    }
    bytes.extend(noise);

    let mut keys = Keyring::new(camera_key, TrackId(0));
    let key_commit = seed.key_commit(&ctx);
    let open = EpochOpen {
        context,
        key_commit,
        share_commits: vec![],
        shares: vec![],
        wraps: vec![],
        previous: None,
        lost: vec![],
        receipt: None,
    };
    keys.insert(&open, key);
    assert!(open_whole(&bytes, &keys).is_err(), "no camera signed this");
    let mut opener = SegmentOpener::default();
    for piece in bytes.chunks(usize::from(piece) + 1) {
        if opener.push(piece).is_err() {
            return;
        }
        loop {
            match opener.poll(&keys) {
                Ok(None) => break,
                Ok(Some(Opened::End(_))) => panic!("no camera signed this"),
                Ok(Some(_)) => {}
                Err(_) => return,
            }
        }
    }
    assert!(opener.finish().is_err());
});
