//! An open monitor: what its loop and its pages share.

use crate::book::Book;
use crate::config::Config;
use crate::look::{Look, LookError, State};
use crate::store::StoreError;
use host::blocking::Blocking;
use host::clock::Clock;
use host::durable::FolderLock;
use host::http::Fetch;
use host::lock::{Mutex, MutexGuard};
use host::shutdown::Shutdown;
use log_client::LogClient;
use std::collections::BTreeMap;
use std::sync::Arc;
use tlog::policy::Policy;
use tlog::reader::Head;
use tokio::time::Instant;

/// What `GET /status` answers.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    pub state: State,
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
    /// Trustee to the days whose keys should be destroyed, and of which the log does not say so.
    pub overdue_keys: BTreeMap<String, Vec<u32>>,
    /// The same of who is no trustee by the rules in force: it is told, and turns nothing red.
    pub overdue_keys_of_former: BTreeMap<String, Vec<u32>>,
    /// Trustee to the days of which it logged a key that does not count.
    pub uncounted_keys: BTreeMap<String, Vec<u32>>,
}

impl Status {
    // SPEC: gossip.md#alarms: the status is 500 while an alarm stands.
    pub(crate) fn is_red(&self) -> bool {
        !(self.alarms.is_empty() && self.overdue_keys.is_empty() && self.uncounted_keys.is_empty())
    }
}

#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) config: Config,
    pub(crate) log: LogClient,
    /// For the peers.
    pub(crate) fetch: Fetch,
    pub(crate) clock: Clock,
    /// Held before `progress` where both are.
    book: Mutex<Book>,
    progress: Mutex<Progress>,
    disk: Blocking,
    /// Held as long as anything may work in the folder.
    _folder: FolderLock,
}

#[derive(Debug, Default)]
struct Progress {
    state: State,
    good_look: Option<Instant>,
    error: Option<String>,
    peers: BTreeMap<String, Option<String>>,
    /// The head whose tiles did not fit, and how often in a row.
    unreproducible: Option<(Head, u32)>,
}

impl Monitor {
    pub(crate) fn new(
        config: Config,
        log: LogClient,
        fetch: Fetch,
        clock: Clock,
        book: Book,
        folder: FolderLock,
    ) -> Self {
        let (book, progress) = (Mutex::new(book), Mutex::default());
        Self { config, log, fetch, clock, book, progress, disk: Blocking::default(), _folder: folder }
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.log.policy()
    }

    /// Held for moments, or on a thread that may wait: a step of the book waits for a disk.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock()
    }

    /// Works on a thread that may wait.
    pub(crate) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let monitor = self.clone();
        self.disk.run(move || work(&monitor)).await
    }

    /// Works on the book, on a thread that may wait.
    pub(crate) async fn with_book<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Book, &Policy) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, LookError> {
        Ok(self.on_disk(|monitor| work(&mut monitor.book(), monitor.policy())).await?)
    }

    /// Waits until nothing works on the book any more.
    pub(crate) async fn finish(&self) {
        self.disk.finish().await;
    }

    /// How often in a row the tiles of this head did not fit, this time included.
    pub(crate) fn count_unreproducible(&self, head: Head) -> u32 {
        let mut progress = self.progress.lock();
        let times = match progress.unreproducible {
            Some((last, times)) if last == head => times.saturating_add(1),
            Some(_) | None => 1,
        };
        progress.unreproducible = Some((head, times));
        times
    }

    pub(crate) fn status(&self) -> Status {
        let book = self.book();
        let progress = self.progress.lock();
        let wrong = book.wrong_keys().clone();
        Status {
            state: progress.state,
            size: book.size(),
            cosigned_at: book.head().map(|head| head.cosigned_at()),
            last_good_look_secs: progress.good_look.map(|at| at.elapsed().as_secs()),
            error: progress.error.clone(),
            pending_heads: book.pending(),
            peers: progress.peers.clone(),
            alarms: book.alarms.names(),
            overdue_keys: wrong.overdue,
            overdue_keys_of_former: wrong.overdue_of_former,
            uncounted_keys: wrong.uncounted,
        }
    }

    pub(crate) fn note_look(&self, looked: &Result<Look, LookError>) {
        let mut progress = self.progress.lock();
        progress.state = State::after(looked);
        if progress.state == State::Following {
            progress.good_look = Some(Instant::now());
            progress.unreproducible = None;
        }
        progress.error = looked.as_ref().err().map(ToString::to_string);
    }

    /// How a round with a peer ended; `None`: well.
    pub(crate) fn note_peer(&self, peer: &str, trouble: Option<String>) {
        self.progress.lock().peers.insert(peer.to_owned(), trouble);
    }
}

/// Waits for the network, but not beyond the monitor's life.
pub(crate) async fn within<T, E>(
    shutdown: &Shutdown,
    wait: impl Future<Output = Result<T, E>>,
) -> Result<T, LookError>
where
    LookError: From<E>,
{
    tokio::select! {
        () = shutdown.requested() => Err(LookError::Stopping),
        done = wait => Ok(done?),
    }
}
