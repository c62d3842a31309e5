//! The owner against a real log with its witnesses, and a real relay.
#![allow(clippy::unwrap_used)]

mod app;
mod audit;
mod bridge;
mod broker;
mod example;
mod heads;
mod moved;
mod streams;
mod watch;
mod world;
