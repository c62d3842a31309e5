//! Following the log: every entry from the first to a fresh cosigned head, verified, folded into the register that the rules count from.
//! Contract: proto/log.md#following.
//!
//! The entries are read anew at each start and kept in memory as what they say together; durable is only the head they were read to. So a
//! trustee restored from an old backup knows what it granted meanwhile before it answers anybody. A step is built beside the view that is
//! in use and replaces it whole: whoever decides holds one view to the end.
//!
//! In scope: the view, and when it may be used. Out of scope: what a request needs (`escrow::grant`).

use crate::answer::DENIED;
use crate::disk::Disk;
use crate::ledger::{Ledger, LedgerError};
use escrow::policy::PolicyDoc;
use escrow::record::{RefusalLeaf, Signed};
use escrow::register::Register;
use log_client::{FollowError, LogClient};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use tlog::Hash;
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Verifier;
use tlog::policy::{CosignedCheckpoint, Window};
use tlog::reader::{Head, VerifiedEntry};

/// The first line of a refusal leaf.
const REFUSAL: &[u8] = b"candor refusal v1\n";

/// Why the log could not be followed to a fresh head. Nothing is granted meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum FollowFailure {
    #[error(transparent)]
    Log(#[from] FollowError),
    #[error(
        "the log shows a head of {shown} leaves, and {known} were read before: an old answer; it is asked again"
    )]
    Behind { shown: u64, known: u64 },
    #[error("the log has forked: nothing is granted any more; give the folder's evidence to a monitor")]
    Forked,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The log as far as it was read.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) head: Head,
    pub(crate) register: Register,
    pub(crate) tree: Tree,
    /// Requests that this trustee has refused in the log: request leaf hash to the refusal's name.
    refused: BTreeMap<Hash, String>,
}

impl View {
    fn empty(rules: &PolicyDoc) -> Self {
        let register = Register::new(rules);
        Self { head: Head::EMPTY, register, tree: Tree::new(), refused: BTreeMap::new() }
    }

    /// Whether a human of this trustee said no, by the log's word.
    pub(crate) fn is_denied(&self, request: &Hash) -> bool {
        self.refused.get(request).is_some_and(|name| name == DENIED)
    }

    /// Whether a refusal of this request by this trustee stands in the log.
    pub(crate) fn is_refused(&self, request: &Hash) -> bool {
        self.refused.contains_key(request)
    }

    fn take(&mut self, entry: &VerifiedEntry, own: &Verifier) {
        self.tree.push(leaf_hash(entry.bytes()));
        self.register.fold(entry.index(), entry.bytes()).expect("a verified log is read in order");
        if entry.bytes().starts_with(REFUSAL)
            && let Ok(leaf) = Signed::<RefusalLeaf>::parse(entry.bytes())
            && leaf.is_signed_by(own)
        {
            let (request, name) = (leaf.value().request, leaf.value().reason.to_string());
            // A human's no stays, whatever the gate said before.
            if name == DENIED || !self.refused.contains_key(&request) {
                self.refused.insert(request, name);
            }
        }
    }
}

/// How following goes, for the status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Read to a fresh head at least once since the start.
    pub(crate) caught_up: bool,
    pub(crate) forked: bool,
    pub(crate) cosigned_at: Option<u64>,
    pub(crate) good_look: Option<Instant>,
    pub(crate) error: Option<String>,
}

/// The follower: one look at a time, one view for everybody.
#[derive(Debug)]
pub(crate) struct Follower {
    own: Verifier,
    disk: Disk,
    view: RwLock<Arc<View>>,
    /// When the last good look began.
    turn: tokio::sync::Mutex<Option<Instant>>,
    progress: Mutex<Progress>,
}

impl Follower {
    pub(crate) fn new(rules: &PolicyDoc, own: Verifier, forked: bool, disk: Disk) -> Self {
        let progress = Progress { forked, ..Progress::default() };
        Self {
            own,
            disk,
            view: RwLock::new(Arc::new(View::empty(rules))),
            turn: tokio::sync::Mutex::new(None),
            progress: Mutex::new(progress),
        }
    }

    /// The view in use.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// The log contradicted itself in a proof that it gave.
    pub(crate) fn set_forked(&self) {
        self.lock().forked = true;
    }

    /// Reads the log to a head that is at least as new as this call; calls that wait for one another share a look.
    pub(crate) async fn follow(
        &self,
        log: &LogClient,
        ledger: &Arc<Ledger>,
        window: Window,
    ) -> Result<Arc<View>, FollowFailure> {
        let asked = Instant::now();
        let mut turn = self.turn.lock().await;
        if self.lock().forked {
            return Err(FollowFailure::Forked);
        }
        if turn.is_some_and(|began| began >= asked) {
            return Ok(self.view());
        }
        let began = Instant::now();
        let looked = self.look(log, ledger, window).await;
        let mut progress = self.lock();
        match &looked {
            Ok(cosigned_at) => {
                progress.caught_up = true;
                progress.cosigned_at = Some(*cosigned_at);
                progress.good_look = Some(Instant::now());
                progress.error = None;
                *turn = Some(began);
            }
            Err(error) => {
                progress.forked |= matches!(error, FollowFailure::Forked);
                progress.error = Some(error.to_string());
            }
        }
        drop(progress);
        looked.map(|_| self.view())
    }

    async fn look(
        &self,
        log: &LogClient,
        ledger: &Arc<Ledger>,
        window: Window,
    ) -> Result<u64, FollowFailure> {
        let shown = log.head(window).await?;
        let target = Head::of(shown.checkpoint());
        let view = self.view();
        if target.size < view.head.size {
            return match view.tree.root_at(target.size) == Some(target.root) {
                true => Err(FollowFailure::Behind { shown: target.size, known: view.head.size }),
                false => Err(self.accuse(ledger, &shown).await?),
            };
        }
        let mut next = View::clone(&view);
        let read = log.read(view.head, &shown, &mut |entry| next.take(&entry, &self.own)).await;
        match read {
            Err(error) if error.is_fork() => return Err(self.accuse(ledger, &shown).await?),
            read => read?,
        }
        next.head = target;
        if !self.lock().caught_up {
            self.compare_with_stored(log, ledger, &next, &shown).await?;
        }
        // SPEC: log.md#following: the next trusted head MUST be durable before anything that depends on it is done.
        let (kept, note) = (ledger.clone(), shown.encode());
        // SPEC: release.md#g2: the trustee MUST have moved its own stored head durably before it
        // asks the gate.
        self.disk.run(move || kept.set_head(&note)).await?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(shown.cosigned_at())
    }

    /// What was read before the restart must be a part of what is read now.
    async fn compare_with_stored(
        &self,
        log: &LogClient,
        ledger: &Arc<Ledger>,
        next: &View,
        shown: &CosignedCheckpoint,
    ) -> Result<(), FollowFailure> {
        let kept = ledger.clone();
        let Some(note) = self.disk.run(move || kept.head()).await? else { return Ok(()) };
        // One that no longer verifies is of another log policy: the configuration was changed, and there is nothing to compare.
        let Ok(stored) = log.policy().verify_checkpoint(&note) else { return Ok(()) };
        let stored = Head::of(stored.checkpoint());
        if stored.size > next.head.size {
            return Err(FollowFailure::Behind { shown: next.head.size, known: stored.size });
        }
        match next.tree.root_at(stored.size) == Some(stored.root) {
            true => Ok(()),
            false => Err(self.accuse(ledger, shown).await?),
        }
    }

    /// The log contradicts itself: kept for ever, also over a restart.
    async fn accuse(
        &self,
        ledger: &Arc<Ledger>,
        shown: &CosignedCheckpoint,
    ) -> Result<FollowFailure, LedgerError> {
        tracing::error!(size = shown.checkpoint().size(), "THE LOG HAS FORKED: nothing is granted any more");
        let (kept, note) = (ledger.clone(), shown.encode());
        self.disk.run(move || kept.set_fork(&note)).await?;
        Ok(FollowFailure::Forked)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
