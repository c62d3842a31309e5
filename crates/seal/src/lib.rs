//! What only a camera and its recipients can do: the key schedule, sealing and opening of segments,
//! wraps of keys to devices, the notice keys by which an owner finds leaves, what a camera says of itself, the keys by which their
//! details are read, and the sealed mail of pairing. Contract: `proto/segment.md`, `proto/session.md`.
//!
//! In scope: cryptography over the public objects of `media`. Out of scope: sharing a seed among
//! trustees and letting it go (`escrow`), sockets, files, clocks: `now` and `rng` are arguments.
//!
//! ```text
//! seed --Extract--> prk --Expand--> content key --Cobblestone-256--> fragments      [epoch] [sealer] [opener]
//!   |                 \--Expand--> key commitment, share coefficients               [epoch]
//!   \--HPKE X-Wing--> one wrap for each device                                      [wrap]
//! notice root of day d --Expand--> notice key of d --HMAC--> label of a leaf        [notice]
//! notice root of day d --Expand--> key of what the camera says of itself                [health]
//! notice root of day d --Expand--> key of what is asked of the camera                   [settings]
//! details key of a leaf --HPKE X-Wing--> the owner's audit key                      [details]
//! picture that is sent --HPKE X-Wing--> a device of the owner's                     [picture]
//! ```
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cobblestone;
pub mod details;
pub mod epoch;
pub mod health;
pub mod hpke;
pub mod notice;
pub mod opener;
pub mod pair;
pub mod picture;
pub mod sealer;
pub mod settings;
pub mod wrap;
