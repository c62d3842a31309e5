//! The messages of a session with the relay.
//!
//! `proto/session.md`, "Messages". A session has one *control* stream, opened by the client, on which both sides send framed
//! [`Control`] messages for as long as it lasts; one unidirectional stream for each live segment; and a bidirectional stream of its own
//! for each *call*: one [`Request`], one [`Response`], and, where the response says so, segments behind it.
//!
//! ```text
//! 00 00 00 2a   length of what follows, at most 1 MiB
//! 00 01 40      suite, type 0x40: control
//! 03            Ack
//! ...
//! ```

mod call;
mod control;
mod refusal;

pub use call::{CameraStatus, NamedObject, Request, Response, Side, TrackStatus};
pub use control::{Control, From};
pub use refusal::{Judges, Refusal, RefusalCode};

/// The type byte of a [`Control`].
pub const CONTROL_TYPE: u8 = 0x40;
/// The type byte of a [`Request`].
pub const REQUEST_TYPE: u8 = 0x41;
/// The type byte of a [`Response`].
pub const RESPONSE_TYPE: u8 = 0x42;
/// The protocol version both sides name in their first message.
pub const VERSION: u16 = 1;
