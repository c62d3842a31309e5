//! G10 to G12: shares sealed to the requester, held back until the grant that names them is logged.
//! Contract: `proto/release.md#g10`, `#g11`, `#g12`.
//!
//! ```text
//! 0001 32 | grant | sealed                          what a trustee persists between G10 and G12; each u32 length and bytes
//! ```

use super::{Opened, Refusal};
use crate::bundle::{Bundle, SEALED_MAX_BYTES, seal_shares};
use crate::deal::shares_hash;
use crate::record::{Grant, LEAF_MAX_BYTES, Seconds, Signed};
use alloc::vec::Vec;
use media::codec::{DecodeError, Reader, Writer};
use tlog::note::Signer;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash, Logged, stamp};

/// The type byte.
const TYPE: u8 = 0x32;

impl Opened {
    /// G10: seals the bundle to the requester and composes the grant. Both are to be persisted
    /// before the grant is appended.
    pub fn seal(
        self,
        trustee: &Signer,
        now: Seconds,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Held, Refusal> {
        let Self { case, decision, shares } = self;
        if trustee.verifier() != case.trustee {
            return Err(Refusal::WrongSigner);
        }
        let request = case.request.value();
        let sealed = seal_shares(&shares, request, &case.trustee, &case.release_key, rng)
            .map_err(|_| Refusal::ReleaseKeyUnusable)?;
        let grant = Grant {
            id: request.value().id,
            trustee: case.name,
            request_index: case.request.index(),
            request: request.hash(),
            epochs: u32::try_from(shares.len()).map_err(|_| Refusal::TooLarge)?,
            shares: shares_hash(&case.opens, case.index),
            bundle: Hash::of(&[&sealed]),
            decision: decision.record,
            approver: decision.approver,
            time: now,
        };
        let grant = Signed::sign(grant, &[trustee]).expect("a grant is eleven short lines");
        Ok(Held { grant, sealed })
    }
}

/// A bundle that must not leave yet, and the grant that must be logged first.
///
/// Its bytes can be stored and read back, and are sealed to the requester; still no [`Bundle`]
/// comes of it but by [`Held::release`], for which a request's own `Logged` is not enough:
///
/// ```compile_fail,E0308
/// use escrow::{grant::Held, record::{Request, Signed}};
/// fn too_early(held: Held, request: &tlog::Logged<Signed<Request>>) {
///     let _ = held.release(request, b"");
/// }
/// ```
///
/// nor an unlogged grant:
///
/// ```compile_fail,E0308
/// use escrow::{grant::Held, record::{Grant, Signed}};
/// fn unlogged(held: Held, grant: &Signed<Grant>) {
///     let _ = held.release(grant, b"");
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    grant: Signed<Grant>,
    sealed: Vec<u8>,
}

impl Held {
    /// The grant to append.
    pub fn grant(&self) -> &Signed<Grant> {
        &self.grant
    }

    /// What to persist.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(TYPE);
        w.bytes(self.grant.entry_bytes()).bytes(&self.sealed);
        w.finish()
    }

    /// What was persisted, after a restart.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, TYPE)?;
        let grant = Signed::<Grant>::parse(r.bytes(LEAF_MAX_BYTES, "grant")?);
        let grant = grant.map_err(|_| DecodeError::BadValue("grant"))?;
        let sealed = r.bytes(SEALED_MAX_BYTES, "sealed")?.to_vec();
        r.finish()?;
        if grant.value().bundle != Hash::of(&[&sealed]) {
            return Err(DecodeError::BadValue("sealed"));
        }
        Ok(Self { grant, sealed })
    }

    // SPEC: release.md#g11: no bundle MUST leave before its own grant stands in a cosigned head.
    /// G11, G12: only for the logged grant of exactly this bundle does it become a [`Bundle`] that
    /// may leave.
    pub fn release(self, grant: &Logged<Signed<Grant>>, proof: &[u8]) -> Result<Bundle, Refusal> {
        // G11.
        if !stamp::is_stamped(grant.value().entry_bytes(), self.grant.entry_bytes()) {
            return Err(Refusal::GrantMismatch);
        }
        let stated = TlogProof::parse(proof).map_err(|_| Refusal::GrantProofMismatch)?;
        let same_head = stated.checkpoint().encode() == grant.cosigned().encode();
        if !same_head || stated.index() != grant.index() {
            return Err(Refusal::GrantProofMismatch);
        }
        // G12.
        Ok(Bundle { grant: grant.value().entry_bytes().to_vec(), proof: proof.to_vec(), sealed: self.sealed })
    }
}

impl core::fmt::Debug for Held {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Held({}, {} bytes sealed)", self.grant.value().id, self.sealed.len())
    }
}
