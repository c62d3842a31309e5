//! Trustees' keys of days (proto/gossip.md#counting and #alarms): how many were published and ended,
//! and which should be gone. Pure: the log, and a time that its witnesses cosigned.

use escrow::record::{KeyEnd, Leaf, Name, Seconds, Signed};
use escrow::register::{Register, Weight};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tlog::note::Verifier;

/// So long after its time a trustee may need to log that a key is gone: the log or the trustee may be
/// away.
const GRACE: Duration = Duration::from_secs(86_400);

/// Trustee to days.
type Days = BTreeMap<String, Vec<u32>>;

/// What is wrong with keys of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// They should be gone, and their trustee does not say so.
    pub(crate) overdue: Days,
    /// The same, of who is no trustee by the rules in force: nobody can mend it, and it turns nothing red.
    pub(crate) overdue_of_former: Days,
    /// Their trustee logged them though they do not count: a second key of a day, or one kept too long.
    pub(crate) uncounted: Days,
}

/// Keys that a trustee of the rules logged and that do not count: whoever deals to one does not see its
/// end in the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Uncounted(BTreeSet<(Name, u32, [u8; 32])>);

impl Uncounted {
    pub(super) fn take(&mut self, leaf: &Signed<Leaf>, weight: Weight, register: &Register) {
        let is_by = |name: &Name, key: &Verifier| leaf.is_line_by(0, key) && register.is_trustee(name, key);
        match (leaf.value(), weight) {
            (Leaf::DayKeys(said), Weight::Unsigned | Weight::Repeated) => {
                let key = said.vkey.verifier();
                let known = register.day_keys_of(key).remove(&said.day).unwrap_or_default();
                let is_known = known.iter().any(|known| known.key_id == said.key_id);
                if is_by(&said.trustee, key) && !is_known {
                    self.0.insert((said.trustee.clone(), said.day, said.key_id.0));
                }
            }
            // Announced anew, and it counts.
            (Leaf::DayKeys(said), Weight::Counts) => {
                self.0.remove(&(said.trustee.clone(), said.day, said.key_id.0));
            }
            (Leaf::KeyDestroyed(said), Weight::Dangling) => {
                self.0.remove(&(said.trustee.clone(), said.day, said.key_id.0));
            }
            (_, _) => {}
        }
    }
}

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
pub(super) fn wrong(register: &Register, uncounted: &Uncounted, at: Seconds) -> Wrong {
    let mut wrong = Wrong::default();
    for (day, key) in register.day_keys() {
        if key.ended.is_none() && at > key.destroy_by.after(GRACE) {
            let of = match register.is_trustee(&key.trustee, &key.vkey) {
                true => &mut wrong.overdue,
                false => &mut wrong.overdue_of_former,
            };
            of.entry(key.trustee.to_string()).or_default().push(day);
        }
    }
    for (trustee, day, _) in &uncounted.0 {
        if register.rules().is_some_and(|rules| rules.trustee(trustee).is_some()) {
            wrong.uncounted.entry(trustee.to_string()).or_default().push(*day);
        }
    }
    wrong
}
