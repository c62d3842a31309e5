//! What camera and owner tell each other once, through a mailbox on the relay that neither has to trust.
//!
//! `proto/session.md`, "Pairing". Encodings only; `seal::pair` seals them under the invite's secret.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{DecodeError, Reader, Writer};
use crate::enrollment::CameraConsent;
use crate::id::Day;
use crate::limits;
use crate::sign::{PublicKey, sha256};

/// The type byte of [`PairHello`].
pub const HELLO_TYPE: u8 = 0x20;
/// The type byte of [`PairWelcome`].
pub const WELCOME_TYPE: u8 = 0x21;

/// The mailbox of an invite's secret.
#[must_use]
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

impl PairHello {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(HELLO_TYPE);
        w.raw(&self.camera_pk)
            .raw(&self.consent.mailbox)
            .raw(&self.consent.signature)
            .bytes(self.model.as_bytes());
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, HELLO_TYPE)?;
        let hello = Self {
            camera_pk: r.array("camera_pk")?,
            consent: CameraConsent { mailbox: r.array("mailbox")?, signature: r.array("consent")? },
            model: r.text(limits::NAME, "model")?,
        };
        r.finish()?;
        Ok(hello)
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

/// A signed OwnerPolicy, the leaf that blinds it, and the leaf's tlog-proof: what a camera demands before it wraps for anybody.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PolicyBundle {
    /// Signed OwnerPolicy.
    pub policy: Vec<u8>,
    /// The policy leaf, a signed note.
    pub leaf: Vec<u8>,
    /// The leaf's tlog-proof.
    pub proof: Vec<u8>,
}

impl PolicyBundle {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.bytes(&self.policy).bytes(&self.leaf).bytes(&self.proof);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            policy: r.bytes(limits::POLICY, "policy")?.to_vec(),
            leaf: r.bytes(limits::LEAF, "policy leaf")?.to_vec(),
            proof: r.bytes(limits::PROOF, "policy proof")?.to_vec(),
        })
    }
}

impl PairWelcome {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(WELCOME_TYPE);
        w.bytes(&self.enrollment);
        self.policy.write(&mut w);
        w.u32(self.day.0).raw(&self.notice_root).bytes(self.log_policy.as_bytes());
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, WELCOME_TYPE)?;
        let welcome = Self {
            enrollment: r.bytes(limits::POLICY, "enrollment")?.to_vec(),
            policy: PolicyBundle::read(&mut r)?,
            day: Day(r.u32("day")?),
            notice_root: r.array("notice_root")?,
            log_policy: r.text(limits::PROOF, "log policy")?,
        };
        r.finish()?;
        Ok(welcome)
    }
}
