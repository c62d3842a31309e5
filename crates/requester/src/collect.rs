//! Collecting: every trustee is sent the package until enough have granted. Contract:
//! `proto/release.md#trustee-http`.
//!
//! A bundle is believed only when its grant is proven to be in the log, is for exactly this
//! request, and opens under this request's key; then it is kept and not asked for again. What is enough,
//! each epoch says for itself (`outlook`).

use crate::Requester;
use crate::case::{Case, CaseError, Granted};
use crate::folder::{PROOF, RequestFolder};
use crate::outlook::{Dealt, Given, Outlook};
use crate::way::Way;
use escrow::answer::{self, Refused, State};
use escrow::bundle::BUNDLE_MAX_BYTES;
use escrow::daykeys::DayKey;
use escrow::record::{Request, Signed};
use host::http::{Fetch, FetchLimits, Reply};
use media::id::EpochNo;
use media::policy::TrusteeEntry;
use media::time::Seconds;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tlog::Logged;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two rounds of asking; twice as long after each in which nobody said anything new: a package may
/// have 32 MiB, and a human takes hours.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
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
    /// Epochs of which too few shares came: the others can be opened.
    pub short: Vec<u64>,
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
    #[error("too few trustees had a key when this was filmed: only the owner's devices open it")]
    NotEscrowed,
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
    let mut asking = Asking::new(desk, folder)?;
    let needed = usize::from(asking.case.facts.policy.t);
    let (mut last, mut pause) = (BTreeMap::new(), PAUSE);
    loop {
        pause = (pause * 2).min(LONGEST_PAUSE);
        for (share, answer) in asking.round().await? {
            if last.get(&share) != Some(&answer) {
                let (trustee, held) = (asking.case.name(share), asking.given.len());
                on(Change { trustee, answer: answer.clone(), held, needed });
                last.insert(share, answer);
                pause = PAUSE;
            }
        }
        let Outlook { enough, open, mut short } = Outlook::of(&asking.dealt, &asking.given, &refused(&last));
        if !open.is_empty() && Instant::now() < deadline {
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
            continue;
        }
        let held = asking.given.len();
        return match (enough.is_empty(), open.is_empty()) {
            (false, _) => {
                short.extend(open);
                Ok(Collected { held, needed, short, answers: asking.named(last) })
            }
            (true, false) => Err(CollectError::TooFew { held, needed, answers: asking.named(last) }),
            (true, true) => Err(last_refusal(&last).map_or(CollectError::NotEscrowed, CollectError::Refused)),
        };
    }
}

/// Sends the folder's package to each trustee once, whatever the state of its leaf: before `submit`
/// there is no proof to send, and the gate refuses.
pub async fn ask_once(
    desk: &Requester,
    folder: &RequestFolder,
) -> Result<Vec<(String, Answer)>, CollectError> {
    let mut asking = Asking::new(desk, folder)?;
    let answers = asking.round().await?;
    Ok(asking.named(answers))
}

/// Who has refused, by share number.
fn refused(last: &BTreeMap<u8, Answer>) -> BTreeSet<u8> {
    let refused = last.iter().filter(|(_, answer)| matches!(answer, Answer::Refused(_)));
    refused.map(|(share, _)| *share).collect()
}

fn last_refusal(last: &BTreeMap<u8, Answer>) -> Option<String> {
    let refused = last.values().rev().find_map(|answer| match answer {
        Answer::Refused(refused) => Some(refused),
        Answer::Granted { .. } | Answer::Pending(_) | Answer::Unusable { .. } => None,
    });
    refused.map(|last| format!("{} {}: {}", last.step, last.name, last.what_to_do))
}

struct Asking<'a> {
    case: Case<'a>,
    fetch: Fetch,
    dealt: Vec<Dealt>,
    /// Of the bundles that are held.
    given: Given,
    /// The trustees' keys of today, to which packages are sealed.
    keys: BTreeMap<u8, DayKey>,
}

impl<'a> Asking<'a> {
    fn new(desk: &'a Requester, folder: &'a RequestFolder) -> Result<Self, CaseError> {
        let limits =
            FetchLimits { timeout: ANSWER_WITHIN, answer_bytes: BUNDLE_MAX_BYTES, ..FetchLimits::default() };
        let case = Case::open(desk, folder)?;
        let dealt = case.facts.opens.iter().map(Dealt::of).collect();
        let (mut given, logged) = (Given::new(), case.logged()?);
        for (share, trustee) in case.trustees() {
            let Some(bundle) = folder.bundle(share)? else { continue };
            // One that does not open any more gives nothing, and `open` says so.
            let opened =
                logged.as_ref().and_then(|request| case.open_bundle(request, (share, trustee), &bundle).ok());
            given.insert(share, opened.as_ref().map(epochs).unwrap_or_default());
        }
        Ok(Self { case, fetch: Fetch::new(limits), dealt, given, keys: BTreeMap::new() })
    }

    fn named(&self, answers: impl IntoIterator<Item = (u8, Answer)>) -> Vec<(String, Answer)> {
        answers.into_iter().map(|(share, answer)| (self.case.name(share), answer)).collect()
    }

    /// Asks all trustees whose bundle is not held, at once; the answers in the order of the policy.
    async fn round(&mut self) -> Result<Vec<(u8, Answer)>, CaseError> {
        let logged = self.case.logged()?;
        let body = self.body(logged.is_some()).await?;
        let (mut asked, desk) = (JoinSet::new(), self.case.desk);
        let today = Seconds(desk.machine.clock.seconds()).day();
        let rng = desk.machine.rng.clone();
        let day_key_max_secs = self.case.facts.policy.day_key_max_secs;
        let way = Way { fetch: self.fetch.clone(), log: desk.log.clone(), rng, today, day_key_max_secs };
        for (share, trustee) in self.case.trustees().filter(|(share, _)| !self.given.contains_key(share)) {
            let (way, trustee, key) = (way.clone(), trustee.clone(), self.keys.remove(&share));
            let body = body.clone();
            asked.spawn(async move { (share, way.post(&trustee, key, &body).await) });
        }
        let mut replies = BTreeMap::new();
        while let Some(joined) = asked.join_next().await {
            replies.extend(joined.ok());
        }
        let (mut answers, mut given, mut keys) = (Vec::new(), Given::new(), BTreeMap::new());
        for (share, trustee) in self.case.trustees() {
            let answer = match replies.remove(&share) {
                None => continue,
                Some(Ok((reply, key))) => {
                    keys.extend(key.map(|key| (share, key)));
                    self.understand(logged.as_ref(), (share, trustee), &reply, &mut given)?
                }
                Some(Err(error)) => Answer::Unusable { reason: error.to_string() },
            };
            answers.push((share, answer));
        }
        self.given.extend(given);
        self.keys = keys;
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
        given: &mut Given,
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
                        given.insert(trustee.0, epochs(&open));
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

/// Of which epochs it has a share.
fn epochs(granted: &Granted) -> BTreeSet<EpochNo> {
    granted.bundle.shares.iter().map(|(epoch, _)| *epoch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlook::tests::dealt;
    use escrow::record::Word;

    fn refusal(name: &str) -> Option<Answer> {
        let name = Word::new(name).unwrap();
        Some(Answer::Refused(Refused { name, ..Refused::denied("no") }))
    }

    /// Of five trustees with these last words, three must grant.
    fn of_five(last: [Option<Answer>; 5]) -> Option<String> {
        let last = (1..).zip(last).filter_map(|(share, last)| Some((share, last?))).collect();
        let outlook = Outlook::of(&[dealt(7, 1..=5)], &Given::new(), &refused(&last));
        last_refusal(&last).filter(|_| !outlook.short.is_empty())
    }

    #[test]
    fn asking_goes_on_while_enough_trustees_may_still_grant() {
        let pending = Some(Answer::Pending(State::Waiting { wait_until: 7 }));
        assert_eq!(of_five([None, None, None, None, None]), None);
        assert_eq!(of_five([refusal("a"), refusal("b"), pending.clone(), None, None]), None);
        let why = of_five([refusal("a"), refusal("b"), refusal("agency-quota"), pending, None]);
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
