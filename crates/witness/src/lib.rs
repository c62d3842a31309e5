//! A witness: it cosigns the heads of transparency logs that only ever grow, and cannot be talked
//! into cosigning a fork (C2SP tlog-witness; proto/log.md).
//!
//! In scope: `decide` the fate of one request, keep the `latest` head of each log durable *before*
//! a cosignature leaves, `serve` the two URLs, keep refused checkpoints as evidence. Out of scope:
//! the content of a log; a witness never sees a leaf.
//!
//! ```text
//! POST /add-checkpoint                               200 cosignature lines | 400 403 404 409 422
//! GET  /<hex SHA-256 of the origin>/checkpoint       the latest cosigned checkpoint | 404
//! ```
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! lock            held by the one process
//! ed25519.key     the Ed25519 cosigner's key, one line, mode 0600
//! ml-dsa-44.key   the same for ML-DSA-44 (FIPS 204): its cosignatures hold against quantum computers
//! latest.redb     origin to the latest cosigned checkpoint; without it the witness does not start
//! refused/        signed checkpoints that were refused, one file each: evidence
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod decide;
mod error;
mod latest;
mod refused;
mod serve;
mod start;
mod state;

pub use config::Config;
pub use error::Error;
pub use latest::LatestError;
pub use serve::MAX_REQUEST_BYTES;
pub use start::{At, init, start};
