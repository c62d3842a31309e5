//! What goes into the log, and what may leave once it stands there: grants (G11, G12), refusals, day keys. The same bytes are sent until
//! their proof is here; a crash in between changes nothing.
//!
//! In scope: appending and releasing. Out of scope: what is appended ([`crate::decide`], [`crate::daykeys`]).

use crate::answer::{Answer, State};
use crate::daykeys::DayKeyError;
use crate::decide::{Trouble, Trustee};
use crate::follow::FollowFailure;
use escrow::grant::Held;
use escrow::package::Package;
use escrow::record::{Grant, Signed};
use host::durable::{self, DurableError};
use log_client::AddError;
use std::sync::Arc;
use std::time::Duration;
use tlog::note::Verifier;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash, Logged};

/// How long an answer waits for its grant's proof; afterwards it is `appending`, and the work loop goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

pub(crate) const EVIDENCE: &str = "evidence";

/// Why a grant is not proved yet, or never will be.
#[derive(Debug, thiserror::Error)]
enum Unproved {
    #[error(transparent)]
    Add(#[from] AddError),
    #[error(transparent)]
    Follow(#[from] FollowFailure),
    #[error("the grant's head is not part of the log as it was read here yet")]
    HeadAhead,
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Trustee {
    /// G11 and G12 for a request whose bundle is held: the bundle, once its grant is in a fresh cosigned head.
    pub(crate) async fn release(self: &Arc<Self>, request: &Hash, now: u64) -> Answer {
        match tokio::time::timeout(ANSWER_WITHIN, self.append_grant(request, now)).await {
            Ok(Ok(bundle)) => Answer::Bundle(bundle),
            Ok(Err(Unproved::Trouble(trouble))) => {
                tracing::error!(%trouble, "a held bundle cannot be released");
                Answer::Failed
            }
            Ok(Err(Unproved::Follow(failure @ FollowFailure::Forked))) => {
                crate::decide::unavailable(&failure)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "a grant is not in the log yet; it is sent again");
                Answer::Pending(State::Appending)
            }
            Err(_) => Answer::Pending(State::Appending),
        }
    }

    async fn append_grant(self: &Arc<Self>, request: &Hash, now: u64) -> Result<Vec<u8>, Unproved> {
        let (ledger, hash) = (self.ledger.clone(), *request);
        let (bundle, held) =
            self.disk.run(move || Ok::<_, Trouble>((ledger.bundle(&hash)?, ledger.held(&hash)?))).await?;
        if let Some(bundle) = bundle {
            return Ok(bundle);
        }
        let held = Held::decode(&held.unwrap_or_default()).map_err(Trouble::from)?;
        let (logged, proof) = self.log.add(held.grant().entry_bytes().to_vec()).await?;
        // The log answers a repeat with the first proof it gave; an old one is renewed.
        let fresh = self.policy().verify_fresh_checkpoint(&logged.cosigned().encode(), self.window(now));
        let proof = match fresh {
            Ok(_) => proof,
            Err(_) => self.log.prove(held.grant().entry_bytes().to_vec()).await?.1,
        };
        let grant = Signed::<Grant>::parse(held.grant().entry_bytes()).map_err(Trouble::from)?;
        let logged =
            Logged::verify_fresh(grant, &proof, self.policy(), self.window(now)).map_err(AddError::from)?;
        // A proof under a head that the others do not see would hide the grant from them.
        let (size, root) = (logged.checkpoint().size(), logged.checkpoint().root());
        let mut view = self.follower.view();
        if view.head.size < size {
            view = self.view(now).await?;
        }
        match view.tree.root_at(size) {
            Some(own) if own == root => {}
            Some(_) => {
                let (ledger, note) = (self.ledger.clone(), logged.cosigned().encode());
                self.disk.run(move || ledger.set_fork(&note)).await.map_err(Trouble::from)?;
                self.follower.set_forked();
                return Err(FollowFailure::Forked.into());
            }
            None => return Err(Unproved::HeadAhead),
        }
        let bundle = held.release(&logged, &proof.encode()).map_err(Trouble::from)?.encode();
        let (ledger, hash) = (self.ledger.clone(), *request);
        let bundle = self.disk.run(move || ledger.granted(&hash, &bundle)).await.map_err(Trouble::from)?;
        tracing::info!(request = %request, index = logged.index(), "the grant is in the log; its bundle may leave");
        Ok(bundle)
    }

    /// Sends everything that is due: grants without a proof, refusals, leaves about day keys.
    pub(crate) async fn append_due(self: &Arc<Self>, now: u64) -> Result<(), Trouble> {
        let ledger = self.ledger.clone();
        for request in self.disk.run(move || ledger.unproved()).await? {
            self.release(&request, now).await;
        }
        let ledger = self.ledger.clone();
        for leaf in self.disk.run(move || ledger.outbox()).await? {
            if let Some(_proof) = self.add(&leaf).await {
                let ledger = self.ledger.clone();
                self.disk.run(move || ledger.sent(&leaf)).await?;
            }
        }
        Ok(())
    }

    /// Makes, publishes and destroys keys of days as of `now`. The log must have been followed before.
    pub async fn tend(self: &Arc<Self>, now: u64) -> Result<(), DayKeyError> {
        if self.ready().is_err() {
            return Ok(());
        }
        let (trustee, view) = (self.clone(), self.follower.view());
        let due = self
            .disk
            .run(move || {
                let own: Verifier = trustee.vkey();
                let announced = |day| view.register.day_key_of(&own, day);
                trustee.days.tend(now, &trustee.signer, &announced)
            })
            .await?;
        for due in due {
            if let Some(proof) = self.add(&due.leaf).await {
                let trustee = self.clone();
                self.disk.run(move || trustee.days.proved(&due, &proof.encode())).await?;
            }
        }
        Ok(())
    }

    /// Adds a leaf; the proof, if the log took it now.
    async fn add(&self, leaf: &[u8]) -> Option<TlogProof> {
        match tokio::time::timeout(ANSWER_WITHIN, self.log.add(leaf.to_vec())).await {
            Ok(Ok((_, proof))) => Some(proof),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a leaf is not in the log yet; it is sent again");
                None
            }
            Err(_) => None,
        }
    }

    /// Keeps a package as evidence; returns its SHA-256.
    pub(crate) fn keep_evidence(&self, package: &Package) -> Result<Hash, DurableError> {
        let bytes = package.encode();
        let hash = Hash::of(&[&bytes]);
        let folder = self.config.data.join(EVIDENCE);
        durable::link_exclusive(&folder.join(format!("{}.package", hash.to_hex())), &bytes)?;
        durable::sync_dir(&folder)?;
        Ok(hash)
    }
}
