//! One session between a party and the relay: the only user of quinn. Contract: `proto/session.md`.
//!
//! In scope: TLS identities by Ed25519 key, without certificates or authorities; framing; limits on
//! whatever a peer could make large, many or slow; errors by name. Out of scope: what a message
//! means (`relay`, `camera`, `owner`, `requester`), and who may do what: a [`Link`] says whose key
//! the peer holds, and no more.
//!
//! ```no_run
//! # async fn example(relay_key: media::sign::PublicKey) -> Result<(), Box<dyn std::error::Error>> {
//! use media::message::{Request, Response};
//! use quic::{Endpoint, Identity};
//!
//! let endpoint = Endpoint::client(&Identity::from_seed(&[7; 32]))?;
//! let (link, mut control) = endpoint.connect("relay.example:4433", &relay_key).await?;
//! if let Response::Cameras(cameras) = link.call(&Request::ListCameras).await? {
//!     println!("{} cameras; the relay's clock reads {} us", cameras.len(), link.welcome_now_us());
//! }
//! while let Some(message) = control.next().await? {
//!     println!("{message:?}");
//! }
//! # Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod call;
mod congestion;
mod endpoint;
mod error;
mod frame;
mod identity;
mod key;
pub mod limits;
mod link;
mod segment;

pub use call::{HeadStream, IncomingCall, Responder, SegmentStream, SegmentsOut};
pub use endpoint::{Endpoint, Incoming};
pub use error::{CallError, LinkError, StreamError};
pub use identity::Identity;
pub use key::{BadKey, Key};
pub use limits::Limits;
pub use link::{ControlReceiver, Link, Path};
pub use segment::{SegmentRecv, SegmentSend};

/// The application protocol named in the TLS handshake.
pub const ALPN: &[u8] = b"candor/1";
