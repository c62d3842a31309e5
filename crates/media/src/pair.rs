//! What camera and owner tell each other once, through a mailbox on the relay that neither has to
//! trust.
//!
//! `proto/session.md`, "Pairing". Encodings only; `seal::pair` seals them under the invite's
//! secret.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{self, DecodeError};
use crate::enrollment::CameraConsent;
use crate::id::Day;
use crate::sign::{PublicKey, sha256};
use crate::{fields, limits};

/// The type byte of [`PairHello`].
pub const HELLO_TYPE: u8 = 0x20;
/// The type byte of [`PairWelcome`].
pub const WELCOME_TYPE: u8 = 0x21;

/// The mailbox of an invite's secret.
pub fn mailbox_of(secret: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"candor mailbox\0", secret])
}

/// Camera to owner: who I am, and that I consent to be yours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairHello {
    /// The camera's fresh Ed25519 key.
    pub camera_pk: PublicKey,
    /// Its consent, bound to this mailbox and owner.
    pub consent: CameraConsent,
    /// A name to show the owner, such as a model; the camera's claim and no more.
    pub model: String,
}

fields!(PairHello { camera_pk, consent, model <= limits::NAME });

impl PairHello {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(HELLO_TYPE, self)
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(HELLO_TYPE, bytes)
    }
}

/// Owner to camera: everything it needs to film for this owner.
#[derive(Clone, PartialEq, Eq)]
pub struct PairWelcome {
    /// Signed Enrollment.
    pub enrollment: Vec<u8>,
    /// The first OwnerPolicy with its leaf and proof.
    pub policy: PolicyBundle,
    /// The day from which `notice_root` runs.
    pub day: Day,
    /// `NR_day`; secret.
    pub notice_root: [u8; 32],
    /// The log policy text against which proofs are verified.
    pub log_policy: String,
}

impl core::fmt::Debug for PairWelcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PairWelcome").field("day", &self.day).finish_non_exhaustive()
    }
}

/// A signed OwnerPolicy, the leaf that blinds it, and the leaf's tlog-proof: what a camera demands
/// before it wraps for anybody.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PolicyBundle {
    /// Signed OwnerPolicy.
    pub policy: Vec<u8>,
    /// The policy leaf, a signed note.
    pub leaf: Vec<u8>,
    /// The leaf's tlog-proof.
    pub proof: Vec<u8>,
}

fields!(PolicyBundle {
    policy <= limits::POLICY,
    leaf = "policy leaf" <= limits::LEAF,
    proof = "policy proof" <= limits::PROOF,
});

/// A policy, and the Enrollment under which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPolicy {
    /// The Enrollment.
    pub enrollment: Vec<u8>,
    /// The policy.
    pub bundle: PolicyBundle,
}

fields!(HeldPolicy { enrollment <= limits::POLICY, bundle });

fields!(PairWelcome {
    enrollment <= limits::POLICY,
    policy,
    day,
    notice_root,
    log_policy = "log policy" <= limits::PROOF,
});

impl PairWelcome {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(WELCOME_TYPE, self)
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(WELCOME_TYPE, bytes)
    }
}
