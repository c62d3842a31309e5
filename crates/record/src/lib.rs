//! Leaves: the records of the log, as text that a person can read. Contract:
//! `proto/release.md#leaves`; vectors: `proto/vectors/leaves.json`.
//!
//! A leaf is a C2SP signed note of at most 32 KiB. The first line of its text names the kind and
//! version; then come lines `field value`, all of them, in the one order of the kind's table. A
//! value that does not apply is `-`. Whatever is unknown, repeated, missing or out of order is
//! refused, so that a leaf has one meaning and one text.
//!
//! ```text
//! candor grant v1
//! id q83vEjRWeJCrze8SNFZ4kA==
//! trustee bar.example
//! request-index 8812
//! request CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! epochs 15
//! shares sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=
//! bundle 4bT0W5mZ0m3J0Xc1y0vJqJY0Pj2cO4Zb1j0d0D3h6mE=
//! decision gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//! approver B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
//! time 1795495000
//!
//! — bar.example jWbPPw...
//! ```
//!
//! In scope: text, limits, who signed; what other texts are built of (`record!`, [`text`], [`value`]). The
//! kinds stand in one table (`leaf.rs`), each kind's fields in one `record!`. Out of scope: whether a
//! signer may (`escrow::register`), what a release needs (`escrow::grant`). No key of footage is near: the
//! relay links this too.
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod leaf;
mod owner;
mod registry;
mod release;
mod request;
mod signed;
pub mod text;
pub mod value;
mod visible;

pub use leaf::Leaf;
pub use media::time::Seconds;
pub use owner::{DEVICE_KEY_NAME, OwnerPolicyLeaf, Ratification, Veto, policy_commitment};
pub use registry::{DayKeysLeaf, KeyDestroyed, KeyEnd, KeyState, PolicyDocLeaf, RequesterKey, Role};
pub use release::{Grant, RefusalLeaf, ShareBad, shares_hash, slots};
pub use request::{Asker, Kind, NEEDS_MAX, RECOVERY_KEY_NAME, Request};
pub use signed::{LEAF_MAX_BYTES, RecordError, Signed};
pub use text::{Record, TextError};
pub use value::{
    Bytes, Country, DETAILS_SIZES, DETAILS_TAG_BYTES, EntryId, NAME_MAX_BYTES, Name, SPAN_MAX_SECS,
    SealedDetails, Span, Vkey, WORD_MAX_BYTES, WRAPPED_KEY_BYTES, Word, WrappedKey,
};
pub use visible::{LINE_MAX_BYTES, Line, is_visible};

#[cfg(test)]
mod tests;
