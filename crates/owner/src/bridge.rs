//! What an owner's cameras tell to programs of the house: Home Assistant, go2rtc, Frigate, scripts.
//! Manual: `deploy/bridge.md`, whose routes, shapes and errors are held against this by tests.
//!
//! ```text
//! candor owner bridge -> http://127.0.0.1:8620/api/v1/cameras        JSON, for whoever has a token
//!                        .../cameras/{camera}/live.mp4              a film that goes on
//!                        .../cameras/{camera}/live/index.m3u8       the same for players of HLS
//! ```
//!
//! In scope: what programs are told. Out of scope: how it is known (`app`: the same audit, timeline
//! and pictures as on the page), tokens ([`crate::tokens`]). It is said in the clear: the listener is
//! for this machine, unless its owner names another address.

mod api;
mod door;
mod hub;
mod mqtt;
mod public;
mod refused;
mod releases;
mod serve;
mod snapshot;
mod start;
mod streams;

pub use mqtt::MqttError;
pub use start::start;

use crate::app::Known;
use crate::state::Owner;
use host::shutdown::Shutdown;
use hub::Hub;
use public::Public;
use std::io;
use std::net::SocketAddr;

/// Where a started bridge is.
#[derive(Debug, Clone, Copy)]
pub struct BridgeAt {
    pub address: SocketAddr,
}

impl BridgeAt {
    /// Whether others than this machine can reach it, to whom all is said in the clear.
    pub fn is_beyond_this_machine(&self) -> bool {
        !self.address.ip().is_loopback()
    }
}

/// Why there is no bridge.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("{0}")]
    Listen(#[from] io::Error),
    #[error("names: {0:?} is no name of a machine: write it without http:// and without a port")]
    BadName(String),
    #[error("[bridge] monitor: {0:?} is no address of a monitor: write http://HOST:PORT or https://HOST")]
    BadMonitor(String),
    #[error(transparent)]
    Mqtt(#[from] MqttError),
    #[error(transparent)]
    Kept(#[from] crate::kept::KeptError),
}

/// What every answer is made of.
struct Bridge {
    owner: Owner,
    known: Known,
    hub: Hub,
    public: Public,
    shutdown: Shutdown,
}
