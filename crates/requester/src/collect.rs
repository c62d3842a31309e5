//! Collecting: every trustee is sent the package until enough have granted. Contract:
//! `proto/release.md#trustee-http`.
//!
//! A bundle is believed only when its grant is proven to be in the log, is for exactly this
//! request, and opens under this request's key; then it is kept and not asked for again.

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::folder::{PROOF, RequestFolder};
use escrow::answer::{self, Refused, State};
use escrow::bundle::BUNDLE_MAX_BYTES;
use escrow::record::{Request, Signed};
use host::http::{Fetch, FetchLimits, Reply};
use media::policy::TrusteeEntry;
use std::collections::BTreeMap;
use std::time::Duration;
use tlog::Logged;
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
pub struct Change {
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
pub enum CollectError {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("{held} of {needed} trustees granted before the deadline; run `candor request collect` again")]
    TooFew { held: usize, needed: usize, answers: Vec<(String, Answer)> },
    #[error("every trustee has refused: {0}")]
    Refused(String),
}

/// Asks every trustee of the policy and keeps asking those that are pending or unreachable, until
/// enough have granted or `within` has passed. What is held is kept across restarts.
pub async fn collect(
    desk: &Requester,
    folder: &RequestFolder,
    within: Duration,
    on: &mut (dyn FnMut(Change) + Send),
) -> Result<Collected, CollectError> {
    let deadline = Instant::now() + within;
    let asking = Asking::new(desk, folder)?;
    let (needed, trustees) = (usize::from(asking.case.facts.policy.t), asking.case.trustees().count());
    let mut last = BTreeMap::new();
    loop {
        for (share, answer) in asking.round().await? {
            if last.get(&share) != Some(&answer) {
                let (trustee, held) = (asking.case.name(share), asking.held()?.len());
                on(Change { trustee, answer: answer.clone(), held, needed });
                last.insert(share, answer);
            }
        }
        let held = asking.held()?.len();
        if held >= needed {
            return Ok(Collected { held, needed, answers: asking.named(last) });
        }
        if let Some(why) = hopeless(&last, trustees, needed) {
            return Err(CollectError::Refused(why));
        }
        if Instant::now() >= deadline {
            return Err(CollectError::TooFew { held, needed, answers: asking.named(last) });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends the folder's package to each trustee once, whatever the state of its leaf: before `submit`
/// there is no proof to send, and the gate refuses.
pub async fn ask_once(
    desk: &Requester,
    folder: &RequestFolder,
) -> Result<Vec<(String, Answer)>, CollectError> {
    let asking = Asking::new(desk, folder)?;
    let answers = asking.round().await?;
    Ok(asking.named(answers))
}

/// So many have refused that the rest cannot make up for it.
fn hopeless(last: &BTreeMap<u8, Answer>, trustees: usize, needed: usize) -> Option<String> {
    let refused = last.values().filter_map(|answer| match answer {
        Answer::Refused(refused) => Some(refused),
        Answer::Granted { .. } | Answer::Pending(_) | Answer::Unusable { .. } => None,
    });
    let last = refused.clone().next_back()?;
    (trustees - refused.count() < needed).then(|| format!("{} {}: {}", last.step, last.name, last.what_to_do))
}

struct Asking<'a> {
    case: Case<'a>,
    fetch: Fetch,
}

impl<'a> Asking<'a> {
    fn new(desk: &'a Requester, folder: &'a RequestFolder) -> Result<Self, CaseError> {
        let limits =
            FetchLimits { timeout: ANSWER_WITHIN, answer_bytes: BUNDLE_MAX_BYTES, ..FetchLimits::default() };
        Ok(Self { case: Case::open(desk, folder)?, fetch: Fetch::new(limits) })
    }

    fn named(&self, answers: impl IntoIterator<Item = (u8, Answer)>) -> Vec<(String, Answer)> {
        answers.into_iter().map(|(share, answer)| (self.case.name(share), answer)).collect()
    }

    /// Share numbers whose bundles are held.
    fn held(&self) -> Result<Vec<u8>, CaseError> {
        let mut held = Vec::new();
        for (share, _) in self.case.trustees() {
            if self.case.folder.has_bundle(share)? {
                held.push(share);
            }
        }
        Ok(held)
    }

    /// Asks all trustees whose bundle is not held, at once; the answers in the order of the policy.
    async fn round(&self) -> Result<Vec<(u8, Answer)>, CaseError> {
        let logged = self.case.logged()?;
        let body = self.body(logged.is_some()).await?;
        let held = self.held()?;
        let mut asked = JoinSet::new();
        for (share, trustee) in self.case.trustees().filter(|(share, _)| !held.contains(share)) {
            let (fetch, url, body) = (self.fetch.clone(), answer::package_url(&trustee.url), body.clone());
            asked.spawn(async move { (share, fetch.post(&url, "application/octet-stream", body).await) });
        }
        let mut replies = BTreeMap::new();
        while let Some(joined) = asked.join_next().await {
            replies.extend(joined.ok());
        }
        let mut answers = Vec::new();
        for (share, trustee) in self.case.trustees() {
            let answer = match replies.remove(&share) {
                None => continue,
                Some(Ok(reply)) => self.understand(logged.as_ref(), (share, trustee), &reply)?,
                Some(Err(error)) => Answer::Unusable { reason: error.to_string() },
            };
            answers.push((share, answer));
        }
        Ok(answers)
    }

    /// The package with its leaf and, once it is logged, a fresh proof.
    async fn body(&self, is_logged: bool) -> Result<bytes::Bytes, CaseError> {
        let mut package = self.case.package.clone();
        package.leaf.clone_from(&self.case.leaf);
        if is_logged {
            // Trustees refuse cosignatures older than a minute or two: the proof is renewed for
            // each round.
            package.proof = match self.case.desk.log.prove(self.case.leaf.clone()).await {
                Ok((_, fresh)) => fresh.encode(),
                Err(error) => {
                    tracing::warn!(%error, "no fresh proof of the request; sending the kept one");
                    self.case.folder.get(PROOF)?
                }
            };
        }
        Ok(package.encode().into())
    }

    fn understand(
        &self,
        logged: Option<&Logged<Signed<Request>>>,
        trustee: (u8, &TrusteeEntry),
        reply: &Reply,
    ) -> Result<Answer, CaseError> {
        let unusable = |reason| Ok(Answer::Unusable { reason });
        match answer::Answer::read(reply.status, &reply.body) {
            Ok(answer::Answer::Bundle(bundle)) => {
                let Some(request) = logged else {
                    let reason = "a bundle for a request that is not logged: this trustee breaks the \
                                  rule; tell the monitors";
                    return unusable(reason.to_owned());
                };
                match self.case.open_bundle(request, trustee, &bundle) {
                    Ok(open) => {
                        self.case.folder.keep_bundle(trustee.0, &bundle)?;
                        Ok(Answer::Granted { grant_index: open.bundle.grant.index() })
                    }
                    Err(error) => unusable(error.to_string()),
                }
            }
            Ok(answer::Answer::Pending(state)) => Ok(Answer::Pending(state)),
            Ok(answer::Answer::Refused(refused)) => Ok(Answer::Refused(refused)),
            Ok(answer::Answer::Malformed(refused)) => {
                unusable(format!("answered 400 {}: {}", refused.name, refused.text))
            }
            Ok(answer::Answer::Failed(failed)) => {
                let (status, name) = (failed.failure.status(), failed.failure.name());
                unusable(format!("answered {status} {name}: {}", failed.what_to_do))
            }
            Err(error) => unusable(format!("{error}: {}", reply.excerpt())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use escrow::record::Word;

    fn refused(name: &str) -> Option<Answer> {
        let name = Word::new(name).unwrap();
        Some(Answer::Refused(Refused { name, ..Refused::denied("no") }))
    }

    /// Of five trustees with these last words, three must grant.
    fn of_five(last: [Option<Answer>; 5]) -> Option<String> {
        hopeless(&(1..).zip(last).filter_map(|(share, last)| Some((share, last?))).collect(), 5, 3)
    }

    #[test]
    fn asking_goes_on_while_enough_trustees_may_still_grant() {
        let pending = Some(Answer::Pending(State::Waiting { wait_until: 7 }));
        assert_eq!(of_five([None, None, None, None, None]), None);
        assert_eq!(of_five([refused("a"), refused("b"), pending.clone(), None, None]), None);
        let why = of_five([refused("a"), refused("b"), refused("agency-quota"), pending, None]);
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
