//! The one writer: batches, commits, has the head cosigned, publishes; one after the other.
//!
//! A batch is taken only when the head before it is published. So while the quorum is missing
//! nothing grows: what was signed waits for its cosignatures, what arrives waits in the pool, and a
//! log whose state was rolled back (its witnesses know a larger head) never signs a second history.
//! While the witnesses' clocks contradict the log's own nothing grows either: it would stamp a time
//! that is none.
//!
//! ```text
//!            ┌── refresh due ──────────────┐
//! start ──> round: collect, publish ──> idle ──> leaves: pause, commit ──> round ...
//!            └── no quorum: again, with jitter
//!
//! a failed write, an index in doubt: restore (what the disk has, and an index that covers it) ──> round
//! ```

use crate::catch_up::catch_up;
use crate::config::Config;
use crate::cosign::Witnesses;
use crate::error::Error;
use crate::pool::Fate;
use crate::stamping::Stamping;
use crate::state::{Handover, Published};
use crate::storage::Storage;
use crate::tree::{Heads, MAX_BATCH, Tree, TreeError};
use bytes::Bytes;
use host::backoff::Backoff;
use host::blocking;
use host::durable::DurableError;
use host::http::Failure;
use host::rng::Rng;
use host::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tlog::Hash;
use tokio::time::Instant;

/// When things happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A leaf waits this long for others.
    pub batch: Duration,
    /// The least time between two commits.
    pub checkpoint: Duration,
    /// An unchanged head is cosigned again after this long.
    pub refresh: Duration,
}

impl Pace {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            batch: Duration::from_millis(config.batch_ms),
            checkpoint: Duration::from_millis(config.checkpoint_ms),
            refresh: Duration::from_secs(config.refresh_secs.max(1)),
        }
    }
}

/// Between two tries to find the quorum, or a disk that works: the witness restarts, the operator
/// frees space.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

pub(crate) struct Sequencer<S, H> {
    /// Away only while a blocking thread works on it.
    pub tree: Option<Tree<S, H>>,
    pub handover: Arc<Handover>,
    pub witnesses: Witnesses<S>,
    pub stamping: Stamping,
    pub pace: Pace,
    pub shutdown: Shutdown,
    pub rng: Rng,
}

/// When the present head found its quorum: by the witnesses, and here.
#[derive(Debug, Clone, Copy)]
struct Cosigned {
    time: u64,
    at: Instant,
}

impl<S: Storage + Clone, H: Heads> Sequencer<S, H> {
    fn tree(&self) -> &Tree<S, H> {
        self.tree.as_ref().expect("the tree is back between two steps")
    }

    /// Runs until shutdown, or until the tree may not be written any more.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let mut again = AGAIN;
        let mut cosigned: Option<Cosigned> = None;
        let mut committed_at: Option<Instant> = None;
        loop {
            let published = cosigned.is_some() && self.handover.published_size() == Some(self.tree().size());
            let due = cosigned.map_or(Instant::now(), |it| it.at + self.pace.refresh);
            let step = if self.tree().is_broken() || self.handover.index.is_in_doubt() {
                Step::Restore
            } else if !published || due <= Instant::now() {
                Step::Cosign
            } else {
                tokio::select! {
                    () = shutdown.requested() => return Ok(()),
                    () = tokio::time::sleep_until(due) => Step::Cosign,
                    () = self.handover.index.in_doubt() => Step::Restore,
                    () = self.handover.arrived() => Step::Commit,
                }
            };
            let went_well = match step {
                Step::Cosign => {
                    cosigned = self.cosign().await?;
                    cosigned.is_some()
                }
                Step::Commit => {
                    let earliest = committed_at.map_or(Instant::now(), |at| at + self.pace.checkpoint);
                    let batch_due = (Instant::now() + self.pace.batch).max(earliest);
                    tokio::select! {
                        () = shutdown.requested() => return Ok(()),
                        () = tokio::time::sleep_until(batch_due) => {}
                    }
                    committed_at = Some(Instant::now());
                    // The clock may have been set since; another round tells.
                    cosigned = cosigned.filter(|it| self.stamping.agrees(it.time, it.at.elapsed()).is_ok());
                    cosigned.is_none() || self.commit().await?
                }
                Step::Restore => {
                    // The next round clears the trouble that brought us here.
                    cosigned = None;
                    self.restore().await?
                }
            };
            if went_well {
                again.worked();
                continue;
            }
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(again.failed(&mut self.rng)) => {}
            }
        }
    }

    /// One round: the present head to every witness; with a quorum, published. `None` when the
    /// quorum is missing, or its clocks are not this log's.
    async fn cosign(&mut self) -> Result<Option<Cosigned>, Error> {
        let (size, root) = (self.tree().size(), self.tree().root());
        let collected = tokio::select! {
            () = self.shutdown.requested() => return Ok(None),
            collected = self.witnesses.collect(size, self.tree().signed()) => collected,
        };
        let cosigned = match collected {
            Ok(cosigned) => cosigned,
            Err(missing) => {
                // SPEC: log.md#publishing: without the quorum nothing MUST be published.
                // Told once for as long as it lasts.
                match self.handover.trouble.lock().is_none() {
                    true => tracing::warn!(size, %missing, "no quorum: nothing is published until there is"),
                    false => tracing::debug!(size, %missing, "still no quorum"),
                }
                let advice = "too few witnesses answer; the leaf stays in the queue or the tree, so send the same bytes again later";
                *self.handover.trouble.lock() = Some(Failure::new(503, "no-quorum", advice));
                return Ok(None);
            }
        };
        let (time, at) = (cosigned.cosigned_at(), Instant::now());
        let note = Bytes::from(cosigned.encode());
        let bytes = note.clone();
        if let Err(error) = self.blocking(move |tree| tree.publish(&bytes)).await {
            self.report(&error.into());
            return Ok(None);
        }
        let clock = self.stamping.agrees(time, Duration::ZERO);
        if let Err((own, theirs)) = clock {
            tracing::error!(own, theirs, "the witnesses' clocks contradict this log's: it stamps nothing");
        }
        *self.handover.trouble.lock() = clock.err().map(|(own, theirs)| clock_trouble(own, theirs));
        self.handover.published.send_replace(Some(Published { size, root, note }));
        Ok(clock.is_ok().then_some(Cosigned { time, at }))
    }

    /// One batch into the tree. `false` when it failed in a way that may pass.
    async fn commit(&mut self) -> Result<bool, Error> {
        let batch = self.handover.pool.lock().take(MAX_BATCH);
        if batch.is_empty() {
            return Ok(true);
        }
        let texts: Vec<Hash> = batch.iter().map(|(text, _)| *text).collect();
        let first = self.tree().size();
        let (handover, stamping) = (self.handover.clone(), self.stamping.clone());
        let outcome = self.blocking(move |tree| write(tree, &handover, &stamping, batch)).await;
        let (fate, went_well) = match outcome {
            Ok(added) => {
                tracing::debug!(first, added, "committed");
                (Fate::Integrated, Ok(true))
            }
            Err(error) => {
                self.report(&error);
                let named = failure(&error);
                ensure_passing(error)?;
                // The write may have persisted all the same: ask the disk before telling the
                // submitters.
                let restored = self.restore().await;
                let integrated = matches!(restored, Ok(true)) && self.tree().size() > first;
                let fate = if integrated { Fate::Integrated } else { Fate::Failed(named) };
                (fate, restored.map(|_| integrated))
            }
        };
        self.handover.pool.lock().settle(&texts, &fate);
        went_well
    }

    /// The tree as the disk has it, and an index that covers it. `false` when it failed in a way
    /// that may pass.
    async fn restore(&mut self) -> Result<bool, Error> {
        let handover = self.handover.clone();
        let restored = self.blocking(move |tree| -> Result<(), Error> {
            if tree.is_broken() {
                tree.reopen()?;
            }
            if handover.index.is_in_doubt() {
                handover.index.mend()?;
            }
            catch_up(tree, &handover.index)
        });
        match restored.await {
            Ok(()) => {
                tracing::info!(size = self.tree().size(), "the tree is open again");
                Ok(true)
            }
            Err(error) => {
                self.report(&error);
                ensure_passing(error)?;
                Ok(false)
            }
        }
    }

    fn report(&self, error: &Error) {
        tracing::error!(%error, "the log could not write");
        *self.handover.trouble.lock() = Some(failure(error));
    }

    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Tree<S, H>) -> T + Send + 'static,
    ) -> T {
        let mut tree = self.tree.take().expect("the tree is back between two steps");
        let (tree, outcome) = blocking::run(move || {
            let outcome = work(&mut tree);
            (tree, outcome)
        })
        .await;
        self.tree = Some(tree);
        outcome
    }
}

/// Stamps and writes what is new of a batch, and says how much that was.
fn write<S: Storage, H: Heads>(
    tree: &mut Tree<S, H>,
    handover: &Handover,
    stamping: &Stamping,
    batch: Vec<(Hash, Bytes)>,
) -> Result<usize, Error> {
    let time = stamping.next(tree.last_entry()?.as_deref())?;
    let (mut entries, mut added) = (Vec::new(), Vec::new());
    for (text, leaf) in batch {
        // A leaf that came in while its twin was being integrated: the index, which only this task
        // extends, knows. If it cannot say, nothing is written: a text has one place for ever.
        if handover.index.find(&text)?.is_none() {
            let entry = stamping.stamp(&leaf, time)?;
            added.push((text, entry[leaf.len()..].to_vec()));
            entries.push(entry);
        }
    }
    let first = tree.size();
    tree.commit(entries.iter().map(Vec::as_slice))?;
    if let Err(error) = handover.index.extend(first, &added) {
        // The tree has the leaves, and the doubt that this leaves is the next step's.
        tracing::error!(%error, "the index is behind the tree");
    }
    Ok(added.len())
}

enum Step {
    Cosign,
    Commit,
    Restore,
}

fn clock_trouble(own: u64, theirs: u64) -> Failure {
    let advice = format!(
        "the log's clock shows {own} and its witnesses' {theirs} (Unix seconds), so nothing is ordered; its operator must set the clock right (NTP), then send the same bytes again"
    );
    Failure::new(503, "clock", advice)
}

/// What a submitter is told about a failed write.
fn failure(error: &Error) -> Failure {
    if matches!(error, Error::Tree(TreeError::Storage(DurableError::DiskFull { .. }))) {
        let advice = "the log's disk is full; its operator must free space, then send the same bytes again";
        return Failure::new(503, "disk-full", advice);
    }
    Failure::new(503, "storage", "the log could not write; send the same bytes again later")
}

/// A disk may work again, a broken tree is opened again, an index is made anew. After anything else
/// this process must not write any more.
fn ensure_passing(error: Error) -> Result<(), Error> {
    let passes = matches!(error, Error::Index(_) | Error::Tree(TreeError::Storage(_) | TreeError::Broken));
    if passes { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests;
