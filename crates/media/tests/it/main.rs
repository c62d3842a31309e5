//! What the crate must get right, from outside: vectors of a second implementation, every message
//! there and back, every byte changed, noise.
#![allow(clippy::unwrap_used)]

mod messages;
mod mutations;
mod noise;
mod samples;
mod vectors;
