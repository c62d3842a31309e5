//! The log: it orders the release records, and cannot show two people two histories without being
//! caught (proto/log.md; C2SP tlog-tiles, tlog-checkpoint, tlog-witness).
//!
//! In scope: `admission` of leaves by who signed them, one sequencer that batches them, durable
//! tiles, the quorum of witnesses before publishing. Out of scope: what a leaf means; the log reads
//! signatures, never content.
//!
//! ```text
//! POST /add                          a leaf (signed note) -> its tlog-proof with its stamp, once published | 400 403 409 413 429 503
//! GET  /checkpoint                   the published checkpoint with its cosignatures
//! GET  /tile/<L>/<N>[.p/<W>]         hashes;  /tile/entries/<N>[.p/<W>]  entries
//! GET  /log/v1/proof/<text hash>     the tlog-proof of a published entry | 404
//! GET  /status                       tree size, age of the checkpoint, witnesses missing, alarms (JSON)
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admission;
mod alarms;
mod catch_up;
mod config;
mod cosign;
mod edge;
mod error;
mod index;
mod keys;
mod nodes;
mod policy;
mod pool;
mod scrub;
mod sequencer;
mod serve;
mod stamping;
mod start;
mod state;
mod storage;
mod tree;

pub use admission::MAX_LEAF_BYTES;
pub use config::{Config, Submitter, kinds};
pub use error::Error;
pub use index::IndexError;
pub use start::{At, init, start};
pub use tree::TreeError;
