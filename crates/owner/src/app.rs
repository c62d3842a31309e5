//! The owner's app: a page served on this device, to this device's browser, for everything an owner
//! does with footage.
//!
//! ```text
//! candor owner app -> http://127.0.0.1:PORT/TOKEN/      the page, its modules, its style: embedded, nothing from elsewhere
//!                     .../api/cameras                   the cameras, and the state of the proof
//!                     .../api/timeline?camera=&from=&to=   recorded epochs, gaps, releases
//!                     .../api/days?camera=&edges=       on which days something was recorded
//!                     .../api/events?camera=&from=&to=     when something moved, by the heads of the segments
//!                     .../api/picture?camera=&at=       the key picture of a moment, for a small one on the timeline
//!                     .../api/zones?camera=             where in the picture nothing is an event; POST &ignored= paints them
//!                     .../api/sharing                   who may watch each camera, who holds shares
//!                     .../api/audit                     the log's rows about own cameras
//!                     .../api/live?camera=&track=       WebSocket: fragmented MP4 as it comes
//!                     .../api/play?camera=&track=&from=&to=    WebSocket: a recorded span, as fast as the page asks for it
//!                     .../api/export?camera=&from=&to=  WebSocket: progress, then the address of the finished MP4
//! ```
//!
//! In scope: what it serves. Out of scope: who may talk to it ([`page::guard`]), opening footage
//! (`live`, `play`, `export`), the log (`audit`), which this only shows. Whoever knows a token may
//! watch: it is printed, never logged, and ends with the process, or is kept until it is revoked
//! ([`addresses`]).

pub mod addresses;
mod api;
mod asked;
mod assets;
mod days;
mod downloads;
pub(crate) mod events;
mod export;
mod feed;
mod glimpses;
mod known;
pub(crate) mod picture;
pub(crate) mod proof;
mod serve;
mod sharing;
mod start;
pub(crate) mod timeline;
mod video;
mod zones;

pub use start::{start, start_kept};

use crate::lent::Lent;
use crate::state::Owner;
use downloads::Downloads;
use glimpses::Glimpses;
use host::shutdown::Shutdown;
use page::guard::Tokens;
use page::socket::Sockets;
use proof::Proof;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use timeline::Epochs;

/// Where a started app is.
#[derive(Clone)]
pub struct At {
    /// With the token: for the owner's browser only.
    pub url: String,
    pub address: SocketAddr,
}

impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why there is no app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("cannot listen on 127.0.0.1:{port}: {error}; choose another --port, or leave it out")]
    Listen { port: u16, error: io::Error },
    #[error(transparent)]
    Addresses(#[from] addresses::AddressError),
}

/// What is known of cameras and log while somebody asks: the page, or the bridge.
pub(crate) struct Known {
    owner: Owner,
    proof: Proof,
    epochs: Epochs,
    glimpses: Glimpses,
    /// For pictures.
    pictures: Lent,
    shutdown: Shutdown,
}

/// What every handler knows.
struct App {
    known: Known,
    downloads: Downloads,
    sockets: Sockets,
    /// Which addresses open it now.
    tokens: Tokens,
}

impl Deref for App {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.known
    }
}
