//! Calls: one request and one response on a stream of their own.

use crate::time::Micros;
use alloc::string::String;
use alloc::vec::Vec;

use super::{REQUEST_TYPE, RESPONSE_TYPE, Refusal};
use crate::codec::DecodeError;
use crate::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use crate::notice::HeldNotice;
use crate::pair::HeldPolicy;
use crate::segment::{HeadQuery, SegmentQuery};
use crate::{fields, limits, numbered};

/// Who writes into a pairing mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The camera's hello.
    Camera,
    /// The owner's welcome.
    Owner,
}

numbered!(Side as u8 { Camera = 1, Owner = 2 });

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stored segments. Answer: [`Response::Segments`], then the segments.
    FetchSegments(SegmentQuery),
    /// EpochOpens that overlap `from_us..to_us`, in order of their numbers. Answer:
    /// [`Response::Epochs`].
    FetchEpochs {
        /// Whose.
        camera_id: CameraId,
        /// Which picture.
        track: TrackId,
        /// First moment.
        from_us: Micros,
        /// First moment after.
        to_us: Micros,
        /// Lower numbers are not wanted.
        cursor: EpochNo,
    },
    /// Camera: keep this EpochOpen.
    PutEpochOpen(Vec<u8>),
    /// Camera: keep this DayNotice, and the key beside it.
    PutDayNotice(HeldNotice),
    /// Owner or sponsor: the DayNotice of a day, without its key. Answer: [`Response::Object`].
    GetDayNotice {
        /// Whose.
        camera_id: CameraId,
        /// Which day.
        day: Day,
    },
    /// Owner: keep this Enrollment and policy.
    PutPolicy(HeldPolicy),
    /// The policy with this hash; zeros for the newest. Answer: [`Response::Policy`].
    GetPolicy {
        /// Whose.
        camera_id: CameraId,
        /// SHA-256 of the signed policy.
        hash: [u8; 32],
    },
    /// The mirrored day keys of every trustee. Answer: [`Response::Objects`].
    GetDayKeys(Day),
    /// Owner: open a pairing mailbox.
    MailboxOpen {
        /// Its identifier.
        mailbox: [u8; 32],
        /// How long it may wait, seconds.
        ttl_s: u32,
    },
    /// Either: put the one message of this side.
    MailboxPut {
        /// Which.
        mailbox: [u8; 32],
        /// Whose message it is.
        side: Side,
        /// Sealed bytes.
        mail: Vec<u8>,
    },
    /// Either: take the message of the *other* side, waiting for it a while. Answer:
    /// [`Response::Object`], or not-found to ask again.
    MailboxTake {
        /// Which.
        mailbox: [u8; 32],
        /// Who wrote the message that is wanted.
        side: Side,
    },
    /// Owner: sponsor this leaf text and append it. Answer: [`Response::Logged`].
    SponsorLeaf(String),
    /// The cameras this peer may watch. Answer: [`Response::Cameras`].
    ListCameras,
    /// Sponsor: the segments of epochs that were granted. Answer: [`Response::Segments`], then the
    /// segments.
    FetchReleased(ReleasedQuery),
    /// Heads of stored segments. Answer: [`Response::Heads`], then the heads, at most
    /// [`limits::HEADS_PER_ANSWER`], or [`limits::PICTURES_PER_ANSWER`] with pictures.
    FetchHeads(HeadQuery),
    /// Sponsor: the label of the leaf that will be made of this draft. Answer: its 32 bytes, as
    /// [`Response::Object`].
    GetLabel {
        /// The camera that it is about.
        camera_id: CameraId,
        /// The day in which the first epoch starts.
        day: Day,
        /// Fresh random bytes, of which the leaf's id is made.
        draft: [u8; 32],
    },
    /// Camera: this is how I am; it takes the place of what it said before.
    PutHealth(Vec<u8>),
    /// Owner or admin: ask this of a camera, in place of what was asked before.
    PutSettings(Vec<u8>),
    /// Owner, admin or the camera: what is asked of it. Answer: [`Response::Object`].
    GetSettings {
        /// Of which.
        camera_id: CameraId,
    },
}

/// An object of somebody, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedObject {
    /// Whose.
    pub name: String,
    /// The object.
    pub bytes: Vec<u8>,
}

fields!(NamedObject { name <= limits::NAME, bytes = "object" <= limits::DAY_KEYS });

/// What the relay knows of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraStatus {
    /// Which.
    pub camera_id: CameraId,
    /// Whether it is connected.
    pub online: bool,
    /// Start of the segment that came last, of any track, by the camera's clock. On the wire 0 is
    /// none.
    pub newest_us: Option<Micros>,
    /// Relay's clock minus camera's at that segment's header, milliseconds.
    pub clock_offset_ms: i64,
    /// How often another connection with its key took over, since the relay started.
    pub replaced: u64,
    /// How many EpochOpens came that name an identity conflict, since the relay started.
    pub conflicts: u64,
    /// What it said of itself last, since the relay started: a signed
    /// [`Health`](crate::health::Health), or nothing.
    pub health: Vec<u8>,
    /// The tracks of which segments are stored, in order of their number.
    pub tracks: Vec<TrackStatus>,
}

fields!(CameraStatus {
    camera_id,
    online,
    newest_us,
    clock_offset_ms,
    replaced,
    conflicts,
    health <= limits::HEALTH,
    tracks[limits::TRACKS_PER_CAMERA],
} check CameraStatus::check);

impl CameraStatus {
    fn check(&self) -> Result<(), DecodeError> {
        let sorted = self.tracks.is_sorted_by(|one, next| one.track < next.track);
        if sorted { Ok(()) } else { Err(DecodeError::BadValue("tracks")) }
    }
}

/// What is stored of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackStatus {
    /// Which.
    pub track: TrackId,
    /// Segments stored.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Start of the newest one by the camera's clock.
    pub newest_us: Micros,
}

fields!(TrackStatus { track, segments, bytes, newest_us });

/// What a sponsor asks of a release, and what shows that it was granted: to judge this a relay
/// needs no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedQuery {
    /// Whose.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// Of which the request's id was made, by the link key of whoever shows it.
    pub draft: [u8; 32],
    /// The first epoch of the request.
    pub first: EpochNo,
    /// Its last one.
    pub last: EpochNo,
    /// Segments with a lower sequence are not wanted.
    pub cursor: Sequence,
    /// The request.
    pub request: LoggedLeaf,
    /// Grants of it, as many as the OwnerPolicy asks for.
    pub grants: Vec<LoggedLeaf>,
}

fields!(ReleasedQuery { camera_id, track, draft, first, last, cursor, request, grants[limits::TRUSTEES] });

/// A leaf as the log has it, and its proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedLeaf {
    /// The leaf.
    pub leaf: Vec<u8>,
    /// Its proof.
    pub proof: Vec<u8>,
}

fields!(LoggedLeaf { leaf <= limits::LEAF, proof <= limits::PROOF });

/// What the relay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Done.
    Ok,
    /// Not done.
    Refused(Refusal),
    /// Segments follow, each framed as `u32 length || u64 received_us || bytes`; a zero length ends
    /// them.
    Segments,
    /// Signed EpochOpens; `more` says that the range holds further ones after the last.
    Epochs {
        /// In order.
        opens: Vec<Vec<u8>>,
        /// Whether to ask again from the number after the last one's.
        more: bool,
    },
    /// One object.
    Object(Vec<u8>),
    /// Objects by name.
    Objects(Vec<NamedObject>),
    /// A policy.
    Policy(HeldPolicy),
    /// A leaf that now stands in the log.
    Logged(LoggedLeaf),
    /// Cameras.
    Cameras(Vec<CameraStatus>),
    /// Heads follow, each framed as `u32 length || u64 received_us || bytes`
    /// ([`StoredHead`](crate::segment::StoredHead)); a zero length ends them.
    Heads,
}

messages! { Request of REQUEST_TYPE, "request":
    1 FetchSegments(query);
    2 FetchEpochs { camera_id, track, from_us, to_us, cursor };
    3 PutEpochOpen(bytes = "EpochOpen" <= limits::EPOCH_OPEN);
    4 PutDayNotice(notice);
    5 GetDayNotice { camera_id, day };
    6 PutPolicy(policy);
    7 GetPolicy { camera_id, hash };
    8 GetDayKeys(day);
    9 MailboxOpen { mailbox, ttl_s };
    10 MailboxPut { mailbox, side, mail <= limits::MAIL };
    11 MailboxTake { mailbox, side };
    12 SponsorLeaf(text = "leaf text" <= limits::LEAF);
    13 ListCameras;
    14 FetchHeads(query);
    15 FetchReleased(query);
    16 GetLabel { camera_id, day, draft };
    17 PutHealth(bytes = "health" <= limits::HEALTH);
    18 PutSettings(bytes = "settings" <= limits::SETTINGS);
    19 GetSettings { camera_id };
}

messages! { Response of RESPONSE_TYPE, "response":
    0 Ok;
    1 Refused(refusal);
    2 Segments;
    3 Epochs { more, opens <= (limits::EPOCHS_PER_ANSWER, limits::EPOCH_OPEN) };
    4 Object(bytes = "object" <= limits::MAIL);
    5 Objects(objects[limits::TRUSTEES * 4]);
    6 Policy(policy);
    7 Logged(leaf);
    8 Cameras(cameras[limits::CAMERAS_PER_ANSWER]);
    9 Heads;
}
