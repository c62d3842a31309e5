//! A log with real witnesses over real sockets.
#![allow(clippy::unwrap_used)]

mod adding;
mod clock;
mod killed;
mod quorum;
mod restart;
mod sample;
mod socket;
mod world;
