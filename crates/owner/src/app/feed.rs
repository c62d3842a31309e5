//! From the opener to the page: media and events in one order, bounded.
//!
//! ```text
//! Event::Run, init, Event::Segment, fragment, fragment, ... Event::SegmentVerified      as messages of a WebSocket:
//!   text    {"event":"segment","sequence":4,"start_us":...}
//!   binary  tag | f64 big-endian seconds | bytes        tag 0: init; 1: fragment, whose decode time that is
//! ```
//!
//! A page that does not take what is sent holds up the view, and so the session with the relay: the
//! relay's rule for slow viewers is then the only one.

use crate::live::viewer::Output;
use crate::live::{Event, Outlet, WatchError};
use container::{Fragment, Init};
use std::io;
use tokio::sync::mpsc;

/// What goes to the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Event(Event),
    /// Tagged bytes.
    Media(Vec<u8>),
}

/// Where a view goes: what it gives at once stays together.
#[derive(Debug)]
pub(super) struct Feed {
    page: mpsc::Sender<Vec<Item>>,
    init: Option<Init>,
}

impl Feed {
    /// So many pieces may wait for the page before the view waits for it.
    pub(super) fn new(waiting: usize) -> (Self, mpsc::Receiver<Vec<Item>>) {
        let (page, items) = mpsc::channel(waiting);
        (Self { page, init: None }, items)
    }

    fn item(&mut self, output: Output) -> io::Result<Option<Item>> {
        let (tag, seconds, bytes) = match output {
            // It comes itself.
            Output::Event(Event::Fragment { .. }) => return Ok(None),
            Output::Event(event) => return Ok(Some(Item::Event(event))),
            Output::Init(bytes) => {
                self.init = Some(Init::parse(&bytes).map_err(io::Error::other)?);
                (0, 0.0, bytes)
            }
            Output::Fragment(bytes) => {
                let init = self.init.as_ref();
                let init = init.ok_or_else(|| io::Error::other("a fragment before its init"))?;
                let fragment = Fragment::parse(init, &bytes).map_err(io::Error::other)?;
                (1, fragment.decode_us as f64 / 1e6, bytes)
            }
        };
        Ok(Some(Item::Media([&[tag][..], &f64::to_be_bytes(seconds), &bytes].concat())))
    }
}

impl Outlet for Feed {
    async fn take(&mut self, outputs: Vec<Output>) -> Result<(), WatchError> {
        let mut items = Vec::new();
        for output in outputs {
            items.extend(self.item(output)?);
        }
        if !items.is_empty() {
            // Else the page went, and this ends with it.
            let _ = self.page.send(items).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_page_that_takes_nothing_holds_up_the_view_and_gets_all_in_one_order() {
        let (mut feed, mut page) = Feed::new(1);
        let event = |sequence| Event::Segment { epoch: 0, sequence, start_us: 0 };
        let fragment = Event::Fragment { captured_us: 0, latency_us: 0 };
        feed.take(vec![Output::Event(fragment.clone())]).await.unwrap();
        feed.take([event(1), fragment, event(2)].map(Output::Event).to_vec()).await.unwrap();
        let more = vec![Output::Event(event(3))];
        let waited = tokio::time::timeout(Duration::from_millis(20), feed.take(more.clone())).await;
        assert!(waited.is_err(), "the view goes on without the page");
        let taken = tokio::spawn(async move { feed.take(more).await });
        assert_eq!(page.recv().await.unwrap(), [event(1), event(2)].map(Item::Event));
        assert_eq!(page.recv().await.unwrap(), [Item::Event(event(3))]);
        tokio::time::timeout(Duration::from_secs(60), taken).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_fragment_before_its_init_is_an_error() {
        let (mut feed, _page) = Feed::new(1);
        assert!(feed.take(vec![Output::Fragment(b"\0\0\0\x08moof".to_vec())]).await.is_err());
    }
}
