//! One record of a pack: a fixed header that tells everything the index needs, then the bytes as
//! they came.
//!
//! ```text
//! 4f 2a 91 c3 07 d8 5e b1     mark: the pack's own, random
//! 01                          kind: segment
//! 9f 86 d0 81 ... (32)        camera_id
//! 00 00 00 00                 track
//! 00 00 00 00 00 00 00 2a     number: sequence 42
//! 00 00 00 00 00 00 00 07     epoch_no
//! 00 00 00 02                 k
//! 00 06 0d 5c 3b 1a 20 00     start_us
//! 00 00 00 00 00 0f 42 40     duration_us: one second
//! 00 06 0d 5c 3b 2a 00 00     received_us
//! 00 04 00 00                 length of the body
//! 7c 11 e0 35                 CRC-32C of the body
//! 9b 3f 64 02                 CRC-32C of the 97 bytes above
//! ...                         the body
//! ```
//!
//! The mark stands where another format has a magic number. It is drawn for each pack and never
//! leaves the machine, so that a reader which looks for the next whole record behind a damaged one
//! cannot be led into a record that somebody hid inside a segment.

use crate::record::{Header, Key, Kind};
use media::codec::{DecodeError, Field as _, Reader, Writer, check_size};
use media::id::{CameraId, Day, TrackId};
use media::limits;

/// Bytes of an encoded header.
pub(super) const HEADER_LEN: usize = 101;
/// The largest body: a whole segment, or a policy with all that belongs to it.
const BODY_MAX: usize = limits::SEGMENT;

/// The header of a record in the pack with `mark`.
pub(super) fn encode(header: &Header, mark: u64) -> Vec<u8> {
    let mut w = Writer::new();
    header.write(w.u64(mark));
    let mut bytes = w.finish();
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

/// Reads a header that a pack with `mark` may hold. A checksum that does not match is
/// [`DecodeError::BadValue`].
pub(super) fn decode(bytes: &[u8], mark: u64) -> Result<Header, DecodeError> {
    let mut r = Reader::new(bytes);
    if r.u64("mark")? != mark {
        return Err(DecodeError::BadValue("mark"));
    }
    let header = Header::read(&mut r, "header")?;
    let crc = r.u32("header_crc")?;
    r.finish()?;
    if bytes.get(..HEADER_LEN - 4).map(crc32c::crc32c) != Some(crc) {
        return Err(DecodeError::BadValue("header_crc"));
    }
    check_size(header.body_len(), "body", BODY_MAX)?;
    Ok(header)
}

/// Bytes of the whole record.
pub(super) fn record_len(header: &Header) -> u64 {
    HEADER_LEN as u64 + u64::from(header.length)
}

/// Where the index keeps it.
pub(super) fn index_key(key: &Key) -> Vec<u8> {
    let (kind, number) = ([key.kind.code()], key.number.to_be_bytes());
    match key.kind {
        // By day first: what is asked for is all trustees' keys of one day.
        Kind::DayKeys => [&kind[..], &number, &key.camera_id.0].concat(),
        Kind::Segment | Kind::EpochOpen | Kind::DayNotice | Kind::Policy | Kind::Settings => {
            [&kind[..], &key.camera_id.0, &key.track.0.to_be_bytes(), &number].concat()
        }
    }
}

/// The smallest and the largest index key of a key's kind, camera and track.
pub(super) fn all_numbers(of: &Key) -> (Vec<u8>, Vec<u8>) {
    (index_key(&Key { number: 0, ..*of }), index_key(&Key { number: u64::MAX, ..*of }))
}

/// The smallest and the largest index key of a day's keys.
pub(super) fn day_keys_range(day: Day) -> (Vec<u8>, Vec<u8>) {
    let at = |fill: u8| {
        let (camera_id, number) = (CameraId([fill; 32]), u64::from(day.0));
        index_key(&Key { kind: Kind::DayKeys, camera_id, track: TrackId(0), number })
    };
    (at(0), at(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::id::EpochNo;
    use media::rope::Rope;
    use media::time::Micros;

    #[test]
    fn a_header_round_trips_and_every_changed_bit_is_seen() {
        let body = b"sealed";
        let header = Header {
            track: TrackId(1),
            epoch_no: EpochNo(7),
            k: 2,
            start_us: Micros(1_700_000_000_000_000),
            duration_us: 1_000_000,
            ..Header::new(Kind::Segment, CameraId([7; 32]), 42, Micros(1_700_000_001_000_000))
        };
        let header = header.of_body(&Rope::from(body.to_vec()));
        let bytes = encode(&header, 99);
        assert_eq!(decode(&bytes, 99), Ok(header));
        assert_eq!(bytes.len(), HEADER_LEN);
        assert!(header.matches(body) && !header.matches(b"Sealed"));
        assert_eq!(decode(&bytes, 98), Err(DecodeError::BadValue("mark")));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed, 99).is_err(), "bit {bit}");
        }
    }
}
