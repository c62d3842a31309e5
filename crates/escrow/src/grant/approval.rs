//! G8: a human's yes. Contract: `proto/release.md#g8`.
//!
//! ```text
//! candor approval v1
//! request CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=         the request's leaf hash
//!
//! — clerk.bar.example jWbPPw...
//! ```

use super::{Case, Refusal};
use crate::record::text::{Fields, Lines};
use crate::record::{Record, RecordError, Signed, TextError};
use alloc::string::String;
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::{self, Signer, Verifier};

/// What an approver signs.
struct ApprovalText {
    /// The leaf hash of the request.
    request: Hash,
}

impl Record for ApprovalText {
    fn text(&self) -> String {
        let mut lines = Lines::new(KIND);
        lines.field("request", &self.request);
        lines.finish()
    }

    fn parse_text(text: &str) -> Result<Self, TextError> {
        let mut fields = Fields::of(text, KIND)?;
        let request = fields.field("request")?;
        fields.end()?;
        Ok(Self { request })
    }
}

const KIND: &str = "approval";

/// A human's yes: the approver's key signs the leaf hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The approver's signed note.
    pub note: Vec<u8>,
}

impl Approval {
    /// Signs a request's approval.
    pub fn sign(request: &Hash, approver: &Signer) -> Self {
        let text = ApprovalText { request: *request }.text();
        let note = note::sign(&text, &[approver]).expect("two short lines and one signature make a note");
        Self { note: note.encode() }
    }
}

/// A package that a human approved, where one had to. Only [`super::Checked::approve`] makes one:
///
/// ```compile_fail,E0451
/// fn nobody_asked() -> escrow::grant::Approved {
///     escrow::grant::Approved { case: todo!(), decision: todo!() }
/// }
/// ```
pub struct Approved {
    pub(super) case: Case,
    pub(super) decision: Decision,
}

/// Who decided, as the grant will say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision {
    /// SHA-256 of the approval note; of nothing where no human is asked.
    pub(super) record: Hash,
    /// SHA-256 of the approver's public key.
    pub(super) approver: Option<Hash>,
}

pub(super) fn check(
    case: Case,
    approval: Option<&Approval>,
    approvers: &[Verifier],
) -> Result<Approved, Refusal> {
    if !case.needs_approval() {
        let decision = Decision { record: Hash::of(&[]), approver: None };
        return Ok(Approved { case, decision });
    }
    // SPEC: release.md#g8: legal and emergency requests MUST be approved by a human whose key the
    // trustee knows.
    let approval = approval.ok_or(Refusal::ApprovalMissing)?;
    let signed =
        Signed::<ApprovalText>::parse(&approval.note).map_err(|_: RecordError| Refusal::ApprovalMalformed)?;
    if signed.value().request != case.request.value().hash() {
        return Err(Refusal::ApprovalOfOtherRequest);
    }
    let approver = approvers.iter().find(|known| signed.is_signed_by(known));
    let key = approver.and_then(Verifier::ed25519_key).ok_or(Refusal::ApproverUnknown)?;
    let decision = Decision { record: Hash::of(&[&approval.note]), approver: Some(Hash::of(&[&key])) };
    Ok(Approved { case, decision })
}

impl core::fmt::Debug for Approved {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Approved({:?})", self.case)
    }
}
