//! Composing, signing and logging a request. Contract: `proto/release.md#request`.
//!
//! In scope: the camera's public objects as the relay has them, checked as a trustee will check
//! them, so that a mistake is found before it stands in the log for ever; details and leaf; the
//! three signatures; the proof. Out of scope: the decision.

use crate::Requester;
use crate::ask::AskError;
use crate::folder::{ASK, DRAFT, DRAWN, FolderError, Item, LEAF, PACKAGE, PROOF, RequestFolder};
use crate::objects::{self, Draft, ObjectsError};
use escrow::details::DetailsError;
use escrow::package::Package;
use escrow::record::{self, RecordError, Request, Seconds, Signed, Span, Word};
use log_client::AddError;
use seal::hpke::SecretKey;
use tlog::stamp::StampError;
use tlog::{Entry as _, Hash};

pub use crate::ask::{Ask, Grounds, Kind};

/// A composed and officer-signed draft.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Drafted {
    pub entry_id: String,
    pub first_epoch: u64,
    pub last_epoch: u64,
    pub epochs: u64,
    /// First moment of the footage that is asked for, and the first one after it, Unix
    /// microseconds: whole epochs, so that it reaches beyond the ask.
    pub from_us: u64,
    pub to_us: u64,
    /// Trustees that will be asked, and how many must grant.
    pub trustees: Vec<String>,
    pub threshold: u8,
    /// The leaf's text, which the log will show to everybody.
    pub public_text: String,
    /// Whether a supervisor must still sign.
    pub needs_supervisor: bool,
}

/// A logged request.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Submitted {
    pub entry_id: String,
    pub leaf_index: u64,
    pub tree_size: u64,
    pub witnesses: Vec<String>,
    /// When the log ordered it (T0): its stamp, Unix seconds.
    pub logged_at: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error("basis {0:?} is not in the PolicyDoc's list for this kind; choose one of: {1}")]
    Basis(String, String),
    #[error("the epochs add up to more than a request can name; ask for a shorter span")]
    Span,
    #[error(
        "epochs and order are more than a trustee takes in one package; ask for a shorter span, or scan the order smaller"
    )]
    TooLarge,
    #[error(transparent)]
    Details(#[from] DetailsError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(
        "an agency's request, legal or emergency, needs the supervisor's signature; run `candor request sign` first"
    )]
    SupervisorMissing,
    #[error(transparent)]
    Add(#[from] AddError),
    #[error("the log's answer: {0}")]
    Stamp(#[from] StampError),
}

/// Fetches the camera's public objects from the relay, composes details and leaf, signs as the
/// officer.
pub async fn new(desk: &Requester, ask: &Ask, folder: &RequestFolder) -> Result<Drafted, RequestError> {
    let camera_id = ask.camera_id()?;
    folder.create()?;
    let now = Seconds(desk.machine.clock.seconds());
    let release_key = SecretKey::generate(&mut desk.machine.rng.clone());
    let (mut package, found_by) = objects::fetch(desk, camera_id, ask, now, release_key.public()).await?;
    let draft = compose(desk, ask, &mut package, &found_by, now)?;
    // A leaf that no trustee could be shown would stand in the log for ever.
    if !package.fits() {
        return Err(RequestError::TooLarge);
    }
    folder.keep_release_key(release_key.expose())?;
    folder.keep(ASK, &serde_json::to_vec_pretty(ask).expect("plain data serialises"))?;
    folder.keep(PACKAGE, &package.encode())?;
    folder.keep(DRAWN, &found_by.drawn)?;
    folder.keep(DRAFT, draft.entry_bytes())?;
    drafted(desk, folder, &draft)
}

/// What the folder's draft says, as it stands.
pub fn draft(desk: &Requester, folder: &RequestFolder) -> Result<Drafted, RequestError> {
    drafted(desk, folder, &read_draft(folder)?)
}

/// Signs the draft as the supervisor. Signing twice changes nothing.
pub fn sign(desk: &Requester, folder: &RequestFolder) -> Result<Drafted, RequestError> {
    let draft = read_draft(folder)?.countersign(&desk.keys.supervisor)?;
    folder.keep(DRAFT, draft.entry_bytes())?;
    drafted(desk, folder, &draft)
}

/// Countersigns as the sponsor, sends the leaf to the log, verifies and keeps its tlog-proof.
/// Idempotent: what is logged has one place.
pub async fn submit(desk: &Requester, folder: &RequestFolder) -> Result<Submitted, RequestError> {
    let leaf = match folder.find(LEAF)? {
        Some(bytes) => bytes,
        None => {
            let draft = read_draft(folder)?;
            if needs_supervisor(desk, &draft) {
                return Err(RequestError::SupervisorMissing);
            }
            let leaf = draft.countersign(&desk.keys.sponsor)?;
            // Kept before it is sent: after a crash the same bytes are sent again.
            folder.keep(LEAF, leaf.entry_bytes())?;
            leaf.entry_bytes().to_vec()
        }
    };
    let (logged, proof) = desk.log.add(leaf).await?;
    // From here on the leaf is the entry: with the log's stamp.
    folder.keep(LEAF, logged.value())?;
    folder.keep(PROOF, &proof.encode())?;
    let request: Signed<Request> = parse(folder, LEAF, logged.value())?;
    Ok(Submitted {
        entry_id: request.value().id.to_hex(),
        leaf_index: logged.index(),
        tree_size: logged.checkpoint().size(),
        witnesses: logged.cosigned().witness_names(),
        logged_at: request.stamp(&desk.log.policy().stamp_keys())?.0,
    })
}

fn compose(
    desk: &Requester,
    ask: &Ask,
    package: &mut Package,
    &Draft { id, label, .. }: &Draft,
    now: Seconds,
) -> Result<Signed<Request>, RequestError> {
    let facts = objects::facts(package)?;
    let details = ask.details(&desk.agency, facts.first_epoch, facts.last_epoch)?;
    let kind = record::Kind::from(ask.kind);
    let basis = Word::new(&ask.basis).filter(|word| desk.rules.bases(kind).contains(word));
    let basis = basis.ok_or_else(|| {
        let known: Vec<_> = desk.rules.bases(kind).iter().map(Word::as_str).collect();
        RequestError::Basis(ask.basis.clone(), known.join(", "))
    })?;
    let sealed = details.seal(&facts.policy.audit_pk, &id, &mut desk.machine.rng.clone())?;
    package.details_key = sealed.key;
    let request = Request {
        id,
        kind,
        sponsor: desk.sponsor.clone(),
        agency: Some(desk.agency.clone()),
        country: Some(desk.country),
        basis: Some(basis),
        span: Span::of_epochs(facts.opens.iter().map(|open| open.context.dur_ms))
            .ok_or(RequestError::Span)?,
        needs: facts.policy.t.into(),
        incident: ask.incident(&desk.machine.rng)?,
        policy: desk.rules.hash(),
        release_key: Hash::of(&[&package.release_key]),
        label,
        details: sealed.details,
        details_key: sealed.wrapped,
        time: now,
    };
    Ok(Signed::sign(request, &[&desk.keys.officer])?)
}

fn read_draft(folder: &RequestFolder) -> Result<Signed<Request>, FolderError> {
    parse(folder, DRAFT, &folder.get(DRAFT)?)
}

fn parse(folder: &RequestFolder, item: Item, bytes: &[u8]) -> Result<Signed<Request>, FolderError> {
    Signed::parse(bytes).map_err(|error| folder.damaged(item, error))
}

fn needs_supervisor(desk: &Requester, draft: &Signed<Request>) -> bool {
    draft.value().kind.is_by_agency() && !draft.is_signed_by(&desk.keys.supervisor.verifier())
}

fn drafted(
    desk: &Requester,
    folder: &RequestFolder,
    draft: &Signed<Request>,
) -> Result<Drafted, RequestError> {
    let package = Package::decode(&folder.get(PACKAGE)?).map_err(|error| folder.damaged(PACKAGE, error))?;
    let facts = objects::facts(&package)?;
    Ok(Drafted {
        entry_id: draft.value().id.to_hex(),
        first_epoch: facts.first_epoch.0,
        last_epoch: facts.last_epoch.0,
        epochs: facts.epochs,
        from_us: facts.from_us.0,
        to_us: facts.to_us.0,
        trustees: facts.policy.trustees.iter().map(|trustee| trustee.name.clone()).collect(),
        threshold: facts.policy.t,
        public_text: draft.text().to_owned(),
        needs_supervisor: needs_supervisor(desk, draft),
    })
}
