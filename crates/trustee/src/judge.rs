//! G1 to G10 at the desk: the gate's word, the human's, and what is durable before either is told.
//! Nothing here talks to the log: what is to be appended is left in the ledger.
//!
//! In scope: what is kept when. Out of scope: the checks themselves (`escrow::grant`), which refusals
//! become leaves ([`Refusal::becomes_leaf`]), appending ([`crate::append`]).

use crate::approve::Decided;
use crate::daykeys::DayKeyError;
use crate::desk::{Kept, Papers};
use crate::error::Trouble;
use crate::follow::View;
use crate::pending::Pending;
use crate::state::Office;
use escrow::answer::{Refused, State};
use escrow::grant::{self, Approval, CallBack, Checked, NotPassed, Refusal, ShareFailure, Standing, Verdict};
use escrow::package::Asked;
use escrow::record::{EntryId, Record, RefusalLeaf, Request, Seconds, ShareBad, Signed};
use host::rng::Rng;
use media::id::{Day, EpochNo};
use seal::hpke::SecretKey;
use std::cell::Cell;
use tlog::{Entry as _, Hash, Logged};

/// What the gate and the human said; nothing of it has left yet.
pub(crate) enum Judged {
    /// G10 is durable for the request of this leaf hash.
    Held(Hash),
    Pending(State),
    Refused(Refused),
    /// Too many requests wait already.
    Full,
}

/// Who judges, by what.
pub(crate) struct Judge<'a> {
    pub(crate) office: &'a Office,
    pub(crate) papers: &'a Papers,
    pub(crate) view: &'a View,
    pub(crate) now: Seconds,
}

type InLog = Logged<Signed<Request>>;

impl Judge<'_> {
    /// G1 to G10.
    pub(crate) fn judge(&self, asked: &Asked, rng: &mut Rng) -> Result<Judged, Trouble> {
        let (root_at, trustee) = (|size| self.view.tree.root_at(size), self.office.signer.verifier());
        let unreadable = Cell::new(None);
        let key_of = self.key_of(&unreadable);
        let standing = Standing {
            log_policy: &self.office.log_policy,
            rules: &self.office.rules,
            register: &self.view.register,
            root_at: &root_at,
            trustee: &trustee,
            key_of: &key_of,
        };
        let checked = grant::check(asked, &standing, self.now);
        if let (Some(state), Ok(_)) = (self.other_waits(asked)?, &checked) {
            return Ok(Judged::Pending(state));
        }
        match checked {
            Ok(Verdict::Pass(checked)) => self.ask_human(asked, checked, rng),
            Ok(Verdict::WaitUntil { until, request }) => self.keep_waiting(asked, &request, until),
            Err(NotPassed { refusal, logged }) => self.refuse(asked, &refusal, logged.as_deref()),
        }
    }

    /// What the request waits for, if it waits here by another package. That one stays, and what a
    /// human says is of that one, whatever anybody else sends for the same leaf.
    fn other_waits(&self, asked: &Asked) -> Result<Option<State>, Trouble> {
        let request = asked.request();
        let (waiting, id) = (&self.papers.waiting, request.value().id);
        let Some(page) = waiting.page_of(&id, &request.hash())? else { return Ok(None) };
        let same = page.package == asked.fingerprint().to_hex();
        // One that cannot be read any more may be sent again by anybody.
        Ok((!same && waiting.asked(&id)?.is_some()).then_some(page.state))
    }

    /// What passed the rules: it was decided before, or a human decides.
    fn ask_human(&self, asked: &Asked, checked: Checked, rng: &mut Rng) -> Result<Judged, Trouble> {
        let logged = checked.request().clone();
        let (id, hash) = (logged.value().value().id, logged.value().hash());
        let decided = match self.papers.kept(&id, &hash)? {
            Kept::Bundle(_) | Kept::Held => return Ok(Judged::Held(hash)),
            Kept::Denied(refused) => return Ok(Judged::Refused(refused)),
            Kept::Open { decided, .. } => decided,
        };
        if self.view.denied.contains(&hash) {
            // Restored from a backup that is older than the denial: the log remembers.
            return Ok(Judged::Refused(Refused::denied("see the log")));
        }
        // SPEC: release.md#g10: a request has one grant of a trustee, for ever.
        let known = self.view.register.request(logged.index());
        if known.is_some_and(|known| known.grants.contains_key(&self.office.name)) {
            // SPEC: release.md#trustee-http: the grant stands and its bundle is gone: there MUST
            // NOT be a second grant.
            return Ok(Judged::Refused(Refused::bundle_lost()));
        }
        if let Some(refused) = self.denied(&logged, decided.as_ref())? {
            return Ok(Judged::Refused(refused));
        }
        let approvals = match (decided, &self.office.auto) {
            _ if checked.approvals_needed() == 0 => Vec::new(),
            (Some(Decided::Yes(approvals)), _) if approvals.len() >= checked.approvals_needed() => approvals,
            (None, Some(auto)) if checked.approvals_needed() == 1 => {
                tracing::warn!(%id, "AUTO-APPROVED: no human looked at this request");
                vec![Approval::sign(&hash, CallBack::automatic(), auto)]
            }
            (Some(Decided::Yes(_) | Decided::No(_)) | None, _) => {
                let (stamps, value) = (self.office.log_policy.stamp_keys(), logged.value().value());
                let page = Pending::of(&checked, &stamps, self.expires_at(value));
                return self.keep(&page, asked);
            }
        };
        self.open(asked, checked, &approvals, rng)
    }

    /// What a human approved, or none is asked about: shares are opened and sealed, and held.
    fn open(
        &self,
        asked: &Asked,
        checked: Checked,
        approvals: &[Approval],
        rng: &mut Rng,
    ) -> Result<Judged, Trouble> {
        let logged = checked.request().clone();
        let (id, hash) = (logged.value().value().id, logged.value().hash());
        let approved = match checked.approve(approvals, &self.office.approvers) {
            Ok(approved) => approved,
            Err(refusal) => {
                self.put_aside(&id, &refusal)?;
                return Ok(Judged::Pending(State::PendingApproval));
            }
        };
        let unreadable = Cell::new(None);
        let opened = approved.open_shares(&self.key_of(&unreadable));
        // A damaged key file is this trustee's trouble, and no reason against the request.
        if let Some(error) = unreadable.take() {
            return Err(error.into());
        }
        let opened = match opened {
            Ok(opened) => opened,
            Err(ShareFailure::Bad(epoch)) => return self.accuse_share(asked, &logged, epoch),
            Err(ShareFailure::Refused(refusal)) => return self.refuse(asked, &refusal, Some(&logged)),
        };
        let held = opened.seal(&self.office.signer, self.now, rng)?;
        self.papers.ledger.hold(&hash, &id.0, &held.encode())?;
        self.papers.settle(&id)?;
        tracing::info!(%id, index = logged.index(), "granted; the grant goes to the log");
        Ok(Judged::Held(hash))
    }

    /// The private key of a day; what is wrong with its file goes into `unreadable`.
    fn key_of<'k>(
        &'k self,
        unreadable: &'k Cell<Option<DayKeyError>>,
    ) -> impl Fn(Day, &Hash) -> Option<SecretKey> + 'k {
        |day, key_id| match self.papers.days.secret(day, key_id) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%day, %error, "the key of a day cannot be read");
                unreadable.set(Some(error));
                None
            }
        }
    }

    fn keep_waiting(&self, asked: &Asked, logged: &InLog, until: Seconds) -> Result<Judged, Trouble> {
        let request = logged.value().value();
        if let Some(refused) = self.denied(logged, self.papers.decisions.get(&request.id)?.as_ref())? {
            return Ok(Judged::Refused(refused));
        }
        let state = State::Waiting { wait_until: until.0 };
        let stamps = self.office.log_policy.stamp_keys();
        self.keep(&Pending::waiting(logged, state, &stamps, self.expires_at(request)), asked)
    }

    fn keep(&self, page: &Pending, asked: &Asked) -> Result<Judged, Trouble> {
        if !self.papers.waiting.keep(page, asked)? {
            return Ok(Judged::Full);
        }
        tracing::info!(id = page.id, kind = page.kind, state = page.state.word(), "a request waits");
        Ok(Judged::Pending(page.state))
    }

    /// At the latest: the gate goes by the time of the log.
    fn expires_at(&self, request: &Request) -> u64 {
        let figures = self.office.rules.figures();
        let valid = figures.request_age_secs.saturating_add(figures.request_valid_secs);
        request.time.0.saturating_add(valid)
    }

    fn refuse(&self, asked: &Asked, refusal: &Refusal, logged: Option<&InLog>) -> Result<Judged, Trouble> {
        let refused = Refused::of(refusal);
        tracing::info!(step = refusal.step(), name = refusal.name(), %refusal, "refused");
        // Anything less, a stranger's package could bring about: what waits here stays.
        // SPEC: release.md#refusal-leaves: while a request waits, another package for its leaf MUST
        // NOT become a leaf nor end its waiting.
        if let Some(logged) = logged.filter(|_| refusal.becomes_leaf())
            && self.other_waits(asked)?.is_none()
        {
            let (id, hash) = (logged.value().value().id, logged.value().hash());
            if !self.view.refused.contains(&hash) {
                self.log_refusal(logged, &refused)?;
            }
            if self.papers.waiting.page_of(&id, &hash)?.is_some() {
                self.papers.settle(&id)?;
            }
        }
        Ok(Judged::Refused(refused))
    }

    /// A human's no, if it is one by an approver: durable, with its leaf on the way.
    fn denied(&self, logged: &InLog, decided: Option<&Decided>) -> Result<Option<Refused>, Trouble> {
        let Some(Decided::No(denial)) = decided else { return Ok(None) };
        let id = logged.value().value().id;
        match denial.verify(&logged.value().hash(), &self.office.approvers) {
            Ok(reason) => {
                let refused = Refused::denied(reason.as_str());
                self.log_refusal(logged, &refused)?;
                self.papers.settle(&id)?;
                tracing::info!(%id, "denied by a human");
                Ok(Some(refused))
            }
            Err(refusal) => {
                self.put_aside(&id, &refusal)?;
                Ok(None)
            }
        }
    }

    fn put_aside(&self, id: &EntryId, refusal: &Refusal) -> Result<(), Trouble> {
        tracing::error!(%id, %refusal, "a decision does not count; it is put aside");
        Ok(self.papers.decisions.reject(id)?)
    }

    fn log_refusal(&self, logged: &InLog, refused: &Refused) -> Result<(), Trouble> {
        let leaf = RefusalLeaf {
            id: logged.value().value().id,
            trustee: self.office.name.clone(),
            request_index: logged.index(),
            request: logged.value().hash(),
            step: refused.step.clone(),
            reason: refused.name.clone(),
            time: self.now,
        };
        self.keep_refusal(logged, refused, leaf)
    }

    /// The camera sealed a share that it had not committed to: the package is the evidence.
    fn accuse_share(&self, asked: &Asked, logged: &InLog, epoch: EpochNo) -> Result<Judged, Trouble> {
        let id = logged.value().value().id;
        let refused = Refused::share_bad(&ShareFailure::Bad(epoch).to_string());
        let leaf = ShareBad {
            id,
            trustee: self.office.name.clone(),
            request_index: logged.index(),
            request: logged.value().hash(),
            evidence: self.papers.keep_evidence(asked.package())?,
            time: self.now,
        };
        self.keep_refusal(logged, &refused, leaf)?;
        self.papers.settle(&id)?;
        tracing::warn!(%id, %epoch, "a share does not match its commitment");
        Ok(Judged::Refused(refused))
    }

    fn keep_refusal(&self, logged: &InLog, refused: &Refused, leaf: impl Record) -> Result<(), Trouble> {
        let leaf = Signed::sign(leaf, &[&self.office.signer])?;
        let request = logged.value();
        Ok(self.papers.ledger.refuse(&request.hash(), &request.value().id.0, refused, leaf.entry_bytes())?)
    }
}
