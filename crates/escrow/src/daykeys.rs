//! Day keys: a trustee's X-Wing key for the shares of one day, destroyed after retention. Contract:
//! `proto/release.md#day-keys`.
//!
//! ```text
//! candor day-key v1
//! trustee bar.example
//! day 20780
//! key m3Kp...=                                  X-Wing public key, 1216 bytes
//! destroy-by 1798761600
//!
//! — bar.example jWbPPw...
//! ```
//!
//! A camera gets it with the leaf that announces it and that leaf's proof ([`PublishedDayKey`]):
//! `0001 34 | note | leaf | proof`, each u32 length and bytes.
//!
//! In scope: what a trustee publishes days ahead, and whether to believe it. Out of scope: keeping
//! and destroying the private key (`trustee`), the leaves that announce both
//! ([`crate::record::DayKeysLeaf`], [`crate::record::KeyDestroyed`]).

use crate::record::text::{Fields, Lines};
use crate::record::value::Bytes;
use crate::record::{DayKeysLeaf, LEAF_MAX_BYTES, Name, Record, RecordError, Seconds, Signed, TextError};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use media::codec::{self, DecodeError};
use media::id::Day;
use media::{fields, limits};
use seal::hpke::PUBLIC_BYTES;
use tlog::note::{Signer, Verifier};
use tlog::policy::Policy;
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};

/// The type byte of a published one.
pub const TYPE: u8 = 0x34;
const KIND: &str = "day-key";
const ID_DOMAIN: &[u8] = b"candor day key\0";

/// What a trustee publishes days ahead: a signed note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayKey {
    /// Whose.
    pub trustee: Name,
    /// For the shares of epochs that start on this day.
    pub day: Day,
    /// X-Wing public key.
    pub public: Vec<u8>,
    /// When the private key will have been destroyed, at the latest.
    pub destroy_by: Seconds,
}

/// Why a day key is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DayKeyError {
    /// Not a day key.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Not signed by this trustee, or another's name.
    #[error("the day key is not signed by the trustee's key")]
    NotSigned,
    /// Another day's.
    #[error("the day key is for another day")]
    WrongDay,
    /// Not a day key with its leaf and proof.
    #[error("not a published day key: {0}")]
    Malformed(#[from] DecodeError),
    /// The leaf announces another key, or is another trustee's.
    #[error("the leaf does not announce this day key")]
    WrongLeaf,
    /// Its trustee would keep it longer than the owner agreed to.
    #[error("the day key is to be destroyed at a time that the owner's policy does not allow")]
    KeptTooLong,
    /// The proof is none.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The leaf is not in the log.
    #[error("the day key's leaf is not proven to be in the log: {0}")]
    NotLogged(#[from] LoggedError),
}

/// A day key with what shows that the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedDayKey {
    /// The day key's note.
    pub note: Vec<u8>,
    /// The leaf that announces it.
    pub leaf: Vec<u8>,
    /// The leaf's tlog-proof.
    pub proof: Vec<u8>,
}

fields!(PublishedDayKey { note <= LEAF_MAX_BYTES, leaf <= LEAF_MAX_BYTES, proof <= limits::PROOF });

impl PublishedDayKey {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(TYPE, self)
    }

    /// Parses, and checks that `trustee` signed the key for `day` and that the log has the leaf
    /// that announces it, however old the proof; the place of that leaf. Of two that hold, a camera takes
    /// the later: the earlier one was lost, or its trustee logs what counts nowhere, which the owner's
    /// audit and every monitor tell.
    // SPEC: release.md#day-keys: a camera MUST seal only to a key whose leaf is in the log.
    pub fn decode_verified(
        bytes: &[u8],
        trustee: &Verifier,
        day: Day,
        log: &Policy,
    ) -> Result<(Self, DayKey, u64), DayKeyError> {
        let published: Self = codec::decode(TYPE, bytes)?;
        let key = DayKey::decode_verified(&published.note, trustee, day)?;
        let leaf = Signed::<DayKeysLeaf>::parse(&published.leaf)?;
        let said = leaf.value();
        let announces = said.day == day.0
            && said.key_id == key.id()
            && said.keys == Hash::of(&[&published.note])
            && said.destroy_by == key.destroy_by
            && said.trustee == key.trustee
            && said.vkey.verifier() == trustee;
        // The trustee's line and the log's stamp: with any other the leaf counts nowhere.
        if !announces || leaf.signatures().len() != 2 || !leaf.is_line_by(0, trustee) {
            return Err(DayKeyError::WrongLeaf);
        }
        let logged = Logged::verify(leaf, &TlogProof::parse(&published.proof)?, log)?;
        Ok((published, key, logged.index()))
    }
}

/// Whether a key of this day that is destroyed then is kept no longer than so many seconds after the
/// day, and through the day.
pub fn is_kept_within(day: Day, destroy_by: Seconds, max_secs: u64) -> bool {
    let over = day.start().after(Duration::from_secs(86_400));
    (over..=over.after(Duration::from_secs(max_secs))).contains(&destroy_by)
}

impl DayKey {
    /// `day_key_id`: SHA-256("candor day key\0" || public).
    pub fn id(&self) -> Hash {
        Hash::of(&[ID_DOMAIN, &self.public])
    }

    // SPEC: release.md#day-keys: a camera MUST seal to no key that is kept longer than the OwnerPolicy
    // allows.
    /// Refuses one that its trustee keeps longer than so many seconds after its day.
    pub fn kept_within(self, max_secs: u32) -> Result<Self, DayKeyError> {
        let fits = is_kept_within(self.day, self.destroy_by, max_secs.into());
        if fits { Ok(self) } else { Err(DayKeyError::KeptTooLong) }
    }

    /// Signs and encodes.
    pub fn sign(self, trustee: &Signer) -> Result<Signed<Self>, RecordError> {
        Signed::sign(self, &[trustee])
    }

    /// Parses, and checks that `trustee` signed it for `day`.
    pub fn decode_verified(bytes: &[u8], trustee: &Verifier, day: Day) -> Result<Self, DayKeyError> {
        let signed = Signed::<Self>::parse(bytes)?;
        let key = signed.value();
        // SPEC: release.md#day-keys: a camera MUST seal only to a key that the policy's trustee
        // signed for the epoch's day.
        if key.trustee.as_str() != trustee.name() || !signed.is_signed_by(trustee) {
            return Err(DayKeyError::NotSigned);
        }
        if key.day != day {
            return Err(DayKeyError::WrongDay);
        }
        Ok(key.clone())
    }
}

impl Record for DayKey {
    fn text(&self) -> String {
        let mut lines = Lines::new(KIND);
        lines.field("trustee", &self.trustee);
        lines.field("day", &self.day.0);
        lines.field("key", &Bytes(self.public.clone()));
        lines.field("destroy-by", &self.destroy_by);
        lines.finish()
    }

    fn parse_text(text: &str) -> Result<Self, TextError> {
        let mut fields = Fields::of(text, KIND)?;
        let key = Self {
            trustee: fields.field("trustee")?,
            day: Day(fields.field("day")?),
            public: fields.field::<Bytes>("key")?.0,
            destroy_by: fields.field("destroy-by")?,
        };
        fields.end()?;
        if key.public.len() == PUBLIC_BYTES { Ok(key) } else { Err(TextError::BadValue("key")) }
    }
}

#[cfg(test)]
mod tests;
