//! What both sides say on the control stream.

use crate::time::Micros;
use alloc::vec::Vec;

use super::{CONTROL_TYPE, Refusal};
use crate::codec::{DecodeError, Reader, Writer};
use crate::id::{CameraId, Sequence, TrackId};

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the next segment.
    NextSegment,
    /// At the newest segment that starts with a key frame, its past fragments first.
    NewestKeyFrame,
}

/// A message on the control stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Client, first: the protocol version it speaks.
    Hello {
        /// [`super::VERSION`].
        version: u16,
    },
    /// Relay, first: its clock.
    Welcome {
        /// The version it speaks.
        version: u16,
        /// The relay's clock.
        now_us: Micros,
    },
    /// Camera: I publish this track.
    Publish {
        /// Myself.
        camera_id: CameraId,
        /// The picture.
        track: TrackId,
    },
    /// Relay: publish; all segments before `next` are durable here.
    PublishOk {
        /// The picture.
        track: TrackId,
        /// The first sequence of which the relay holds nothing earlier missing.
        next: Sequence,
    },
    /// Relay: this segment is durable.
    Ack {
        /// The picture.
        track: TrackId,
        /// The segment.
        sequence: Sequence,
    },
    /// Relay: this segment was not stored, and why.
    Nack {
        /// The picture.
        track: TrackId,
        /// The segment.
        sequence: Sequence,
        /// Why.
        refusal: Refusal,
    },
    /// Viewer: send me this track as it comes.
    Subscribe {
        /// Whose.
        camera_id: CameraId,
        /// Which picture.
        track: TrackId,
        /// Where to start.
        from: From,
    },
    /// Relay: the subscription stands.
    SubscribeOk {
        /// Whose.
        camera_id: CameraId,
        /// Which picture.
        track: TrackId,
    },
    /// Relay: a newer OwnerPolicy of this camera is here.
    PolicyChanged {
        /// The camera.
        camera_id: CameraId,
        /// The newest version.
        version: u32,
    },
    /// Relay: the session cannot go on, or a request on this stream was refused.
    Refuse(Refusal),
    /// Either: I am leaving in good order.
    Goodbye,
}

impl Control {
    /// Canonical bytes, without the frame's length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(CONTROL_TYPE);
        match self {
            Self::Hello { version } => w.u8(1).u16(*version),
            Self::Welcome { version, now_us } => w.u8(2).u16(*version).u64(now_us.0),
            Self::Publish { camera_id, track } => w.u8(3).raw(&camera_id.0).u32(track.0),
            Self::PublishOk { track, next } => w.u8(4).u32(track.0).u64(next.0),
            Self::Ack { track, sequence } => w.u8(5).u32(track.0).u64(sequence.0),
            Self::Nack { track, sequence, refusal } => {
                w.u8(6).u32(track.0).u64(sequence.0);
                refusal.write(&mut w);
                &mut w
            }
            Self::Subscribe { camera_id, track, from } => {
                let from = match from {
                    From::NextSegment => 0,
                    From::NewestKeyFrame => 1,
                };
                w.u8(7).raw(&camera_id.0).u32(track.0).u8(from)
            }
            Self::SubscribeOk { camera_id, track } => w.u8(8).raw(&camera_id.0).u32(track.0),
            Self::PolicyChanged { camera_id, version } => w.u8(9).raw(&camera_id.0).u32(*version),
            Self::Refuse(refusal) => {
                w.u8(10);
                refusal.write(&mut w);
                &mut w
            }
            Self::Goodbye => w.u8(11),
        };
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, CONTROL_TYPE)?;
        let message = match r.u8("message")? {
            1 => Self::Hello { version: r.u16("version")? },
            2 => Self::Welcome { version: r.u16("version")?, now_us: Micros(r.u64("now_us")?) },
            3 => {
                Self::Publish { camera_id: CameraId(r.array("camera_id")?), track: TrackId(r.u32("track")?) }
            }
            4 => Self::PublishOk { track: TrackId(r.u32("track")?), next: Sequence(r.u64("next")?) },
            5 => Self::Ack { track: TrackId(r.u32("track")?), sequence: Sequence(r.u64("sequence")?) },
            6 => Self::Nack {
                track: TrackId(r.u32("track")?),
                sequence: Sequence(r.u64("sequence")?),
                refusal: Refusal::read(&mut r)?,
            },
            7 => Self::Subscribe {
                camera_id: CameraId(r.array("camera_id")?),
                track: TrackId(r.u32("track")?),
                from: match r.u8("from")? {
                    0 => From::NextSegment,
                    1 => From::NewestKeyFrame,
                    _ => return Err(DecodeError::BadValue("from")),
                },
            },
            8 => Self::SubscribeOk {
                camera_id: CameraId(r.array("camera_id")?),
                track: TrackId(r.u32("track")?),
            },
            9 => {
                Self::PolicyChanged { camera_id: CameraId(r.array("camera_id")?), version: r.u32("version")? }
            }
            10 => Self::Refuse(Refusal::read(&mut r)?),
            11 => Self::Goodbye,
            _ => return Err(DecodeError::BadValue("control message")),
        };
        r.finish()?;
        Ok(message)
    }
}
