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
use escrow::package::Package;
use escrow::record::{EntryId, RefusalLeaf, Request, ShareBad, Signed, Time, Word};
use host::durable::DurableError;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

/// What the gate and the human said; nothing of it has left yet.
pub(crate) enum Judged {
    /// G10 is durable.
    Held,
    Pending(State),
    Refused(Refused),
    Full,
}

impl Trustee {
    /// G1 to G10.
    pub(crate) fn judge(&self, view: &View, package: &Package, now: u64) -> Result<Judged, Trouble> {
        let own = self.vkey();
        let root_at = |size| view.tree.root_at(size);
        let standing = Standing {
            log_policy: self.policy(),
            rules: &self.rules,
            register: &view.register,
            root_at: &root_at,
            trustee: &own,
        };
        let checked = match grant::check(package, &standing, now) {
            Ok(Verdict::Pass(checked)) => checked,
            Ok(Verdict::WaitUntil(until)) => return self.keep_waiting(package, until, now),
            Err(refusal) => return self.refuse(view, package, &refusal, now),
        };
        let request = checked.request().value().clone();
        let (id, hash, index) = (request.value().id, request.hash(), checked.request().index());
        if view.is_denied(&hash) {
            // Restored from a backup that is older than the denial: the log remembers.
            return Ok(Judged::Refused(Refused::denied("see the log")));
        }
        if self.ledger.held(&hash)?.is_some() {
            return Ok(Judged::Held);
        }
        // SPEC: release.md#g10: a request has one grant of a trustee, for ever.
        let granted = view.register.request(index).is_some_and(|known| known.grants.contains_key(&self.name));
        if granted {
            return Ok(Judged::Refused(Refused::bundle_lost()));
        }
        let approval = match self.approval(&checked, &id, &hash)? {
            Ok(approval) => approval,
            Err(reason) => return self.deny(&request, index, &reason, now),
        };
        if checked.needs_approval() && approval.is_none() {
            return self.keep_pending(&checked, package);
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
            Err(ShareFailure::Bad(epoch)) => {
                return self.share_bad(package, &request, index, epoch, now);
            }
            Err(ShareFailure::Refused(refusal)) => return self.refuse(view, package, &refusal, now),
            Err(_) => return Err(Refusal::NotATrustee.into()),
        };
        let held = opened.seal(&self.signer, now, &mut host::rng::OsRng)?;
        self.ledger.hold(&hash, &id.0, &held.encode())?;
        self.settle(&id)?;
        tracing::info!(%id, index, "granted; the grant goes to the log");
        Ok(Judged::Held)
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

    fn keep_pending(&self, checked: &Checked, package: &Package) -> Result<Judged, Trouble> {
        let page = Pending::of(checked, self.expires_at(checked.request().value().value()));
        self.keep(&page, package)
    }

    fn keep_waiting(&self, package: &Package, until: u64, now: u64) -> Result<Judged, Trouble> {
        // The gate has verified that this leaf stands at this place.
        let request = Signed::<Request>::parse(&package.leaf)?;
        let index = TlogProof::parse(&package.proof).map_or(0, |proof| proof.index());
        if let Some(Decided::No(reason)) = self.decisions.get(&request.value().id)? {
            return self.deny(&request, index, &reason, now);
        }
        let expires_at = self.expires_at(request.value());
        self.keep(&Pending::waiting(&request, index, State::Waiting(until), expires_at), package)
    }

    fn keep(&self, page: &Pending, package: &Package) -> Result<Judged, Trouble> {
        if !self.waiting.keep(page, package)? {
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

    fn refuse(&self, view: &View, package: &Package, refusal: &Refusal, now: u64) -> Result<Judged, Trouble> {
        let refused = Refused::of(refusal);
        tracing::info!(step = refused.step, name = refused.name, %refusal, "refused");
        let Ok(request) = Signed::<Request>::parse(&package.leaf) else {
            return Ok(Judged::Refused(refused));
        };
        // From G5 on the gate has verified that this leaf stands at this place.
        let index = TlogProof::parse(&package.proof).map(|proof| proof.index());
        let known = index.as_ref().ok().and_then(|index| view.register.request(*index));
        let logged = known.is_some_and(|known| known.hash == request.hash());
        if let (true, Ok(index)) = (logged, index) {
            // Anything less, a stranger's package could bring about: what waits here stays.
            if becomes_leaf(refusal) {
                if !view.is_refused(&request.hash()) {
                    self.refusal_leaf(&request, index, &refused, now)?;
                }
                if self.waiting.page_of(&request.value().id, &request.hash())?.is_some() {
                    self.settle(&request.value().id)?;
                }
            }
        }
        Ok(Judged::Refused(refused))
    }

    fn deny(&self, request: &Signed<Request>, index: u64, reason: &str, now: u64) -> Result<Judged, Trouble> {
        let refused = Refused::denied(reason);
        self.refusal_leaf(request, index, &refused, now)?;
        self.settle(&request.value().id)?;
        tracing::info!(id = %request.value().id, "denied by a human");
        Ok(Judged::Refused(refused))
    }

    fn refusal_leaf(
        &self,
        request: &Signed<Request>,
        index: u64,
        refused: &Refused,
        now: u64,
    ) -> Result<(), Trouble> {
        let (Some(step), Some(reason)) = (Word::new(&refused.step), Word::new(&refused.name)) else {
            return Ok(());
        };
        let leaf = RefusalLeaf {
            id: request.value().id,
            trustee: self.name.clone(),
            request_index: index,
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
        package: &Package,
        request: &Signed<Request>,
        index: u64,
        epoch: media::id::EpochNo,
        now: u64,
    ) -> Result<Judged, Trouble> {
        let refused = Refused::new(
            "g9",
            "share-bad",
            &ShareFailure::Bad(epoch).to_string(),
            "ask the other trustees: the camera dealt this trustee a bad share",
        );
        let evidence = self.keep_evidence(package)?;
        let leaf = ShareBad {
            id: request.value().id,
            trustee: self.name.clone(),
            request_index: index,
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
