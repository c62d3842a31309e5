//! The sealer's limits: what is refused leaves the segment as it was, to be closed and opened.

use chacha20::ChaCha20Rng as Rng;
use ed25519_dalek::SigningKey;
use media::chain::Chain;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::limits;
use media::motion::{Cells, Motion};
use media::segment::{SegmentHeader, SegmentReader, Start};
use media::time::Micros;
use rand_core::SeedableRng as _;
use seal::epoch::ContentKey;
use seal::sealer::{INIT_MAX, SealError, SegmentHead, SegmentSealer};

fn header() -> SegmentHeader {
    SegmentHeader {
        camera_id: CameraId([1; 32]),
        track: TrackId(0),
        epoch_no: EpochNo(7),
        k: 0,
        sequence: Sequence(0),
        run: 0,
        start_us: Micros(0),
        start: Start::KeyFrame,
    }
}

fn head() -> SegmentHead {
    SegmentHead {
        captured_us: Micros(0),
        motion: Motion::default(),
        waiting: 0,
        codecs: "avc1.640028".into(),
        init: b"init".to_vec(),
    }
}

fn start(rng: &mut Rng) -> (SegmentSealer, Vec<u8>) {
    SegmentSealer::start(&ContentKey::new([3; 32]), header(), &head(), rng).unwrap()
}

/// Closes, and reads as the relay does.
fn close_and_read(sealer: SegmentSealer, mut bytes: Vec<u8>) {
    bytes.extend(sealer.finish(1, &mut Chain([0; 32]), &SigningKey::from_bytes(&[4; 32])));
    assert!(bytes.len() <= limits::SEGMENT);
    let mut reader = SegmentReader::default();
    reader.push(bytes).unwrap();
    while reader.next_part().unwrap().is_some() {}
    reader.finish().unwrap();
}

#[test]
fn a_head_over_its_limits_starts_nothing() {
    let key = ContentKey::new([3; 32]);
    for bad in [
        SegmentHead { init: vec![0; INIT_MAX + 1], ..head() },
        SegmentHead { codecs: "c".repeat(257), ..head() },
        SegmentHead { motion: Motion { permille: 1001, ..Motion::default() }, ..head() },
        SegmentHead { motion: Motion { cells: Cells::NONE.with(0, 0), ..Motion::default() }, ..head() },
    ] {
        let refused = SegmentSealer::start(&key, header(), &bad, &mut Rng::seed_from_u64(1)).map(|_| ());
        assert_eq!(refused, Err(SealError::TooLarge("the segment's head")));
    }
}

#[test]
fn a_fragment_over_its_limit_is_refused_and_the_segment_goes_on() {
    let mut rng = Rng::seed_from_u64(1);
    let (mut sealer, mut bytes) = start(&mut rng);
    let huge = vec![0; limits::FRAGMENT];
    assert_eq!(sealer.fragment(Micros(1), &huge, &mut rng), Err(SealError::TooLarge("the fragment")));
    assert_eq!(sealer.len(), bytes.len());
    bytes.extend(sealer.fragment(Micros(2), b"small", &mut rng).unwrap());
    close_and_read(sealer, bytes);
}

#[test]
fn a_segment_takes_no_more_than_a_reader_would() {
    let mut rng = Rng::seed_from_u64(1);
    let (mut sealer, mut bytes) = start(&mut rng);
    let large = vec![0; 3 << 20];
    let refused = loop {
        match sealer.fragment(Micros(1), &large, &mut rng) {
            Ok(framed) => bytes.extend(framed),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, SealError::TooLarge("the segment"));
    assert!(bytes.len() > 15 << 20);
    close_and_read(sealer, bytes);
}

#[test]
fn a_segment_has_no_more_fragments_than_a_reader_counts() {
    let mut rng = Rng::seed_from_u64(1);
    let (mut sealer, mut bytes) = start(&mut rng);
    for _ in 1..limits::FRAGMENTS {
        bytes.extend(sealer.fragment(Micros(1), b"", &mut rng).unwrap());
    }
    assert_eq!(sealer.fragment(Micros(1), b"", &mut rng), Err(SealError::TooLarge("the segment")));
    close_and_read(sealer, bytes);
}

#[test]
fn two_seals_of_one_segment_share_no_key() {
    let mut rng = Rng::seed_from_u64(1);
    let ((_, one), (_, two)) = (start(&mut rng), start(&mut rng));
    let salt_and_commitment = 72 + 8..72 + 8 + 56;
    assert_eq!(one[..72], two[..72]);
    assert_ne!(one[salt_and_commitment.clone()][..24], two[salt_and_commitment.clone()][..24]);
    assert_ne!(one[salt_and_commitment.clone()][24..], two[salt_and_commitment][24..]);
}
