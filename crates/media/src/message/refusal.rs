//! Why the relay would not: values, one for each line of the table in `proto/session.md`,
//! "Refusals".

use alloc::string::{String, ToString as _};
use core::fmt;

use crate::codec::{self, DecodeError};
use crate::enrollment::ObjectError;
use crate::sign::BadSignature;
use crate::{fields, limits, numbered};

/// What a refusal judges; whether the same may be sent or asked again follows from it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judges {
    /// Nothing that was sent: it passes, and the same is taken a little later.
    Nothing,
    /// What is not there: the same is taken once that was put.
    Absence,
    /// These bytes, this question: they are never taken.
    Object,
    /// The peer's key: nothing of the kind is taken from it until its rights change.
    Sender,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $judges:ident;)*) => {
        /// What was wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// Every code, for tables and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in logs and errors.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it judges.
            pub const fn judges(self) -> Judges {
                match self { $(Self::$name => Judges::$judges,)* }
            }

            /// Whether the same may be sent or asked again after a pause.
            pub const fn passes(self) -> bool {
                matches!(self.judges(), Judges::Nothing)
            }
        }

        numbered!(RefusalCode as u16 { $($name = $code,)* });
    };
}

codes! {
    /// The bytes are not a message of this protocol.
    Malformed = 1, "malformed", Object;
    /// The peer's key may not do this.
    NotAllowed = 2, "not-allowed", Sender;
    /// No such camera, policy, epoch, notice or mailbox.
    NotFound = 3, "not-found", Absence;
    /// A segment or EpochOpen names a camera that is not the publisher.
    WrongCamera = 4, "wrong-camera", Object;
    /// The sequence holds another segment already.
    SequenceTaken = 5, "sequence-taken", Object;
    /// Epoch and number contradict the segments around this sequence.
    OutOfOrder = 6, "out-of-order", Object;
    /// The segment is over its limits.
    TooLarge = 7, "too-large", Object;
    /// The disk, or the quota, is full.
    StorageFull = 8, "storage-full", Nothing;
    /// A policy's version does not follow the one that is held.
    StalePolicy = 9, "stale-policy", Object;
    /// A signature does not hold.
    BadSignature = 10, "bad-signature", Object;
    /// Over a rate or a number that is allowed.
    Quota = 11, "quota", Nothing;
    /// Another connection with this identity took over.
    Replaced = 12, "replaced", Nothing;
    /// The invite was used, has expired or was never made.
    InviteSpent = 13, "invite-spent", Object;
    /// The log could not be reached or did not take the leaf.
    LogUnavailable = 14, "log-unavailable", Nothing;
    /// The relay does not sponsor this kind of leaf for owners.
    NotSponsored = 15, "not-sponsored", Object;
    /// The relay is shutting down.
    GoingAway = 16, "going-away", Nothing;
    /// The relay failed inside; its operator's log says how.
    Internal = 17, "internal", Nothing;
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

fields!(Refusal { code = "refusal code", text = "refusal text" <= limits::TEXT });

impl RefusalCode {
    /// A refusal with a text of at most [`limits::TEXT`] bytes; a longer one is cut.
    pub fn because(self, text: impl Into<String>) -> Refusal {
        Refusal { code: self, text: codec::cut_text(text, limits::TEXT) }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        RefusalCode::Malformed.because(error.to_string())
    }
}

impl From<BadSignature> for Refusal {
    fn from(error: BadSignature) -> Self {
        RefusalCode::BadSignature.because(error.to_string())
    }
}

impl From<ObjectError> for Refusal {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Decode(error) => error.into(),
            ObjectError::Signature(error) => error.into(),
        }
    }
}
