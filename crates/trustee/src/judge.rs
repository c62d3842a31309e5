//! G1 to G10 on a thread that may wait: the gate's word, the human's, and what is durable before either is told. Nothing here talks to the
//! log: what is to be appended is left in the ledger.
//!
//! In scope: what is kept when, which refusals become leaves. Out of scope: the checks themselves (`escrow::grant`), appending
//! ([`crate::append`]).

use crate::answer::{Refused, State, becomes_leaf};
use crate::approve::Decided;
use crate::decide::{Trouble, Trustee};
use crate::follow::View;
use crate::pending::Pending;
use escrow::grant::{self, Approval, Checked, Refusal, ShareFailure, Standing, Verdict};
use escrow::package::Asked;
use escrow::record::{EntryId, RefusalLeaf, Request, ShareBad, Signed, Time, Word};
use host::durable::DurableError;
use tlog::{Entry as _, Hash, Logged};

/// What the gate and the human said; nothing of it has left yet.
pub(crate) enum Judged {
    /// G10 is durable for the request of this leaf hash.
    Held(Hash),
    Pending(State),
    Refused(Refused),
    Full,
}

impl Trustee {
    /// G1 to G10.
    pub(crate) fn judge(&self, view: &View, asked: &Asked, now: u64) -> Result<Judged, Trouble> {
        let own = self.vkey();
        let root_at = |size| view.tree.root_at(size);
        let standing = Standing {
            log_policy: self.policy(),
            rules: &self.rules,
            register: &view.register,
            root_at: &root_at,
            trustee: &own,
        };
        let checked = match grant::check(asked, &standing, now) {
            Ok(Verdict::Pass(checked)) => checked,
            Ok(Verdict::WaitUntil { until, request }) => {
                return self.keep_waiting(asked, &request, until, now);
            }
            Err(refused) => return self.refuse(view, refused.logged.as_deref(), &refused.refusal, now),
        };
        let request = checked.request().clone();
        let (id, hash, index) = (request.value().value().id, request.value().hash(), request.index());
        if view.is_denied(&hash) {
            // Restored from a backup that is older than the denial: the log remembers.
            return Ok(Judged::Refused(Refused::denied("see the log")));
        }
        if self.ledger.held(&hash)?.is_some() {
            return Ok(Judged::Held(hash));
        }
        // SPEC: release.md#g10: a request has one grant of a trustee, for ever.
        let granted = view.register.request(index).is_some_and(|known| known.grants.contains_key(&self.name));
        if granted {
            // SPEC: release.md#trustee-http: the grant stands and its bundle is gone: there MUST
            // NOT be a second grant.
            return Ok(Judged::Refused(Refused::bundle_lost()));
        }
        let approval = match self.approval(&checked, &id, &hash)? {
            Ok(approval) => approval,
            Err(reason) => return self.deny(&request, &reason, now),
        };
        if checked.needs_approval() && approval.is_none() {
            return self.keep_pending(&checked, asked);
        }
        let approved = match checked.approve(approval.as_ref(), &self.approvers) {
            Ok(approved) => approved,
            Err(refusal) => {
                tracing::error!(%id, %refusal, "an approval does not count; it is put aside");
                self.decisions.reject(&id)?;
                return Ok(Judged::Pending(State::PendingApproval));
            }
        };
        let key_of = |day, key_id: &Hash| match self.days.secret(day, key_id) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%day, %error, "the key of this day cannot be read");
                None
            }
        };
        let opened = match approved.open_shares(&key_of) {
            Ok(opened) => opened,
            Err(ShareFailure::Bad(epoch)) => return self.share_bad(asked, &request, epoch, now),
            Err(ShareFailure::Refused(refusal)) => return self.refuse(view, Some(&request), &refusal, now),
        };
        let held = opened.seal(&self.signer, now, &mut host::rng::OsRng)?;
        self.ledger.hold(&hash, &id.0, &held.encode())?;
        self.settle(&id)?;
        tracing::info!(%id, index, "granted; the grant goes to the log");
        Ok(Judged::Held(hash))
    }

    /// A human's decision, or the automatic one; the inner error is a no.
    fn approval(
        &self,
        checked: &Checked,
        id: &EntryId,
        request: &Hash,
    ) -> Result<Result<Option<Approval>, String>, DurableError> {
        Ok(match (self.decisions.get(id)?, &self.auto) {
            (Some(Decided::No(reason)), _) => Err(reason),
            _ if !checked.needs_approval() => Ok(None),
            (Some(Decided::Yes(approval)), _) => Ok(Some(approval)),
            (None, Some(auto)) => {
                tracing::warn!(%id, "AUTO-APPROVED: no human looked at this request");
                Ok(Some(Approval::sign(request, auto)))
            }
            (None, None) => Ok(None),
        })
    }

    fn keep_pending(&self, checked: &Checked, asked: &Asked) -> Result<Judged, Trouble> {
        let page = Pending::of(checked, self.expires_at(checked.request().value().value()));
        self.keep(&page, asked)
    }

    fn keep_waiting(
        &self,
        asked: &Asked,
        logged: &Logged<Signed<Request>>,
        until: u64,
        now: u64,
    ) -> Result<Judged, Trouble> {
        let request = logged.value().value();
        if let Some(Decided::No(reason)) = self.decisions.get(&request.id)? {
            return self.deny(logged, &reason, now);
        }
        self.keep(&Pending::waiting(logged, State::Waiting(until), self.expires_at(request)), asked)
    }

    fn keep(&self, page: &Pending, asked: &Asked) -> Result<Judged, Trouble> {
        if !self.waiting.keep(page, asked.package())? {
            return Ok(Judged::Full);
        }
        tracing::info!(id = page.id, kind = page.kind, state = page.state.word(), "a request waits");
        Ok(Judged::Pending(page.state))
    }

    /// At the latest: the gate goes by the time of the log.
    fn expires_at(&self, request: &Request) -> u64 {
        let figures = self.rules.figures();
        let valid = figures.request_age_secs.saturating_add(figures.request_valid_secs);
        request.time.0.saturating_add(valid)
    }

    fn refuse(
        &self,
        view: &View,
        logged: Option<&Logged<Signed<Request>>>,
        refusal: &Refusal,
        now: u64,
    ) -> Result<Judged, Trouble> {
        let refused = Refused::of(refusal);
        tracing::info!(step = refused.step, name = refused.name, %refusal, "refused");
        // Anything less, a stranger's package could bring about: what waits here stays.
        if let Some(logged) = logged.filter(|_| becomes_leaf(refusal)) {
            let (id, hash) = (logged.value().value().id, logged.value().hash());
            if !view.is_refused(&hash) {
                self.refusal_leaf(logged, &refused, now)?;
            }
            if self.waiting.page_of(&id, &hash)?.is_some() {
                self.settle(&id)?;
            }
        }
        Ok(Judged::Refused(refused))
    }

    fn deny(&self, logged: &Logged<Signed<Request>>, reason: &str, now: u64) -> Result<Judged, Trouble> {
        let (refused, id) = (Refused::denied(reason), logged.value().value().id);
        self.refusal_leaf(logged, &refused, now)?;
        self.settle(&id)?;
        tracing::info!(%id, "denied by a human");
        Ok(Judged::Refused(refused))
    }

    fn refusal_leaf(
        &self,
        logged: &Logged<Signed<Request>>,
        refused: &Refused,
        now: u64,
    ) -> Result<(), Trouble> {
        let request = logged.value();
        let (Some(step), Some(reason)) = (Word::new(&refused.step), Word::new(&refused.name)) else {
            return Ok(());
        };
        let leaf = RefusalLeaf {
            id: request.value().id,
            trustee: self.name.clone(),
            request_index: logged.index(),
            request: request.hash(),
            step,
            reason,
            time: Time(now),
        };
        let leaf = Signed::sign(leaf, &[&self.signer])?;
        Ok(self.ledger.refuse(&request.hash(), &request.value().id.0, refused, leaf.entry_bytes())?)
    }

    /// The camera sealed a share that it had not committed to: the package is the evidence.
    fn share_bad(
        &self,
        asked: &Asked,
        logged: &Logged<Signed<Request>>,
        epoch: media::id::EpochNo,
        now: u64,
    ) -> Result<Judged, Trouble> {
        let refused = Refused::new(
            "g9",
            "share-bad",
            &ShareFailure::Bad(epoch).to_string(),
            "ask the other trustees: the camera dealt this trustee a bad share",
        );
        let request = logged.value();
        let evidence = self.keep_evidence(asked.package())?;
        let leaf = ShareBad {
            id: request.value().id,
            trustee: self.name.clone(),
            request_index: logged.index(),
            request: request.hash(),
            evidence,
            time: Time(now),
        };
        let leaf = Signed::sign(leaf, &[&self.signer])?;
        self.ledger.refuse(&request.hash(), &request.value().id.0, &refused, leaf.entry_bytes())?;
        self.settle(&request.value().id)?;
        tracing::warn!(id = %request.value().id, %epoch, "a share does not match its commitment");
        Ok(Judged::Refused(refused))
    }

    /// The request waits no more.
    pub(crate) fn settle(&self, id: &EntryId) -> Result<(), DurableError> {
        self.waiting.forget(id)?;
        self.decisions.forget(id)
    }
}
