//! The desk: all that a trustee keeps of requests and keys. It waits for its disk: whoever may not
//! reaches it through [`Desk::run`] alone.
//!
//! In scope: what is known of one request, read in one order by everybody who decides; what belongs
//! together when something is settled. Out of scope: what is decided ([`crate::judge`]).

use crate::approve::{Decided, Decisions};
use crate::config::Config;
use crate::daykeys::{DayKeys, Terms};
use crate::error::{Error, Trouble};
use crate::folder::{EVIDENCE, LEDGER};
use crate::ledger::{Granted, Ledger};
use crate::pending::{Pending, Waiting};
use escrow::answer::Refused;
use escrow::package::Package;
use escrow::record::{EntryId, Name};
use host::blocking::Blocking;
use host::durable::{self, DurableError};
use host::rng::Rng;
use seal::details::DetailsKey;
use std::path::PathBuf;
use std::sync::Arc;
use tlog::Hash;

/// What lies on the desk.
#[derive(Debug)]
pub(crate) struct Papers {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) waiting: Waiting,
    pub(crate) decisions: Decisions,
    pub(crate) days: DayKeys,
    evidence: PathBuf,
}

/// The way to the papers. Clones are the same desk.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    papers: Arc<Papers>,
    work: Blocking,
}

/// What is kept of one request.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Its bundle may leave.
    Bundle(Vec<u8>),
    /// G10 is durable; the grant's proof is not here yet.
    Held,
    /// A human said no.
    Denied(Refused),
    /// It may be decided, whatever the gate said before.
    Open {
        /// Where it waits.
        page: Option<Box<Pending>>,
        /// What a human said, and nobody has taken in yet.
        decided: Option<Decided>,
    },
}

impl Papers {
    pub(crate) fn open(config: &Config, name: &Name, vkey: &str, rng: Rng) -> Result<Self, Error> {
        let terms = Terms { retention_days: config.retention_days, days_ahead: config.days_ahead };
        Ok(Self {
            ledger: Arc::new(Ledger::open(&config.data.join(LEDGER), vkey)?),
            waiting: Waiting::at(&config.data),
            decisions: Decisions::at(&config.data),
            days: DayKeys::open(&config.data, name.clone(), terms, rng)?,
            evidence: config.data.join(EVIDENCE),
        })
    }

    /// All that is known here of this very leaf.
    ///
    /// Files first, the ledger after them: what is settled is written to the ledger before its
    /// files go, so that whoever finds no file finds there what became of it.
    pub(crate) fn kept(&self, id: &EntryId, request: &Hash) -> Result<Kept, Trouble> {
        let page = self.waiting.page_of(id, request)?.map(Box::new);
        let decided = self.decisions.get(id)?;
        match self.ledger.granted(request)? {
            Granted::Bundle(bundle) => return Ok(Kept::Bundle(bundle)),
            Granted::Held(_) => return Ok(Kept::Held),
            Granted::Not => {}
        }
        Ok(match self.ledger.refused(request)? {
            Some(refused) if refused.is_denial() => Kept::Denied(refused),
            Some(_) | None => Kept::Open { page, decided },
        })
    }

    /// The request waits no more.
    pub(crate) fn settle(&self, id: &EntryId) -> Result<(), DurableError> {
        self.waiting.forget(id)?;
        self.decisions.file(id)
    }

    /// Keeps a package as evidence of a bad share; returns its SHA-256. Without order and details key: they
    /// prove nothing of it, and whoever shows the evidence need not show a case.
    pub(crate) fn keep_evidence(&self, package: &Package) -> Result<Hash, DurableError> {
        let bare = Package { order: Vec::new(), details_key: DetailsKey::new([0; 32]), ..package.clone() };
        let bytes = bare.encode();
        let hash = Hash::of(&[&bytes]);
        durable::link_exclusive(&self.evidence.join(format!("{}.package", hash.to_hex())), &bytes)?;
        durable::sync_dir(&self.evidence)?;
        Ok(hash)
    }
}

impl Desk {
    pub(crate) fn of(papers: Papers, work: Blocking) -> Self {
        Self { papers: Arc::new(papers), work }
    }

    /// Does `work` at the desk, on a thread that may wait. It goes on to its end also when nobody
    /// waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Papers) -> T + Send + 'static) -> T {
        let papers = self.papers.clone();
        self.work.run(move || work(&papers)).await
    }

    /// Waits for all that was begun: then the folder is free for the next process.
    pub(crate) async fn finish(&self) {
        self.work.finish().await;
    }
}
