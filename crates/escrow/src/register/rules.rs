//! The PolicyDocs of the log, one after the other. Contract: `proto/release.md#register`.

use super::Weight;
use super::lines::are_by;
use crate::policy::PolicyDoc;
use crate::record::{Leaf, PolicyDocLeaf, Signed};
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::Verifier;

/// The chain: each one names the one before, and that one's operator signed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain(Vec<Published>);

#[derive(Debug, Clone)]
struct Published {
    /// The place of its leaf: it is in force behind it.
    at: u64,
    hash: Hash,
    rules: PolicyDoc,
}

impl Chain {
    // SPEC: release.md#register: the first one of the log begins the chain, signed by the operator
    // that it names; a later one MUST name the one in force, and be signed by that one's operator.
    pub(crate) fn take(&mut self, at: u64, leaf: &Signed<Leaf>, published: &PolicyDocLeaf) -> Weight {
        let Ok(rules) = PolicyDoc::parse(&published.document.0) else { return Weight::Unsigned };
        let before = self.0.last();
        let operator = before.map_or(rules.operator(), |before| before.rules.operator());
        let signed = operator.name() == published.operator.as_str() && are_by(leaf, &[operator]);
        if !signed || rules.previous() != before.map(|before| &before.hash) {
            return Weight::Unsigned;
        }
        self.0.push(Published { at, hash: rules.hash(), rules });
        Weight::Counts
    }

    /// Those by which the leaf at this place is judged.
    pub(super) fn at(&self, place: u64) -> Option<&PolicyDoc> {
        let behind = self.0.partition_point(|published| published.at < place);
        self.0.get(behind.checked_sub(1)?).map(|published| &published.rules)
    }

    pub(crate) fn now(&self) -> Option<&PolicyDoc> {
        self.0.last().map(|published| &published.rules)
    }

    pub(super) fn of(&self, hash: &Hash) -> Option<&PolicyDoc> {
        self.0.iter().find(|published| published.hash == *hash).map(|published| &published.rules)
    }

    /// The keys that a trustee of this name has or had.
    pub(super) fn ever<'a>(&'a self, name: &'a crate::record::Name) -> impl Iterator<Item = &'a Verifier> {
        self.0.iter().filter_map(|published| published.rules.trustee(name))
    }
}
