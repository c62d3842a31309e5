//! The messages of a session with the relay.
//!
//! `proto/session.md`, "Messages". A session has one *control* stream, opened by the client, on
//! which both sides send framed [`Control`] messages for as long as it lasts; one unidirectional
//! stream for each live segment; and a bidirectional stream of its own for each *call*: one
//! [`Request`], one [`Response`], and, where the response says so, segments behind it.
//!
//! ```text
//! 00 00 00 2a   length of what follows, at most 1 MiB
//! 00 01 40      suite, type 0x40: control
//! 03            Ack
//! ...
//! ```

/// Gives the messages of one kind their bytes: a number each, then the fields, as in
/// [`fields!`](crate::fields).
macro_rules! messages {
    ($type:ident of $kind:ident, $what:literal: $( $code:literal $variant:ident
        $({ $($field:ident $(= $name:literal)? $([$most:expr])? $(<= $limit:expr)?),+ })?
        $(( $only:ident $(= $only_name:literal)? $([$only_most:expr])? $(<= $only_limit:expr)? ))?;
    )+) => {
        impl $type {
            /// Canonical bytes, without the frame's length.
            pub fn encode(&self) -> alloc::vec::Vec<u8> {
                let mut object = $crate::codec::Writer::object($kind);
                let w = &mut object;
                match self { $(
                    Self::$variant { $($($field),+)? $(0: $only)? } => {
                        w.u8($code);
                        $($( $crate::fields!(@write w $field $(, [$most])? $(, <= $limit)?); )+)?
                        $( $crate::fields!(@write w $only $(, [$only_most])? $(, <= $only_limit)?); )?
                    }
                )+ }
                object.finish()
            }

            /// # Errors
            /// [`DecodeError`](crate::codec::DecodeError).
            pub fn decode(bytes: &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                let mut object = $crate::codec::Reader::object(bytes, $kind)?;
                let r = &mut object;
                let message = match r.u8($what)? {
                    $( $code => Self::$variant {
                        $($($field: $crate::fields!(
                            @read r $crate::fields!(@name $field $($name)?) $(, [$most])? $(, <= $limit)?
                        )),+)?
                        $(0: $crate::fields!(
                            @read r $crate::fields!(@name $only $($only_name)?)
                            $(, [$only_most])? $(, <= $only_limit)?
                        ))?
                    }, )+
                    _ => return Err($crate::codec::DecodeError::BadValue($what)),
                };
                object.finish()?;
                Ok(message)
            }
        }
    };
}

mod call;
mod control;
mod refusal;

pub use call::{CameraStatus, LoggedLeaf, NamedObject, ReleasedQuery, Request, Response, Side, TrackStatus};
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
