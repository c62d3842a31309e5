//! The package: all that a trustee needs to decide on a request, in one object. Contract: `proto/release.md#package`.
//!
//! ```text
//! 0001 30 | leaf | proof | first_proof | release_key | enrollment | policy, its leaf, its proof     each u32 length and bytes
//! u16 count, then as many notices | u16 count, then as many EpochOpens                              likewise
//! ```
//!
//! Decoding checks sizes and shape alone. What is in it, the gate checks ([`crate::grant`]).

use crate::record::{LEAF_MAX_BYTES, RecordError, Request, Signed};
use alloc::vec::Vec;
use media::codec::{DecodeError, Reader, Writer};
use media::limits;
use media::pair::PolicyBundle;
use seal::hpke::PUBLIC_BYTES;
use tlog::proof::TlogProof;

/// The type byte.
pub const TYPE: u8 = 0x30;
/// The largest package, bytes: a day of 60 s epochs with room to spare.
pub const PACKAGE_MAX_BYTES: usize = 32 << 20;
/// The most epochs in one package.
pub const EPOCHS_MAX: usize = 8640;
/// The most day notices: the camera quota's window and the lookback.
pub const NOTICES_MAX: usize = 64;
/// The largest DayNotice or Enrollment.
const SMALL_MAX_BYTES: usize = 4 << 10;

/// What a sponsor sends to each trustee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The request leaf as logged.
    pub leaf: Vec<u8>,
    /// Its tlog-proof, under a fresh cosigned checkpoint. Empty when there is none: the gate then refuses.
    pub proof: Vec<u8>,
    /// The proof as it was when the leaf entered the log, under the head of that time: it shows since when the request stands
    /// there. May be empty, then `proof` tells.
    pub first_proof: Vec<u8>,
    /// The X-Wing public key to which shares are to be sealed; its SHA-256 is the leaf's `release-key`.
    pub release_key: Vec<u8>,
    /// Signed Enrollment.
    pub enrollment: Vec<u8>,
    /// The OwnerPolicy that the epochs were filmed under, with its leaf and proof.
    pub policy: PolicyBundle,
    /// Signed DayNotices, in order of days: every day from the camera's enrollment (or the start of the PolicyDoc's camera
    /// window and lookback, whichever is later) to the last epoch's, so that earlier requests about the camera are recognised.
    pub notices: Vec<Vec<u8>>,
    /// Signed EpochOpens, first to last.
    pub opens: Vec<Vec<u8>>,
}

impl Package {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(TYPE);
        w.bytes(&self.leaf).bytes(&self.proof).bytes(&self.first_proof).bytes(&self.release_key);
        w.bytes(&self.enrollment);
        write_policy(&mut w, &self.policy);
        for list in [&self.notices, &self.opens] {
            w.count(list.len());
            for item in list {
                w.bytes(item);
            }
        }
        w.finish()
    }

    /// Reads them, within the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_size(bytes, "package", PACKAGE_MAX_BYTES)?;
        let mut r = Reader::object(bytes, TYPE)?;
        let package = Self {
            leaf: r.bytes(LEAF_MAX_BYTES, "leaf")?.to_vec(),
            proof: r.bytes(limits::PROOF, "proof")?.to_vec(),
            first_proof: r.bytes(limits::PROOF, "first proof")?.to_vec(),
            release_key: r.bytes(PUBLIC_BYTES, "release key")?.to_vec(),
            enrollment: r.bytes(SMALL_MAX_BYTES, "enrollment")?.to_vec(),
            policy: read_policy(&mut r)?,
            notices: read_list(&mut r, NOTICES_MAX, SMALL_MAX_BYTES, "notice")?,
            opens: read_list(&mut r, EPOCHS_MAX, limits::EPOCH_OPEN, "EpochOpen")?,
        };
        r.finish()?;
        Ok(package)
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

    /// Puts a newer proof of the same leaf in the place of the one that came with it.
    pub fn renew(&mut self, proof: &TlogProof) {
        self.package.proof = proof.encode();
    }
}

pub(crate) fn check_size(bytes: &[u8], field: &'static str, limit: usize) -> Result<(), DecodeError> {
    let got = bytes.len();
    if got > limit { Err(DecodeError::TooLong { field, got, limit }) } else { Ok(()) }
}

pub(crate) fn write_policy(w: &mut Writer, policy: &PolicyBundle) {
    w.bytes(&policy.policy).bytes(&policy.leaf).bytes(&policy.proof);
}

pub(crate) fn read_policy(r: &mut Reader<'_>) -> Result<PolicyBundle, DecodeError> {
    Ok(PolicyBundle {
        policy: r.bytes(limits::POLICY, "policy")?.to_vec(),
        leaf: r.bytes(limits::LEAF, "policy leaf")?.to_vec(),
        proof: r.bytes(limits::PROOF, "policy proof")?.to_vec(),
    })
}

/// The input's own size bounds what is allocated: an item costs at least the four bytes of its length.
pub(crate) fn read_list(
    r: &mut Reader<'_>,
    count_max: usize,
    bytes_max: usize,
    what: &'static str,
) -> Result<Vec<Vec<u8>>, DecodeError> {
    let count = r.count(count_max, what)?;
    (0..count).map(|_| r.bytes(bytes_max, what).map(<[u8]>::to_vec)).collect()
}

#[cfg(test)]
mod tests;
