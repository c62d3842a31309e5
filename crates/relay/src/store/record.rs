//! One record of a pack: a fixed header that tells everything the index needs, then the bytes as they came.
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
//! The mark stands where another format has a magic number. It is drawn for each pack and never leaves the machine, so that a reader
//! which looks for the next whole record behind a damaged one cannot be led into a record that somebody hid inside a segment.
//!
//! | kind | number | other fields | body |
//! |---|---|---|---|
//! | segment | sequence | all | the segment, header to trailer |
//! | EpochOpen | epoch number | start, duration | the signed object |
//! | DayNotice | day | - | the signed object |
//! | policy | version | duration: its retention | Enrollment, policy, leaf, proof, each behind a `u32` length |
//! | day keys | day | camera_id: hash of the trustee's name | name behind a `u32` length, then the bundle |

use media::codec::{DecodeError, Reader, Writer};
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::{limits, sign};

/// Bytes of an encoded header.
pub(super) const HEADER_LEN: usize = 101;
/// The largest body: a whole segment, or a policy with all that belongs to it.
pub(super) const BODY_MAX: usize = limits::SEGMENT;
/// Microseconds of a day.
pub(super) const DAY_US: u64 = 86_400_000_000;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Segment,
    EpochOpen,
    DayNotice,
    Policy,
    DayKeys,
}

impl Kind {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Segment => 1,
            Self::EpochOpen => 2,
            Self::DayNotice => 3,
            Self::Policy => 4,
            Self::DayKeys => 5,
        }
    }

    fn from_code(code: u8) -> Result<Self, DecodeError> {
        Ok(match code {
            1 => Self::Segment,
            2 => Self::EpochOpen,
            3 => Self::DayNotice,
            4 => Self::Policy,
            5 => Self::DayKeys,
            _ => return Err(DecodeError::BadValue("kind")),
        })
    }

    /// The word in errors and logs.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::EpochOpen => "EpochOpen",
            Self::DayNotice => "DayNotice",
            Self::Policy => "policy",
            Self::DayKeys => "day keys",
        }
    }
}

/// The header, without the mark that its pack gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub camera_id: CameraId,
    pub track: TrackId,
    pub number: u64,
    pub epoch_no: EpochNo,
    pub k: u32,
    pub start_us: u64,
    pub duration_us: u64,
    pub received_us: u64,
    pub length: u32,
    pub body_crc: u32,
}

impl Header {
    /// A header for `body`; what a kind does not use stays zero.
    pub(super) fn new(kind: Kind, camera_id: CameraId, number: u64, received_us: u64, body: &[u8]) -> Self {
        Self {
            kind,
            camera_id,
            track: TrackId(0),
            number,
            epoch_no: EpochNo(0),
            k: 0,
            start_us: 0,
            duration_us: 0,
            received_us,
            // Every caller checks its own limit first; a longer body would be refused by `decode`, not cut.
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            body_crc: crc32c::crc32c(body),
        }
    }

    pub(super) fn encode(&self, mark: u64) -> [u8; HEADER_LEN] {
        let mut w = Writer::new();
        w.u64(mark).u8(self.kind.code()).raw(&self.camera_id.0).u32(self.track.0).u64(self.number);
        w.u64(self.epoch_no.0).u32(self.k).u64(self.start_us).u64(self.duration_us).u64(self.received_us);
        w.u32(self.length).u32(self.body_crc);
        let bytes = w.finish();
        let mut out = [0; HEADER_LEN];
        let (fields, crc) = out.split_at_mut(HEADER_LEN - 4);
        fields.copy_from_slice(&bytes);
        crc.copy_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        out
    }

    /// Reads a header that a pack with `mark` may hold. A checksum that does not match is [`DecodeError::BadValue`].
    pub(super) fn decode(bytes: &[u8], mark: u64) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.u64("mark")? != mark {
            return Err(DecodeError::BadValue("mark"));
        }
        let header = Self {
            kind: Kind::from_code(r.u8("kind")?)?,
            camera_id: CameraId(r.array("camera_id")?),
            track: TrackId(r.u32("track")?),
            number: r.u64("number")?,
            epoch_no: EpochNo(r.u64("epoch_no")?),
            k: r.u32("k")?,
            start_us: r.u64("start_us")?,
            duration_us: r.u64("duration_us")?,
            received_us: r.u64("received_us")?,
            length: r.u32("length")?,
            body_crc: r.u32("body_crc")?,
        };
        let crc = r.u32("header_crc")?;
        r.finish()?;
        if bytes.get(..HEADER_LEN - 4).map(crc32c::crc32c) != Some(crc) {
            return Err(DecodeError::BadValue("header_crc"));
        }
        if header.body_len() > BODY_MAX {
            return Err(DecodeError::TooLong { field: "body", got: header.body_len(), limit: BODY_MAX });
        }
        Ok(header)
    }

    pub(super) fn body_len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Bytes of the whole record.
    pub(super) fn record_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.length)
    }

    /// Whether `body` is what was written.
    pub(super) fn matches(&self, body: &[u8]) -> bool {
        body.len() == self.body_len() && crc32c::crc32c(body) == self.body_crc
    }

    /// The moment after the last, by the camera's clock.
    pub(super) fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }

    /// Where the index keeps it.
    pub(super) fn key(&self) -> Vec<u8> {
        match self.kind {
            // By day first: what is asked for is all trustees' keys of one day.
            Kind::DayKeys => [&[self.kind.code()][..], &day_bytes(self.number), &self.camera_id.0].concat(),
            _ => key(self.kind, self.camera_id, self.track, self.number),
        }
    }
}

/// The index key of everything but day keys.
pub(super) fn key(kind: Kind, camera_id: CameraId, track: TrackId, number: u64) -> Vec<u8> {
    [&[kind.code()][..], &camera_id.0, &track.0.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// The smallest and the largest index key of a day's keys.
pub(super) fn day_keys_range(day: Day) -> (Vec<u8>, Vec<u8>) {
    let from = |fill: u8| [&[Kind::DayKeys.code()][..], &day_bytes(u64::from(day.0)), &[fill; 32]].concat();
    (from(0), from(u8::MAX))
}

fn day_bytes(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// What stands in for a camera in the record of a trustee's day keys.
pub(super) fn trustee_id(name: &str) -> CameraId {
    CameraId(sign::sha256(&[b"candor relay trustee\0", name.as_bytes()]))
}

/// What the relay knows of a segment when it has read it: its clear header, its trailer, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    pub camera_id: CameraId,
    pub track: TrackId,
    pub sequence: Sequence,
    pub epoch_no: EpochNo,
    /// Its number within the epoch.
    pub k: u32,
    /// First moment by the camera's clock, Unix microseconds.
    pub start_us: u64,
    pub duration_us: u32,
    /// When its header reached the relay, by the relay's clock, Unix microseconds. Retention counts from here.
    pub received_us: u64,
}

impl SegmentFacts {
    pub(super) fn header(&self, body: &[u8]) -> Header {
        Header {
            track: self.track,
            epoch_no: self.epoch_no,
            k: self.k,
            start_us: self.start_us,
            duration_us: u64::from(self.duration_us),
            ..Header::new(Kind::Segment, self.camera_id, self.sequence.0, self.received_us, body)
        }
    }

    pub(super) fn of(header: &Header) -> Self {
        Self {
            camera_id: header.camera_id,
            track: header.track,
            sequence: Sequence(header.number),
            epoch_no: header.epoch_no,
            k: header.k,
            start_us: header.start_us,
            duration_us: u32::try_from(header.duration_us).unwrap_or(u32::MAX),
            received_us: header.received_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_round_trips_and_every_changed_bit_is_seen() {
        let body = b"sealed";
        let facts = SegmentFacts {
            camera_id: CameraId([7; 32]),
            track: TrackId(1),
            sequence: Sequence(42),
            epoch_no: EpochNo(7),
            k: 2,
            start_us: 1_700_000_000_000_000,
            duration_us: 1_000_000,
            received_us: 1_700_000_001_000_000,
        };
        let header = facts.header(body);
        let bytes = header.encode(99);
        assert_eq!(Header::decode(&bytes, 99), Ok(header));
        assert_eq!(SegmentFacts::of(&header), facts);
        assert!(header.matches(body) && !header.matches(b"Sealed"));
        assert_eq!(Header::decode(&bytes, 98), Err(DecodeError::BadValue("mark")));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&changed, 99).is_err(), "bit {bit}");
        }
    }
}
