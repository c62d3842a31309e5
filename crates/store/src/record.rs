//! What a record says of itself: everything that a store orders, finds and counts by.
//!
//! | kind | number | other fields | body |
//! |---|---|---|---|
//! | segment | sequence | all | the segment, header to trailer |
//! | EpochOpen | epoch number | start, duration | the signed object |
//! | DayNotice | day | - | the signed object |
//! | policy | version | duration: its retention | Enrollment, policy, leaf, proof, each behind a `u32` length |
//! | day keys | day | camera_id: hash of the trustee's name | name behind a `u32` length, then the bundle |

use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::rope::Rope;
use media::time::Micros;
use std::time::Duration;

/// Microseconds of a day.
pub const DAY_US: u64 = 86_400_000_000;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Segment,
    EpochOpen,
    DayNotice,
    Policy,
    DayKeys,
}

impl Kind {
    /// The word in errors and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::EpochOpen => "EpochOpen",
            Self::DayNotice => "DayNotice",
            Self::Policy => "policy",
            Self::DayKeys => "day keys",
        }
    }

    /// Whether it is footage, which a quota concerns and which goes in time, or what footage needs.
    pub const fn is_footage(self) -> bool {
        match self {
            Self::Segment | Self::EpochOpen => true,
            Self::DayNotice | Self::Policy | Self::DayKeys => false,
        }
    }
}

/// Under which a record is found: one stands under each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub kind: Kind,
    pub camera_id: CameraId,
    pub track: TrackId,
    pub number: u64,
}

/// What is known of a record without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub camera_id: CameraId,
    pub track: TrackId,
    pub number: u64,
    pub epoch_no: EpochNo,
    pub k: u32,
    pub start_us: Micros,
    pub duration_us: u64,
    pub received_us: Micros,
    pub length: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
}

impl Header {
    /// A header for `body`; what a kind does not use stays zero.
    pub fn new(kind: Kind, camera_id: CameraId, number: u64, received_us: Micros, body: &Rope) -> Self {
        Self {
            kind,
            camera_id,
            track: TrackId(0),
            number,
            epoch_no: EpochNo(0),
            k: 0,
            start_us: Micros(0),
            duration_us: 0,
            received_us,
            // Every caller checks its own limit first.
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            body_crc: body.pieces().fold(0, crc32c::crc32c_append),
        }
    }

    pub fn body_len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Whether `body` is what was put.
    pub fn matches(&self, body: &[u8]) -> bool {
        body.len() == self.body_len() && crc32c::crc32c(body) == self.body_crc
    }

    /// The moment after the last, by the camera's clock.
    pub fn end_us(&self) -> Micros {
        self.start_us.after(Duration::from_micros(self.duration_us))
    }

    pub fn key(&self) -> Key {
        Key { kind: self.kind, camera_id: self.camera_id, track: self.track, number: self.number }
    }
}

/// What the relay knows of a segment when it has read it: its clear header, its trailer, and when
/// it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    pub camera_id: CameraId,
    pub track: TrackId,
    pub sequence: Sequence,
    pub epoch_no: EpochNo,
    /// Its number within the epoch.
    pub k: u32,
    /// First moment by the camera's clock.
    pub start_us: Micros,
    pub duration_us: u32,
    /// When its header reached the relay, by the relay's clock. Retention counts from here.
    pub received_us: Micros,
}

impl SegmentFacts {
    pub(crate) fn header(&self, body: &Rope) -> Header {
        Header {
            track: self.track,
            epoch_no: self.epoch_no,
            k: self.k,
            start_us: self.start_us,
            duration_us: u64::from(self.duration_us),
            ..Header::new(Kind::Segment, self.camera_id, self.sequence.0, self.received_us, body)
        }
    }

    pub(crate) fn of(header: &Header) -> Self {
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
