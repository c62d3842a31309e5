//! The owner against a real log with its witnesses, and a real relay.
#![allow(clippy::unwrap_used)]

mod app;
mod audit;
mod heads;
mod moved;
mod watch;
mod world;
