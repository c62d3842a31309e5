//! What everybody may see of the video, the relay included.
//!
//! Identifiers, the signed objects that say who may publish and watch, the clear parts of a
//! segment, and the messages of a session with the relay. Contracts: `proto/segment.md` (objects
//! and segments) and `proto/session.md` (messages).
//!
//! In scope: canonical encodings, their limits, and Ed25519 signatures over public bytes. Every
//! type here can be read by the relay, and that list is complete: what is not here, the relay
//! cannot see.
//!
//! Out of scope: anything that opens a frame (`seal`), anything that lets a key go (`escrow`),
//! sockets (`quic`).
//!
//! Every object starts with `u16 suite, u8 type`; a segment begins, for example:
//!
//! ```text
//! 00 01                      suite 1
//! 10                         type: segment
//! 9f 86 d0 81 ... (32)       camera_id
//! 00 00 00 00                track 0
//! 00 00 00 00 00 00 00 07    epoch_no 7
//! 00 00 00 02                k: third segment of its epoch
//! ```
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod account;
pub mod block;
pub mod chain;
pub mod codec;
pub mod enrollment;
pub mod epoch;
pub mod health;
pub mod id;
pub mod limits;
pub mod message;
pub mod motion;
pub mod notice;
pub mod pair;
pub mod policy;
pub mod receipt;
pub mod rope;
pub mod segment;
pub mod session;
pub mod settings;
pub mod sign;
pub mod time;
