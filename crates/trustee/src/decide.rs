//! One package, from its bytes to its answer: the log is followed to its newest head, the gate checks, a human decides, shares are opened
//! and sealed, what was made is durable, and then the grant goes to the log ([`crate::append`]).
//!
//! ```text
//! given before? ──> the same answer      follow ──> check (G1-G7) ──> approval (G8) ──> open (G9) ──> seal, hold (G10) ──> append (G11, G12)
//!                                           │ 503        │ 403, 202        │ 202, 403       │ 403
//! ```
//!
//! In scope: the order, and what is kept when. Out of scope: the checks themselves (`escrow::grant`).

use crate::answer::{Answer, Refused, State, becomes_leaf};
use crate::approve::{Decided, Decisions};
use crate::daykeys::{DayKeys, Terms};
use crate::disk::Disk;
use crate::follow::{FollowFailure, Follower, View};
use crate::identity::{self, LEDGER};
use crate::ledger::{Ledger, LedgerError};
use crate::pending::{Pending, Waiting};
use crate::rate::Rate;
use crate::{Config, Error};
use escrow::grant::{self, Approval, Checked, Refusal, ShareFailure, Standing, Verdict};
use escrow::package::Package;
use escrow::policy::PolicyDoc;
use escrow::record::{EntryId, Name, RefusalLeaf, Request, ShareBad, Signed, Time, Word};
use host::durable::{DurableError, FolderLock};
use log_client::LogClient;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tlog::note::{Signer, Verifier};
use tlog::policy::{Policy, Window};
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};
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
    approvers: Vec<Verifier>,
    auto: Option<Signer>,
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

/// What the gate and the human said; nothing of it has left yet.
enum Judged {
    /// G10 is durable.
    Held,
    Pending(State),
    Refused(Refused),
    Full,
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
        let (policy, rules) =
            (identity::log_policy(&config.log.policy)?, identity::rules(&config.policy_doc)?);
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
            log: LogClient::new(&config.log.url, policy),
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
        let package = match Package::decode(package) {
            Ok(package) => package,
            Err(error) => return Answer::Malformed(error.to_string()),
        };
        if let Ok(request) = Signed::<Request>::parse(&package.leaf) {
            match self.known(&request, now).await {
                Ok(Known::Nothing) => {}
                Ok(Known::Answer(answer)) => return answer,
                Ok(Known::Held) => {
                    // Waiting for a proof needs neither the package nor its seat.
                    drop((seat, package));
                    return self.release(&request.hash(), now).await;
                }
                Err(trouble) => return failed(&trouble),
            }
        }
        self.decide(package, now, seat).await
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
        let package = self.disk.run(move || trustee.waiting.package(&own)).await?;
        if let Some(package) = package {
            return Ok(self.decide_kept(package, now).await);
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
    pub(crate) async fn decide_kept(self: &Arc<Self>, mut package: Package, now: u64) -> Answer {
        if let Ok(request) = Signed::<Request>::parse(&package.leaf) {
            match self.known(&request, now).await {
                Ok(Known::Nothing) => {}
                Ok(Known::Answer(answer)) => return answer,
                Ok(Known::Held) => return self.release(&request.hash(), now).await,
                Err(trouble) => return failed(&trouble),
            }
        }
        match self.log.prove(package.leaf.clone()).await {
            Ok((_, proof)) => package.proof = proof.encode(),
            Err(error) => {
                return Answer::Unavailable { error: "log-unreachable", what_to_do: error.to_string() };
            }
        }
        match self.seats.clone().acquire_owned().await {
            Ok(seat) => self.decide(package, now, seat).await,
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

    async fn decide(self: &Arc<Self>, package: Package, now: u64, seat: OwnedSemaphorePermit) -> Answer {
        let view = match self.view(now).await {
            Ok(view) => view,
            Err(failure) => return unavailable(&failure),
        };
        let request = Signed::<Request>::parse(&package.leaf).ok().map(|request| request.hash());
        let trustee = self.clone();
        // Signatures, KEMs and the disk: not on a thread that others wait for.
        let judged = self.disk.run(move || {
            let _seat = seat;
            trustee.judge(&view, &package, now)
        });
        match (judged.await, request) {
            (Ok(Judged::Held), Some(request)) => {
                self.work.notify_one();
                self.release(&request, now).await
            }
            (Ok(Judged::Held), None) => Answer::Failed,
            (Ok(Judged::Pending(state)), _) => Answer::Pending(state),
            (Ok(Judged::Refused(refused)), _) => {
                self.work.notify_one();
                Answer::Refused(refused)
            }
            (Ok(Judged::Full), _) => Answer::Busy {
                error: "pending-full",
                what_to_do: "this trustee has too many requests to decide on; send the package again later"
                    .to_owned(),
            },
            (Err(trouble), _) => failed(&trouble),
        }
    }

    /// G1 to G10.
    fn judge(&self, view: &View, package: &Package, now: u64) -> Result<Judged, Trouble> {
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
