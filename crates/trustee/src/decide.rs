//! One package, from its bytes to its answer: the log is followed to its newest head, the gate checks, a human decides, shares are opened
//! and sealed, what was made is durable, and then the grant goes to the log ([`crate::append`]).
//!
//! ```text
//! given before? ──> the same answer      follow ──> check (G1-G7) ──> approval (G8) ──> open (G9) ──> seal, hold (G10) ──> append (G11, G12)
//!                                           │ 503        │ 403, 202        │ 202, 403       │ 403
//! ```
//!
//! In scope: who the trustee is, and the order of asking. Out of scope: what is kept when ([`crate::judge`]), the checks themselves
//! (`escrow::grant`).

use crate::answer::{Answer, Refused, State};
use crate::approve::Decisions;
use crate::daykeys::{DayKeys, Terms};
use crate::disk::Disk;
use crate::follow::{FollowFailure, Follower, View};
use crate::identity::{self, LEDGER};
use crate::judge::Judged;
use crate::ledger::{Ledger, LedgerError};
use crate::pending::Waiting;
use crate::rate::Rate;
use crate::{Config, Error};
use escrow::grant::Refusal;
use escrow::package::{Asked, PackageError};
use escrow::policy::PolicyDoc;
use escrow::record::{EntryId, Name, Request, Signed};
use host::durable::{DurableError, FolderLock};
use log_client::LogClient;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tlog::Hash;
use tlog::note::{Signer, Verifier};
use tlog::policy::{Policy, Window};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many packages are read and decided at once. It bounds memory (each may have 32 MiB) and threads.
pub const PACKAGES_AT_ONCE: usize = 8;

/// An open trustee. What needs the time takes it as an argument.
#[derive(Debug)]
pub struct Trustee {
    pub(crate) config: Config,
    pub(crate) signer: Signer,
    pub(crate) name: Name,
    pub(crate) log: LogClient,
    pub(crate) rules: PolicyDoc,
    pub(crate) approvers: Vec<Verifier>,
    pub(crate) auto: Option<Signer>,
    pub(crate) days: DayKeys,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) waiting: Waiting,
    pub(crate) decisions: Decisions,
    pub(crate) follower: Follower,
    pub(crate) disk: Disk,
    pub(crate) seats: Arc<Semaphore>,
    pub(crate) rate: Mutex<Rate>,
    /// Something is to be appended: wakes the work loop.
    pub(crate) work: tokio::sync::Notify,
    _folder: FolderLock,
}

/// What is known of a request without another look.
enum Known {
    Nothing,
    /// G10 is durable; the grant's proof is not here yet.
    Held,
    Answer(Answer),
}

/// Why nothing could be said: the trustee's own trouble.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("a leaf cannot be: {0}")]
    Leaf(#[from] escrow::record::RecordError),
    #[error("what is held cannot be read: {0}; restore the data folder")]
    Held(#[from] media::codec::DecodeError),
    #[error("{0}")]
    Gate(#[from] Refusal),
}

impl Trustee {
    /// Opens an initialised trustee for this process alone.
    pub fn open(config: Config) -> Result<Self, Error> {
        let folder = FolderLock::acquire(&config.data)?;
        identity::close_to_others(&config.data)?;
        let signer = identity::own_key(&config)?;
        let name = Name::new(&config.name).ok_or_else(|| Error::Name { name: config.name.clone() })?;
        let log = LogClient::from_file(&config.log.url, &config.log.policy)?;
        let rules = identity::rules(&config.policy_doc)?;
        let auto = identity::auto_approver(&config)?;
        let mut approvers = identity::approvers(&config)?;
        approvers.extend(auto.as_ref().map(Signer::verifier));
        if approvers.is_empty() {
            return Err(Error::NoApprovers);
        }
        let ledger = Ledger::open(&config.data.join(LEDGER), &signer.verifier().vkey())?;
        let terms = Terms { retention_days: config.retention_days, days_ahead: config.days_ahead };
        let disk = Disk::default();
        Ok(Self {
            days: DayKeys::open(&config.data, name.clone(), terms)?,
            follower: Follower::new(&rules, signer.verifier(), ledger.fork()?.is_some(), disk.clone()),
            disk,
            ledger: Arc::new(ledger),
            waiting: Waiting::at(&config.data),
            decisions: Decisions::at(&config.data),
            log,
            seats: Arc::new(Semaphore::new(PACKAGES_AT_ONCE)),
            rate: Mutex::new(Rate::new(Instant::now())),
            work: tokio::sync::Notify::new(),
            _folder: folder,
            config,
            signer,
            name,
            rules,
            approvers,
            auto,
        })
    }

    /// This trustee's verifier key.
    pub fn vkey(&self) -> Verifier {
        self.signer.verifier()
    }

    /// The verifier keys whose approval counts; the automatic one among them where the configuration asks for it.
    pub fn approvers(&self) -> &[Verifier] {
        &self.approvers
    }

    /// Reads the log to its newest head, which must be fresh at `now`.
    pub async fn follow(&self, now: u64) -> Result<u64, FollowFailure> {
        Ok(self.view(now).await?.head.size)
    }

    pub(crate) async fn view(&self, now: u64) -> Result<Arc<View>, FollowFailure> {
        self.follower.follow(&self.log, &self.ledger, self.window(now)).await
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.log.policy()
    }

    /// Within which times a quorum must have cosigned.
    pub(crate) fn window(&self, now: u64) -> Window {
        let figures = self.rules.figures();
        Window::around(now, figures.head_age_secs, figures.clock_skew_secs)
    }

    /// Answers a package.
    pub async fn answer(self: &Arc<Self>, package: &[u8], now: u64) -> Answer {
        match self.seats.clone().try_acquire_owned() {
            Ok(seat) => self.answer_seated(package, now, seat).await,
            Err(_) => busy(),
        }
    }

    pub(crate) async fn answer_seated(
        self: &Arc<Self>,
        package: &[u8],
        now: u64,
        seat: OwnedSemaphorePermit,
    ) -> Answer {
        if let Err(unavailable) = self.ready() {
            return unavailable;
        }
        let asked = match Asked::decode(package) {
            Ok(asked) => asked,
            Err(error @ PackageError::Encoding(_)) => return Answer::Malformed(Refused::of(&error.into())),
            Err(error @ PackageError::Leaf(_)) => return Answer::Refused(Refused::of(&error.into())),
        };
        match self.known(asked.request(), now).await {
            Ok(Known::Nothing) => self.decide(asked, now, seat).await,
            Ok(Known::Answer(answer)) => answer,
            Ok(Known::Held) => {
                let request = asked.request().hash();
                // Waiting for a proof needs neither the package nor its seat.
                drop((seat, asked));
                self.release(&request, now).await
            }
            Err(trouble) => failed(&trouble),
        }
    }

    /// The answer for a package that was given earlier, by its entry id.
    pub async fn answer_again(self: &Arc<Self>, id: &EntryId, now: u64) -> Answer {
        if let Err(unavailable) = self.ready() {
            return unavailable;
        }
        match self.again(id, now).await {
            Ok(answer) => answer,
            Err(trouble) => failed(&trouble),
        }
    }

    async fn again(self: &Arc<Self>, id: &EntryId, now: u64) -> Result<Answer, Trouble> {
        let (trustee, own) = (self.clone(), *id);
        if let Some(asked) = self.disk.run(move || trustee.waiting.asked(&own)).await? {
            return Ok(self.decide_kept(asked, now).await);
        }
        let (ledger, own) = (self.ledger.clone(), *id);
        let Some(request) = self.disk.run(move || ledger.request_of(&own.0)).await? else {
            return Ok(Answer::Unknown);
        };
        let trustee = self.clone();
        match self.disk.run(move || trustee.granted(&request)).await? {
            Known::Answer(answer) => return Ok(answer),
            Known::Held => return Ok(self.release(&request, now).await),
            Known::Nothing => {}
        }
        let ledger = self.ledger.clone();
        let refused = self.disk.run(move || ledger.refused(&request)).await?;
        Ok(refused.map_or(Answer::Unknown, Answer::Refused))
    }

    /// Decides on a package that waits here: its proof is renewed first, because trustees believe fresh heads alone.
    async fn decide_kept(self: &Arc<Self>, mut asked: Asked, now: u64) -> Answer {
        match self.known(asked.request(), now).await {
            Ok(Known::Nothing) => {}
            Ok(Known::Answer(answer)) => return answer,
            Ok(Known::Held) => return self.release(&asked.request().hash(), now).await,
            Err(trouble) => return failed(&trouble),
        }
        match self.log.prove(asked.package().leaf.clone()).await {
            Ok((_, proof)) => asked.renew(&proof),
            Err(error) => {
                return Answer::Unavailable { error: "log-unreachable", what_to_do: error.to_string() };
            }
        }
        match self.seats.clone().acquire_owned().await {
            Ok(seat) => self.decide(asked, now, seat).await,
            Err(_) => busy(),
        }
    }

    /// What was said of this very leaf before, where that still stands without another look.
    async fn known(self: &Arc<Self>, request: &Signed<Request>, now: u64) -> Result<Known, Trouble> {
        let (id, hash) = (request.value().id, request.hash());
        let trustee = self.clone();
        self.disk
            .run(move || {
                let granted = trustee.granted(&hash)?;
                if !matches!(granted, Known::Nothing) {
                    return Ok(granted);
                }
                let denied = |refused: &Refused| refused.name == crate::answer::DENIED;
                if let Some(refused) = trustee.ledger.refused(&hash)?.filter(denied) {
                    return Ok(Known::Answer(Answer::Refused(refused)));
                }
                let Some(page) = trustee.waiting.page_of(&id, &hash)? else { return Ok(Known::Nothing) };
                let undecided = trustee.decisions.get(&id)?.is_none()
                    && match page.state {
                        State::Waiting(until) => now < until,
                        State::PendingApproval => trustee.auto.is_none() && now <= page.expires_at,
                        State::Appending => false,
                    };
                Ok(if undecided { Known::Answer(Answer::Pending(page.state)) } else { Known::Nothing })
            })
            .await
    }

    /// Whether G10 is durable for a request.
    fn granted(&self, request: &Hash) -> Result<Known, LedgerError> {
        Ok(match self.ledger.bundle(request)? {
            Some(bundle) => Known::Answer(Answer::Bundle(bundle)),
            None if self.ledger.held(request)?.is_some() => Known::Held,
            None => Known::Nothing,
        })
    }

    async fn decide(self: &Arc<Self>, asked: Asked, now: u64, seat: OwnedSemaphorePermit) -> Answer {
        let view = match self.view(now).await {
            Ok(view) => view,
            Err(failure) => return unavailable(&failure),
        };
        let trustee = self.clone();
        // Signatures, KEMs and the disk: not on a thread that others wait for.
        let judged = self.disk.run(move || {
            let _seat = seat;
            trustee.judge(&view, &asked, now)
        });
        match judged.await {
            Ok(Judged::Held(request)) => {
                self.work.notify_one();
                self.release(&request, now).await
            }
            Ok(Judged::Pending(state)) => Answer::Pending(state),
            Ok(Judged::Refused(refused)) => {
                self.work.notify_one();
                Answer::Refused(refused)
            }
            Ok(Judged::Full) => Answer::Busy {
                error: "pending-full",
                what_to_do: "this trustee has too many requests to decide on; send the package again later"
                    .to_owned(),
            },
            Err(trouble) => failed(&trouble),
        }
    }

    /// Nothing is said before the log was read to a fresh head, nor after it forked.
    pub(crate) fn ready(&self) -> Result<(), Answer> {
        let progress = self.follower.progress();
        if progress.forked {
            return Err(unavailable(&FollowFailure::Forked));
        }
        if !progress.caught_up {
            let why = progress.error.map(|error| format!(" ({error})")).unwrap_or_default();
            let what_to_do = format!("this trustee is reading the log to a fresh head{why}; ask again later");
            return Err(Answer::Unavailable { error: "catching-up", what_to_do });
        }
        Ok(())
    }
}

pub(crate) fn busy() -> Answer {
    Answer::Busy {
        error: "busy",
        what_to_do: "too many packages at once; send it again in a few seconds".to_owned(),
    }
}

pub(crate) fn unavailable(failure: &FollowFailure) -> Answer {
    tracing::warn!(%failure, "nothing is decided now");
    let error = match failure {
        FollowFailure::Forked => "log-forked",
        FollowFailure::Ledger(_) => return Answer::Failed,
        _ => "log-unreachable",
    };
    Answer::Unavailable { error, what_to_do: failure.to_string() }
}

fn failed(trouble: &Trouble) -> Answer {
    tracing::error!(%trouble, "a package could not be decided on");
    Answer::Failed
}
