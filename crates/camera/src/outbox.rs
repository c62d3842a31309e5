//! What of one track the relay is not known to have, and how much that is: every change publishes
//! the depth itself.
//!
//! What goes next is decided by [`media::session::Outbox`]. No method waits, so a session that is
//! cut off leaves nothing half changed here: the depth is right whatever else its end took with it.

use host::lock::Mutex;
use media::id::Sequence;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

pub(crate) struct Outbox {
    decided: Mutex<media::session::Outbox>,
    depth: watch::Sender<usize>,
    /// A segment waits, of whichever track.
    to_send: Arc<Notify>,
}

impl Outbox {
    /// Begins with what the spool holds.
    pub(crate) fn new(spooled: impl IntoIterator<Item = Sequence>, to_send: Arc<Notify>) -> Self {
        let decided = media::session::Outbox::new(spooled);
        Self { depth: watch::Sender::new(decided.depth()), decided: Mutex::new(decided), to_send }
    }

    /// A session stands: what was under way in the one before waits again, and segments from here
    /// on are live.
    pub(crate) fn connect(&self, live_from: Sequence) {
        self.change(|outbox| outbox.handle_connected(live_from));
    }

    /// A segment was begun: it may be sent as it grows.
    pub(crate) fn add(&self, sequence: Sequence) {
        self.change(|outbox| outbox.handle_spooled(sequence));
        self.to_send.notify_one();
    }

    /// The relay says that a segment is durable. `true` the first time.
    pub(crate) fn acknowledge(&self, sequence: Sequence) -> bool {
        self.change(|outbox| outbox.handle_ack(sequence))
    }

    /// A segment is not to be had any more, or not to be sent.
    pub(crate) fn remove(&self, sequence: Sequence) {
        self.change(|outbox| outbox.handle_dropped(sequence));
    }

    /// A segment is to be sent again.
    pub(crate) fn requeue(&self, sequence: Sequence) {
        self.change(|outbox| outbox.handle_nack(sequence));
        self.to_send.notify_one();
    }

    /// Takes the newest live segment that waits.
    pub(crate) fn take_live(&self) -> Option<Sequence> {
        self.change(media::session::Outbox::poll_live)
    }

    /// Takes the next segment that waits, of the backlog if none is live.
    pub(crate) fn take(&self) -> Option<Sequence> {
        self.change(media::session::Outbox::poll_send)
    }

    /// Waits until a segment was added or is to go again, of whichever track. Cancel-safe.
    pub(crate) async fn wait_for_more(&self) {
        self.to_send.notified().await;
    }

    /// How many segments the relay is not known to have, the one that is being filmed included.
    pub(crate) fn depth(&self) -> usize {
        *self.depth.borrow()
    }

    /// Waits until the relay has everything.
    pub(crate) async fn wait_until_empty(&self) {
        let mut depth = self.depth.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = depth.wait_for(|depth| *depth == 0).await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut media::session::Outbox) -> T) -> T {
        let mut decided = self.decided.lock();
        let changed = change(&mut decided);
        // Under the lock, so that no older depth replaces a newer one.
        self.depth.send_if_modified(|depth| std::mem::replace(depth, decided.depth()) != decided.depth());
        changed
    }
}
