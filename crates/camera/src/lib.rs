//! The camera: it films, seals, signs, deals each epoch key to owner and trustees, and forgets it.
//!
//! | module | job |
//! |---|---|
//! | [`config`], [`source`], [`filming`], [`mask`] | what is configured: what it films, when, and what of it is black |
//! | `error`, [`identity`], [`pair`] | why it does not run; its key, made once; one owner, found once |
//! | `start`, `state`, `outbox`, [`stats`] | the order of starting and stopping; what filming and publishing share |
//! | [`probe`] | what a source sends, and what its owner should change |
//! | `sensor` | what the filmed camera itself says of motion |
//! | `shoot`, `capture` | a source at work, begun again when it breaks off; its pictures, as `heard` by the film |
//! | `film`, `live`, `events` | fragments into sealed segments; the one that grows; what is held back until something moves |
//! | `segmenter`, `epochs`, `notices`, `clock`, `timing` | where segments begin; the life of a seed; days; the time; when a picture was made: pure |
//! | `motion`, `usual`, `occasion` | how much moved; how much usually does; what is an event: pure |
//! | [`duty`] | whether it films now: its hours, its privacy switch |
//! | `spool` | what survives a power cut |
//! | `publish`, `policy`, `settings`, `holders` | sessions with the relay: live first, the backlog behind; which policies it acts on; what its owner asks beside; the trustees that it can seal to |
//!
//! In scope: what a device with a picture does. Out of scope: opening anything; who else may watch
//! (the owner's policy).
#![deny(clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm))]

mod capture;
mod clock;
pub mod config;
pub mod duty;
mod epochs;
mod error;
mod events;
mod film;
pub mod filming;
mod heard;
mod holders;
pub mod identity;
mod live;
pub mod mask;
mod motion;
mod notices;
mod occasion;
mod outbox;
pub mod pair;
mod policy;
pub mod probe;
mod publish;
mod segmenter;
mod sensor;
mod settings;
mod shoot;
pub mod source;
mod spool;
mod start;
mod state;
pub mod stats;
mod timing;
mod usual;

pub use config::{Config, SoundMode};
pub use error::Error;
pub use filming::{Filming, Mode};
pub use identity::{init, is_made};
pub use pair::PairError;
pub use publish::Share;
pub use source::{SourceConfig, SourceError, Stream, StreamUrl, Transport};
pub use spool::SpoolError;
pub use start::{At, start};
pub use stats::Stats;
