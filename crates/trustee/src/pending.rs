//! Packages that wait: for a human, or for the time that the rules name. Kept on disk, so that a
//! restart forgets none, and as a page that shows a clerk exactly what is asked and why.
//!
//! ```text
//! pending/00112233445566778899aabbccddeeff.package     the package as it was sent
//! pending/00112233445566778899aabbccddeeff.json        what it asks, for whoever decides
//! ```
//!
//! In scope: what is shown, and keeping it. Out of scope: the decision ([`mod@crate::approve`]).

use crate::folder::{self, PENDING};
use escrow::answer::State;
use escrow::details::Details;
use escrow::grant::Checked;
use escrow::package::{Asked, PACKAGE_MAX_BYTES};
use escrow::record::{EntryId, Kind, Request, Signed};
use host::durable::{self, DurableError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tlog::stamp::StampKey;
use tlog::{Hash, Logged};

/// The most emergencies that wait. Only requests that passed the rules get here, so what fills it is
/// many real ones; further ones are told to come back. Each kind has places of its own, so that
/// legal requests keep out no emergency.
const EMERGENCIES_MAX: usize = 128;
/// The most legal requests, and the most recoveries.
const OTHERS_MAX: usize = 64;
/// The most of one kind by one agency: it fills no desk alone.
pub(crate) const OF_ONE_AGENCY_MAX: usize = 16;
/// The largest page: details have at most 16 KiB.
const PAGE_MAX_BYTES: u64 = 256 * 1024;

/// What is asked and why, as a clerk reads it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The entry id, 32 hexadecimal digits: what `approve` and `deny` take.
    pub id: String,
    /// The request's place in the log, where everybody can read its public part.
    pub request_index: u64,
    /// The request's leaf hash, base64: what an approval signs.
    pub request: String,
    /// What it waits for.
    #[serde(flatten)]
    pub state: State,
    /// `emergency`, `legal` or `recovery`.
    pub kind: String,
    /// Under whose name the log admitted it.
    pub sponsor: String,
    /// The agency; none where the owner asks.
    pub agency: Option<String>,
    /// The agency's country.
    pub country: Option<String>,
    /// The public basis.
    pub basis: Option<String>,
    /// How much footage, such as `15m`.
    pub span: String,
    /// Since when it stands in the log, by the log's stamp.
    pub logged_at: Option<u64>,
    /// When it was written, by the asker's word.
    pub written_at: u64,
    /// After this time the rules let it go no more.
    pub expires_at: u64,
    /// Which footage; unknown here until its time has come.
    pub footage: Option<Footage>,
    /// The sealed details, opened: every line that says something, in their order. Empty until its
    /// time has come.
    pub details: Vec<Line>,
    /// How large the order is that came along, as `approve` gives it out; 0 for none.
    pub order_bytes: usize,
    /// How many approvers must say yes, each with a key of their own.
    pub approvals: usize,
    /// [`Asked::fingerprint`] of the package that waits, hex: what a human says is of no other.
    pub package: String,
    /// A decision that the running trustee has not taken in yet.
    #[serde(default)]
    pub decided: Option<Decision>,
}

/// The footage that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footage {
    pub epochs: usize,
    /// Its first moment, Unix microseconds.
    pub from_us: u64,
    /// The first moment after it.
    pub until_us: u64,
}

/// What a human decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    Approved,
    /// By one of the two that must.
    HalfApproved,
    Denied,
}

impl Decision {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::HalfApproved => "half-approved",
            Self::Denied => "denied",
        }
    }
}

/// A line of the details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Such as `in-danger`.
    pub field: String,
    /// What it says.
    pub text: String,
}

impl Pending {
    /// The page of a request that needs a human.
    pub(crate) fn of(checked: &Checked, stamps: &[StampKey], expires_at: u64) -> Self {
        let logged = checked.request();
        let (from_us, until_us) = checked.span_us();
        Self {
            footage: Some(Footage { epochs: checked.epochs(), from_us: from_us.0, until_us: until_us.0 }),
            details: lines(checked.details()),
            approvals: checked.approvals_needed(),
            ..Self::waiting(logged, State::PendingApproval, stamps, expires_at)
        }
    }

    /// The page of a request of which only the public part is known here yet.
    pub(crate) fn waiting(
        logged: &Logged<Signed<Request>>,
        state: State,
        stamps: &[StampKey],
        expires_at: u64,
    ) -> Self {
        let value = logged.value().value();
        Self {
            id: value.id.to_hex(),
            request_index: logged.index(),
            request: logged.value().hash().to_base64(),
            state,
            kind: value.kind.word().to_owned(),
            sponsor: value.sponsor.to_string(),
            agency: value.agency.as_ref().map(ToString::to_string),
            country: value.country.as_ref().map(|country| country.as_str().to_owned()),
            basis: value.basis.as_ref().map(ToString::to_string),
            span: value.span.to_string(),
            logged_at: logged.value().stamp(stamps).ok().map(|at| at.0),
            written_at: value.time.0,
            expires_at,
            footage: None,
            details: Vec::new(),
            order_bytes: 0,
            approvals: 0,
            package: String::new(),
            decided: None,
        }
    }
}

fn lines(details: &Details) -> Vec<Line> {
    let text = details.text();
    let stated =
        text.lines().skip(1).filter_map(|line| line.split_once(' ')).filter(|(_, text)| *text != "-");
    stated.map(|(field, text)| Line { field: field.to_owned(), text: text.to_owned() }).collect()
}

/// The folder of waiting packages.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    folder: PathBuf,
}

impl Waiting {
    pub(crate) fn at(data: &Path) -> Self {
        Self { folder: data.join(PENDING) }
    }

    /// Keeps a package and its page; `false` when too many of its kind, or of its agency's, wait
    /// already.
    pub(crate) fn keep(&self, page: &Pending, asked: &Asked) -> Result<bool, DurableError> {
        let path = self.path(&page.id, "json");
        if !path.exists() && !self.has_place_for(page)? {
            return Ok(false);
        }
        // The page last: it is what says that the package waits.
        durable::write_atomic(&self.path(&page.id, "package"), &asked.package().encode())?;
        let (package, order_bytes) = (asked.fingerprint().to_hex(), asked.package().order.len());
        let page = Pending { package, order_bytes, ..page.clone() };
        let json = serde_json::to_vec_pretty(&page).map_err(|error| DurableError::at(&path, error.into()))?;
        durable::write_atomic(&path, &json)?;
        Ok(true)
    }

    fn has_place_for(&self, page: &Pending) -> Result<bool, DurableError> {
        let mut same = self.pages()?;
        same.retain(|other| other.kind == page.kind);
        let places = if page.kind == Kind::Emergency.word() { EMERGENCIES_MAX } else { OTHERS_MAX };
        let own = same.iter().filter(|other| page.agency.is_some() && other.agency == page.agency).count();
        Ok(same.len() < places && own < OF_ONE_AGENCY_MAX)
    }

    pub(crate) fn page(&self, id: &EntryId) -> Result<Option<Pending>, DurableError> {
        self.read_page(&id.to_hex())
    }

    /// The page, if it is of this very leaf.
    pub(crate) fn page_of(&self, id: &EntryId, request: &Hash) -> Result<Option<Pending>, DurableError> {
        Ok(self.page(id)?.filter(|page| page.request == request.to_base64()))
    }

    pub(crate) fn asked(&self, id: &EntryId) -> Result<Option<Asked>, DurableError> {
        let path = self.path(&id.to_hex(), "package");
        let Some(bytes) = durable::read_limited(&path, PACKAGE_MAX_BYTES as u64)? else { return Ok(None) };
        match Asked::decode(&bytes) {
            Ok(asked) => Ok(Some(asked)),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "a kept package is damaged; it is kept anew when its sender asks again");
                self.forget(id)?;
                Ok(None)
            }
        }
    }

    /// All pages, oldest request first.
    pub(crate) fn pages(&self) -> Result<Vec<Pending>, DurableError> {
        let mut pages = Vec::new();
        for id in self.ids()? {
            pages.extend(self.read_page(&id)?);
        }
        pages.sort_by_key(|page| (page.request_index, page.id.clone()));
        Ok(pages)
    }

    pub(crate) fn forget(&self, id: &EntryId) -> Result<(), DurableError> {
        ["json", "package"].iter().try_for_each(|what| durable::remove(&self.path(&id.to_hex(), what)))
    }

    pub(crate) fn count(&self) -> Result<usize, DurableError> {
        Ok(self.ids()?.len())
    }

    fn ids(&self) -> Result<Vec<String>, DurableError> {
        let names = folder::list(&self.folder)?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json"));
        Ok(ids.filter(|id| EntryId::from_hex(id).is_some()).map(str::to_owned).collect())
    }

    fn read_page(&self, id: &str) -> Result<Option<Pending>, DurableError> {
        let path = self.path(id, "json");
        let Some(json) = durable::read_limited(&path, PAGE_MAX_BYTES)? else { return Ok(None) };
        match serde_json::from_slice(&json) {
            Ok(page) => Ok(Some(page)),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "a waiting request cannot be read; its sender must send it again");
                Ok(None)
            }
        }
    }

    fn path(&self, id: &str, what: &str) -> PathBuf {
        self.folder.join(format!("{id}.{what}"))
    }
}

#[cfg(test)]
mod tests;
