//! `proto/vectors/segment.json`: encodings made by a second implementation, good, malformed and
//! forged.

use crate::samples::{self, public};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use media::account::{Account, Culprit};
use media::chain::{Chain, FragmentsHash};
use media::codec::{self, DecodeError};
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::{GapReason, LossReason, SignedEpochOpen};
use media::health::Health;
use media::id::Sequence;
use media::motion::{Cells, Motion};
use media::notice::DayNotice;
use media::policy::SignedOwnerPolicy;
use media::receipt::{Range, Receipt, SignedReceipt};
use media::segment::{
    END_LEN, HeadExtent, Part, SegmentHeader, SegmentReader, StoredHead, Trailer, chain_after, frame,
    head_extent,
};
use media::settings::Settings;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../proto/vectors/segment.json")).unwrap()
}

fn cases(list: &str) -> Vec<Value> {
    let cases = vectors()[list].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{list}");
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&bytes(&vectors()[name]).try_into().unwrap())
}

fn camera() -> SigningKey {
    key("camera_seed")
}

fn owner() -> SigningKey {
    key("owner_seed")
}

/// Everything a segment holds, read in pieces of `piece` bytes.
fn read(bytes: &[u8], piece: usize) -> Result<(SegmentHeader, Vec<Vec<u8>>, Trailer), DecodeError> {
    let mut reader = SegmentReader::default();
    let (mut header, mut fragments, mut trailer) = (None, vec![], None);
    for piece in bytes.chunks(piece) {
        reader.push(Bytes::copy_from_slice(piece))?;
        while let Some(part) = reader.next_part()? {
            match part {
                Part::Header(found) => header = Some(found),
                Part::Fragment { sealed, .. } => fragments.push(sealed.to_bytes().to_vec()),
                Part::Trailer(found) => trailer = Some(found),
            }
        }
    }
    reader.finish()?;
    Ok((header.unwrap(), fragments, trailer.unwrap()))
}

#[test]
fn segments_read_the_same_in_any_pieces_and_encode_to_the_same_bytes() {
    for case in cases("segments") {
        let whole = bytes(&case["bytes"]);
        for piece in [1, 7, whole.len()] {
            let (header, fragments, trailer) = read(&whole, piece).unwrap();
            assert_eq!(header.encode().to_vec(), bytes(&case["header"]));
            assert_eq!(
                fragments,
                case["fragments"].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>()
            );
            trailer.verify(&public(&camera()), &header.hash()).unwrap();
            assert_eq!(Trailer::of_segment(&whole), Ok(trailer));
            assert_eq!(Trailer::of_segment(&whole[whole.len() - END_LEN..]), Ok(trailer));

            let mut again = header.encode().to_vec();
            let mut hash = FragmentsHash::default();
            for (index, sealed) in (0..).zip(&fragments) {
                again.extend(frame(index, sealed));
                hash.update(index, sealed);
            }
            let before = Chain(bytes(&case["chain_before"]).try_into().unwrap());
            let chain = chain_after(&before, &header, hash);
            let duration_us = u32::try_from(case["duration_us"].as_u64().unwrap()).unwrap();
            let signed = Trailer::sign(&camera(), &header.hash(), trailer.fragments, duration_us, chain);
            again.extend(signed.encode());
            assert_eq!(again, whole, "{}", case["why"]);
        }
    }
}

#[test]
fn malformed_segments_are_refused_by_name_in_any_pieces() {
    for case in cases("bad_segments") {
        let malformed = bytes(&case["bytes"]);
        for piece in [1, 64, malformed.len().max(1)] {
            let error = read(&malformed, piece).map(|_| ()).unwrap_err();
            assert!(format!("{error:?}").starts_with(text(&case["error"])), "{}: {error:?}", case["why"]);
        }
    }
}

#[test]
fn what_does_not_end_as_a_segment_has_no_trailer() {
    for case in cases("bad_ends") {
        let error = Trailer::of_segment(&bytes(&case["bytes"])).unwrap_err();
        assert!(format!("{error:?}").starts_with(text(&case["error"])), "{}: {error:?}", case["why"]);
    }
}

#[test]
fn forged_segments_parse_and_do_not_verify() {
    for case in cases("forged_segments") {
        let (header, _, trailer) = read(&bytes(&case["bytes"]), 50).unwrap();
        assert!(trailer.verify(&public(&camera()), &header.hash()).is_err(), "{}", case["why"]);
    }
}

#[test]
fn heads_decode_and_encode_to_the_same_bytes() {
    for case in cases("heads") {
        let whole = bytes(&case["bytes"]);
        let head = StoredHead::decode(&whole).unwrap_or_else(|error| panic!("{}: {error}", case["why"]));
        assert_eq!(Some(u64::from(head.segment_bytes)), case["segment_bytes"].as_u64());
        assert_eq!(Some(u64::from(head.duration_us)), case["duration_us"].as_u64());
        assert_eq!(head.bytes, bytes(&case["head"]));
        assert_eq!(head.encode(), whole, "{}", case["why"]);
    }
}

#[test]
fn malformed_heads_are_refused_by_name() {
    for case in cases("bad_heads") {
        let error = StoredHead::decode(&bytes(&case["bytes"])).unwrap_err();
        assert!(format!("{error:?}").starts_with(text(&case["error"])), "{}: {error:?}", case["why"]);
    }
}

#[test]
fn what_moved_reads_as_it_was_written_and_ignored_cells_take_their_part() {
    for case in cases("motions") {
        let motion: Motion = codec::decode_bare(&bytes(&case["bytes"])).unwrap();
        assert_eq!(
            (u64::from(motion.permille), motion.cells.0.to_vec()),
            (case["permille"].as_u64().unwrap(), bytes(&case["cells"]))
        );
        let event = motion.event.map_or((0, 0), |event| (event.from_us.0, event.to_us.0));
        assert_eq!(serde_json::json!([event.0, event.1]), case["event"], "{}", case["why"]);
        assert_eq!(codec::encode_bare(&motion), bytes(&case["bytes"]));
        for outside in case["outside"].as_array().unwrap() {
            let ignored = Cells(bytes(&outside["ignored"]).try_into().unwrap());
            let left = u64::from(motion.permille_outside(ignored));
            assert_eq!(Some(left), outside["permille"].as_u64(), "{} {ignored:?}", case["why"]);
        }
    }
    for case in cases("bad_motions") {
        let error = codec::decode_bare::<Motion>(&bytes(&case["bytes"])).unwrap_err();
        assert!(format!("{error:?}").starts_with(text(&case["error"])), "{}: {error:?}", case["why"]);
    }
}

#[test]
fn the_head_of_a_segment_is_found_from_as_few_of_its_bytes_as_tell() {
    for case in cases("segments") {
        let whole = bytes(&case["bytes"]);
        let framed: Vec<_> =
            case["fragments"].as_array().unwrap().iter().map(|f| 8 + bytes(f).len()).collect();
        let pictures = [(false, 1), (true, if framed.len() > 1 { 2 } else { 1 })];
        for (picture, fragments) in pictures {
            let end = 72 + framed[..fragments].iter().sum::<usize>();
            let mut length = 0;
            let found = loop {
                match head_extent(&whole[..length], picture).unwrap() {
                    HeadExtent::Needs(more) if more > length => length = more,
                    HeadExtent::Needs(more) => panic!("{more} of {length} are at hand"),
                    HeadExtent::Whole(found) => break found,
                }
            };
            assert_eq!(found, end, "{}", case["why"]);
            assert!(length <= end);
        }
    }
}

/// Decodes and verifies; on success the bytes that encoding and signing again gives.
fn object(name: &str, bytes: &[u8]) -> Result<Vec<u8>, ObjectError> {
    let (camera, owner) = (camera(), owner());
    Ok(match name {
        "EpochOpen" => {
            SignedEpochOpen::decode(bytes)?.verify(&public(&camera))?.clone().sign(&camera).bytes().to_vec()
        }
        "OwnerPolicy" => {
            let policy = SignedOwnerPolicy::decode_verified(bytes, &public(&owner))?;
            policy.unverified().clone().sign(&owner)?.bytes().to_vec()
        }
        "Enrollment" => Enrollment::decode_verified(bytes)?.sign(&owner),
        "Receipt" => SignedReceipt::decode(bytes)?.verify()?.clone().sign(&owner).bytes().to_vec(),
        "DayNotice" => DayNotice::decode_verified(bytes, &public(&camera))?.sign(&camera),
        "Health" => Health::decode_verified(bytes, &public(&camera))?.sign(&camera),
        "Settings" => Settings::decode_verified(bytes)?.sign(&owner),
        other => panic!("{other}"),
    })
}

#[test]
fn the_reasons_of_a_gap_are_those_of_the_contract() {
    let text = include_str!("../../../../proto/segment.md");
    let table = text.split("| gap reason | code |").nth(1).unwrap().split("\n\n").next().unwrap();
    let stated: Vec<(String, u8)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            Some((cells.next()?.replace(' ', "-"), cells.next()?.parse().ok()?))
        })
        .collect();
    let held: Vec<_> =
        GapReason::ALL.iter().map(|reason| (reason.word().to_owned(), reason.code())).collect();
    assert_eq!(stated, held);
}

#[test]
fn the_reasons_of_a_loss_are_those_of_the_contract() {
    let text = include_str!("../../../../proto/segment.md");
    let table = text.split("| loss reason | code |").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let stated: Vec<_> = table.lines().map(cells).filter(|cells| cells.len() > 3).skip(1).collect();
    let stated: Vec<_> = stated.iter().map(|row| (row[1].replace(' ', "-"), row[2].clone())).collect();
    let held: Vec<_> =
        LossReason::ALL.iter().map(|why| (why.word().to_owned(), why.code().to_string())).collect();
    assert_eq!(stated, held);
}

#[test]
fn whose_loss_a_segment_is_follows_from_what_was_signed() {
    let (mut account, open) = (Account::default(), samples::epoch_open());
    let culprit = |account: &Account, sequence| account.culprit(Sequence(sequence));
    assert_eq!(culprit(&account, 0), Culprit::NobodyYet);
    account.read(open.unverified());
    let relay = Culprit::Relay(public(&samples::owner()));
    for (sequence, expected) in [
        (0, relay),
        (2, relay),
        (3, Culprit::Camera(LossReason::SpoolOverflow)),
        (5, Culprit::Camera(LossReason::SpoolOverflow)),
        (6, relay),
        (9, relay),
        (10, Culprit::NobodyYet),
    ] {
        assert_eq!(culprit(&account, sequence), expected, "{sequence}");
    }
    // The same of many at once, stretch by stretch, and of however many.
    let lost = Culprit::Camera(LossReason::SpoolOverflow);
    let range = |first, last| Range { first: Sequence(first), last: Sequence(last) };
    let all = [
        (range(0, 2), relay),
        (range(3, 5), lost),
        (range(6, 9), relay),
        (range(10, u64::MAX), Culprit::NobodyYet),
    ];
    assert_eq!(account.culprits(range(0, u64::MAX)), all);
    assert_eq!(account.culprits(range(2, 4)), [(range(2, 2), relay), (range(3, 4), lost)]);
    assert_eq!(account.culprits(range(7, 7)), [(range(7, 7), relay)]);
    // A relay that had it lost it, whatever the camera did then.
    let later = Receipt { acknowledged: vec![Range { first: Sequence(0), last: Sequence(4) }], ..receipt() };
    account.read_receipt(&later);
    assert_eq!(
        (culprit(&account, 4), culprit(&account, 5)),
        (relay, Culprit::Camera(LossReason::SpoolOverflow))
    );
    // A receipt that the relay did not sign says nothing.
    let mut forged = open.unverified().clone();
    forged.receipt = Some(receipt().sign(&samples::camera()));
    let mut account = Account::default();
    account.read(&forged);
    assert_eq!(culprit(&account, 0), Culprit::NobodyYet);
}

fn receipt() -> Receipt {
    samples::receipt().unverified().clone()
}

#[test]
fn objects_verify_and_encode_to_the_same_bytes() {
    for case in cases("objects") {
        let whole = bytes(&case["bytes"]);
        assert_eq!(object(text(&case["object"]), &whole).unwrap(), whole, "{}", case["why"]);
    }
}

#[test]
fn malformed_objects_are_refused_by_name() {
    for case in cases("bad_objects") {
        let mut malformed = bytes(&case["bytes"]);
        let zeros = case["zeros_behind"].as_u64().unwrap_or(0);
        malformed.resize(malformed.len() + usize::try_from(zeros).unwrap(), 0);
        match object(text(&case["object"]), &malformed) {
            Err(ObjectError::Decode(error)) => {
                assert!(format!("{error:?}").starts_with(text(&case["error"])), "{}: {error:?}", case["why"]);
            }
            other => panic!("{} {}: {other:?}", case["object"], case["why"]),
        }
    }
}

#[test]
fn forged_objects_are_refused_for_their_signature() {
    for case in cases("forged_objects") {
        let error = object(text(&case["object"]), &bytes(&case["bytes"])).unwrap_err();
        assert!(matches!(error, ObjectError::Signature(_)), "{}: {error:?}", case["why"]);
    }
}
