//! What both sides say on the control stream.

use alloc::vec::Vec;

use super::{CONTROL_TYPE, Refusal};
use crate::id::{CameraId, Sequence, TrackId};
use crate::receipt::SignedReceipt;
use crate::time::Micros;
use crate::{limits, numbered};

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the next segment.
    NextSegment,
    /// At the newest segment that starts with a key frame, its past fragments first.
    NewestKeyFrame,
}

numbered!(From as u8 { NextSegment = 0, NewestKeyFrame = 1 });

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
        /// The EpochOpen of the highest number that the relay holds of the track; empty for none.
        newest: Vec<u8>,
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
    /// Relay: what this camera asked for at its start is another now: the owner's policy, what it asks
    /// beside, or a trustee's keys.
    Changed {
        /// The camera.
        camera_id: CameraId,
    },
    /// Relay: the session cannot go on, or a request on this stream was refused.
    Refuse(Refusal),
    /// Either: I am leaving in good order.
    Goodbye,
    /// Relay: what of a track it acknowledged over this connection, signed for others.
    Receipt(SignedReceipt),
}

messages! { Control of CONTROL_TYPE, "control message":
    1 Hello { version };
    2 Welcome { version, now_us };
    3 Publish { camera_id, track };
    4 PublishOk { track, next, newest = "EpochOpen" <= limits::EPOCH_OPEN };
    5 Ack { track, sequence };
    6 Nack { track, sequence, refusal };
    7 Subscribe { camera_id, track, from };
    8 SubscribeOk { camera_id, track };
    9 Changed { camera_id };
    10 Refuse(refusal);
    11 Goodbye;
    12 Receipt(receipt);
}
