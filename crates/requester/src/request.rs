//! Composing, signing and logging a request. Contract: `proto/release.md#request`.
//!
//! In scope: the camera's public objects as the relay has them, checked as a trustee will check them, so that a mistake is found before
//! it stands in the log for ever; details and leaf; the three signatures; the proof. Out of scope: the decision.

use crate::Requester;
use crate::folder::{ASK, DRAFT, FolderError, LEAF, PACKAGE, PROOF, RequestFolder};
use crate::objects::{self, ObjectsError};
use escrow::details::{Details, DetailsError, Line};
use escrow::package::Package;
use escrow::record::{EntryId, RecordError, Request, Signed, Span, Time, Word};
use host::rng::OsRng;
use log_client::AddError;
use media::id::CameraId;
use seal::hpke::SecretKey;
use tlog::{Entry, Hash, Logged};

/// What is asked and why. All of it is sealed into the details, except kind, basis and the length of the span.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The camera's id, 64 hex digits.
    pub camera_id: String,
    #[serde(default)]
    pub track: u32,
    /// Capture time, Unix microseconds: every epoch that overlaps the span is asked for.
    pub from_us: u64,
    pub to_us: u64,
    pub kind: Kind,
    /// The public basis, one word of the PolicyDoc's list, such as `danger-of-death`.
    pub basis: String,
    /// The officer in words: name and badge.
    pub officer: String,
    pub badge: String,
    pub supervisor: String,
    /// Who called whom back, when, on which published number.
    pub call_back: String,
    pub case_number: String,
    /// The basis in words, or the order's hash and court.
    pub grounds: Grounds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Emergency,
    Legal,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Grounds {
    Emergency {
        in_danger: String,
        why_waiting_is_dangerous: String,
        why_no_order: String,
        how_footage_helps: String,
    },
    Legal {
        court: String,
        /// SHA-256 of the order, hex.
        order_hash: String,
        summary: String,
    },
}

/// A composed and officer-signed draft.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Drafted {
    pub entry_id: String,
    pub first_epoch: u64,
    pub last_epoch: u64,
    pub epochs: u64,
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
    /// First cosignature time after inclusion (T0), Unix seconds.
    pub logged_at: u64,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error("camera_id is not 64 hexadecimal digits")]
    CameraId,
    #[error("{field} must be one line of 1 to 2,000 bytes without control characters")]
    Line { field: &'static str },
    #[error("basis {0:?} is not in the PolicyDoc's list for this kind; choose one of: {1}")]
    Basis(String, String),
    #[error("order_hash is not the 64 hexadecimal digits of a SHA-256")]
    OrderHash,
    #[error("the grounds are for the other kind of request; use `{0}` grounds")]
    Grounds(&'static str),
    #[error("the epochs add up to more than a request can name; ask for a shorter span")]
    Span,
    #[error(transparent)]
    Details(#[from] DetailsError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("an emergency needs the supervisor's signature; run `candor request sign` first")]
    SupervisorMissing,
    #[error(transparent)]
    Add(#[from] AddError),
}

/// Fetches the camera's public objects from the relay, composes details and leaf, signs as the officer.
pub async fn new(requester: &Requester, ask: &Ask, folder: &RequestFolder) -> Result<Drafted, RequestError> {
    let camera_id: CameraId = ask.camera_id.parse().map_err(|_| RequestError::CameraId)?;
    folder.create()?;
    let now = host::clock::now();
    let objects = objects::fetch(requester, camera_id, ask, now).await?;
    let (first, last) = objects.range();
    let notice = objects.notice_of_first_epoch();

    let id = EntryId::generate(&mut OsRng);
    let release_key = SecretKey::generate(&mut OsRng);
    let details = details(requester, ask, camera_id, first.epoch_no, last.epoch_no)?;
    let kind = ask.kind.of_record();
    let basis =
        Word::new(&ask.basis).filter(|word| requester.rules.bases(kind).contains(word)).ok_or_else(|| {
            let known: Vec<_> = requester.rules.bases(kind).iter().map(Word::as_str).collect();
            RequestError::Basis(ask.basis.clone(), known.join(", "))
        })?;
    let public = release_key.public();
    let request = Request {
        id,
        kind,
        sponsor: requester.sponsor_name.clone(),
        agency: Some(requester.agency.clone()),
        country: Some(requester.country),
        basis: Some(basis),
        span: Span::of_epochs(objects.contexts().map(|context| context.dur_ms)).ok_or(RequestError::Span)?,
        policy: requester.rules.hash(),
        release_key: Hash::of(&[&public]),
        label: Hash(notice.label(id.as_bytes())),
        details: details.seal(&notice, &id)?,
        time: Time(now),
    };
    let draft = Signed::sign(request, &[&requester.officer])?;
    let package = objects.into_package(public);
    folder.keep_release_key(release_key.expose())?;
    folder.keep(ASK, &serde_json::to_vec_pretty(ask).expect("plain data serialises"))?;
    folder.keep(PACKAGE, &package.encode())?;
    folder.keep(DRAFT, draft.entry_bytes())?;
    drafted(requester, folder, &draft)
}

/// Signs the draft as the supervisor. Signing twice changes nothing.
pub fn sign(requester: &Requester, folder: &RequestFolder) -> Result<Drafted, RequestError> {
    let draft = draft(folder)?.countersign(&requester.supervisor)?;
    folder.keep(DRAFT, draft.entry_bytes())?;
    drafted(requester, folder, &draft)
}

/// Countersigns as the sponsor, sends the leaf to the log, verifies and keeps its tlog-proof. Idempotent: what is logged has one place.
pub async fn submit(requester: &Requester, folder: &RequestFolder) -> Result<Submitted, RequestError> {
    let leaf = match folder.find(LEAF)? {
        Some(bytes) => bytes,
        None => {
            let draft = draft(folder)?;
            let is_emergency = draft.value().kind == escrow::record::Kind::Emergency;
            if is_emergency && !draft.is_signed_by(&requester.supervisor.verifier()) {
                return Err(RequestError::SupervisorMissing);
            }
            let leaf = draft.countersign(&requester.sponsor)?;
            // Kept before it is sent: after a crash the same bytes are sent again.
            folder.keep(LEAF, leaf.entry_bytes())?;
            leaf.entry_bytes().to_vec()
        }
    };
    let (logged, proof) = requester.log.add(leaf.clone()).await?;
    folder.keep(PROOF, &proof.encode())?;
    let request: Signed<Request> = parse(folder, LEAF, &leaf)?;
    Ok(submitted(&request, &logged))
}

impl Kind {
    fn of_record(self) -> escrow::record::Kind {
        match self {
            Self::Emergency => escrow::record::Kind::Emergency,
            Self::Legal => escrow::record::Kind::Legal,
        }
    }
}

fn details(
    requester: &Requester,
    ask: &Ask,
    camera_id: CameraId,
    first_epoch: media::id::EpochNo,
    last_epoch: media::id::EpochNo,
) -> Result<Details, RequestError> {
    let line = |field, text: &str| Line::new(text).map(Some).ok_or(RequestError::Line { field });
    let mut details = Details {
        camera_id,
        track: media::id::TrackId(ask.track),
        first_epoch,
        last_epoch,
        agency: Some(requester.agency.clone()),
        officer: line("officer", &ask.officer)?,
        badge: line("badge", &ask.badge)?,
        supervisor: line("supervisor", &ask.supervisor)?,
        call_back: line("call_back", &ask.call_back)?,
        case_number: line("case_number", &ask.case_number)?,
        court: None,
        order: None,
        grounds: None,
        in_danger: None,
        urgency: None,
        no_order: None,
        purpose: None,
        recipient: None,
    };
    match (&ask.grounds, ask.kind) {
        (
            Grounds::Emergency { in_danger, why_waiting_is_dangerous, why_no_order, how_footage_helps },
            Kind::Emergency,
        ) => {
            details.in_danger = line("in_danger", in_danger)?;
            details.urgency = line("why_waiting_is_dangerous", why_waiting_is_dangerous)?;
            details.no_order = line("why_no_order", why_no_order)?;
            details.purpose = line("how_footage_helps", how_footage_helps)?;
        }
        (Grounds::Legal { court, order_hash, summary }, Kind::Legal) => {
            details.court = line("court", court)?;
            details.order = Some(Hash::from_hex(order_hash).ok_or(RequestError::OrderHash)?);
            details.grounds = line("summary", summary)?;
        }
        (_, Kind::Emergency) => return Err(RequestError::Grounds("emergency")),
        (_, Kind::Legal) => return Err(RequestError::Grounds("legal")),
    }
    Ok(details)
}

fn draft(folder: &RequestFolder) -> Result<Signed<Request>, RequestError> {
    parse(folder, DRAFT, &folder.get(DRAFT)?)
}

fn parse(
    folder: &RequestFolder,
    item: crate::folder::Item,
    bytes: &[u8],
) -> Result<Signed<Request>, RequestError> {
    Ok(Signed::parse(bytes).map_err(|error| folder.damaged(item, error))?)
}

fn drafted(
    requester: &Requester,
    folder: &RequestFolder,
    draft: &Signed<Request>,
) -> Result<Drafted, RequestError> {
    let package = Package::decode(&folder.get(PACKAGE)?).map_err(|error| folder.damaged(PACKAGE, error))?;
    let facts = objects::facts(&package)?;
    let is_emergency = draft.value().kind == escrow::record::Kind::Emergency;
    Ok(Drafted {
        entry_id: draft.value().id.to_hex(),
        first_epoch: facts.first_epoch.0,
        last_epoch: facts.last_epoch.0,
        epochs: facts.epochs,
        trustees: facts.policy.trustees.iter().map(|trustee| trustee.name.clone()).collect(),
        threshold: facts.policy.t,
        public_text: draft.text().to_owned(),
        needs_supervisor: is_emergency && !draft.is_signed_by(&requester.supervisor.verifier()),
    })
}

fn submitted(request: &Signed<Request>, logged: &Logged<Vec<u8>>) -> Submitted {
    Submitted {
        entry_id: request.value().id.to_hex(),
        leaf_index: logged.index(),
        tree_size: logged.checkpoint().size(),
        witnesses: logged.cosigned().witness_names(),
        logged_at: logged.cosigned_at(),
    }
}
