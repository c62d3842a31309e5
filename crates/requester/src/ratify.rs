//! After an emergency: a court's confirmation goes into the log, or the agency loses the right to
//! ask. Contract: `proto/release.md#leaves`.
//!
//! In scope: the ratification leaf for a request of one's own. Out of scope: who confirms, and how;
//! the log holds the document's hash only.

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::folder::{FolderError, RATIFICATION, RequestFolder};
use escrow::record::{EntryId, Kind, Ratification, RecordError, Seconds, Signed};
use log_client::AddError;
use tlog::{Entry, Hash};

/// A ratification in the log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ratified {
    pub leaf_index: u64,
    /// The request's place.
    pub request_index: u64,
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
    #[error("a {0} request needs no ratification; only an emergency does")]
    NotAnEmergency(&'static str),
    #[error("the request was ratified already, with another document (SHA-256 {0})")]
    OtherDocument(String),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Add(#[from] AddError),
}

/// Says in the log that a court confirmed this emergency. Idempotent: the same document has one
/// leaf.
pub async fn ratify(
    desk: &Requester,
    folder: &RequestFolder,
    document: Hash,
) -> Result<Ratified, RatifyError> {
    let case = Case::open(desk, folder)?;
    let request = case.logged()?.ok_or(RatifyError::NotLogged)?;
    let kind = request.value().value().kind;
    if kind != Kind::Emergency {
        return Err(RatifyError::NotAnEmergency(kind.word()));
    }
    let leaf = match folder.find(RATIFICATION)? {
        Some(bytes) => {
            let kept = Signed::<Ratification>::parse(&bytes);
            let kept = kept.map_err(|error| folder.damaged(RATIFICATION, error))?;
            if kept.value().document != document {
                return Err(RatifyError::OtherDocument(kept.value().document.to_hex()));
            }
            bytes
        }
        None => {
            let leaf = Ratification {
                id: EntryId::generate(&mut desk.machine.rng.clone()),
                sponsor: desk.sponsor.clone(),
                request_index: request.index(),
                request: request.value().hash(),
                document,
                time: Seconds(desk.machine.clock.seconds()),
            };
            let leaf = Signed::sign(leaf, &[&desk.keys.sponsor])?;
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
        document: document.to_hex(),
        witnesses: logged.cosigned().witness_names(),
    })
}
