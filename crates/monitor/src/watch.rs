//! The running monitor: look at the log, swap heads with the peers, pause; and what it tells of itself.

use crate::Config;
use crate::book::Book;
use crate::follow::{self, Look, LookError, on_disk};
use crate::gossip::{MAX_GOSSIP_BYTES, gossip_with};
use host::durable::FolderLock;
use host::http::{Fetch, FetchLimits};
use host::shutdown::Shutdown;
use log_client::LogClient;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tlog::policy::{Policy, VerifyError};
use tlog::reader::Head;
use tokio::time::Instant;

/// What `GET /status` answers.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// `starting`, `following`, `behind` (the log shows an older head than ours), `quorum-missing`, `forked`, or `failing`.
    pub state: &'static str,
    /// Leaves in the followed tree.
    pub size: u64,
    /// When the quorum had cosigned the followed head, Unix seconds.
    pub cosigned_at: Option<u64>,
    /// Seconds since the last good look at the log.
    pub last_good_look_secs: Option<u64>,
    /// Why the last look brought nothing, if so.
    pub error: Option<String>,
    /// Signed heads that are larger than the followed tree, and wait to be checked.
    pub pending_heads: usize,
    /// Peer to what went wrong with it in the last round; `null` if nothing did.
    pub peers: BTreeMap<String, Option<String>>,
    /// The alarms that stand, by the names of their files.
    pub alarms: Vec<String>,
}

/// An open monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) log: LogClient,
    /// For the peers.
    pub(crate) fetch: Fetch,
    config: Config,
    /// Held before `progress` where both are.
    book: Mutex<Book>,
    progress: Mutex<Progress>,
    /// With the last clone of the monitor, work on a disk included, the folder is free again.
    _folder: FolderLock,
}

#[derive(Debug, Default)]
struct Progress {
    state: Option<&'static str>,
    good_look: Option<Instant>,
    error: Option<String>,
    peers: BTreeMap<String, Option<String>>,
    /// The head whose tiles did not fit, and how often in a row.
    unreproducible: Option<(Head, u32)>,
}

impl Monitor {
    pub(crate) fn new(config: Config, log: LogClient, book: Book, folder: FolderLock) -> Self {
        let limits = FetchLimits { answer_bytes: MAX_GOSSIP_BYTES, ..FetchLimits::default() };
        Self {
            log,
            fetch: Fetch::new(limits),
            config,
            book: Mutex::new(book),
            progress: Mutex::default(),
            _folder: folder,
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.log.policy()
    }

    pub(crate) fn log_url(&self) -> &str {
        &self.config.log
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// How often in a row the tiles of this head did not fit, this time included.
    pub(crate) fn count_unreproducible(&self, head: Head) -> u32 {
        let mut progress = lock(&self.progress);
        let times = match progress.unreproducible {
            Some((last, times)) if last == head => times.saturating_add(1),
            _ => 1,
        };
        progress.unreproducible = Some((head, times));
        times
    }

    pub(crate) fn status(&self) -> Status {
        let book = self.book();
        let progress = lock(&self.progress);
        Status {
            state: progress.state.unwrap_or("starting"),
            size: book.size(),
            cosigned_at: book.head().map(|head| head.cosigned_at()),
            last_good_look_secs: progress.good_look.map(|at| at.elapsed().as_secs()),
            error: progress.error.clone(),
            pending_heads: book.pending(),
            peers: progress.peers.clone(),
            alarms: book.alarms.names(),
        }
    }

    fn note(&self, looked: Result<Look, LookError>) {
        let mut progress = lock(&self.progress);
        progress.state = Some(match &looked {
            Ok(Look::UpToDate | Look::Grown) => "following",
            Ok(Look::Behind) => "behind",
            Ok(Look::Forked) => "forked",
            Err(LookError::Checkpoint(VerifyError::QuorumNotMet(_))) => "quorum-missing",
            Err(_) => "failing",
        });
        if matches!(looked, Ok(Look::UpToDate | Look::Grown)) {
            progress.good_look = Some(Instant::now());
            progress.unreproducible = None;
        }
        if let Err(error) = &looked {
            tracing::warn!(%error, "the log could not be followed");
        }
        progress.error = looked.err().map(|error| error.to_string());
    }
}

/// The loop, until shutdown: look at the log, swap heads, pause.
pub(crate) async fn watch(monitor: &Arc<Monitor>, shutdown: &Shutdown) {
    let pause = Duration::from_millis(monitor.config.poll_ms.max(10));
    let patience = Duration::from_secs(monitor.config.withheld_secs);
    while !shutdown.is_requested() {
        let looked = follow::look(monitor, shutdown).await;
        if matches!(looked, Err(LookError::Stopping)) {
            return;
        }
        monitor.note(looked);
        for peer in &monitor.config.peers {
            let outcome = gossip_with(monitor, peer, shutdown).await.map_err(|error| error.to_string());
            if let Err(error) = &outcome {
                tracing::warn!(peer, error, "no gossip with this peer");
            }
            lock(&monitor.progress).peers.insert(peer.clone(), outcome.err());
        }
        if let Err(error) = on_disk(monitor, move |book, _| book.withheld(Instant::now(), patience)).await {
            tracing::error!(%error, "an alarm could not be kept");
        }
        tokio::select! {
            () = shutdown.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A panic while the book was open ends the party; what it guards is replaced whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
