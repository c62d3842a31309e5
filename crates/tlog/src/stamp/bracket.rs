//! Holding stamps against cosigned heads. Contract: `proto/gossip.md#following`.
//!
//! ```text
//!        head of size m, cosigned at a          head of size n, cosigned at b
//! ──────────────┬──────────────────── entry i, m <= i < n ─────────┬──────────────> index
//!               └─ a - skew  <=  stamp of i  <=  b + skew ─────────┘    and never below the stamp before it
//! ```

use super::fault::{Against, Shown, StampFault};
use super::{SKEW_SECS, StampError, StampKey, verify};
use crate::policy::{CosignedCheckpoint, Policy};
use crate::proof::TlogProof;
use crate::reader::{Head, VerifiedEntry};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a follower has seen of a log, and reads on from.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// The head that the next reading begins at; none: at the first entry.
    from: Option<CosignedCheckpoint>,
    /// A head seen before, where the reading begins at the first entry all the same.
    seen: Option<CosignedCheckpoint>,
    /// The entry before the next one, with its proof.
    last: Option<Shown>,
}

impl Followed {
    /// Up to this head, whose last entry this is.
    pub fn to(head: CosignedCheckpoint, last: Option<Shown>) -> Self {
        Self { from: Some(head), seen: None, last }
    }

    /// Nothing but this head, which was followed to before a restart: everything is read again.
    pub fn again(seen: Option<CosignedCheckpoint>) -> Self {
        Self { from: None, seen, last: None }
    }

    /// The same head seen, and everything to be read again.
    pub fn afresh(self) -> Self {
        Self::again(self.from.or(self.seen))
    }

    /// The head from which the next reading goes on.
    pub fn head(&self) -> Head {
        self.from.as_ref().map_or(Head::EMPTY, |head| Head::of(head.checkpoint()))
    }

    /// The last entry read that had a stamp, with its proof.
    pub fn last(&self) -> Option<&Shown> {
        self.last.as_ref()
    }
}

/// One reading, from what was followed to a newly cosigned head.
#[derive(Debug)]
pub struct Bracket<'a> {
    keys: Vec<StampKey>,
    /// The heads seen: those that do not cover an entry bound its stamp from below, the others from
    /// above.
    heads: Vec<&'a CosignedCheckpoint>,
    until: &'a CosignedCheckpoint,
    before: Option<Shown>,
    last: Option<(VerifiedEntry, u64)>,
}

impl<'a> Bracket<'a> {
    /// Begins a reading.
    pub fn new(policy: &Policy, since: &'a Followed, until: &'a CosignedCheckpoint) -> Self {
        let keys = policy.stamp_keys_of(until.checkpoint().origin());
        let heads = since.from.iter().chain(&since.seen).chain([until]).collect();
        Self { keys, heads, until, before: since.last.clone(), last: None }
    }

    /// The next entry's time by its stamp, or what is wrong with the stamp.
    pub fn check(&mut self, entry: &VerifiedEntry) -> Result<u64, Box<StampFault>> {
        let stamp = match verify(entry.bytes(), &self.keys) {
            Ok(stamp) => stamp,
            Err(
                StampError::Note(_)
                | StampError::Missing
                | StampError::Bad
                | StampError::Second
                | StampError::NoRoom,
            ) => return Err(self.fault(entry, Against::Missing)),
        };
        for head in &self.heads {
            let covered = entry.index() < head.checkpoint().size();
            // SPEC: gossip.md#following: a stamp MUST NOT be later than the first head that covers
            // the entry.
            if covered && stamp > head.cosigned_at().saturating_add(SKEW_SECS) {
                return Err(self.fault(entry, Against::Late(head.encode())));
            }
            // SPEC: gossip.md#following: nor earlier than the last head that does not.
            if !covered && stamp.saturating_add(SKEW_SECS) < head.first_cosigned_at() {
                return Err(self.fault(entry, Against::Early(head.encode())));
            }
        }
        // SPEC: gossip.md#following: nor earlier than the stamp before it.
        if let Some((last, time)) = &self.last {
            if stamp < *time {
                return Err(self.fault(entry, Against::OutOfOrder(self.shown(last))));
            }
        } else if let Some(before) = &self.before
            && verify(&before.entry, &self.keys).is_ok_and(|time| stamp < time)
        {
            return Err(self.fault(entry, Against::OutOfOrder(before.clone())));
        }
        // An entry that was at fault bounds nothing.
        self.last = Some((entry.clone(), stamp));
        Ok(stamp)
    }

    /// What is followed once all was read.
    pub fn followed(self) -> Followed {
        let last = self.last.as_ref().map(|(last, _)| self.shown(last)).or(self.before);
        Followed::to(self.until.clone(), last)
    }

    fn fault(&self, entry: &VerifiedEntry, against: Against) -> Box<StampFault> {
        Box::new(StampFault { shown: self.shown(entry), against })
    }

    fn shown(&self, entry: &VerifiedEntry) -> Shown {
        let (index, inclusion) = (entry.index(), entry.inclusion().clone());
        let proof = TlogProof::from_parts(index, inclusion, &self.until.encode());
        Shown { entry: entry.bytes().to_vec(), proof: proof.expect("the entry is below the head's size") }
    }
}
