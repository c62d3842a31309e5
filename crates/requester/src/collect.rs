//! Collecting: every trustee is sent the package until enough have granted. Contract: `proto/release.md#trustee-http`.
//!
//! A bundle is believed only when its grant is proven to be in the log, is for exactly this request, and opens under this request's key;
//! then it is kept and not asked for again.

use crate::Requester;
use crate::folder::{FolderError, LEAF, PACKAGE, PROOF, RequestFolder};
use crate::objects::{self, Facts, ObjectsError};
use escrow::answer::{self, Refused, State};
use escrow::bundle::{BUNDLE_MAX_BYTES, Bundle};
use escrow::package::Package;
use escrow::record::{Request, Signed};
use host::http::{Fetch, FetchLimits, Reply};
use media::policy::TrusteeEntry;
use seal::hpke::SecretKey;
use std::time::Duration;
use tlog::note::Verifier;
use tlog::proof::TlogProof;
use tlog::{Entry, Logged};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two rounds of asking.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a trustee may take over one answer: it waits for its own grant to be cosigned.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What one trustee answered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// A bundle whose grant is in the witnessed log.
    Granted { grant_index: u64 },
    /// It will decide later.
    Pending(State),
    /// Refused by a step of the gate, or by a human.
    Refused(Refused),
    /// No usable answer.
    Unusable { reason: String },
}

/// A change in what a trustee says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    pub trustee: String,
    pub answer: Answer,
    /// Bundles held so far, and how many are needed.
    pub held: usize,
    pub needed: usize,
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Collected {
    pub held: usize,
    pub needed: usize,
    /// The last word of each trustee.
    pub answers: Vec<(String, Answer)>,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error("{held} of {needed} trustees granted before the deadline; run `candor request collect` again")]
    TooFew { held: usize, needed: usize, answers: Vec<(String, Answer)> },
    #[error("every trustee has refused: {0}")]
    Refused(String),
}

/// Asks every trustee of the policy and keeps asking those that are pending or unreachable, until enough have granted or
/// `within` has passed. What is held is kept across restarts.
pub async fn collect(
    requester: &Requester,
    folder: &RequestFolder,
    within: Duration,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<Collected, CollectError> {
    let deadline = Instant::now() + within;
    let case = Case::open(requester, folder)?;
    let needed = usize::from(case.facts.policy.t);
    let mut last: Vec<Option<Answer>> = vec![None; case.facts.policy.trustees.len()];
    loop {
        for (at, answer) in case.round(requester, folder).await? {
            let held = case.held(folder)?.len();
            if let Some(slot) = last.get_mut(at)
                && slot.as_ref() != Some(&answer)
            {
                let trustee = case.name(at);
                on(Step { trustee, answer: answer.clone(), held, needed });
                *slot = Some(answer);
            }
        }
        let held = case.held(folder)?.len();
        let answers = case.named(&last);
        if held >= needed {
            return Ok(Collected { held, needed, answers });
        }
        if let Some(why) = hopeless(&last, needed) {
            return Err(CollectError::Refused(why));
        }
        if Instant::now() >= deadline {
            return Err(CollectError::TooFew { held, needed, answers });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends the folder's package to each trustee once, whatever the state of its leaf: before `submit` there is no proof to
/// send, and the gate refuses.
pub async fn ask_once(
    requester: &Requester,
    folder: &RequestFolder,
) -> Result<Vec<(String, Answer)>, CollectError> {
    let case = Case::open(requester, folder)?;
    let answers = case.round(requester, folder).await?;
    Ok(answers.into_iter().map(|(at, answer)| (case.name(at), answer)).collect())
}

/// So many have refused that the rest cannot make up for it.
fn hopeless(last: &[Option<Answer>], needed: usize) -> Option<String> {
    let refused: Vec<_> = last
        .iter()
        .flatten()
        .filter_map(|answer| match answer {
            Answer::Refused(refused) => {
                Some(format!("{} {}: {}", refused.step, refused.name, refused.what_to_do))
            }
            Answer::Granted { .. } | Answer::Pending(_) | Answer::Unusable { .. } => None,
        })
        .collect();
    (last.len() - refused.len() < needed).then(|| refused.into_iter().next_back().unwrap_or_default())
}

/// One request with everything that asking and opening need.
pub(crate) struct Case {
    pub(crate) facts: Facts,
    pub(crate) package: Package,
    pub(crate) release_key: SecretKey,
    /// The draft before `submit`.
    leaf: Vec<u8>,
    fetch: Fetch,
}

impl Case {
    pub(crate) fn open(requester: &Requester, folder: &RequestFolder) -> Result<Self, CollectError> {
        let bytes = folder.get(PACKAGE)?;
        let package = Package::decode(&bytes).map_err(|error| folder.damaged(PACKAGE, error))?;
        let facts = objects::facts(&package)?;
        let leaf = match folder.find(LEAF)? {
            Some(leaf) => leaf,
            // Nothing is logged: the sponsor's signature is all that the leaf will gain.
            None => {
                let draft = folder.get(crate::folder::DRAFT)?;
                let draft = Signed::<Request>::parse(&draft).map_err(|error| folder.damaged(LEAF, error))?;
                let leaf = draft.countersign(&requester.sponsor);
                leaf.map_err(|error| folder.damaged(LEAF, error))?.entry_bytes().to_vec()
            }
        };
        let secret = folder.release_key()?;
        let secret = <[u8; 32]>::try_from(&secret[..])
            .map_err(|_| folder.damaged(PACKAGE, "the release key has not 32 bytes"))?;
        let limits =
            FetchLimits { timeout: ANSWER_WITHIN, answer_bytes: BUNDLE_MAX_BYTES, ..FetchLimits::default() };
        Ok(Self { facts, package, release_key: SecretKey::new(secret), leaf, fetch: Fetch::new(limits) })
    }

    /// The logged request, by the proof in the folder.
    pub(crate) fn logged(
        &self,
        requester: &Requester,
        folder: &RequestFolder,
    ) -> Result<Option<Logged<Signed<Request>>>, FolderError> {
        let Some(proof) = folder.find(PROOF)? else { return Ok(None) };
        let proof = TlogProof::parse(&proof).map_err(|error| folder.damaged(PROOF, error))?;
        let request = Signed::parse(&self.leaf).map_err(|error| folder.damaged(LEAF, error))?;
        let logged = Logged::verify(request, &proof, requester.log.policy());
        logged.map(Some).map_err(|error| folder.damaged(PROOF, error))
    }

    /// Share numbers (from 1) whose bundles are held.
    pub(crate) fn held(&self, folder: &RequestFolder) -> Result<Vec<u8>, FolderError> {
        let mut held = Vec::new();
        for share in 1..=self.facts.policy.n() {
            if folder.bundle(share)?.is_some() {
                held.push(share);
            }
        }
        Ok(held)
    }

    /// Asks all trustees whose bundle is not held, at once.
    async fn round(
        &self,
        requester: &Requester,
        folder: &RequestFolder,
    ) -> Result<Vec<(usize, Answer)>, CollectError> {
        let logged = self.logged(requester, folder)?;
        let mut package = self.package.clone();
        package.leaf.clone_from(&self.leaf);
        if logged.is_some() {
            package.first_proof = folder.get(PROOF)?;
            // Trustees refuse cosignatures older than a minute or two: the proof is renewed for each round.
            match requester.log.prove(self.leaf.clone()).await {
                Ok((_, fresh)) => package.proof = fresh.encode(),
                Err(error) => {
                    tracing::warn!(%error, "no fresh proof of the request; sending the kept one");
                    package.proof = folder.get(PROOF)?;
                }
            }
        }
        let body: bytes::Bytes = package.encode().into();
        let held = self.held(folder)?;
        let mut asked = JoinSet::new();
        for (at, trustee) in self.facts.policy.trustees.iter().enumerate() {
            let share = share_of(at);
            if held.contains(&share) {
                continue;
            }
            let url = answer::package_url(&trustee.url);
            let (fetch, body) = (self.fetch.clone(), body.clone());
            asked.spawn(async move { (at, fetch.post(&url, "application/octet-stream", body).await) });
        }
        let mut answers = Vec::new();
        while let Some(joined) = asked.join_next().await {
            let Ok((at, reply)) = joined else { continue };
            let answer = match reply {
                Ok(reply) => self.understand(requester, folder, logged.as_ref(), at, reply)?,
                Err(error) => Answer::Unusable { reason: error.to_string() },
            };
            answers.push((at, answer));
        }
        answers.sort_by_key(|(at, _)| *at);
        Ok(answers)
    }

    fn understand(
        &self,
        requester: &Requester,
        folder: &RequestFolder,
        logged: Option<&Logged<Signed<Request>>>,
        at: usize,
        reply: Reply,
    ) -> Result<Answer, FolderError> {
        let said = match answer::Answer::read(reply.status, &reply.body) {
            Ok(said) => said,
            Err(error) => return Ok(Answer::Unusable { reason: format!("{error}: {}", reply.excerpt()) }),
        };
        Ok(match (said, logged, self.facts.policy.trustees.get(at)) {
            (answer::Answer::Bundle(bundle), Some(request), Some(trustee)) => {
                match self.open_bundle(requester, request, trustee, share_of(at), &bundle) {
                    Ok(grant_index) => {
                        folder.keep_bundle(share_of(at), &bundle)?;
                        Answer::Granted { grant_index }
                    }
                    Err(reason) => Answer::Unusable { reason },
                }
            }
            (answer::Answer::Bundle(_), _, _) => Answer::Unusable {
                reason: "a bundle for a request that is not logged: this trustee breaks the rule; tell the monitors"
                    .to_owned(),
            },
            (answer::Answer::Pending(state), _, _) => Answer::Pending(state),
            (answer::Answer::Refused(refused), _, _) => Answer::Refused(refused),
            (answer::Answer::Malformed(refused), _, _) => {
                Answer::Unusable { reason: format!("answered 400 {}: {}", refused.name, refused.text) }
            }
            (answer::Answer::Failed(failed), _, _) => {
                let (status, name) = (failed.failure.status(), failed.failure.name());
                Answer::Unusable { reason: format!("answered {status} {name}: {}", failed.what_to_do) }
            }
        })
    }

    fn open_bundle(
        &self,
        requester: &Requester,
        request: &Logged<Signed<Request>>,
        trustee: &TrusteeEntry,
        share: u8,
        bytes: &[u8],
    ) -> Result<u64, String> {
        let key = Verifier::parse(&trustee.vkey).map_err(|error| error.to_string())?;
        let bundle = Bundle::decode(bytes).map_err(|error| error.to_string())?;
        let open = bundle
            .open(request, &key, &self.release_key, requester.log.policy())
            .map_err(|error| error.to_string())?;
        open.of_trustee(share).map_err(|error| error.to_string())?;
        Ok(open.grant.index())
    }

    fn name(&self, at: usize) -> String {
        self.facts.policy.trustees.get(at).map(|trustee| trustee.name.clone()).unwrap_or_default()
    }

    fn named(&self, last: &[Option<Answer>]) -> Vec<(String, Answer)> {
        let answered = last.iter().enumerate().filter_map(|(at, answer)| Some((at, answer.clone()?)));
        answered.map(|(at, answer)| (self.name(at), answer)).collect()
    }
}

/// A policy has at most 16 trustees, and a trustee's share is its place in it, from 1.
fn share_of(at: usize) -> u8 {
    u8::try_from(at + 1).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use escrow::record::Word;

    fn refused(name: &str) -> Option<Answer> {
        let name = Word::new(name).unwrap();
        Some(Answer::Refused(Refused { name, ..Refused::denied("no") }))
    }

    #[test]
    fn asking_goes_on_while_enough_trustees_may_still_grant() {
        let pending = Some(Answer::Pending(State::Waiting { wait_until: 7 }));
        assert_eq!(hopeless(&[None, None, None, None, None], 3), None);
        assert_eq!(hopeless(&[refused("a"), refused("b"), pending.clone(), None, None], 3), None);
        let why = hopeless(&[refused("a"), refused("b"), refused("agency-quota"), pending, None], 3);
        assert!(why.unwrap().contains("agency-quota"));
    }

    #[test]
    fn scripts_read_an_answer_as_one_flat_object() {
        let json = |answer| serde_json::to_string(&answer).unwrap();
        assert_eq!(
            json(Answer::Pending(State::Waiting { wait_until: 7 })),
            r#"{"answer":"pending","state":"waiting","wait_until":7}"#
        );
        assert_eq!(json(Answer::Pending(State::Appending)), r#"{"answer":"pending","state":"appending"}"#);
        let refused = json(Answer::Refused(Refused::denied("no")));
        assert!(
            refused.starts_with(r#"{"answer":"refused","step":"g8","name":"denied","text":"#),
            "{refused}"
        );
    }
}
