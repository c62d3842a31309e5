//! The release protocol as a bounded model whose states are all visited. Contract: `proto/model.md`,
//! which says what is modelled, what is left out and why.
//!
//! ```text
//! Scope ──> Release (a stateright::Model) ──> every state within the bounds ──> properties that hold in each,
//!                                                                               or the path to one that breaks one
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `scope` | bounds, what is tried within them, the mistakes that can be made on purpose |
//! | `asked` | the requests of the model: which epoch, which label, which stated time |
//! | `world` | what all runs have: rules, cameras' notice keys, leaves as they are signed |
//! | `history` | each history of the log once, with the real register and tree of it |
//! | `gate` | what a trustee says of a request, by the real rules |
//! | `state` | a state of the model |
//! | `release` | what is asked of a state: who knows what, who says what |
//! | `actions` | what may happen in a state |
//! | `step` | what comes of it |
//! | `properties` | what must hold |
//! | `run` | a check from its start to its words |
//!
//! In scope: who may learn a key, and what the log and the owner then have of it. Out of scope: what a
//! package looks like, signatures, proofs: the tests of `escrow` and `tlog`, and `tests/attacks`.
//! A model is for tests alone: it may panic.
#![allow(clippy::unwrap_used)]

mod actions;
mod asked;
mod gate;
mod history;
mod properties;
mod release;
mod run;
mod scope;
mod state;
mod step;
mod world;

pub use asked::Ask;
pub use properties::Promise;
pub use release::Release;
pub use run::{Found, Outcome, check, find};
pub use scope::{Mistake, Scope};

#[cfg(test)]
mod tests;
