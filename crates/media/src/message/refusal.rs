//! Why the relay would not: values, one for each line of the table in `proto/session.md`, "Refusals".

use alloc::string::String;
use core::fmt;

use crate::codec::{DecodeError, Reader, Writer};
use crate::limits;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal;)*) => {
        /// What was wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// Every code, for tables and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The name in logs and errors.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            fn from_code(code: u16) -> Result<Self, DecodeError> {
                match code { $($code => Ok(Self::$name),)* _ => Err(DecodeError::BadValue("refusal code")) }
            }
        }
    };
}

codes! {
    /// The bytes are not a message of this protocol.
    Malformed = 1, "malformed";
    /// The peer's key may not do this.
    NotAllowed = 2, "not-allowed";
    /// No such camera, policy, epoch, notice or mailbox.
    NotFound = 3, "not-found";
    /// A segment or EpochOpen names a camera that is not the publisher.
    WrongCamera = 4, "wrong-camera";
    /// The sequence holds another segment already.
    SequenceTaken = 5, "sequence-taken";
    /// Epoch and number contradict the segments around this sequence.
    OutOfOrder = 6, "out-of-order";
    /// The segment is over its limits.
    TooLarge = 7, "too-large";
    /// The disk, or the quota, is full; nothing was stored.
    StorageFull = 8, "storage-full";
    /// A policy's version does not follow the one that is held.
    StalePolicy = 9, "stale-policy";
    /// A signature does not hold.
    BadSignature = 10, "bad-signature";
    /// Over a rate or a number that is allowed.
    Quota = 11, "quota";
    /// Another connection with this identity took over.
    Replaced = 12, "replaced";
    /// The invite was used, has expired or was never made.
    InviteSpent = 13, "invite-spent";
    /// The log could not be reached or did not take the leaf.
    LogUnavailable = 14, "log-unavailable";
    /// The relay does not sponsor this kind of leaf for owners.
    NotSponsored = 15, "not-sponsored";
    /// The relay is shutting down.
    GoingAway = 16, "going-away";
    /// The relay failed inside; its operator's log says how.
    Internal = 17, "internal";
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A refusal: what was wrong, and a sentence on what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relay refused ({code}): {text}")]
pub struct Refusal {
    /// What.
    pub code: RefusalCode,
    /// For a person.
    pub text: String,
}

impl Refusal {
    /// A refusal with a text of at most [`limits::TEXT`] bytes; a longer one is cut.
    #[must_use]
    pub fn new(code: RefusalCode, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        text.retain(|c| !c.is_control());
        while text.len() > limits::TEXT {
            text.pop();
        }
        Self { code, text }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.u16(self.code.code()).bytes(self.text.as_bytes());
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            code: RefusalCode::from_code(r.u16("refusal code")?)?,
            text: r.text(limits::TEXT, "refusal text")?,
        })
    }
}
