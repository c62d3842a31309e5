//! One write, and whether it may stand: step 1 of the commit order.

use super::Inner;
use super::error::StoreError;
use super::index::{Entry, View};
use super::read::read_body;
use super::record::{DAY_US, Header, Kind};
use bytes::Bytes;
use media::id::CameraId;
use media::session::{Place, place_between};
use redb::ReadableTable;

/// A record to be written. Not `Debug`: the body of a DayNotice is for few eyes.
pub(super) struct Put {
    pub header: Header,
    pub body: Bytes,
    /// Of a policy, what the next one must follow.
    pub policy: Option<PolicyFacts>,
}

/// What decides whether a policy follows the one that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct PolicyFacts {
    pub hash: [u8; 32],
    pub prev_hash: [u8; 32],
    pub owner: [u8; 32],
}

impl Put {
    pub(super) fn new(header: Header, body: impl Into<Bytes>) -> Self {
        Self { header, body: body.into(), policy: None }
    }
}

/// What is to be done with a write.
#[derive(Debug)]
pub(super) enum Verdict {
    Write,
    /// It is there already.
    Same,
    Refuse(StoreError),
}

pub(super) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { what, size, limit }) } else { Ok(()) }
}

/// Decides about a write. An `Err` is a failure of the store, not a refusal.
pub(super) fn judge<T>(inner: &Inner, view: &View<'_, T>, put: &Put) -> Result<Verdict, StoreError>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let header = &put.header;
    let held = view.get(&header.key())?;
    // Damaged bytes are replaced by good ones, whatever their kind.
    let held = match held {
        Some(entry) => match read_body(inner, &entry) {
            Ok(body) => Some((entry, body)),
            Err(StoreError::Damaged { .. }) => None,
            Err(other) => return Err(other),
        },
        None => None,
    };
    match header.kind {
        Kind::Policy => judge_policy(inner, view, put),
        Kind::DayKeys => Ok(match held {
            Some((_, body)) if body == put.body => Verdict::Same,
            _ => Verdict::Write,
        }),
        kind => match held {
            Some((entry, body)) if body == put.body && same_facts(&entry, header) => Ok(Verdict::Same),
            Some(_) => Ok(Verdict::Refuse(StoreError::Taken { what: kind.word(), number: header.number })),
            None if kind == Kind::Segment => judge_place(view, header),
            None => Ok(Verdict::Write),
        },
    }
}

/// Whether a header says the same but for the time of receipt.
fn same_facts(entry: &Entry, header: &Header) -> bool {
    Header { received_us: header.received_us, ..entry.header } == *header
}

fn judge_place<T>(view: &View<'_, T>, header: &Header) -> Result<Verdict, StoreError>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let at = |header: &Header| Place { epoch_no: header.epoch_no, k: header.k };
    let (before, after) = view.neighbours(header.camera_id, header.track, header.number)?;
    // SPEC: session.md#publishing: sequences order segments as epochs and numbers do.
    let placed = place_between(before.map(|e| at(&e.header)), at(header), after.map(|e| at(&e.header)));
    Ok(match placed {
        Ok(()) => Verdict::Write,
        Err(_) => Verdict::Refuse(StoreError::OutOfOrder(header.number)),
    })
}

fn judge_policy<T>(inner: &Inner, view: &View<'_, T>, put: &Put) -> Result<Verdict, StoreError>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let Some(new) = put.policy else {
        return Ok(Verdict::Refuse(StoreError::Malformed("a policy without its facts".to_owned())));
    };
    let Some(newest) = view.newest_policy(put.header.camera_id)? else {
        // The first one a relay meets may be a later version: a camera may have moved here.
        return Ok(Verdict::Write);
    };
    let held = super::objects::policy_facts(&read_body(inner, &newest)?)?;
    if held.owner != new.owner {
        return Ok(Verdict::Refuse(StoreError::OtherOwner));
    }
    if view.policy_version(put.header.camera_id, &new.hash)?.is_some() {
        return Ok(Verdict::Same);
    }
    if newest.header.number.checked_add(1) == Some(put.header.number) && new.prev_hash == held.hash {
        return Ok(Verdict::Write);
    }
    let version = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let (got, held) = (version(put.header.number), version(newest.header.number));
    // SPEC: session.md#policies: a policy that does not follow the one held MUST be refused.
    Ok(Verdict::Refuse(StoreError::StalePolicy { got, held }))
}

/// The days that count for a camera.
pub(super) fn days_of<T>(inner: &Inner, view: &View<'_, T>, camera_id: CameraId) -> Result<u16, StoreError>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let policy = view.newest_policy(camera_id)?;
    let policy = policy.map(|entry| u16::try_from(entry.header.duration_us / DAY_US).unwrap_or(u16::MAX));
    Ok(crate::retention::days(policy, inner.config.retention_days_max))
}
