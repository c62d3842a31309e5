//! What a monitor knows: the followed tree and head, heads it cannot check yet, forks. No I/O but
//! the store's; the network is in [`crate::follow`] and [`crate::gossip`].

use crate::count::{Counts, Row, RowKey, Wrong};
use crate::evidence::{AlarmKind, Alarms};
use crate::store::{Store, StoreError};
use escrow::record::Seconds;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tlog::checkpoint::SignedCheckpoint;
use tlog::fork::{ForkError, ForkProof};
use tlog::merkle::{Frontier, Tree, leaf_hash};
use tlog::policy::{CosignedCheckpoint, Policy};
use tlog::proof::TlogProof;
use tlog::reader::Head;
use tlog::stamp::{Followed, Shown};
use tokio::time::Instant;

/// Heads larger than our tree that wait to be checked.
pub(crate) const MAX_PENDING: usize = 64;

/// What a signed head turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadCheck {
    /// It is a prefix of the followed tree, or that tree.
    Consistent,
    /// No tree has both it and the followed head: the alarm was raised.
    Forked,
    /// It is larger than the followed tree: kept until that has grown.
    Pending,
}

/// A head beyond our tree.
#[derive(Debug)]
struct Pending {
    signed: SignedCheckpoint,
    since: Instant,
}

#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    store: Store,
    /// Whether a write failed: then the store is read again before it grows.
    broken: bool,
    tree: Tree,
    head: Option<CosignedCheckpoint>,
    /// The last entry of the followed tree.
    last: Option<Vec<u8>>,
    pending: Vec<Pending>,
    /// The tree with the entries of the present step.
    growing: Frontier,
    pub alarms: Alarms,
    counts: Counts,
    /// What the counts come to, made once a step: whoever asks costs no recount.
    counts_json: Arc<serde_json::Value>,
    rows: Arc<BTreeMap<RowKey, Row>>,
    /// By the latest time of a followed head.
    wrong: Wrong,
    latest: u64,
}

impl Book {
    /// Opens what was kept, and verifies that the entries lead to the head.
    pub(crate) fn open(folder: &Path, policy: &Policy) -> Result<Self, StoreError> {
        let (mut tree, mut counts, mut last) = (Tree::new(), Counts::new(policy), None);
        let (store, head) = Store::open(folder, policy, |entry| {
            counts.add(&entry);
            tree.push(leaf_hash(&entry));
            last = Some(entry);
        })?;
        if let Some(head) = &head
            && tree.root() != head.checkpoint().root()
        {
            return Err(StoreError::BadEntries { path: store.entries_path(), size: tree.size() });
        }
        let alarms = Alarms::open(&folder.join("alarms"), policy)?;
        let mut book = Self {
            folder: folder.to_owned(),
            store,
            broken: false,
            tree,
            head,
            last,
            pending: Vec::new(),
            growing: Frontier::new(),
            alarms,
            counts_json: Arc::new(counts.to_json()),
            rows: Arc::new(counts.rows()),
            counts,
            wrong: Wrong::default(),
            latest: 0,
        };
        book.look_for_keys();
        Ok(book)
    }

    /// Reads the store again if a write failed: what failed may have persisted all the same.
    pub(crate) fn recover(&mut self, policy: &Policy) -> Result<(), StoreError> {
        if self.broken {
            let fresh = Self::open(&self.folder, policy)?;
            let (pending, alarms) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.alarms));
            *self = Self { pending, alarms, ..fresh };
        }
        Ok(())
    }

    /// The hash of the rules in force.
    pub(crate) fn rules(&self) -> Option<String> {
        self.counts.rules()
    }

    /// The count's rows.
    pub(crate) fn rows(&self) -> Arc<BTreeMap<RowKey, Row>> {
        self.rows.clone()
    }

    /// What the counts of the followed tree come to.
    pub(crate) fn counts_json(&self) -> Arc<serde_json::Value> {
        self.counts_json.clone()
    }

    /// What is wrong with keys of days.
    pub(crate) fn wrong_keys(&self) -> &Wrong {
        &self.wrong
    }

    /// By the time of the followed head, or of an earlier one that was later: a log that is away keeps
    /// nobody's word back, and old cosignatures end nothing.
    fn look_for_keys(&mut self) {
        self.latest = self.latest.max(self.head.as_ref().map_or(0, CosignedCheckpoint::cosigned_at));
        let wrong = self.counts.wrong_keys(Seconds(self.latest));
        for (trustee, days) in &wrong.overdue {
            if self.wrong.overdue.get(trustee) != Some(days) {
                tracing::error!(
                    trustee,
                    ?days,
                    "ALARM: the trustee does not say that these keys are destroyed"
                );
            }
        }
        for (trustee, days) in &wrong.uncounted {
            if self.wrong.uncounted.get(trustee) != Some(days) {
                tracing::error!(trustee, ?days, "ALARM: the trustee logged keys that do not count");
            }
        }
        self.wrong = wrong;
    }

    pub(crate) fn head(&self) -> Option<&CosignedCheckpoint> {
        self.head.as_ref()
    }

    /// The head to follow from.
    pub(crate) fn trusted(&self) -> Head {
        self.head.as_ref().map_or(Head::EMPTY, |head| Head::of(head.checkpoint()))
    }

    /// What the next reading goes on from.
    pub(crate) fn followed(&self) -> Followed {
        let Some(head) = &self.head else { return Followed::default() };
        let last = self.last.as_ref().and_then(|entry| {
            let (size, entry) = (self.tree.size(), entry.clone());
            let inclusion = self.tree.prove_inclusion(size.checked_sub(1)?, size).ok()?;
            let proof = TlogProof::from_parts(size - 1, inclusion, &head.encode()).ok()?;
            Some(Shown { entry, proof })
        });
        Followed::to(head.clone(), last)
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether the log is known to have two histories: then there is none to follow.
    pub(crate) fn is_forked(&self) -> bool {
        self.alarms.has(AlarmKind::Fork)
    }

    /// Begins a step: what an earlier one left unfinished is forgotten.
    pub(crate) fn begin(&mut self) {
        self.store.discard();
        self.growing = self.tree.frontier_at(self.tree.size()).unwrap_or_default();
    }

    /// Takes the next verified entry of the step.
    pub(crate) fn extend(&mut self, entry: &[u8]) -> Result<(), StoreError> {
        self.growing.push(leaf_hash(entry));
        self.store.append(entry)
    }

    /// Ends the step with the head that its entries lead to.
    pub(crate) fn adopt(&mut self, head: CosignedCheckpoint) -> Result<(), StoreError> {
        let target = Head::of(head.checkpoint());
        // SPEC: gossip.md#following: the new root MUST come out of the old tree and the new entries
        // alone. The reader has shown it tile by tile; what is kept is compared once more with what
        // is signed.
        if (self.growing.size(), self.growing.root()) != (target.size, target.root) {
            return Err(StoreError::BadEntries {
                path: self.store.entries_path(),
                size: self.growing.size(),
            });
        }
        // SPEC: gossip.md#following: the root MUST be compared with the signed one before the head
        // is adopted.
        let (tree, counts, last) = (&mut self.tree, &mut self.counts, &mut self.last);
        let kept = self.store.adopt(&head, |entry| {
            *last = Some(entry.to_vec());
            tree.push(leaf_hash(entry));
            counts.add(entry);
        });
        self.broken |= kept.is_err();
        kept?;
        self.head = Some(head);
        self.counts_json = Arc::new(self.counts.to_json());
        self.rows = Arc::new(self.counts.rows());
        self.look_for_keys();
        self.check_pending()
    }

    /// Takes fresher cosignatures on the followed head. Kept in memory, unless keys of days are due by
    /// them: after a restart the older ones serve.
    pub(crate) fn refresh(&mut self, head: CosignedCheckpoint) -> Result<(), StoreError> {
        let held = self.head.as_ref().map_or(0, CosignedCheckpoint::cosigned_at);
        if self.trusted() != Head::of(head.checkpoint()) || head.cosigned_at() <= held {
            return Ok(());
        }
        let before = self.wrong.clone();
        self.head = Some(head.clone());
        self.look_for_keys();
        if self.wrong != before {
            self.store.discard();
            let kept = self.store.adopt(&head, |_| {});
            self.broken |= kept.is_err();
            kept?;
        }
        Ok(())
    }

    /// Checks a head that the log signed, whoever brought it.
    pub(crate) fn check_head(
        &mut self,
        signed: SignedCheckpoint,
        now: Instant,
    ) -> Result<HeadCheck, StoreError> {
        let size = signed.checkpoint().size();
        match self.tree.root_at(size) {
            Some(root) if root == signed.checkpoint().root() => Ok(HeadCheck::Consistent),
            Some(_) => {
                let own = self.head.as_ref().map(|head| head.signed().clone());
                let proof = own.map(|own| ForkProof::build(&signed, &own, |id| self.tree.node(id)));
                match proof {
                    Some(Ok(proof)) => self.alarms.raise_fork(proof)?,
                    // A wrong root of the empty tree, before any head: a signed head that no
                    // entries can give.
                    Some(Err(_)) | None => {
                        self.alarms.raise(AlarmKind::UnreproducibleHead, &signed.encode())?
                    }
                }
                Ok(HeadCheck::Forked)
            }
            None => {
                let known = |pending: &Pending| pending.signed.checkpoint() == signed.checkpoint();
                if !self.pending.iter().any(known) {
                    self.pending.push(Pending { signed, since: now });
                    // The smallest are checked first; beyond the bound the largest is let go.
                    self.pending.sort_by_key(|pending| pending.signed.checkpoint().size());
                    self.pending.truncate(MAX_PENDING);
                }
                Ok(HeadCheck::Pending)
            }
        }
    }

    /// Takes a fork proof that somebody sent, if it verifies.
    pub(crate) fn take_fork(
        &mut self,
        proof: ForkProof,
        policy: &Policy,
    ) -> Result<Result<(), ForkError>, StoreError> {
        match proof.verify(&policy.log_keys(proof.origin())) {
            Ok(_) => Ok(Ok(self.alarms.raise_fork(proof)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Raises the alarm for heads that could not be checked for too long.
    pub(crate) fn withheld(&mut self, now: Instant, patience: Duration) -> Result<(), StoreError> {
        let late =
            self.pending.iter().filter(|pending| now.saturating_duration_since(pending.since) >= patience);
        let late: Vec<Vec<u8>> = late.map(|pending| pending.signed.encode()).collect();
        for note in late {
            self.alarms.raise(AlarmKind::WithheldHead, &note)?;
        }
        Ok(())
    }

    fn check_pending(&mut self) -> Result<(), StoreError> {
        for pending in std::mem::take(&mut self.pending) {
            if pending.signed.checkpoint().size() <= self.tree.size() {
                self.check_head(pending.signed, pending.since)?;
            } else {
                self.pending.push(pending);
            }
        }
        Ok(())
    }
}
