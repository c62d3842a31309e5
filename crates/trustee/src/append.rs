//! What goes into the log, and what may leave once it stands there: grants (G11, G12), refusals,
//! day keys. The same bytes are sent until their proof is here; a crash in between changes nothing.
//!
//! In scope: appending and releasing. Out of scope: what is appended ([`crate::judge`],
//! [`crate::daykeys`]).

use crate::daykeys::Word;
use crate::error::{Error, Trouble};
use crate::follow::FollowFailure;
use crate::ledger::{Granted, LedgerError};
use crate::state::Trustee;
use escrow::answer::{Answer, Failed, State};
use escrow::grant::Held;
use escrow::record::{Grant, Signed};
use log_client::AddError;
use media::time::Seconds;
use std::time::Duration;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash, Logged};

/// How long an answer waits for its grant's proof; afterwards it is `appending`, and the work loop
/// goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

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

impl From<LedgerError> for Unproved {
    fn from(error: LedgerError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Trustee {
    /// G11 and G12 for a request whose bundle is held: the bundle, once its grant is in a fresh
    /// cosigned head.
    pub(crate) async fn release(&self, request: &Hash, now: Seconds) -> Result<Answer, Failed> {
        let appending = Answer::Pending(State::Appending);
        let Ok(appended) = tokio::time::timeout(ANSWER_WITHIN, self.append_grant(*request, now)).await else {
            return Ok(appending);
        };
        match appended {
            Ok(bundle) => Ok(Answer::Bundle(bundle)),
            Err(Unproved::Trouble(trouble)) => Err(trouble.into()),
            Err(Unproved::Follow(failure @ (FollowFailure::Forked | FollowFailure::Stamps { .. }))) => {
                Err(failure.into())
            }
            Err(error @ (Unproved::Follow(_) | Unproved::Add(_) | Unproved::HeadAhead)) => {
                tracing::warn!(%error, "a grant is not in the log yet; it is sent again");
                Ok(appending)
            }
        }
    }

    async fn append_grant(&self, request: Hash, now: Seconds) -> Result<Vec<u8>, Unproved> {
        let held = match self.desk.run(move |papers| papers.ledger.granted(&request)).await? {
            Granted::Bundle(bundle) => return Ok(bundle),
            Granted::Held(held) => held,
            Granted::Not => Vec::new(),
        };
        let held = Held::decode(&held).map_err(Trouble::from)?;
        let (log, policy, window) = (&self.log, &self.office.log_policy, self.office.window(now));
        let (logged, proof) = log.client.add(held.grant().entry_bytes().to_vec()).await?;
        // A log whose witnesses were away for a while may still show an old head.
        let proof = match policy.verify_fresh_checkpoint(&logged.cosigned().encode(), window) {
            Ok(_) => proof,
            Err(_) => log.client.prove(logged.value().clone()).await?.1,
        };
        let grant = Signed::<Grant>::parse(logged.value()).map_err(Trouble::from)?;
        let logged = Logged::verify_fresh(grant, &proof, policy, window).map_err(AddError::from)?;
        // A proof under a head that the others do not see would hide the grant from them.
        let (size, root) = (logged.checkpoint().size(), logged.checkpoint().root());
        let mut view = log.follower.view();
        if view.head.size < size {
            view = self.view(now).await?;
        }
        match view.tree.root_at(size) {
            Some(own) if own == root => {}
            Some(_) => return Err(log.follower.accuse(logged.cosigned()).await?.into()),
            None => return Err(Unproved::HeadAhead),
        }
        let bundle = held.release(&logged, &proof.encode()).map_err(Trouble::from)?.encode();
        let kept = self.desk.run(move |papers| papers.ledger.keep_bundle(&request, &bundle)).await?;
        tracing::info!(%request, index = logged.index(), "the grant is in the log; its bundle may leave");
        Ok(kept)
    }

    /// Sends everything that is due: grants without a proof, and refusals.
    pub(crate) async fn append_due(&self, now: Seconds) -> Result<(), Trouble> {
        for request in self.desk.run(|papers| papers.ledger.unproved()).await? {
            // Whatever is said of it is said to nobody: the next round goes on.
            let _ = self.release(&request, now).await;
        }
        for leaf in self.desk.run(|papers| papers.ledger.outbox()).await? {
            if self.add(&leaf).await.is_some() {
                self.desk.run(move |papers| papers.ledger.drop_sent(&leaf)).await?;
            }
        }
        Ok(())
    }

    /// Destroys the keys of days whose time is over, whatever the log says or does; where it was
    /// followed to a fresh head and its register is at hand, makes and publishes those of the days
    /// to come.
    // SPEC: release.md#destroying-day-keys: by the believed time alone, and logged when it can be.
    pub async fn tend(&self) -> Result<(), Error> {
        let Some(now) = self.believed().await? else { return Ok(()) };
        let office = self.office.clone();
        self.desk.run(move |papers| papers.days.destroy(now, &office.signer)).await?;
        if self.ready().is_err() {
            return Ok(());
        }
        let (office, view) = (self.office.clone(), self.log.follower.view());
        let due = self.desk.run(move |papers| {
            let own = office.signer.verifier();
            let register = &view.register;
            let rules = register.rules().filter(|_| register.is_trustee(&office.name, &own));
            let max_secs = rules.map(|rules| rules.figures().day_key_max_secs);
            let word = Word { keys: register.day_keys_of(&own), size: register.size(), max_secs };
            papers.days.tend(now, &office.signer, &word)
        });
        for due in due.await? {
            if let Some((entry, proof)) = self.add(&due.leaf).await {
                let proof = proof.encode();
                self.desk.run(move |papers| papers.days.keep_proof(&due, entry.value(), &proof)).await?;
            }
        }
        Ok(())
    }

    /// Adds a leaf; the entry that it became and its proof, if the log took it now.
    async fn add(&self, leaf: &[u8]) -> Option<(Logged<Vec<u8>>, TlogProof)> {
        match tokio::time::timeout(ANSWER_WITHIN, self.log.client.add(leaf.to_vec())).await {
            Ok(Ok(added)) => Some(added),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a leaf is not in the log yet; it is sent again");
                None
            }
            Err(_) => None,
        }
    }
}
