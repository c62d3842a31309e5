//! The door: the command line over all parties, the whole cast on loopback, and the demo's story.
//! No logic of a party is here.
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | `candor <party> <verb>`: arguments, output for people and for scripts, exit codes |
//! | [`cast`] | starts every party on loopback with fresh keys and state, wired as a deployment would be |
//! | [`demo`] | tells the main job with that cast, and measures it |
//! | `words`, `evidence` | how results read to people; an evidence file verified: for both |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cast;
pub mod cli;
pub mod demo;
mod evidence;
mod words;
