//! Live pictures for programs: one live view for each picture that is read, whoever reads it, and its
//! newest segments for all who do. A view begins with its first reader and ends a while after its
//! last.
//!
//! ```text
//! relay -- owner::live --> Publisher --> Channel: the newest segments, bounded --> readers (mp4, hls), each where it is
//! ```
//!
//! What is handed on opened as its camera sealed it; whether a segment was whole is known at its end,
//! and only then does it stand in a playlist. In scope: the segments and their bounds. Out of scope:
//! what a reader is told over HTTP ([`super::streams`]).

mod channel;

pub(super) use channel::{Channel, Next, Place, Run, Segment};

use crate::live;
use crate::span::Picture;
use crate::state::Owner;
use channel::Publisher;
use host::lock::Mutex;
use host::shutdown::Shutdown;
use media::id::TrackId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pictures that are watched at one time.
const MOST_VIEWS: usize = 16;
/// Readers of films at one time; playlists are read by request.
const MOST_READERS: usize = 32;
/// How long a view goes on without a reader: a player asks for its playlist every few seconds.
const IDLE: Duration = Duration::from_secs(30);

/// A camera by the name that it has in the book, and its picture.
type Key = (String, TrackId);

pub(super) struct Hub {
    owner: Owner,
    channels: Arc<Mutex<BTreeMap<Key, Arc<Channel>>>>,
    seats: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// As many as may are read already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Hub {
    pub(super) fn new(owner: Owner, shutdown: Shutdown) -> Self {
        let seats = Arc::new(Semaphore::new(MOST_READERS));
        Self { owner, channels: Arc::default(), seats, shutdown }
    }

    /// A seat for one reader of a film, until it is dropped.
    pub(super) fn seat(&self) -> Result<OwnedSemaphorePermit, Full> {
        self.seats.clone().try_acquire_owned().map_err(|_| Full)
    }

    /// The view of a picture, begun if nobody reads it yet.
    pub(super) fn channel(&self, camera: &str, track: TrackId) -> Result<Arc<Channel>, Full> {
        let key = (camera.to_owned(), track);
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(&key) {
            channel.touch();
            return Ok(channel.clone());
        }
        if channels.len() >= MOST_VIEWS {
            return Err(Full);
        }
        let channel = Arc::new(Channel::new(self.owner.now_us()));
        channels.insert(key.clone(), channel.clone());
        tokio::spawn(watch(
            self.owner.clone(),
            self.channels.clone(),
            key,
            channel.clone(),
            self.shutdown.child(),
        ));
        Ok(channel)
    }
}

/// Watches one picture until nobody reads it or there is nothing to watch.
async fn watch(
    owner: Owner,
    channels: Arc<Mutex<BTreeMap<Key, Arc<Channel>>>>,
    key: Key,
    channel: Arc<Channel>,
    stop: Shutdown,
) {
    let picture = Picture { camera: &key.0, track: key.1 };
    let mut publisher = Publisher::new(channel.clone());
    let ended = tokio::select! {
        ended = live::watch(&owner, picture, &stop, &mut publisher) => ended.err().map(|error| error.to_string()),
        () = idle(&channels, &key, &channel) => None,
    };
    let mut channels = channels.lock();
    if channels.get(&key).is_some_and(|held| Arc::ptr_eq(held, &channel)) {
        channels.remove(&key);
    }
    drop(channels);
    channel.end(ended);
}

/// Returns once nobody has read it for a while; from then on it is not given to anybody.
async fn idle(channels: &Mutex<BTreeMap<Key, Arc<Channel>>>, key: &Key, channel: &Channel) {
    loop {
        tokio::time::sleep(IDLE / 4).await;
        // Under the lock under which it is given out.
        let mut channels = channels.lock();
        if channel.is_idle(Instant::now(), IDLE) {
            channels.remove(key);
            return;
        }
    }
}
