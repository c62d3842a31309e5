//! Calls: one request and one response on a stream of their own.

use crate::time::Micros;
use alloc::string::String;
use alloc::vec::Vec;

use super::{REQUEST_TYPE, RESPONSE_TYPE, Refusal};
use crate::codec::{DecodeError, Reader, Writer};
use crate::id::{CameraId, Day, TrackId};
use crate::limits;
use crate::pair::PolicyBundle;
use crate::segment::{HeadQuery, SegmentQuery};

/// Who writes into a pairing mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The camera's hello.
    Camera,
    /// The owner's welcome.
    Owner,
}

impl Side {
    const fn code(self) -> u8 {
        match self {
            Self::Camera => 1,
            Self::Owner => 2,
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("side")? {
            1 => Ok(Self::Camera),
            2 => Ok(Self::Owner),
            _ => Err(DecodeError::BadValue("side")),
        }
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stored segments. Answer: [`Response::Segments`], then the segments.
    FetchSegments(SegmentQuery),
    /// EpochOpens that overlap `from_us..to_us`, in order. Answer: [`Response::Epochs`].
    FetchEpochs {
        /// Whose.
        camera_id: CameraId,
        /// Which picture.
        track: TrackId,
        /// First moment.
        from_us: Micros,
        /// First moment after.
        to_us: Micros,
    },
    /// Camera: keep this EpochOpen.
    PutEpochOpen(Vec<u8>),
    /// Camera: keep this DayNotice.
    PutDayNotice(Vec<u8>),
    /// Owner or sponsor: the DayNotice of a day. Answer: [`Response::Object`].
    GetDayNotice {
        /// Whose.
        camera_id: CameraId,
        /// Which day.
        day: Day,
    },
    /// Owner: keep this Enrollment and policy.
    PutPolicy {
        /// Signed Enrollment.
        enrollment: Vec<u8>,
        /// The policy with its leaf and proof.
        bundle: PolicyBundle,
    },
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
    /// Either: take the message of the *other* side, waiting for it a while. Answer: [`Response::Object`], or not-found to ask again.
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
    /// Heads of stored segments. Answer: [`Response::Heads`], then the heads, at most [`limits::HEADS_PER_ANSWER`], or
    /// [`limits::PICTURES_PER_ANSWER`] with pictures.
    FetchHeads(HeadQuery),
}

/// An object of somebody, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedObject {
    /// Whose.
    pub name: String,
    /// The object.
    pub bytes: Vec<u8>,
}

/// What the relay knows of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraStatus {
    /// Which.
    pub camera_id: CameraId,
    /// Whether it is connected.
    pub online: bool,
    /// Start of the segment that came last, of any track, by the camera's clock. On the wire 0 is none.
    pub newest_us: Option<Micros>,
    /// Relay's clock minus camera's at that segment's header, milliseconds.
    pub clock_offset_ms: i64,
    /// How often another connection with its key took over, since the relay started.
    pub replaced: u64,
    /// The tracks of which segments are stored, in order of their number.
    pub tracks: Vec<TrackStatus>,
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

/// What the relay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Done.
    Ok,
    /// Not done.
    Refused(Refusal),
    /// Segments follow, each framed as `u32 length || u64 received_us || bytes`; a zero length ends them.
    Segments,
    /// Signed EpochOpens; `more` says that the range holds further ones after the last.
    Epochs {
        /// In order.
        opens: Vec<Vec<u8>>,
        /// Whether to ask again from the last one's end.
        more: bool,
    },
    /// One object.
    Object(Vec<u8>),
    /// Objects by name.
    Objects(Vec<NamedObject>),
    /// A policy.
    Policy {
        /// Signed Enrollment.
        enrollment: Vec<u8>,
        /// The policy with its leaf and proof.
        bundle: PolicyBundle,
    },
    /// A leaf that now stands in the log.
    Logged {
        /// The note.
        leaf: Vec<u8>,
        /// Its tlog-proof.
        proof: Vec<u8>,
    },
    /// Cameras.
    Cameras(Vec<CameraStatus>),
    /// Heads follow, each framed as `u32 length || u64 received_us || bytes` ([`StoredHead`](crate::segment::StoredHead)); a zero length ends them.
    Heads,
}

impl Request {
    /// Canonical bytes, without the frame's length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(REQUEST_TYPE);
        match self {
            Self::FetchSegments(query) => {
                query.write(w.u8(1));
                &mut w
            }
            Self::FetchEpochs { camera_id, track, from_us, to_us } => {
                w.u8(2).raw(&camera_id.0).u32(track.0).u64(from_us.0).u64(to_us.0)
            }
            Self::PutEpochOpen(bytes) => w.u8(3).bytes(bytes),
            Self::PutDayNotice(bytes) => w.u8(4).bytes(bytes),
            Self::GetDayNotice { camera_id, day } => w.u8(5).raw(&camera_id.0).u32(day.0),
            Self::PutPolicy { enrollment, bundle } => {
                w.u8(6).bytes(enrollment);
                bundle.write(&mut w);
                &mut w
            }
            Self::GetPolicy { camera_id, hash } => w.u8(7).raw(&camera_id.0).raw(hash),
            Self::GetDayKeys(day) => w.u8(8).u32(day.0),
            Self::MailboxOpen { mailbox, ttl_s } => w.u8(9).raw(mailbox).u32(*ttl_s),
            Self::MailboxPut { mailbox, side, mail } => w.u8(10).raw(mailbox).u8(side.code()).bytes(mail),
            Self::MailboxTake { mailbox, side } => w.u8(11).raw(mailbox).u8(side.code()),
            Self::SponsorLeaf(text) => w.u8(12).bytes(text.as_bytes()),
            Self::ListCameras => w.u8(13),
            Self::FetchHeads(HeadQuery { segments, pictures }) => {
                segments.write(w.u8(14));
                w.u8(u8::from(*pictures))
            }
        };
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, REQUEST_TYPE)?;
        let request = match r.u8("request")? {
            1 => Self::FetchSegments(SegmentQuery::read(&mut r)?),
            2 => Self::FetchEpochs {
                camera_id: CameraId(r.array("camera_id")?),
                track: TrackId(r.u32("track")?),
                from_us: Micros(r.u64("from_us")?),
                to_us: Micros(r.u64("to_us")?),
            },
            3 => Self::PutEpochOpen(r.bytes(limits::EPOCH_OPEN, "EpochOpen")?.to_vec()),
            4 => Self::PutDayNotice(r.bytes(limits::NAME, "DayNotice")?.to_vec()),
            5 => Self::GetDayNotice { camera_id: CameraId(r.array("camera_id")?), day: Day(r.u32("day")?) },
            6 => Self::PutPolicy {
                enrollment: r.bytes(limits::POLICY, "enrollment")?.to_vec(),
                bundle: PolicyBundle::read(&mut r)?,
            },
            7 => Self::GetPolicy { camera_id: CameraId(r.array("camera_id")?), hash: r.array("hash")? },
            8 => Self::GetDayKeys(Day(r.u32("day")?)),
            9 => Self::MailboxOpen { mailbox: r.array("mailbox")?, ttl_s: r.u32("ttl_s")? },
            10 => Self::MailboxPut {
                mailbox: r.array("mailbox")?,
                side: Side::read(&mut r)?,
                mail: r.bytes(limits::MAIL, "mail")?.to_vec(),
            },
            11 => Self::MailboxTake { mailbox: r.array("mailbox")?, side: Side::read(&mut r)? },
            12 => Self::SponsorLeaf(r.text(limits::LEAF, "leaf text")?),
            13 => Self::ListCameras,
            14 => {
                let segments = SegmentQuery::read(&mut r)?;
                Self::FetchHeads(HeadQuery { segments, pictures: flag(&mut r, "pictures")? })
            }
            _ => return Err(DecodeError::BadValue("request")),
        };
        r.finish()?;
        Ok(request)
    }
}

impl Response {
    /// Canonical bytes, without the frame's length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(RESPONSE_TYPE);
        match self {
            Self::Ok => {
                w.u8(0);
            }
            Self::Refused(refusal) => {
                refusal.write(w.u8(1));
            }
            Self::Segments => {
                w.u8(2);
            }
            Self::Epochs { opens, more } => {
                w.u8(3).u8(u8::from(*more)).count(opens.len());
                opens.iter().for_each(|open| {
                    w.bytes(open);
                });
            }
            Self::Object(bytes) => {
                w.u8(4).bytes(bytes);
            }
            Self::Objects(objects) => {
                w.u8(5).count(objects.len());
                for object in objects {
                    w.bytes(object.name.as_bytes()).bytes(&object.bytes);
                }
            }
            Self::Policy { enrollment, bundle } => {
                w.u8(6).bytes(enrollment);
                bundle.write(&mut w);
            }
            Self::Logged { leaf, proof } => {
                w.u8(7).bytes(leaf).bytes(proof);
            }
            Self::Cameras(cameras) => {
                w.u8(8).count(cameras.len());
                cameras.iter().for_each(|camera| camera.write(&mut w));
            }
            Self::Heads => {
                w.u8(9);
            }
        }
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, RESPONSE_TYPE)?;
        let response = match r.u8("response")? {
            0 => Self::Ok,
            1 => Self::Refused(Refusal::read(&mut r)?),
            2 => Self::Segments,
            3 => {
                let more = flag(&mut r, "more")?;
                let count = r.count(limits::EPOCHS_PER_ANSWER, "opens")?;
                let opens = (0..count).map(|_| Ok(r.bytes(limits::EPOCH_OPEN, "EpochOpen")?.to_vec()));
                Self::Epochs { opens: opens.collect::<Result<_, DecodeError>>()?, more }
            }
            4 => Self::Object(r.bytes(limits::MAIL, "object")?.to_vec()),
            5 => {
                let count = r.count(limits::TRUSTEES * 4, "objects")?;
                let objects = (0..count).map(|_| {
                    let name = r.text(limits::NAME, "name")?;
                    Ok(NamedObject { name, bytes: r.bytes(limits::DAY_KEYS, "object")?.to_vec() })
                });
                Self::Objects(objects.collect::<Result<_, DecodeError>>()?)
            }
            6 => Self::Policy {
                enrollment: r.bytes(limits::POLICY, "enrollment")?.to_vec(),
                bundle: PolicyBundle::read(&mut r)?,
            },
            7 => Self::Logged {
                leaf: r.bytes(limits::LEAF, "leaf")?.to_vec(),
                proof: r.bytes(limits::PROOF, "proof")?.to_vec(),
            },
            8 => {
                let count = r.count(limits::CAMERAS_PER_ANSWER, "cameras")?;
                let cameras = (0..count).map(|_| CameraStatus::read(&mut r));
                Self::Cameras(cameras.collect::<Result<_, DecodeError>>()?)
            }
            9 => Self::Heads,
            _ => return Err(DecodeError::BadValue("response")),
        };
        r.finish()?;
        Ok(response)
    }
}

impl CameraStatus {
    fn write(&self, w: &mut Writer) {
        w.raw(&self.camera_id.0).u8(u8::from(self.online)).u64(self.newest_us.map_or(0, |newest| newest.0));
        w.raw(&self.clock_offset_ms.to_be_bytes()).u64(self.replaced).count(self.tracks.len());
        for t in &self.tracks {
            w.u32(t.track.0).u64(t.segments).u64(t.bytes).u64(t.newest_us.0);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let camera_id = CameraId(r.array("camera_id")?);
        let online = flag(r, "online")?;
        let newest_us = Some(r.u64("newest_us")?).filter(|newest| *newest != 0).map(Micros);
        let clock_offset_ms = i64::from_be_bytes(r.array("clock_offset_ms")?);
        let replaced = r.u64("replaced")?;
        let count = r.count(limits::TRACKS_PER_CAMERA, "tracks")?;
        let tracks = (0..count).map(|_| {
            Ok(TrackStatus {
                track: TrackId(r.u32("track")?),
                segments: r.u64("segments")?,
                bytes: r.u64("bytes")?,
                newest_us: Micros(r.u64("newest_us")?),
            })
        });
        let tracks = tracks.collect::<Result<Vec<_>, DecodeError>>()?;
        if !tracks.is_sorted_by(|one, next| one.track < next.track) {
            return Err(DecodeError::BadValue("tracks"));
        }
        Ok(Self { camera_id, online, newest_us, clock_offset_ms, replaced, tracks })
    }
}

fn flag(r: &mut Reader<'_>, field: &'static str) -> Result<bool, DecodeError> {
    match r.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::BadValue(field)),
    }
}
