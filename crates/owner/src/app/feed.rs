//! From the opener to the page: what is written to a sink and what is told to a callback, in one
//! order, bounded.
//!
//! ```text
//! Event::Run, init, Event::Segment, fragment, fragment, ... Event::SegmentVerified      as messages of a WebSocket:
//!   text    {"event":"segment","sequence":4,"start_us":...}
//!   binary  tag | f64 big-endian seconds | bytes        tag 0: init; 1: fragment, whose decode time that is
//! ```
//!
//! A page that does not take what is sent holds up the flush of the sink, and so the session with
//! the relay: the relay's rule for slow viewers is then the only one.

use crate::live::Event;
use container::{Fragment, Init};
use host::lock::Mutex;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;

/// Bytes that may wait for the page before the sink waits for it. One segment may come on top.
const WAITING_BYTES: usize = 4 << 20;

/// What goes to the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Event(Event),
    /// Tagged bytes.
    Media(Vec<u8>),
}

/// Where init and fragments are written, each by one write.
#[derive(Debug)]
pub(super) struct Sink {
    pipe: Arc<Pipe>,
    init: Option<Init>,
}

/// Where events are told.
#[derive(Debug, Clone)]
pub(super) struct Teller(Arc<Pipe>);

/// Where the page is served from.
#[derive(Debug)]
pub(super) struct Outlet(Arc<Pipe>);

#[derive(Debug, Default)]
struct Pipe {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    /// The sink, waiting for room.
    waiting: Option<Waker>,
}

pub(super) fn feed() -> (Sink, Teller, Outlet) {
    let pipe = Arc::new(Pipe::default());
    (Sink { pipe: pipe.clone(), init: None }, Teller(pipe.clone()), Outlet(pipe))
}

impl Pipe {
    fn push(&self, item: Item) {
        let mut queue = self.queue.lock();
        queue.bytes += size(&item);
        queue.items.push_back(item);
        drop(queue);
        self.filled.notify_one();
    }
}

fn size(item: &Item) -> usize {
    match item {
        Item::Event(_) => 0,
        Item::Media(bytes) => bytes.len(),
    }
}

impl Teller {
    /// Fragments are not told: they come themselves.
    pub(super) fn tell(&self, event: Event) {
        if !matches!(event, Event::Fragment { .. }) {
            self.0.push(Item::Event(event));
        }
    }
}

impl Outlet {
    /// The next item; waits for it. Cancelling it loses nothing.
    pub(super) async fn next(&self) -> Item {
        loop {
            if let Some(item) = self.try_next() {
                return item;
            }
            self.0.filled.notified().await;
        }
    }

    pub(super) fn try_next(&self) -> Option<Item> {
        let mut queue = self.0.queue.lock();
        let item = queue.items.pop_front()?;
        queue.bytes -= size(&item);
        if queue.bytes <= WAITING_BYTES
            && let Some(waker) = queue.waiting.take()
        {
            waker.wake();
        }
        Some(item)
    }
}

impl Sink {
    fn tagged(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (tag, seconds) = match bytes.get(4..8) {
            Some(b"ftyp") => {
                self.init = Some(Init::parse(bytes).map_err(io::Error::other)?);
                (0, 0.0)
            }
            _ => {
                let init =
                    self.init.as_ref().ok_or_else(|| io::Error::other("a fragment before its init"))?;
                let fragment = Fragment::parse(init, bytes).map_err(io::Error::other)?;
                (1, fragment.decode_us as f64 / 1e6)
            }
        };
        let mut tagged = Vec::with_capacity(bytes.len() + 9);
        tagged.push(tag);
        tagged.extend_from_slice(&f64::to_be_bytes(seconds));
        tagged.extend_from_slice(bytes);
        Ok(tagged)
    }
}

impl AsyncWrite for Sink {
    /// Takes the whole of what is written: the opener hands out an init or a fragment at once.
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tagged = self.tagged(bytes)?;
        self.pipe.push(Item::Media(tagged));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut queue = self.pipe.queue.lock();
        if queue.bytes <= WAITING_BYTES {
            return Poll::Ready(Ok(()));
        }
        queue.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn what_was_told_and_written_comes_in_one_order() {
        let (sink, teller, outlet) = feed();
        let event = |sequence| Event::Segment { epoch: 0, sequence, start_us: 0 };
        teller.tell(event(1));
        sink.pipe.push(Item::Media(vec![1; 9]));
        teller.tell(Event::Fragment { captured_us: 0, latency_us: 0 });
        teller.tell(event(2));
        assert_eq!(outlet.next().await, Item::Event(event(1)));
        assert_eq!(outlet.next().await, Item::Media(vec![1; 9]));
        assert_eq!(outlet.next().await, Item::Event(event(2)));
        assert_eq!(outlet.try_next(), None);
    }

    #[tokio::test]
    async fn a_page_that_takes_nothing_holds_up_the_sink_until_it_does() {
        let (mut sink, _teller, outlet) = feed();
        sink.flush().await.unwrap();
        sink.pipe.push(Item::Media(vec![0; WAITING_BYTES + 1]));
        let waited = tokio::time::timeout(Duration::from_millis(20), sink.flush()).await;
        assert!(waited.is_err(), "the sink goes on without the page");
        let flushed = tokio::spawn(async move { sink.flush().await });
        tokio::task::yield_now().await;
        outlet.next().await;
        tokio::time::timeout(Duration::from_secs(60), flushed).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_fragment_before_its_init_is_an_error() {
        let (mut sink, _teller, _outlet) = feed();
        assert!(sink.write_all(b"\0\0\0\x08moof").await.is_err());
    }
}
