//! Transparency log formats and mathematics: an append-only Merkle tree (RFC 6962), and the C2SP
//! text formats in which its heads are signed, cosigned, served and proved. Normative text and our
//! profile: `proto/log.md`.
//!
//! In scope: computing and verifying. Out of scope: fetching, storing, deciding when to sign
//! (`log-server`, `witness`, `monitor`), and what entries mean (`escrow`). Nothing here does I/O,
//! reads a clock or keeps a global.
//!
//! ```text
//! candor.example/log                                      origin       checkpoint
//! 8841                                                    tree size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=            root hash
//!
//! — candor.example/log Az3grlgtzPICa5OS8npVmf1M...        the log      note signature
//! — witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRa...        a witness    cosignature, with its time
//! ```
//!
//! | module | noun |
//! |---|---|
//! | [`merkle`] | leaf and node hashes, proofs, the append-only frontier |
//! | [`tile`] | paths, tiles and entry bundles |
//! | [`note`] | signed notes, keys |
//! | [`checkpoint`], [`cosignature`] | tree heads and who vouches for them |
//! | [`stamp`] | when the log ordered an entry |
//! | [`policy`] | whose word counts: logs, witnesses, groups, quorum |
//! | [`proof`], [`Logged`] | "this entry is in the log", as a file and as a type |
//! | [`reader`] | following a log without believing it |
//! | [`witness`] | the add-checkpoint exchange |
//! | [`fork`] | evidence that a log showed two histories |
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod checkpoint;
mod checkpoint_body;
pub mod cosignature;
pub mod fork;
mod hash;
mod logged;
pub mod merkle;
mod name;
pub mod note;
pub mod policy;
pub mod proof;
pub mod reader;
pub mod stamp;
pub mod tile;
pub mod witness;

pub use hash::Hash;
pub use logged::{Entry, Logged, LoggedError};
