//! Following the log: every entry from the first to a fresh cosigned head, verified, folded into
//! the register that the rules count from. Contract: proto/log.md#following.
//!
//! The entries are read anew at each start and kept in memory as what they say together; durable is
//! only the head they were read to. So a trustee restored from an old backup knows what it granted
//! meanwhile before it answers anybody. A step is built beside the view that is in use and replaces
//! it whole: whoever decides holds one view to the end.
//!
//! In scope: the view, and when it may be used. Out of scope: what a request needs
//! (`escrow::grant`).

use crate::error::Trouble;
use crate::ledger::{Ledger, LedgerError};
use escrow::answer::{DENIED, Failed, Failure};
use escrow::record::Leaf;
use escrow::register::{Folded, Register};
use host::blocking::Blocking;
use host::lock::{Mutex, RwLock};
use log_client::{FollowError, LogClient};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use tlog::Hash;
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Verifier;
use tlog::policy::{CosignedCheckpoint, Policy, Window};
use tlog::reader::{Head, VerifiedEntry};

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

impl From<FollowFailure> for Failed {
    fn from(failure: FollowFailure) -> Self {
        tracing::warn!(%failure, "nothing is decided now");
        let advice = failure.to_string();
        match failure {
            FollowFailure::Forked => Failure::LogForked.advise(advice),
            FollowFailure::Log(_) | FollowFailure::Behind { .. } => Failure::LogUnreachable.advise(advice),
            FollowFailure::Ledger(error) => Trouble::Ledger(error).into(),
        }
    }
}

/// The log as far as it was read.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) head: Head,
    pub(crate) register: Register,
    pub(crate) tree: Tree,
    /// Requests that this trustee has refused in the log, and those of them that a human denied.
    refused: BTreeSet<Hash>,
    denied: BTreeSet<Hash>,
}

impl View {
    fn empty(policy: &Policy) -> Self {
        Self {
            head: Head::EMPTY,
            register: Register::new(policy.stamp_keys()),
            tree: Tree::new(),
            refused: BTreeSet::new(),
            denied: BTreeSet::new(),
        }
    }

    /// Whether a human of this trustee said no, by the log's word.
    pub(crate) fn is_denied(&self, request: &Hash) -> bool {
        self.denied.contains(request)
    }

    /// Whether a refusal of this request by this trustee stands in the log.
    pub(crate) fn is_refused(&self, request: &Hash) -> bool {
        self.refused.contains(request)
    }

    fn take(&mut self, entry: &VerifiedEntry, own: &Verifier) {
        self.tree.push(leaf_hash(entry.bytes()));
        let folded = self.register.fold(entry.index(), entry.bytes());
        if let Some(Folded { leaf, .. }) = folded.expect("a verified log is read in order")
            && let Leaf::Refusal(refusal) = leaf.value()
            && leaf.is_signed_by(own)
        {
            self.refused.insert(refusal.request);
            // A human's no stays, whatever the gate said before.
            if refusal.reason.as_str() == DENIED {
                self.denied.insert(refusal.request);
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

impl Progress {
    /// Nothing is said before the log was read to a fresh head, nor after it forked.
    pub(crate) fn ready(&self) -> Result<(), Failed> {
        if self.forked {
            return Err(FollowFailure::Forked.into());
        }
        if !self.caught_up {
            let why = self.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
            let advice = format!("this trustee is reading the log to a fresh head{why}; ask again later");
            return Err(Failure::CatchingUp.advise(advice));
        }
        Ok(())
    }
}

/// The follower: one look at a time, one view for everybody.
#[derive(Debug)]
pub(crate) struct Follower {
    own: Verifier,
    ledger: Arc<Ledger>,
    work: Blocking,
    view: RwLock<Arc<View>>,
    /// When the last good look began.
    turn: tokio::sync::Mutex<Option<Instant>>,
    progress: Mutex<Progress>,
}

impl Follower {
    /// A follower as it starts: it has read nothing, and its ledger says what it had.
    pub(crate) fn open(
        policy: &Policy,
        own: Verifier,
        ledger: Arc<Ledger>,
        work: Blocking,
    ) -> Result<Self, LedgerError> {
        let progress = Progress { forked: ledger.fork()?.is_some(), ..Progress::default() };
        Ok(Self {
            own,
            ledger,
            work,
            view: RwLock::new(Arc::new(View::empty(policy))),
            turn: tokio::sync::Mutex::new(None),
            progress: Mutex::new(progress),
        })
    }

    /// The view in use.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.lock().clone()
    }

    /// Reads the log to a head that is at least as new as this call; calls that wait for one
    /// another share a look.
    pub(crate) async fn follow(&self, log: &LogClient, window: Window) -> Result<Arc<View>, FollowFailure> {
        let asked = Instant::now();
        let mut turn = self.turn.lock().await;
        if self.progress.lock().forked {
            return Err(FollowFailure::Forked);
        }
        if turn.is_some_and(|began| began >= asked) {
            return Ok(self.view());
        }
        let began = Instant::now();
        let looked = self.look(log, window).await;
        let mut progress = self.progress.lock();
        match &looked {
            Ok(cosigned_at) => {
                progress.caught_up = true;
                progress.cosigned_at = Some(*cosigned_at);
                progress.good_look = Some(Instant::now());
                progress.error = None;
                *turn = Some(began);
            }
            Err(error) => progress.error = Some(error.to_string()),
        }
        drop(progress);
        looked.map(|_| self.view())
    }

    async fn look(&self, log: &LogClient, window: Window) -> Result<u64, FollowFailure> {
        let shown = log.head(window).await?;
        let target = Head::of(shown.checkpoint());
        let view = self.view();
        if target.size < view.head.size {
            return match view.tree.root_at(target.size) == Some(target.root) {
                true => Err(FollowFailure::Behind { shown: target.size, known: view.head.size }),
                false => Err(self.accuse(&shown).await?),
            };
        }
        let mut next = View::clone(&view);
        let read = log.read(view.head, &shown, &mut |entry| next.take(&entry, &self.own)).await;
        match read {
            Err(error) if error.is_fork() => return Err(self.accuse(&shown).await?),
            read => read?,
        }
        next.head = target;
        if !self.progress.lock().caught_up {
            self.compare_with_stored(log, &next, &shown).await?;
        }
        // SPEC: log.md#following: the next trusted head MUST be durable before anything that
        // depends on it is done.
        // SPEC: release.md#g2: the trustee MUST have moved its own stored head durably before it
        // asks the gate.
        let (ledger, note) = (self.ledger.clone(), shown.encode());
        self.work.run(move || ledger.set_head(&note)).await?;
        *self.view.write() = Arc::new(next);
        Ok(shown.cosigned_at())
    }

    /// What was read before the restart must be a part of what is read now.
    async fn compare_with_stored(
        &self,
        log: &LogClient,
        next: &View,
        shown: &CosignedCheckpoint,
    ) -> Result<(), FollowFailure> {
        let ledger = self.ledger.clone();
        let Some(note) = self.work.run(move || ledger.head()).await? else { return Ok(()) };
        // One that no longer verifies is of another log policy: the configuration was changed, and
        // there is nothing to compare.
        let Ok(stored) = log.policy().verify_checkpoint(&note) else { return Ok(()) };
        let stored = Head::of(stored.checkpoint());
        if stored.size > next.head.size {
            return Err(FollowFailure::Behind { shown: next.head.size, known: stored.size });
        }
        match next.tree.root_at(stored.size) == Some(stored.root) {
            true => Ok(()),
            false => Err(self.accuse(shown).await?),
        }
    }

    /// The log contradicts itself: kept for ever, also over a restart. In memory first: whoever
    /// waits for the disk may be cut short, and nothing is granted meanwhile.
    pub(crate) async fn accuse(&self, shown: &CosignedCheckpoint) -> Result<FollowFailure, LedgerError> {
        tracing::error!(size = shown.checkpoint().size(), "THE LOG HAS FORKED: nothing is granted any more");
        self.progress.lock().forked = true;
        let (ledger, note) = (self.ledger.clone(), shown.encode());
        self.work.run(move || ledger.set_fork(&note)).await?;
        Ok(FollowFailure::Forked)
    }
}

#[cfg(test)]
mod tests;
