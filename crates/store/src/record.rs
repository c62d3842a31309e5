//! What a record says of itself: everything that a store orders, finds and counts by.
//!
//! | kind | number | other fields | body |
//! |---|---|---|---|
//! | segment | sequence | all | the segment, header to trailer |
//! | EpochOpen | epoch number | start, duration | the signed object |
//! | DayNotice | day | - | the signed object |
//! | policy | version | duration: its retention | Enrollment, policy, leaf, proof, each behind a `u32` length |
//! | settings | 0 | start: their number | the signed object |
//! | day keys | day | camera_id: hash of the trustee's name | name and bundle, each behind a `u32` length |

use media::id::{CameraId, EpochNo, TrackId};
use media::rope::Rope;
use media::time::Micros;
use media::{fields, numbered};
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
    Settings,
}

numbered!(Kind as u8 { Segment = 1, EpochOpen = 2, DayNotice = 3, Policy = 4, DayKeys = 5, Settings = 6 });

impl Kind {
    /// The word in errors and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::EpochOpen => "EpochOpen",
            Self::DayNotice => "DayNotice",
            Self::Policy => "policy",
            Self::DayKeys => "day keys",
            Self::Settings => "settings",
        }
    }

    /// Whether it is footage, which a quota concerns and which goes in time, or what footage needs.
    pub const fn is_footage(self) -> bool {
        match self {
            Self::Segment | Self::EpochOpen => true,
            Self::DayNotice | Self::Policy | Self::DayKeys | Self::Settings => false,
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

fields!(Header {
    kind,
    camera_id,
    track,
    number,
    epoch_no,
    k,
    start_us,
    duration_us,
    received_us,
    length,
    body_crc,
});

impl Header {
    /// A header without a body; what a kind does not use stays zero.
    pub fn new(kind: Kind, camera_id: CameraId, number: u64, received_us: Micros) -> Self {
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
            length: 0,
            body_crc: 0,
        }
    }

    /// The same of this body.
    pub fn of_body(self, body: &Rope) -> Self {
        // Every caller checks its own limit first.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Self { length, body_crc: body.pieces().fold(0, crc32c::crc32c_append), ..self }
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
