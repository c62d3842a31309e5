//! The owner: whose footage it is. Makes keys and pairs cameras, watches, plays back, exports, and
//! audits the log for every release that concerns its cameras.
//!
//! In scope: what the owner's device does, as functions that the command line calls. Each takes an
//! [`Owner`], reports its steps to a callback while it runs, may be dropped at any await point, and
//! fails with an error that says what to do next. Out of scope: drawing progress in a terminal;
//! anything the relay or a trustee does.
//!
//! | module | job |
//! |---|---|
//! | [`keys`] | the keybook folder: root, device and wrap keys, made once |
//! | [`state`] | an opened keybook: keys, log, relay, book, clock and randomness |
//! | [`book`] | the durable book of cameras: enrolment, policies, notice roots, last verified head |
//! | [`pair`] | one-time invites |
//! | [`cameras`] | a camera's name, its retirement, a new key in its place |
//! | [`policy`] | what each camera's policy says, and its next version |
//! | [`settings`] | what is asked of a camera beside its policy: the part of the picture that makes no event |
//! | [`live`], [`play`], [`export`] | the same stored bytes through the same opener |
//! | [`evidence`] | a recorded span for others: whole epochs, their keys, signed by this device |
//! | [`sealed`] | stored segments as the relay has them, for showing what it sees |
//! | [`status`] | how each camera is, by its own word and the relay's |
//! | [`holders`] | how many trustees can still open what is filmed |
//! | [`audit`] | every leaf of the log tried against the notice keys of own camera-days |
//! | [`alarm`] | tells when a camera is offline or has no picture, and what moved, by a command or a webhook |
//! | [`zones`] | where in a camera's picture nothing is an event |
//! | [`sent`] | opens a picture that an alarm sent |
//! | [`app`] | a page on this device for all of it: live, timeline, export, audit |
//! | [`bridge`], [`tokens`] | the same for programs of the house: JSON, streams, a broker; who may ask |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: owner::Config = host::config::load("owner.toml".as_ref())?;
//! owner::keys::init(&config)?;
//! let owner = owner::Owner::open(config)?;
//! let invitation = owner::pair::invite(&owner, "front-door").await?;
//! let url = invitation.url();
//! let paired = invitation.wait(&mut |step| tracing::info!(?step)).await?;
//! # Ok(()) }
//! ```
#![deny(clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm))]

pub mod alarm;
pub mod app;
pub mod audit;
pub mod book;
pub mod bridge;
pub mod cameras;
pub mod config;
pub mod evidence;
pub mod export;
mod heads;
pub mod holders;
mod kept;
pub mod keys;
mod lent;
pub mod live;
mod motion;
pub mod pair;
pub mod play;
pub mod policy;
pub mod sealed;
pub mod sent;
pub mod settings;
pub mod span;
pub mod state;
pub mod status;
mod still;
pub mod tokens;
pub mod zones;

pub use config::Config;
pub use kept::KeptError;
pub use span::{MAX_SPAN, Picture, Span, SpanError};
pub use state::Owner;
