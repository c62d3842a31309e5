//! Whether a record may stand beside those that are kept: one rule for every store, asked within
//! the step that keeps it.

use crate::contract::{Entry, Put};
use crate::error::StoreError;
use crate::policy::PolicyFacts;
use crate::record::{DAY_US, Header, Key, Kind};
use crate::retention;
use bytes::Bytes;
use media::codec;
use media::id::CameraId;
use media::notice::{Beside, HeldNotice};
use media::session::{Place, place_between};

/// What a write is judged by: the records that are kept, as of the step that would keep it.
pub trait Held {
    /// A failure of the store.
    type Error: From<StoreError>;

    fn get(&self, key: &Key) -> Result<Option<Entry>, Self::Error>;
    /// The body, whole and checked; `None` when it is damaged.
    fn body(&self, entry: &Entry) -> Result<Option<Bytes>, Self::Error>;
    /// The nearest segments of a key's track before and after its number.
    fn neighbours(&self, key: &Key) -> Result<(Option<Entry>, Option<Entry>), Self::Error>;
    /// The policy of a camera with this hash; the newest for `None`.
    fn policy(&self, camera_id: CameraId, hash: Option<&[u8; 32]>) -> Result<Option<Entry>, Self::Error>;
}

/// What is to be done with a write.
#[derive(Debug)]
pub enum Verdict {
    Write,
    /// It is there already.
    Same,
    Refuse(StoreError),
}

/// Decides about a write. An `Err` is a failure of the store, not a refusal.
pub fn judge<H: Held>(held: &H, put: &Put) -> Result<Verdict, H::Error> {
    let header = &put.header;
    if header.kind == Kind::Policy {
        return judge_policy(held, put);
    }
    // Damaged bytes are replaced by good ones, whatever their kind.
    let stands = match held.get(&header.key())? {
        Some(entry) => held.body(&entry)?.map(|body| (entry, put.body == body[..], body)),
        None => None,
    };
    Ok(match (header.kind, stands) {
        (Kind::DayKeys, Some((_, true, _))) => Verdict::Same,
        (Kind::DayKeys, _) => Verdict::Write,
        (_, Some((entry, true, _))) if same_facts(&entry, header) => Verdict::Same,
        // SPEC: session.md#camera-settings: what has no higher number MUST NOT take the place of what
        // is kept.
        (Kind::Settings, Some((entry, ..))) if entry.header.start_us < header.start_us => Verdict::Write,
        (Kind::DayNotice, Some((_, _, body))) => match notice_beside(&put.body.to_bytes(), &body) {
            Some(Beside::Replaces) => Verdict::Write,
            Some(Beside::AddsNothing) => Verdict::Same,
            Some(Beside::Contradicts) | None => taken(header),
        },
        (_, Some(_)) => taken(header),
        (Kind::Segment, None) => judge_place(held, header)?,
        (_, None) => Verdict::Write,
    })
}

fn taken(header: &Header) -> Verdict {
    Verdict::Refuse(StoreError::Taken { what: header.kind.word(), number: header.number })
}

/// What becomes of a DayNotice where another one is held; nothing if they are none.
fn notice_beside(new: &[u8], held: &[u8]) -> Option<Beside> {
    let read = |bytes| codec::decode_bare::<HeldNotice>(bytes).ok();
    read(new)?.beside(&read(held)?).ok()
}

/// Whether a header says the same but for the time of receipt.
fn same_facts(entry: &Entry, header: &Header) -> bool {
    Header { received_us: header.received_us, ..entry.header } == *header
}

fn judge_place<H: Held>(held: &H, header: &Header) -> Result<Verdict, H::Error> {
    let at = |header: &Header| Place { epoch_no: header.epoch_no, k: header.k };
    let (before, after) = held.neighbours(&header.key())?;
    // SPEC: session.md#publishing: sequences order segments as epochs and numbers do.
    let placed = place_between(before.map(|e| at(&e.header)), at(header), after.map(|e| at(&e.header)));
    Ok(match placed {
        Ok(()) => Verdict::Write,
        Err(_) => Verdict::Refuse(StoreError::OutOfOrder(header.number)),
    })
}

fn judge_policy<H: Held>(held: &H, put: &Put) -> Result<Verdict, H::Error> {
    let camera_id = put.header.camera_id;
    let Some(new) = put.policy else {
        return Ok(Verdict::Refuse(StoreError::Malformed("a policy without its facts".to_owned())));
    };
    let Some(newest) = held.policy(camera_id, None)? else {
        // The first one a relay meets may be a later version: a camera may have moved here.
        return Ok(Verdict::Write);
    };
    let before = PolicyFacts::of(&held.body(&newest)?.ok_or_else(|| newest.damaged())?)?;
    if before.owner != new.owner {
        return Ok(Verdict::Refuse(StoreError::OtherOwner));
    }
    if held.policy(camera_id, Some(&new.hash))?.is_some() {
        return Ok(Verdict::Same);
    }
    if newest.header.number.checked_add(1) == Some(put.header.number) && new.prev_hash == before.hash {
        return Ok(Verdict::Write);
    }
    let version = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let (got, held) = (version(put.header.number), version(newest.header.number));
    // SPEC: session.md#policies: a policy that does not follow the one held MUST be refused.
    Ok(Verdict::Refuse(StoreError::StalePolicy { got, held }))
}

/// The days that count for a camera, where the operator keeps nothing longer than `most`.
pub fn days_of<H: Held>(held: &H, camera_id: CameraId, most: u16) -> Result<u16, H::Error> {
    let policy = held.policy(camera_id, None)?;
    let policy = policy.map(|entry| u16::try_from(entry.header.duration_us / DAY_US).unwrap_or(u16::MAX));
    Ok(retention::days(policy, most))
}
