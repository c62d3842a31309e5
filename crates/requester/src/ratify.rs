//! After an emergency: a court's confirmation goes into the log, or the agency loses the right to
//! ask. Contract: `proto/release.md#leaves`.
//!
//! In scope: carrying the note that a court signed (`candor registrar confirm`) about a request of one's
//! own. Out of scope: who confirms, and how; the log holds the document's hash only.

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::folder::{FolderError, RATIFICATION, RequestFolder};
use escrow::record::{Kind, Ratification, RecordError, Signed};
use log_client::AddError;
use tlog::Entry;

/// A ratification in the log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ratified {
    pub leaf_index: u64,
    /// The request's place.
    pub request_index: u64,
    pub court: String,
    /// SHA-256 of the document, hex.
    pub document: String,
    pub witnesses: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum RatifyError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("the request is not logged: there is nothing to ratify")]
    NotLogged,
    #[error("the court's note is about the request of leaf {0}, not about this one")]
    OtherRequest(u64),
    #[error("the request is no emergency: nothing of it is to be ratified")]
    NotEmergency,
    #[error(
        "no trustee has granted it yet: a ratification that comes before the first grant counts nowhere, for ever; run `candor request collect` first"
    )]
    NotGranted,
    #[error("the folder holds another note of a court's already (document SHA-256 {0})")]
    OtherDocument(String),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Add(#[from] AddError),
}

/// Carries a court's signed confirmation of this emergency to the log. Idempotent: the same note has
/// one leaf.
pub async fn ratify(
    desk: &Requester,
    folder: &RequestFolder,
    confirmed: &[u8],
) -> Result<Ratified, RatifyError> {
    let case = Case::open(desk, folder)?;
    let request = case.logged()?.ok_or(RatifyError::NotLogged)?;
    let confirmed = Signed::<Ratification>::parse(confirmed)?;
    let said = confirmed.value().clone();
    if (said.request_index, said.request) != (request.index(), request.value().hash()) {
        return Err(RatifyError::OtherRequest(said.request_index));
    }
    if request.value().value().kind != Kind::Emergency {
        return Err(RatifyError::NotEmergency);
    }
    // SPEC: release.md#register: one that stands before the first grant MUST count nowhere, and its text
    // is logged once.
    if !case.is_granted()? {
        return Err(RatifyError::NotGranted);
    }
    let leaf = match folder.find(RATIFICATION)? {
        Some(bytes) => {
            let kept = Signed::<Ratification>::parse(&bytes);
            let kept = kept.map_err(|error| folder.damaged(RATIFICATION, error))?;
            if *kept.value() != said {
                return Err(RatifyError::OtherDocument(kept.value().document.to_hex()));
            }
            bytes
        }
        None => {
            let leaf = confirmed.countersign(&desk.keys.sponsor)?;
            // Kept before it is sent: after a crash the same bytes are sent again, and have one
            // place.
            folder.keep(RATIFICATION, leaf.entry_bytes())?;
            leaf.entry_bytes().to_vec()
        }
    };
    let (logged, _) = desk.log.add(leaf).await?;
    Ok(Ratified {
        leaf_index: logged.index(),
        request_index: request.index(),
        court: said.court.to_string(),
        document: said.document.to_hex(),
        witnesses: logged.cosigned().witness_names(),
    })
}
