//! How an epoch key is shared out among trustees and let go again: only for a logged request, only
//! by a logged grant, and only for the epochs it names. Contract: `proto/release.md`,
//! `proto/evidence.md`.
//!
//! In scope: records, shares, the gate's decision, bundles, combining, evidence. Out of scope:
//! fetching, storing, asking a human (`trustee`, `requester`). Nothing here does I/O, reads a clock
//! or draws randomness that it was not given.
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod answer;
pub mod bundle;
pub mod combine;
pub mod daykeys;
pub mod deal;
pub mod details;
pub mod envelope;
pub mod evidence;
pub mod grant;
pub mod package;
pub mod policy;
pub use ::record;
pub mod register;
pub mod share;
#[cfg(test)]
mod world_for_tests;
