//! The registrar: it says in the log which officers', supervisors', sponsors' and courts' keys count; and,
//! under the operator's name, it publishes the rules of release (proto/release.md#register,
//! proto/release.md#policydoc).
//!
//! Whoever says whose keys count must be neither the asker nor the decider: so this is a party of
//! its own, with a key of its own, and everything it says stands in the log. The operator's key is
//! of the same kind; `name` says who speaks.
//!
//! ```text
//! candor requester-key v1                       candor policy-doc v1
//! state registered                              operator candor.example
//! role officer                                  document Y2FuZG9yIHJ1bGVz...=
//! agency police.example                         time 1795494000
//! vkey police.example/officer-1182+...
//! registrar registrar.example                   — candor.example oQ7x...
//! time 1795494000
//!
//! — registrar.example kZ1v...
//! ```
//!
//! In scope: [`init`] its key, [`register`] and [`revoke`] keys, [`write_rules`] and
//! [`publish_rules`], and what such a leaf would count for ([`foresee_key`], [`foresee_rules`]); under a court's name, [`confirm`] an emergency. Out of scope: who deserves a key (people decide that), what a registered key
//! may do (`escrow::register`). It is no daemon: it dials the log and is done.
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! lock         held while a key is made
//! note.key     the key that signs its leaves, one line, mode 0600
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod add;
mod config;
mod court;
mod error;
mod foresee;
mod key;
mod rules;

pub use add::{Added, register, revoke};
pub use config::Config;
pub use court::confirm;
pub use error::{Error, ForNothing, NoLeafKey};
pub use foresee::{foresee_key, foresee_rules};
pub use key::{init, vkey};
pub use log_client::LogConfig;
pub use rules::{Draft, Published, publish_rules, write_rules};
