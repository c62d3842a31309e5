//! Noise into every parser: no panic, and whatever is accepted encodes to the bytes that came.

use crate::messages;
use crate::samples::{camera, day_notice, enrollment, epoch_open, header, policy, public, segment};
use bytes::Bytes;
use media::chain::Chain;
use media::enrollment::Enrollment;
use media::epoch::SignedEpochOpen;
use media::message::{Control, Request, Response};
use media::notice::DayNotice;
use media::pair::{PairHello, PairWelcome};
use media::policy::SignedOwnerPolicy;
use media::segment::{Part, SegmentReader, StoredHead, frame};
use proptest::prelude::*;

fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = messages::controls().iter().map(Control::encode).collect();
    samples.extend(messages::requests().iter().map(Request::encode));
    samples.extend(messages::responses().iter().map(Response::encode));
    samples.push(messages::hello().encode());
    samples.push(messages::welcome().encode());
    samples.push(epoch_open().bytes().to_vec());
    samples.push(policy().bytes().to_vec());
    samples.push(enrollment());
    samples.push(day_notice());
    samples.push(segment(&Chain([0; 32]), &[b"head", b"", b"two"]));
    let head = [&header().encode()[..], &frame(0, b"head"), &frame(1, b"picture")].concat();
    samples.push(StoredHead { segment_bytes: 9, duration_us: 8, bytes: head }.encode());
    samples
}

/// Feeds every parser; says whether one of them took the bytes.
fn parse_all(bytes: &[u8]) -> bool {
    let mut taken = false;
    let mut same = |encoded: Vec<u8>| {
        assert_eq!(encoded, bytes);
        taken = true;
    };
    if let Ok(parsed) = Control::decode(bytes) {
        same(parsed.encode());
    }
    if let Ok(parsed) = Request::decode(bytes) {
        same(parsed.encode());
    }
    if let Ok(parsed) = Response::decode(bytes) {
        same(parsed.encode());
    }
    if let Ok(parsed) = PairHello::decode(bytes) {
        same(parsed.encode());
    }
    if let Ok(parsed) = PairWelcome::decode(bytes) {
        same(parsed.encode());
    }
    if let Ok(parsed) = StoredHead::decode(bytes) {
        same(parsed.encode());
    }
    // Signed objects keep their bytes: encoding again shows that the body has one encoding; the
    // signature's 64 bytes are another key's.
    if let Ok(parsed) = SignedEpochOpen::decode(bytes) {
        let again = parsed.unverified().clone().sign(&camera());
        assert_eq!(again.bytes()[..bytes.len() - 64], bytes[..bytes.len() - 64]);
        taken = true;
    }
    if let Ok(parsed) = SignedOwnerPolicy::decode(bytes) {
        let again = parsed.unverified().clone().sign(&camera()).unwrap();
        assert_eq!(again.bytes()[..bytes.len() - 64], bytes[..bytes.len() - 64]);
        taken = true;
    }
    taken |= Enrollment::decode_verified(bytes).is_ok();
    taken |= DayNotice::decode_verified(bytes, &public(&camera())).is_ok();
    taken | read_segment(bytes)
}

fn read_segment(bytes: &[u8]) -> bool {
    let mut reader = SegmentReader::default();
    let mut again = vec![];
    for piece in bytes.chunks(61) {
        if reader.push(Bytes::copy_from_slice(piece)).is_err() {
            return false;
        }
        loop {
            match reader.next_part() {
                Ok(None) => break,
                Ok(Some(Part::Header(header))) => again.extend(header.encode()),
                Ok(Some(Part::Fragment { index, sealed })) => again.extend(frame(index, &sealed.to_bytes())),
                Ok(Some(Part::Trailer(trailer))) => again.extend(trailer.encode()),
                Err(_) => return false,
            }
        }
    }
    let whole = reader.finish().is_ok();
    assert!(!whole || again == bytes);
    whole
}

#[test]
fn the_samples_are_accepted_by_some_parser() {
    for sample in samples() {
        assert!(parse_all(&sample), "{}", hex::encode(sample));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_is_no_object(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_all(&noise);
    }

    #[test]
    fn a_sample_with_a_few_bytes_changed_is_refused_or_means_what_it_says(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        added in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let samples = samples();
        let mut bytes = which.get(&samples).clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        parse_all(&bytes);
        parse_all(&bytes[..cut.index(bytes.len())]);
        bytes.extend(added);
        parse_all(&bytes);
    }
}
