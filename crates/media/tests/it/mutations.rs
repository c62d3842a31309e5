//! Every byte of every signed object, changed, cut off or added to: nothing passes.

use crate::samples::{
    camera, camera_id, day_notice, enrollment, epoch_open, header, health, owner, policy, public, receipt,
    segment, settings,
};
use bytes::Bytes;
use media::chain::Chain;
use media::codec::DecodeError;
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::{SealedShare, SignedEpochOpen};
use media::health::Health;
use media::id::{CameraId, Day};
use media::notice::{self, Beside, DayNotice, HeldNotice};
use media::policy::SignedOwnerPolicy;
use media::receipt::SignedReceipt;
use media::segment::{HEADER_LEN, Part, SegmentReader};
use media::settings::Settings;

type Check = fn(&[u8]) -> Result<(), ObjectError>;

fn objects() -> [(&'static str, Vec<u8>, Check); 8] {
    [
        ("EpochOpen", epoch_open().bytes().to_vec(), |bytes| {
            SignedEpochOpen::decode(bytes)?.verify(&public(&camera()))?;
            Ok(())
        }),
        ("OwnerPolicy", policy().bytes().to_vec(), |bytes| {
            SignedOwnerPolicy::decode_verified(bytes, &public(&owner())).map(|_| ())
        }),
        ("Enrollment", enrollment(), |bytes| Enrollment::decode_verified(bytes).map(|_| ())),
        ("DayNotice", day_notice(), |bytes| {
            DayNotice::decode_verified(bytes, &public(&camera())).map(|_| ())
        }),
        ("health", health(), |bytes| Health::decode_verified(bytes, &public(&camera())).map(|_| ())),
        ("settings", settings(), |bytes| Settings::decode_verified(bytes).map(|_| ())),
        ("receipt", receipt().bytes().to_vec(), |bytes| {
            SignedReceipt::decode(bytes)?.verify()?;
            Ok(())
        }),
        ("segment", segment(&Chain([0; 32]), &[b"head", b"one"]), whole_segment),
    ]
}

#[test]
fn of_two_notices_of_a_day_the_one_with_all_slots_stands() {
    let key = [9; 32];
    let held = |notice_key: [u8; 32], slots: &[u8]| {
        let slot = |id: &u8| SealedShare { day_key_id: [*id; 32], sealed: vec![*id; 40] };
        let notice_commit = notice::commit(&notice_key);
        let slots = slots.iter().map(slot).collect();
        let notice = DayNotice { camera_id: camera_id(), day: Day(20_752), notice_commit, slots };
        HeldNotice { notice_key, notice: notice.sign(&camera()) }
    };
    for (new, old, becomes) in [
        (&[][..], &[][..], Beside::AddsNothing),
        (&[1], &[], Beside::Replaces),
        (&[], &[1], Beside::AddsNothing),
        (&[1, 2, 3], &[1, 3], Beside::Replaces),
        (&[1, 2], &[1, 2], Beside::AddsNothing),
        (&[1, 2], &[2, 3], Beside::Contradicts),
        (&[1, 2, 3], &[4], Beside::Contradicts),
    ] {
        assert_eq!(held(key, new).beside(&held(key, old)), Ok(becomes), "{new:?} beside {old:?}");
        let other = held([8; 32], new).beside(&held(key, old));
        assert_eq!(other, Ok(Beside::Contradicts), "of another key");
    }
    let other_day = DayNotice {
        day: Day(1),
        ..DayNotice::decode_verified(&held(key, &[1]).notice, &public(&camera())).unwrap()
    };
    let other_day = HeldNotice { notice_key: key, notice: other_day.sign(&camera()) };
    assert_eq!(other_day.beside(&held(key, &[])), Ok(Beside::Contradicts));
    let none = HeldNotice { notice_key: key, notice: vec![1] };
    assert!(none.beside(&held(key, &[])).is_err() && held(key, &[]).beside(&none).is_err());
}

/// What a relay or verifier without a key can check: structure, chain from the known one before,
/// signature.
fn whole_segment(bytes: &[u8]) -> Result<(), ObjectError> {
    let mut reader = SegmentReader::default();
    let mut hash = media::chain::FragmentsHash::default();
    let mut found = None;
    reader.push(Bytes::copy_from_slice(bytes))?;
    while let Some(part) = reader.next_part()? {
        match part {
            Part::Header(header) => found = Some(header),
            Part::Fragment { index, sealed } => hash.update_pieces(index, &sealed),
            Part::Trailer(trailer) => {
                let header = found.unwrap();
                trailer.verify(&public(&camera()), &header.hash())?;
                if Chain([0; 32]).next(&header.hash(), &core::mem::take(&mut hash).finish()) != trailer.chain
                {
                    return Err(DecodeError::BadValue("chain").into());
                }
            }
        }
    }
    Ok(reader.finish()?)
}

#[test]
fn untouched_they_pass() {
    for (name, bytes, check) in objects() {
        check(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_byte_that_changes_is_noticed() {
    for (name, bytes, check) in objects() {
        // One bit of each byte; every bit where the structure is dense, at the start.
        for at in 0..bytes.len() {
            for bit in if at < 16 { 0..8 } else { at % 8..at % 8 + 1 } {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(check(&altered).is_err(), "{name}: bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn every_cut_is_named_and_every_addition_refused() {
    for (name, bytes, check) in objects() {
        for length in 0..bytes.len() {
            let error = check(&bytes[..length]).unwrap_err();
            assert!(
                matches!(error, ObjectError::Decode(DecodeError::Truncated(_))),
                "{name} to {length}: {error}"
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(check(&longer), Err(ObjectError::Decode(DecodeError::Trailing(1)))), "{name}");
    }
}

#[test]
fn no_object_passes_for_another() {
    let objects = objects();
    for (name, bytes, _) in &objects {
        for (other, _, check) in objects.iter().filter(|(other, ..)| other != name) {
            assert!(check(bytes).is_err(), "{name} as {other}");
        }
    }
}

#[test]
fn a_header_that_only_the_end_signs_is_bound_to_the_end() {
    let bytes = segment(&Chain([0; 32]), &[b"head", b"one"]);
    let mut other = header();
    other.sequence.0 += 1;
    let moved = [&other.encode()[..], &bytes[HEADER_LEN..]].concat();
    assert!(matches!(whole_segment(&moved), Err(ObjectError::Signature(_))));
    other.sequence.0 -= 1;
    other.camera_id = CameraId([0; 32]);
    let taken = [&other.encode()[..], &bytes[HEADER_LEN..]].concat();
    assert!(matches!(whole_segment(&taken), Err(ObjectError::Signature(_))));
}

#[test]
fn a_segment_over_its_limit_is_given_up_before_it_is_held() {
    let mut reader = SegmentReader::default();
    reader.push(header().encode().to_vec()).unwrap();
    let piece = Bytes::from(vec![0; 1 << 20]);
    let refused = (0..32).map(|_| reader.push(piece.clone())).position(|pushed| pushed.is_err());
    assert_eq!(refused, Some(23), "24 MiB less the header");
}
