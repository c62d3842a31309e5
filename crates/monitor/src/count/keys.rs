//! Trustees' keys of days (proto/gossip.md#counting and #alarms): how many were published and ended,
//! and which should be gone. Pure: the log, and a time that its witnesses cosigned.

use escrow::record::{KeyEnd, Seconds};
use escrow::register::Register;
use std::collections::BTreeMap;
use std::time::Duration;

/// So long after its time a trustee may need to log that a key is gone: the log or the trustee may be
/// away.
const GRACE: Duration = Duration::from_secs(86_400);

/// Days whose keys should be gone, by their trustee.
pub(crate) type Overdue = BTreeMap<String, Vec<u32>>;

/// The keys of one trustee.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(super) struct Keys {
    published: u64,
    destroyed: u64,
    lost: u64,
}

pub(super) fn counted(register: &Register) -> BTreeMap<String, Keys> {
    let mut counted = BTreeMap::<_, Keys>::new();
    for (_, key) in register.day_keys() {
        let of = counted.entry(key.trustee.to_string()).or_default();
        of.published += 1;
        match key.ended {
            Some(KeyEnd::Due) => of.destroyed += 1,
            Some(KeyEnd::Lost) => of.lost += 1,
            None => {}
        }
    }
    counted
}

// SPEC: gossip.md#alarms: a monitor MUST alarm while a key has no leaf that says that it is gone, a day
// after its destroy-by.
pub(super) fn overdue(register: &Register, at: Seconds) -> Overdue {
    let mut overdue = Overdue::new();
    for (day, key) in register.day_keys() {
        if key.ended.is_none() && at > key.destroy_by.after(GRACE) {
            overdue.entry(key.trustee.to_string()).or_default().push(day);
        }
    }
    overdue
}
