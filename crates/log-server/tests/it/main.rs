//! A log with real witnesses over real sockets.
#![allow(clippy::unwrap_used)]

mod adding;
mod quorum;
mod restart;
mod world;
