//! The table of the kinds of leaf. Whoever decides by kind takes its word from here; only the relay's
//! sponsoring, which reads no leaf, spells those that it signs. Contract: `proto/release.md#leaves`.
//!
//! ```text
//! "veto"            Veto            (Veto)            time
//!  first line       in code         its fields        the field by which it states a time, if it states one
//! ```
//!
//! Whoever decides by kind names each one, so that a kind that comes is an error of the compiler at
//! every place that must decide what to make of it.

use crate::text::{TextError, kind_of};
use crate::{
    DayKeysLeaf, Grant, KeyDestroyed, OwnerPolicyLeaf, PolicyDocLeaf, Ratification, Record, RefusalLeaf,
    Request, RequesterKey, Seconds, ShareBad, Veto,
};
use alloc::string::String;

macro_rules! leaves {
    ($( $(#[$about:meta])* $word:literal $kind:ident($record:ident) $($time:ident)?; )+) => {
        /// Any leaf.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Leaf {
            $( $(#[$about])* $kind($record), )+
        }

        $( impl $record {
            /// The kind's word in the first line.
            pub(crate) const WORD: &'static str = $word;
        } )+

        impl Leaf {
            /// The kind's word in the first line.
            pub fn word(&self) -> &'static str {
                match self { $( Self::$kind(_) => $word, )+ }
            }

            /// The time that the leaf states, if its kind states one.
            pub fn time(&self) -> Option<Seconds> {
                match self { $( Self::$kind($record { $($time,)? .. }) => [$(*$time)?].first().copied(), )+ }
            }
        }

        impl Record for Leaf {
            fn text(&self) -> String {
                match self { $( Self::$kind(leaf) => leaf.text(), )+ }
            }

            fn parse_text(text: &str) -> Result<Self, TextError> {
                match kind_of(text)? {
                    $( $word => $record::parse_text(text).map(Self::$kind), )+
                    _ => Err(TextError::UnknownKind),
                }
            }
        }
    };
}

leaves! {
    /// Somebody asks for footage, or the owner shares it.
    "request" Request(Request) time;
    /// A trustee lets its shares go.
    "grant" Grant(Grant) time;
    /// A trustee does not.
    "refusal" Refusal(RefusalLeaf) time;
    /// A trustee got a share that does not match its commitment.
    "share-bad" ShareBad(ShareBad) time;
    /// A camera has a new OwnerPolicy.
    "policy" Policy(OwnerPolicyLeaf);
    /// A court confirmed an emergency.
    "ratification" Ratification(Ratification) time;
    /// A device of the owner stops a recovery.
    "veto" Veto(Veto) time;
    /// A trustee publishes the key of a day.
    "day-keys" DayKeys(DayKeysLeaf) time;
    /// A trustee has the key of a day no more.
    "key-destroyed" KeyDestroyed(KeyDestroyed) time;
    /// A registrar registers or revokes a key.
    "requester-key" RequesterKey(RequesterKey) time;
    /// The rules of release.
    "policy-doc" PolicyDoc(PolicyDocLeaf) time;
}
