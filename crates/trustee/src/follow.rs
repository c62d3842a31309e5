//! Following the log: every entry from the first to a fresh cosigned head, verified, folded into
//! the register that the rules count from. Contract: proto/log.md#following.
//!
//! The entries are read anew at each start and kept in memory as what they say together; durable is
//! only the head they were read to. So a trustee restored from an old backup knows what it granted
//! meanwhile before it answers anybody. A step is built beside the view that is in use and replaces
//! it whole: whoever decides holds one view to the end.
//!
//! A log that forked, or stamped an entry as no honest log does, ends all granting, also over a
//! restart: its evidence stands in the ledger, or in a file beside it.
//!
//! In scope: the view, and when it may be used. Out of scope: what a request needs
//! (`escrow::grant`).

use crate::error::Trouble;
use crate::ledger::{Ledger, LedgerError};
use escrow::answer::{DENIED, Failed, Failure};
use escrow::record::Leaf;
use escrow::register::{Folded, Register};
use host::blocking::Blocking;
use host::durable::{self, DurableError};
use host::lock::{Mutex, RwLock};
use log_client::{FollowError, LogClient};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tlog::Hash;
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Verifier;
use tlog::policy::{CosignedCheckpoint, Policy, VerifyError, Window};
use tlog::reader::{Head, VerifiedEntry};
use tlog::stamp::{Followed, StampFault};

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
    #[error("the log's stamps are not those of an honest log: nothing is granted any more; give {} to a monitor, and move it away only when the log's operator has explained it", .evidence.display())]
    Stamps { evidence: PathBuf },
    #[error("{}: the head that the log was followed to is not of the log policy's log ({source}): restore the policy, or the data folder of a trustee of this log", .ledger.display())]
    StoredHead { ledger: PathBuf, source: VerifyError },
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<FollowFailure> for Failed {
    fn from(failure: FollowFailure) -> Self {
        tracing::warn!(%failure, "nothing is decided now");
        let advice = failure.to_string();
        match failure {
            FollowFailure::Forked => Failure::LogForked.advise(advice),
            FollowFailure::Stamps { .. } => Failure::LogStamps.advise(advice),
            FollowFailure::Log(_) | FollowFailure::Behind { .. } => Failure::LogUnreachable.advise(advice),
            FollowFailure::StoredHead { .. } | FollowFailure::File(_) => {
                Failure::TrusteeFailure.advise(advice)
            }
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
    pub(crate) refused: BTreeSet<Hash>,
    pub(crate) denied: BTreeSet<Hash>,
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
    /// Where the evidence of a bad stamp is.
    pub(crate) bad_stamp: Option<PathBuf>,
    pub(crate) cosigned_at: Option<u64>,
    pub(crate) good_look: Option<Instant>,
    pub(crate) error: Option<String>,
}

impl Progress {
    /// Nothing is granted by the word of a log that contradicted itself.
    fn ensure_honest(&self) -> Result<(), FollowFailure> {
        match &self.bad_stamp {
            _ if self.forked => Err(FollowFailure::Forked),
            Some(evidence) => Err(FollowFailure::Stamps { evidence: evidence.clone() }),
            None => Ok(()),
        }
    }

    /// Nothing is said before the log was read to a fresh head, nor after it was found dishonest.
    pub(crate) fn ready(&self) -> Result<(), Failed> {
        self.ensure_honest()?;
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
    turn: tokio::sync::Mutex<Turn>,
    progress: Mutex<Progress>,
}

/// A head of before a restart, and the same with its quorum.
type Stored = (Head, Option<CosignedCheckpoint>);

/// What the one look at a time goes on from.
#[derive(Debug, Default)]
struct Turn {
    /// When the last good look began.
    began: Option<Instant>,
    followed: Followed,
}

/// Beside the ledger, while it is not moved away.
const STAMP_FAULT: &str = "log-stamp.fault";

impl Follower {
    /// A follower as it starts: it has read nothing, and its ledger says what it had.
    pub(crate) fn open(
        policy: &Policy,
        own: Verifier,
        ledger: Arc<Ledger>,
        work: Blocking,
    ) -> Result<Self, LedgerError> {
        let evidence = ledger.path().with_file_name(STAMP_FAULT);
        let bad_stamp = evidence.exists().then_some(evidence);
        let progress = Progress { forked: ledger.fork()?.is_some(), bad_stamp, ..Progress::default() };
        Ok(Self {
            own,
            ledger,
            work,
            view: RwLock::new(Arc::new(View::empty(policy))),
            turn: tokio::sync::Mutex::default(),
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
        self.progress.lock().ensure_honest()?;
        if turn.began.is_some_and(|began| began >= asked) {
            return Ok(self.view());
        }
        let began = Instant::now();
        let looked = self.look(log, window, &mut turn.followed).await;
        let mut progress = self.progress.lock();
        match &looked {
            Ok(cosigned_at) => {
                progress.caught_up = true;
                progress.cosigned_at = Some(*cosigned_at);
                progress.good_look = Some(Instant::now());
                progress.error = None;
                turn.began = Some(began);
            }
            Err(error) => progress.error = Some(error.to_string()),
        }
        drop(progress);
        looked.map(|_| self.view())
    }

    async fn look(
        &self,
        log: &LogClient,
        window: Window,
        followed: &mut Followed,
    ) -> Result<u64, FollowFailure> {
        let shown = log.head(window).await?;
        let target = Head::of(shown.checkpoint());
        let view = self.view();
        if target.size < view.head.size {
            return match view.tree.root_at(target.size) == Some(target.root) {
                true => Err(FollowFailure::Behind { shown: target.size, known: view.head.size }),
                false => Err(self.accuse(&shown).await?),
            };
        }
        let begins = !self.progress.lock().caught_up;
        let stored = if begins { self.stored(log).await? } else { None };
        if let Some((_, seen)) = &stored {
            *followed = Followed::again(seen.clone());
        }
        // Only what grew is built anew.
        let mut next = None;
        let mut take =
            |entry: VerifiedEntry| next.get_or_insert_with(|| View::clone(&view)).take(&entry, &self.own);
        let reading = match log.follow(followed, &shown, &mut take).await {
            Err(error) if error.is_fork() => return Err(self.accuse(&shown).await?),
            reading => reading?,
        };
        if let Some(fault) = reading.faults.first() {
            return Err(self.accuse_stamp(fault).await?);
        }
        let next = next.map_or(view, |grown| Arc::new(View { head: target, ..grown }));
        if let Some((stored, _)) = &stored {
            self.compare_with_stored(stored, &next, &shown).await?;
        }
        // SPEC: log.md#following: the next trusted head MUST be durable before anything that
        // depends on it is done.
        // SPEC: release.md#g2: the trustee MUST have moved its own stored head durably before it
        // asks the gate.
        let (ledger, note) = (self.ledger.clone(), shown.encode());
        self.work.run(move || ledger.set_head(&note)).await?;
        *self.view.write() = next;
        *followed = reading.followed;
        Ok(shown.cosigned_at())
    }

    /// The head that was followed to before the restart, and the same with its quorum, if the log
    /// policy's witnesses still are one. It is compared whatever the policy says by now; one of
    /// another log is an error.
    async fn stored(&self, log: &LogClient) -> Result<Option<Stored>, FollowFailure> {
        let ledger = self.ledger.clone();
        let Some(note) = self.work.run(move || ledger.head()).await? else { return Ok(None) };
        // SPEC: gossip.md#following: a kept head that the policy's log did not sign MUST NOT be
        // passed over.
        let signed = log
            .policy()
            .verify_log_signature(&note)
            .map_err(|source| FollowFailure::StoredHead { ledger: self.ledger.path().to_owned(), source })?;
        let cosigned = log.policy().verify_checkpoint(&note);
        if let Err(error) = &cosigned {
            tracing::warn!(%error, "the kept head has no quorum by the log policy of now: its time bounds no stamp");
        }
        Ok(Some((Head::of(signed.checkpoint()), cosigned.ok())))
    }

    /// What was read before the restart must be a part of what is read now.
    async fn compare_with_stored(
        &self,
        stored: &Head,
        next: &View,
        shown: &CosignedCheckpoint,
    ) -> Result<(), FollowFailure> {
        if stored.size > next.head.size {
            return Err(FollowFailure::Behind { shown: next.head.size, known: stored.size });
        }
        match next.tree.root_at(stored.size) == Some(stored.root) {
            true => Ok(()),
            false => Err(self.accuse(shown).await?),
        }
    }

    /// The log stamped an entry as no honest log does. In memory first, as with a fork.
    async fn accuse_stamp(&self, fault: &StampFault) -> Result<FollowFailure, FollowFailure> {
        let (index, kind) = (fault.index(), fault.kind().word());
        tracing::error!(index, kind, "THE LOG'S STAMPS ARE NOT HONEST: nothing is granted any more");
        let evidence = self.ledger.path().with_file_name(STAMP_FAULT);
        self.progress.lock().bad_stamp = Some(evidence.clone());
        let (path, bytes) = (evidence.clone(), fault.encode());
        self.work.run(move || durable::write_atomic(&path, &bytes)).await?;
        Ok(FollowFailure::Stamps { evidence })
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
