//! Trustees' keys of days: which were logged, until when each may be kept, and how it ended. Contract:
//! `proto/release.md#register`.

use super::Weight;
use super::lines::are_by;
use super::rules::Chain;
use crate::daykeys::is_kept_within;
use crate::record::{DayKeysLeaf, KeyDestroyed, KeyEnd, Leaf, Name, Seconds, Signed};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use media::id::Day;
use tlog::Hash;
use tlog::note::Verifier;

/// A key of a day that a trustee logged.
#[derive(Debug, Clone)]
pub struct LoggedKey {
    /// Whose.
    pub trustee: Name,
    /// The trustee's own key, which logged it.
    pub vkey: Verifier,
    /// The id of the X-Wing key.
    pub key_id: Hash,
    /// When the private key will have been destroyed, at the latest.
    pub destroy_by: Seconds,
    /// Why the trustee has it no more, once it says so.
    pub ended: Option<KeyEnd>,
}

/// By the trustee's public key and day, in the log's order: all but the last of a day are lost.
#[derive(Debug, Clone, Default)]
pub(super) struct Days(BTreeMap<([u8; 32], u32), Vec<LoggedKey>>);

impl Days {
    // SPEC: release.md#register: a trustee MUST have one key of a day at a time, kept no longer than the
    // PolicyDoc in force allows.
    pub(super) fn publish(&mut self, leaf: &Signed<Leaf>, said: &DayKeysLeaf, rules: &Chain) -> Weight {
        let key = said.vkey.verifier();
        let Some(rules) = rules.now().filter(|rules| rules.trustee(&said.trustee) == Some(key)) else {
            return Weight::Unknown;
        };
        let Some(public) = key.ed25519_key().filter(|_| are_by(leaf, &[key])) else { return Weight::Unknown };
        if !is_kept_within(Day(said.day), said.destroy_by, rules.figures().day_key_max_secs) {
            return Weight::Unsigned;
        }
        let keys = self.0.entry((public, said.day)).or_default();
        let taken = keys.last().is_some_and(|last| last.ended != Some(KeyEnd::Lost));
        if taken || keys.iter().any(|known| known.key_id == said.key_id) {
            return Weight::Repeated;
        }
        let (trustee, vkey, key_id) = (said.trustee.clone(), key.clone(), said.key_id);
        keys.push(LoggedKey { trustee, vkey, key_id, destroy_by: said.destroy_by, ended: None });
        Weight::Counts
    }

    pub(super) fn end(&mut self, leaf: &Signed<Leaf>, said: &KeyDestroyed, rules: &Chain) -> Weight {
        // Also who is no trustee any more says what became of its keys.
        let key = rules.ever(&said.trustee).find(|key| are_by(leaf, &[key]));
        let Some(public) = key.and_then(Verifier::ed25519_key) else { return Weight::Unknown };
        let mut keys = self.0.get_mut(&(public, said.day)).into_iter().flatten();
        match keys.find(|key| key.key_id == said.key_id) {
            Some(key) if key.ended.is_some() => Weight::Repeated,
            Some(key) => {
                key.ended = Some(said.reason);
                Weight::Counts
            }
            None => Weight::Dangling,
        }
    }

    /// The keys of the trustee with this very key, by day.
    pub(super) fn of(&self, trustee: &Verifier) -> impl Iterator<Item = (u32, &[LoggedKey])> {
        let own = trustee.ed25519_key().map(|public| self.0.range((public, 0)..=(public, u32::MAX)));
        own.into_iter().flatten().map(|((_, day), keys)| (*day, keys.as_slice()))
    }

    /// All of all trustees.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &LoggedKey)> {
        self.0.iter().flat_map(|((_, day), keys)| keys.iter().map(move |key| (*day, key)))
    }
}
