//! The package: all that a trustee needs to decide on a request, in one object. Contract:
//! `proto/release.md#package`.
//!
//! ```text
//! 0001 30 | leaf | proof | release_key | details_key 32 | order | enrollment | policy, its leaf, its proof     else u32 length and bytes
//! u16 count, then as many notices | u16 count, then as many EpochOpens                              likewise
//! ```
//!
//! Decoding checks sizes and shape alone. What is in it, the gate checks ([`crate::grant`]).

use crate::record::{LEAF_MAX_BYTES, RecordError, Request, Signed};
use alloc::vec::Vec;
use media::codec::{self, DecodeError};
use media::pair::PolicyBundle;
use media::{fields, limits};
use seal::details::DetailsKey;
use seal::hpke::PUBLIC_BYTES;
use tlog::Hash;
use tlog::proof::TlogProof;

/// The type byte.
pub const TYPE: u8 = 0x30;
/// The largest package, bytes: a day of 60 s epochs with room to spare.
pub const PACKAGE_MAX_BYTES: usize = 32 << 20;
/// The most epochs in one package.
pub const EPOCHS_MAX: usize = 8640;
/// The most day notices: a camera quota's window, and how old the footage may be.
pub const NOTICES_MAX: usize = 160;
/// The largest order of a court: some pages as they were scanned. It counts in [`PACKAGE_MAX_BYTES`].
pub const ORDER_MAX_BYTES: usize = 4 << 20;
/// The largest Enrollment.
const ENROLLMENT_MAX_BYTES: usize = 4 << 10;

/// What a sponsor sends to each trustee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The request leaf as logged.
    pub leaf: Vec<u8>,
    /// Its tlog-proof, under a fresh cosigned checkpoint. Empty when there is none: the gate then
    /// refuses.
    pub proof: Vec<u8>,
    /// The X-Wing public key to which shares are to be sealed; its SHA-256 is the leaf's
    /// `release-key`.
    pub release_key: Vec<u8>,
    /// What opens the leaf's details, for those who decide.
    pub details_key: DetailsKey,
    /// The order that the details name by its SHA-256, byte for byte; empty where they name none.
    pub order: Vec<u8>,
    /// Signed Enrollment.
    pub enrollment: Vec<u8>,
    /// The OwnerPolicy that the epochs were filmed under, with its leaf and proof.
    pub policy: PolicyBundle,
    /// Signed DayNotices, in order of days: every day from the camera's enrollment (or the start of
    /// the PolicyDoc's camera window and lookback, whichever is later) to the request's own, or as far
    /// as there are any, so that earlier requests about the camera are recognised.
    pub notices: Vec<Vec<u8>>,
    /// Signed EpochOpens, first to last.
    pub opens: Vec<Vec<u8>>,
}

fields!(Package {
    leaf <= LEAF_MAX_BYTES,
    proof <= limits::PROOF,
    release_key = "release key" <= PUBLIC_BYTES,
    details_key = "details key",
    order <= ORDER_MAX_BYTES,
    enrollment <= ENROLLMENT_MAX_BYTES,
    policy,
    notices = "notice" <= (NOTICES_MAX, limits::DAY_NOTICE),
    opens = "EpochOpen" <= (EPOCHS_MAX, limits::EPOCH_OPEN),
});

impl Package {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(TYPE, self)
    }

    /// Whether a trustee will take it once leaf and proof are there too.
    pub fn fits(&self) -> bool {
        let (leaf, proof) = (LEAF_MAX_BYTES - self.leaf.len(), limits::PROOF - self.proof.len());
        self.encode().len() + leaf + proof <= PACKAGE_MAX_BYTES
    }

    /// Reads them, within the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "package", PACKAGE_MAX_BYTES)?;
        codec::decode(TYPE, bytes)
    }
}

/// A package whose request was read: what a trustee works on. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    package: Package,
    request: Signed<Request>,
}

/// Why bytes do not ask for anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not a package.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    /// A package around something else than a request.
    #[error(transparent)]
    Leaf(#[from] RecordError),
}

impl Asked {
    /// Reads a package and the request in it, once for all who look at either.
    // SPEC: release.md#g1: every part is decoded and MUST be in its canonical form.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackageError> {
        Self::of(Package::decode(bytes)?)
    }

    /// Reads the request of a package.
    pub fn of(package: Package) -> Result<Self, PackageError> {
        Ok(Self { request: Signed::parse(&package.leaf)?, package })
    }

    /// What was sent.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// The request; that it is logged, only the gate shows.
    pub fn request(&self) -> &Signed<Request> {
        &self.request
    }

    /// What was sent, whatever proofs came with it: those are renewed at each asking. Two packages
    /// of one leaf may be different ones.
    pub fn fingerprint(&self) -> Hash {
        let bare = Package { proof: Vec::new(), ..self.package.clone() };
        Hash::of(&[&bare.encode()])
    }

    /// Whether it came from somebody who holds the release key that the leaf names. The leaf is
    /// public, the key is not: only the asker and the trustees that it asks have it.
    pub fn holds_release_key(&self) -> bool {
        Hash::of(&[&self.package.release_key]) == self.request.value().release_key
    }

    /// Puts a newer proof of the same leaf in the place of the one that came with it.
    pub fn renew(&mut self, proof: &TlogProof) {
        self.package.proof = proof.encode();
    }
}

#[cfg(test)]
mod tests;
