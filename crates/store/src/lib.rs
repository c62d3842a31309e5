//! Keeps sealed segments and what stands beside them, on a disk or wherever an implementation puts
//! them.
//!
//! In scope: what a store promises ([`contract`]), the rules that every store follows ([`judge`],
//! [`retention`]), and one store, of pack files ([`packs`]). Out of scope: sessions, who may read
//! or write, signatures on segments (whoever stores has checked them), and keys of any kind: this
//! crate links none of the code that could open a frame, and `tests/architecture` asserts it.
//!
//! | module | job |
//! |---|---|
//! | [`contract`] | what an implementation promises, and to whom |
//! | [`Store`] (`store`, `objects`) | typed questions and answers over any implementation |
//! | [`judge`] | whether a record may stand beside those that are kept |
//! | [`retention`] | how long footage is kept, and what a quota does |
//! | [`record`], `policy` | what a record says of itself; the body of a policy's |
//! | [`packs`] | append-only pack files and an index of them |
//! | `suite` | the tests that every implementation passes (feature `suite`) |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod contract;
mod error;
pub mod judge;
mod objects;
pub mod packs;
mod policy;
pub mod record;
pub mod retention;
mod store;
#[cfg(any(test, feature = "suite"))]
#[allow(clippy::unwrap_used)]
pub mod suite;

pub use contract::{Backend, CameraTotals, Entry, Page, Swept};
pub use error::StoreError;
pub use objects::EpochOpens;
pub use packs::{Packs, PacksConfig};
pub use policy::PolicyFacts;
pub use record::{Header, Kind};
pub use retention::{Terms, WhenFull};
pub use store::Store;
