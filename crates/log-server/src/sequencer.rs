//! The one writer: batches, commits, has the head cosigned, publishes; one after the other.
//!
//! A batch is taken only when the head before it is published. So while the quorum is missing nothing grows: what was
//! signed waits for its cosignatures, what arrives waits in the pool, and a log whose state was rolled back (its witnesses
//! know a larger head) never signs a second history.
//!
//! ```text
//!            ┌── refresh due ──────────────┐
//! start ──> round: collect, publish ──> idle ──> leaves: pause, commit ──> round ...
//!            └── no quorum: again, with jitter
//! ```

use crate::cosign::Witnesses;
use crate::handover::{Handover, Published};
use crate::pool::Fate;
use crate::storage::Storage;
use crate::tree::{Heads, MAX_BATCH, Tree, TreeError};
use crate::{Error, index_entries};
use bytes::Bytes;
use host::durable::DurableError;
use host::http::{Failure, Retry};
use host::rng::OsRng;
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

/// Between two tries to find the quorum, or a disk that works: the witness restarts, the operator frees space.
const AGAIN: Retry = Retry {
    tries: u32::MAX,
    first_pause: Duration::from_millis(250),
    longest_pause: Duration::from_secs(10),
};

pub(crate) struct Sequencer<S, H> {
    /// Away only while a blocking thread works on it.
    tree: Option<Tree<S, H>>,
    handover: Arc<Handover>,
    witnesses: Witnesses<S>,
    pace: Pace,
    shutdown: Shutdown,
}

impl<S: Storage + Clone, H: Heads> Sequencer<S, H> {
    pub(crate) fn new(
        tree: Tree<S, H>,
        handover: Arc<Handover>,
        witnesses: Witnesses<S>,
        pace: Pace,
        shutdown: Shutdown,
    ) -> Self {
        Self { tree: Some(tree), handover, witnesses, pace, shutdown }
    }

    fn tree(&self) -> &Tree<S, H> {
        self.tree.as_ref().expect("the tree is back between two steps")
    }

    /// Runs until shutdown, or until the tree may not be written any more.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let mut failures = 1;
        let mut cosigned_at: Option<Instant> = None;
        let mut committed_at: Option<Instant> = None;
        loop {
            let published =
                cosigned_at.is_some() && self.handover.published_size() == Some(self.tree().size());
            let due = cosigned_at.map_or(Instant::now(), |at| at + self.pace.refresh);
            let step = if self.tree().is_broken() {
                Step::Reopen
            } else if !published || due <= Instant::now() {
                Step::Cosign
            } else {
                tokio::select! {
                    () = shutdown.requested() => return Ok(()),
                    () = tokio::time::sleep_until(due) => Step::Cosign,
                    () = self.handover.arrived() => Step::Commit,
                }
            };
            let went_well = match step {
                Step::Cosign => {
                    let published = self.cosign().await?;
                    if published {
                        cosigned_at = Some(Instant::now());
                    }
                    published
                }
                Step::Commit => {
                    let earliest = committed_at.map_or(Instant::now(), |at| at + self.pace.checkpoint);
                    let batch_due = (Instant::now() + self.pace.batch).max(earliest);
                    tokio::select! {
                        () = shutdown.requested() => return Ok(()),
                        () = tokio::time::sleep_until(batch_due) => {}
                    }
                    committed_at = Some(Instant::now());
                    self.commit().await?
                }
                Step::Reopen => self.reopen().await?,
            };
            if went_well {
                failures = 1;
                continue;
            }
            failures += 1;
            let pause = AGAIN.pause_before(failures, &mut OsRng).unwrap_or(AGAIN.longest_pause);
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round: the present head to every witness; with a quorum, published. `false` when the quorum is missing.
    async fn cosign(&mut self) -> Result<bool, Error> {
        let (size, root) = (self.tree().size(), self.tree().root());
        let collected = tokio::select! {
            () = self.shutdown.requested() => return Ok(false),
            collected = self.witnesses.collect(size, self.tree().signed()) => collected,
        };
        let cosigned = match collected {
            Ok(cosigned) => cosigned,
            Err(missing) => {
                // SPEC: log.md#publishing: without the quorum nothing MUST be published.
                tracing::warn!(size, %missing, "no quorum: nothing is published");
                self.handover.set_trouble(Some(Failure::new(
                    503,
                    "no-quorum",
                    "too few witnesses answer; the leaf stays in the queue or the tree, so send the same bytes again later",
                )));
                return Ok(false);
            }
        };
        let note = Bytes::from(cosigned);
        let bytes = note.clone();
        if let Err(error) = self.blocking(move |tree| tree.publish(&bytes)).await {
            self.report(&error);
            return Ok(false);
        }
        self.handover.set_trouble(None);
        self.handover.publish(Published { size, root, note });
        Ok(true)
    }

    /// One batch into the tree. `false` when it failed in a way that may pass.
    async fn commit(&mut self) -> Result<bool, Error> {
        let batch = self.handover.take_batch(MAX_BATCH);
        if batch.is_empty() {
            return Ok(true);
        }
        let (leaves, entries): (Vec<Hash>, Vec<Bytes>) = batch.into_iter().unzip();
        let first = self.tree().size();
        let handover = self.handover.clone();
        let hashes = leaves.clone();
        let outcome = self
            .blocking(move |tree| {
                // A leaf that came in while its twin was being integrated: the index, which only this task extends, knows.
                let known = |leaf: &Hash| matches!(handover.index.find(&leaf.0), Ok(Some(_)));
                let new =
                    hashes.iter().zip(&entries).filter(|(leaf, _)| !known(leaf)).map(|(_, entry)| &entry[..]);
                let added = tree.commit(new)?;
                let added: Vec<[u8; 32]> = added.into_iter().map(|leaf| leaf.0).collect();
                Ok((handover.index.extend(first, &added), added.len()))
            })
            .await;
        match outcome {
            Ok((indexed, added)) => {
                // The tree has the leaves; an index that cannot be written is rebuilt at the next start.
                indexed?;
                tracing::debug!(first, added, "committed");
                self.handover.settle(&leaves, &Fate::Integrated);
                Ok(true)
            }
            Err(error) => {
                self.report(&error);
                let named = failure(&error);
                fatal(error)?;
                // The write may have persisted all the same: ask the disk before telling the submitters.
                let reopened = self.reopen().await;
                let integrated = matches!(reopened, Ok(true)) && self.tree().size() > first;
                let fate = if integrated { Fate::Integrated } else { Fate::Failed(named) };
                self.handover.settle(&leaves, &fate);
                reopened.map(|_| integrated)
            }
        }
    }

    async fn reopen(&mut self) -> Result<bool, Error> {
        let handover = self.handover.clone();
        let outcome = self
            .blocking(move |tree| {
                tree.reopen()?;
                Ok(index_entries(tree, &handover.index))
            })
            .await;
        match outcome {
            Ok(indexed) => {
                indexed?;
                tracing::info!(size = self.tree().size(), "the tree is open again");
                Ok(true)
            }
            Err(error) => {
                self.report(&error);
                fatal(error)?;
                Ok(false)
            }
        }
    }

    fn report(&self, error: &TreeError) {
        tracing::error!(%error, "the tree could not be written");
        self.handover.set_trouble(Some(failure(error)));
    }

    /// Runs disk work on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Tree<S, H>) -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, TreeError> {
        let mut tree = self.tree.take().expect("the tree is back between two steps");
        let (tree, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut tree);
            (tree, outcome)
        })
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        self.tree = Some(tree);
        outcome
    }
}

enum Step {
    Cosign,
    Commit,
    Reopen,
}

/// What a submitter is told about a failed write.
fn failure(error: &TreeError) -> Failure {
    match error {
        TreeError::Storage(DurableError::DiskFull { .. }) => Failure::new(
            503,
            "disk-full",
            "the log's disk is full; its operator must free space, then send the same bytes again",
        ),
        _ => Failure::new(503, "storage", "the log could not write; send the same bytes again later"),
    }
}

/// Failures after which this process must not write any more.
fn fatal(error: TreeError) -> Result<(), Error> {
    match error {
        TreeError::Storage(DurableError::Different { .. }) | TreeError::Broken => Ok(()),
        TreeError::Storage(_) => Ok(()),
        fatal => Err(fatal.into()),
    }
}

#[cfg(test)]
mod tests;
