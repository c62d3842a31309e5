//! The owner against a real log with its witnesses, and a real relay.
#![allow(clippy::unwrap_used)]

/// Where the container's small films lie.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../container/tests/fixtures");

mod app;
mod audit;
mod camera;
mod heads;
mod watch;
mod world;
