//! The machine, once. Every party reads its configuration, logs, stops, writes files and speaks
//! HTTP through this crate, so that timeouts, size limits and `fsync` order are decided in one
//! place.
//!
//! In scope: what touches the operating system. Out of scope: anything of the protocol; this crate
//! depends on nothing of ours.
//!
//! | module | job |
//! |---|---|
//! | [`config`] | one TOML file per party; errors name file, line and what to do |
//! | [`telemetry`] | `tracing` to standard error |
//! | [`shutdown`] | one cloneable signal that everything awaits |
//! | [`running`] | what a started party hands back: where it listens, how to stop it, how to join it |
//! | [`start`], [`machine`] | what a party is handed at its start: [`clock`] and [`rng`] as values, a signal, a listener |
//! | [`lock`], [`blocking`] | locks without poisoning; work on threads that may wait |
//! | [`rate`], [`backoff`] | how often a peer may ask; how long to wait before the next try |
//! | [`durable`] | files that are there after a power cut, or not there at all |
//! | [`given`] | files that others made and a person put here |
//! | [`db`] | a database whose damage is an error, never a panic |
//! | [`secret`] | key files: created once, mode 0600, never overwritten |
//! | [`http`] | serve a router, fetch a URL, both with limits |
//! | [`tunnel`] | a TLS connection to a device whose certificate is pinned |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backoff;
pub mod blocking;
pub mod clock;
pub mod config;
pub mod db;
pub mod durable;
pub mod given;
pub mod http;
pub mod lock;
pub mod machine;
pub mod rate;
pub mod rng;
pub mod running;
pub mod secret;
pub mod shutdown;
pub mod start;
pub mod telemetry;
pub mod tunnel;
