//! The requester: asks for one camera and one span of time, with a reason, under its own name;
//! collects shares once the request is in the witnessed log; opens exactly the granted epochs.
//!
//! In scope: what a sponsor's desk does, as functions that the command line calls. All state of one
//! request lives in one folder, durable after every step, so that each step can be repeated and a
//! killed one resumed. Out of scope: the decision, which trustees take; any way to a share without
//! a leaf, which does not exist.
//!
//! | module | job |
//! |---|---|
//! | [`config`], [`keys`], `state` | the settings; officer, supervisor, sponsor and link keys, made once; the open desk |
//! | [`ask`], `objects`, [`request`] | what is asked; the camera's public objects; compose, sign, countersign, log |
//! | `case`, [`folder`] | one request as every step finds it; its durable state |
//! | [`collect`], `way`, `outlook` | ask each trustee, by what it alone reads, until enough have granted, of each epoch |
//! | [`shares`], [`open`] | combine; fetch ciphertext, open |
//! | `evidence`, [`film`] | what else a stranger must see of it; write MP4 and evidence |
//! | [`ratify`] | a court confirmed an emergency |
//! | [`show`] | for showing that what was not released stays closed |
//!
//! ```text
//! request/draft.note  request/package  request/release.secret   candor request new
//! request/draft.note                                            candor request sign
//! request/leaf.note  request/leaf.tlog-proof                    candor request submit
//! request/bundles/<share>                                       candor request collect
//! request/clip-0.mp4  request/evidence                          candor request open
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ask;
mod case;
pub mod collect;
pub mod config;
mod evidence;
pub mod film;
pub mod folder;
pub mod keys;
mod objects;
pub mod open;
mod outlook;
pub mod outset;
pub mod ratify;
pub mod request;
pub mod shares;
pub mod show;
mod state;
mod way;

pub use case::CaseError;
pub use config::Config;
pub use evidence::HeadError;
pub use objects::ObjectsError;
pub use state::{DeskError, Requester};
