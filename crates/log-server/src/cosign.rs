//! Collecting the quorum: the signed head goes to every witness at once, and what comes back is
//! read as log.md#publishing says.
//!
//! | answer | what the log does |
//! |---|---|
//! | cosignature lines | verifies the one by the key in the policy |
//! | 409 with a size not above ours | proves growth from that size, once |
//! | 409 with a size above ours | alarm: our state was rolled back, or our key signs elsewhere |
//! | 409 without a size, 422 | alarm: the witness holds a head that ours contradicts |
//! | 429, 5xx, no answer | again with jitter, then in the next round |
//! | the rest | a matter for the operator |
//!
//! An alarm counts as a missing witness: one that lies cannot stop the log, and a quorum that knows
//! better does.

use crate::alarms::Alarms;
use crate::nodes::Nodes;
use crate::storage::Storage;
use crate::tree::TreeError;
use host::blocking;
use host::http::{Fetch, FetchError, FetchLimits, Retry};
use host::lock::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tlog::checkpoint::SignedCheckpoint;
use tlog::note::{Signature, Verifier};
use tlog::policy::{CosignedCheckpoint, Policy, VerifyError};
use tlog::witness::{AddCheckpointRequest, Answer, RESPONSE_MAX_BYTES, RequestError};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One exchange with a witness. A round takes a few of these at most.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no head that may be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoQuorum {
    /// Witness by witness.
    #[error("{}", .0.iter().map(|(name, error)| format!("{name}: {error}")).collect::<Vec<_>>().join("; "))]
    Missing(Vec<(String, AskError)>),
    #[error("our own head is not accepted: {0}")]
    Own(#[from] VerifyError),
}

/// Why one witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("answered {0}: busy or failing")]
    Busy(u16),
    #[error("answered {0}: does it know this log's key?")]
    Refused(u16),
    #[error("answered {0} with nothing that can be understood")]
    Senseless(u16),
    #[error("its head moved while we asked: does another process use this log's key?")]
    Moving,
    #[error(
        "ALARM: it cosigned a head of size {theirs}, our tree has {ours}: our state was rolled back, or our key signs elsewhere"
    )]
    BeyondOurs { theirs: u64, ours: u64 },
    #[error("ALARM: it answered {0}: our head contradicts one it cosigned")]
    Contradicted(u16),
    #[error("ALARM: its cosignature does not verify under the key in the policy")]
    BadCosignature,
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the request could not be made: {0}")]
    Request(#[from] RequestError),
}

impl AskError {
    /// The name of the alarm that this is, if it is one.
    fn alarm(&self) -> Option<&'static str> {
        match self {
            Self::BeyondOurs { .. } => Some("size-beyond-ours"),
            Self::Contradicted(_) => Some("head-contradicted"),
            Self::BadCosignature => Some("bad-cosignature"),
            Self::Fetch(_)
            | Self::Busy(_)
            | Self::Refused(_)
            | Self::Senseless(_)
            | Self::Moving
            | Self::Tree(_)
            | Self::Request(_) => None,
        }
    }
}

/// One witness as the log sees it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub name: String,
    url: String,
    key: Verifier,
    /// The size of the head it cosigned last, as far as we know.
    size: AtomicU64,
    /// How its last round ended; `None` before the first.
    outcome: Mutex<Option<Result<u64, String>>>,
}

impl Peer {
    /// The time of its last cosignature, or what went wrong.
    pub(crate) fn outcome(&self) -> Option<Result<u64, String>> {
        self.outcome.lock().clone()
    }
}

/// The witnesses of the policy that have a URL.
#[derive(Debug, Clone)]
pub(crate) struct Witnesses<S> {
    policy: Arc<Policy>,
    peers: Arc<Vec<Arc<Peer>>>,
    fetch: Fetch,
    storage: S,
    alarms: Arc<Alarms>,
    beyond_quorum: Duration,
}

impl<S: Storage + Clone> Witnesses<S> {
    pub(crate) fn new(policy: Arc<Policy>, storage: S, alarms: Arc<Alarms>, beyond_quorum: Duration) -> Self {
        let peers = policy.witnesses().iter().filter_map(|witness| {
            let url = witness.url.as_ref()?;
            Some(Arc::new(Peer {
                name: witness.name.clone(),
                url: format!("{}/add-checkpoint", url.trim_end_matches('/')),
                key: witness.key.clone(),
                size: AtomicU64::new(0),
                outcome: Mutex::default(),
            }))
        });
        let peers = Arc::new(peers.collect());
        let limits = FetchLimits {
            timeout: WITNESS_TIMEOUT,
            answer_bytes: RESPONSE_MAX_BYTES,
            retry: Retry::BRIEF,
            ..FetchLimits::default()
        };
        Self { policy, peers, fetch: Fetch::new(limits), storage, alarms, beyond_quorum }
    }

    pub(crate) fn peers(&self) -> Arc<Vec<Arc<Peer>>> {
        self.peers.clone()
    }

    /// Collects cosignatures on a signed head until the policy's quorum is met, then for a moment
    /// more, and returns the checkpoint that bears them all.
    pub(crate) async fn collect(&self, size: u64, signed: &[u8]) -> Result<CosignedCheckpoint, NoQuorum> {
        let mut head = self.policy.verify_log_signature(signed)?;
        let mut asked = JoinSet::new();
        for peer in self.peers.iter() {
            let ask = Ask { asker: self.clone(), peer: peer.clone(), head: head.clone(), size };
            asked.spawn(ask.run());
        }
        let mut cosigned: Vec<String> = Vec::new();
        let mut failed: Vec<(String, AskError)> = Vec::new();
        let mut enough: Option<Instant> = None;
        loop {
            let next = match enough {
                None => asked.join_next().await,
                Some(until) => tokio::time::timeout_at(until, asked.join_next()).await.unwrap_or(None),
            };
            match next {
                Some(Ok((name, Ok(line)))) => {
                    head.add(line);
                    cosigned.push(name);
                }
                Some(Ok((name, Err(error)))) => failed.push((name, error)),
                Some(Err(stopped)) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
                Some(Err(_)) => {}
                None => break,
            }
            if enough.is_none() && self.policy.is_quorum(cosigned.iter().map(String::as_str)) {
                enough = Some(Instant::now() + self.beyond_quorum);
            }
        }
        if enough.is_none() {
            return Err(NoQuorum::Missing(failed));
        }
        // What is published is what everybody else will check, by the same rules.
        Ok(self.policy.verify_checkpoint(&head.encode())?)
    }
}

/// One head for one witness.
struct Ask<S> {
    asker: Witnesses<S>,
    peer: Arc<Peer>,
    head: SignedCheckpoint,
    size: u64,
}

impl<S: Storage + Clone> Ask<S> {
    async fn run(self) -> (String, Result<Signature, AskError>) {
        let mut sent = Vec::new();
        let outcome = self.exchange(&mut sent).await;
        if let Err(error) = &outcome {
            // Told once for as long as it lasts: without its quorum a log asks every few seconds.
            let before = self.peer.outcome.lock().clone();
            match before.and_then(Result::err).is_some_and(|before| before == error.to_string()) {
                true => tracing::debug!(witness = self.peer.name, %error, "did not cosign"),
                false => tracing::warn!(witness = self.peer.name, %error, "did not cosign"),
            }
            if let Some(alarm) = error.alarm() {
                let name = format!("{alarm}-{}-{}", self.peer.name, self.size);
                let text = format!("witness {} ({}): {error}\nwhat we sent:", self.peer.name, self.peer.url);
                self.asker.alarms.raise(&name, &text, &sent);
            }
        }
        let seen = outcome.as_ref().map(|(_, time)| *time).map_err(ToString::to_string);
        *self.peer.outcome.lock() = Some(seen);
        (self.peer.name.clone(), outcome.map(|(line, _)| line))
    }

    async fn exchange(&self, sent: &mut Vec<u8>) -> Result<(Signature, u64), AskError> {
        let mut old = self.peer.size.load(Ordering::Relaxed).min(self.size);
        for resync in [Resync::Allowed, Resync::Done] {
            *sent = self.request(old).await?;
            let reply = self.asker.fetch.post(&self.peer.url, "text/plain", sent.clone()).await?;
            match Answer::read(reply.status, Some(&reply.content_type), &reply.body) {
                Answer::Cosigned(lines) => {
                    let checked = self.check(lines)?;
                    self.peer.size.store(self.size, Ordering::Relaxed);
                    return Ok(checked);
                }
                // SPEC: log.md#publishing: a size above our own MUST NOT be believed without an
                // alarm.
                Answer::Stale(theirs) if theirs > self.size => {
                    return Err(AskError::BeyondOurs { theirs, ours: self.size });
                }
                Answer::Stale(theirs) if resync == Resync::Allowed => old = theirs,
                Answer::Stale(_) => return Err(AskError::Moving),
                Answer::Inconsistent(status) => return Err(AskError::Contradicted(status)),
                Answer::Refused(status) => return Err(AskError::Refused(status)),
                Answer::Busy(status) => return Err(AskError::Busy(status)),
                Answer::Senseless(status) => return Err(AskError::Senseless(status)),
            }
        }
        Err(AskError::Moving)
    }

    async fn request(&self, old: u64) -> Result<Vec<u8>, AskError> {
        let (storage, size) = (self.asker.storage.clone(), self.size);
        let proof = blocking::run(move || Nodes::new(&storage, size).prove_consistency(old)).await?;
        Ok(AddCheckpointRequest::new(old, proof, &self.head)?.encode())
    }

    /// The one line that counts: by the key in the policy, valid over this head, with a time.
    fn check(&self, lines: Vec<Signature>) -> Result<(Signature, u64), AskError> {
        let by_peer = |line: &Signature| line.is_by(&self.peer.key);
        let line = lines.into_iter().find(by_peer).ok_or(AskError::BadCosignature)?;
        let mut note = self.head.clone();
        note.add(line.clone());
        match note.note().verify_one(&self.peer.key) {
            Ok(Some(time)) => Ok((line, time)),
            Ok(None) | Err(_) => Err(AskError::BadCosignature),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resync {
    Allowed,
    Done,
}
