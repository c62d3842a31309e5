//! The owner against a real log and its witnesses.
#![allow(clippy::unwrap_used)]

mod audit;
mod world;
