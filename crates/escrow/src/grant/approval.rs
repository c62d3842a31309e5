//! G8: what a clerk signs: a yes, with the call that the clerk made to the agency, or a no.
//! Contract: `proto/release.md#g8`.
//!
//! ```text
//! candor approval v1
//! request CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=         the request's leaf hash
//! called Sgt. A. Byron, badge 1182
//! number +1 555 0100
//! source the city's directory, page 4, looked up today
//!
//! — clerk.bar.example jWbPPw...
//! ```

use super::{Case, Refusal};
use crate::record::{Line, Record, Signed, record};
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::{self, Signer, Verifier};

record! {
    /// A yes.
    ApprovalText = "approval" {
        /// The leaf hash of the request.
        request: Hash = "request",
        /// Who answered there, and confirmed that the request is the agency's.
        called: Line = "called",
        /// On which number.
        number: Line = "number",
        /// Where the number is published: never what the asker wrote.
        source: Line = "source",
    }
}

record! {
    /// A no.
    DenialText = "denial" {
        /// The leaf hash of the request.
        request: Hash = "request",
        /// Why not; the asker is told, the log is not.
        reason: Line = "reason",
    }
}

/// The clerk's call to the agency that asks, on a number that the clerk looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBack {
    /// Who answered.
    pub called: Line,
    /// On which number.
    pub number: Line,
    /// Where it is published.
    pub source: Line,
}

impl CallBack {
    /// Nobody called anybody: what a trustee signs that approves without a human.
    pub fn automatic() -> Self {
        let line = |text| Line::new(text).expect("plain text is a line");
        let nobody = "nobody: approved automatically";
        Self { called: line(nobody), number: line("none"), source: line("none") }
    }
}

/// A human's yes: the approver's key signs the leaf hash and the call back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The approver's signed note.
    pub note: Vec<u8>,
}

/// A human's no: the approver's key signs the leaf hash and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The approver's signed note.
    pub note: Vec<u8>,
}

impl Approval {
    /// Signs a request's approval.
    pub fn sign(request: &Hash, call_back: CallBack, approver: &Signer) -> Self {
        let CallBack { called, number, source } = call_back;
        Self { note: sign(&ApprovalText { request: *request, called, number, source }, approver) }
    }

    /// Whether one of these approvers approved this request by it.
    pub fn is_of(&self, request: &Hash, approvers: &[Verifier]) -> bool {
        self.verify(request, approvers).is_ok()
    }

    /// The approver's key, if one of these approved this request.
    fn verify(&self, request: &Hash, approvers: &[Verifier]) -> Result<[u8; 32], Refusal> {
        let signed = Signed::<ApprovalText>::parse(&self.note).map_err(|_| Refusal::ApprovalMalformed)?;
        verify(&signed, &signed.value().request, request, approvers)
    }
}

impl Denial {
    /// Signs a request's denial.
    pub fn sign(request: &Hash, reason: Line, approver: &Signer) -> Self {
        Self { note: sign(&DenialText { request: *request, reason }, approver) }
    }

    /// The reason, if one of these approvers denied this request.
    // SPEC: release.md#g8: a refusal that says `denied` MUST rest on a signed denial.
    pub fn verify(&self, request: &Hash, approvers: &[Verifier]) -> Result<Line, Refusal> {
        let signed = Signed::<DenialText>::parse(&self.note).map_err(|_| Refusal::ApprovalMalformed)?;
        verify(&signed, &signed.value().request, request, approvers)?;
        Ok(signed.value().reason.clone())
    }
}

fn sign(text: &impl Record, approver: &Signer) -> Vec<u8> {
    note::sign(&text.text(), &[approver]).expect("short lines and one signature make a note").encode()
}

fn verify<T: Record>(
    signed: &Signed<T>,
    of: &Hash,
    request: &Hash,
    approvers: &[Verifier],
) -> Result<[u8; 32], Refusal> {
    if of != request {
        return Err(Refusal::ApprovalOfOtherRequest);
    }
    let approver = approvers.iter().find(|known| signed.is_signed_by(known));
    approver.and_then(Verifier::ed25519_key).ok_or(Refusal::ApproverUnknown)
}

/// A package that humans approved, where they had to. Only [`super::Checked::approve`] makes one:
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
    /// SHA-256 of the approval notes, one after the other; of nothing where no human is asked.
    pub(super) record: Hash,
    /// SHA-256 of the approvers' public keys, one after the other.
    pub(super) approver: Option<Hash>,
}

pub(super) fn check(case: Case, approvals: &[Approval], approvers: &[Verifier]) -> Result<Approved, Refusal> {
    let needed = case.approvals_needed();
    if needed == 0 {
        let decision = Decision { record: Hash::of(&[]), approver: None };
        return Ok(Approved { case, decision });
    }
    // SPEC: release.md#g8: legal and emergency requests MUST be approved by a human whose key the
    // trustee knows, who called the agency back.
    let mut notes: Vec<&[u8]> = Vec::new();
    let mut keys: Vec<[u8; 32]> = Vec::new();
    for approval in approvals {
        let key = approval.verify(&case.request.value().hash(), approvers)?;
        if !keys.contains(&key) {
            keys.push(key);
            notes.push(&approval.note);
        }
    }
    match keys.len() {
        0 => Err(Refusal::ApprovalMissing),
        // SPEC: release.md#g8: where the rules ask for a second approver, it MUST be another one.
        some if some < needed => Err(Refusal::SecondApproverMissing),
        _ => {
            let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            let decision = Decision { record: Hash::of(&notes), approver: Some(Hash::of(&keys)) };
            Ok(Approved { case, decision })
        }
    }
}

impl core::fmt::Debug for Approved {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Approved({:?})", self.case)
    }
}
