//! What the tasks of a trustee share: the office (who it is), the desk (what it keeps), the log,
//! and the door (who comes in). What needs the time takes it as an argument; the loops and the URLs
//! read the clock.

use crate::config::Config;
use crate::desk::{Desk, Papers};
use crate::error::Error;
use crate::follow::{FollowFailure, Follower, View};
use crate::{folder, identity};
use escrow::answer::{Failed, Failure};
use escrow::policy::PolicyDoc;
use escrow::record::Name;
use host::blocking::Blocking;
use host::durable::FolderLock;
use host::lock::Mutex;
use host::machine::Machine;
use host::rate::Bucket;
use log_client::LogClient;
use media::time::Seconds;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tlog::note::{Signer, Verifier};
use tlog::policy::{Policy, Window};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many packages are read and decided at once. It bounds memory (each may have 32 MiB) and
/// threads.
pub const PACKAGES_AT_ONCE: usize = 8;
/// Packages a minute on average, whoever sends them: hundreds of requesters that ask twice a second
/// would still be waiting for humans.
const PACKAGES_PER_MINUTE: u32 = 3000;
/// Packages at once.
const PACKAGES_BURST: u32 = 300;

/// An open trustee.
#[derive(Debug)]
pub struct Trustee {
    pub(crate) office: Arc<Office>,
    pub(crate) desk: Desk,
    pub(crate) log: Log,
    pub(crate) door: Door,
    pub(crate) machine: Machine,
    /// Something is to be appended: wakes the work loop.
    pub(crate) work: Notify,
    /// Between two looks at the log and at the decisions of humans.
    pub(crate) pause: Duration,
    _folder: FolderLock,
}

/// Who the trustee is and what it goes by.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) signer: Signer,
    pub(crate) name: Name,
    pub(crate) rules: PolicyDoc,
    pub(crate) log_policy: Policy,
    /// Whose approval counts; the automatic one among them, where there is one.
    pub(crate) approvers: Vec<Verifier>,
    /// Approves without a human.
    pub(crate) auto: Option<Signer>,
}

/// The log, and how far it was read.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) client: LogClient,
    pub(crate) follower: Follower,
}

/// Who comes in, and how often.
#[derive(Debug)]
pub(crate) struct Door {
    seats: Arc<Semaphore>,
    rate: Mutex<Bucket>,
}

impl Trustee {
    /// Opens an initialised trustee for this process alone.
    pub fn open(config: Config, machine: Machine) -> Result<Self, Error> {
        let lock = FolderLock::acquire(&config.data)?;
        folder::close_to_others(&config.data)?;
        let client = LogClient::from_file(&config.log.url, &config.log.policy)?;
        let office = Office::open(&config, client.policy().clone())?;
        let own = office.signer.verifier();
        let papers = Papers::open(&config, &office.name, &own.vkey(), machine.rng.clone())?;
        let work = Blocking::default();
        let follower = Follower::open(&office.rules, own, papers.ledger.clone(), work.clone())?;
        Ok(Self {
            office: Arc::new(office),
            desk: Desk::of(papers, work),
            log: Log { client, follower },
            door: Door::new(Instant::now()),
            machine,
            work: Notify::new(),
            pause: Duration::from_millis(config.poll_ms),
            _folder: lock,
        })
    }

    pub(crate) fn now(&self) -> Seconds {
        Seconds(self.machine.clock.seconds())
    }

    /// This trustee's verifier key.
    pub fn vkey(&self) -> Verifier {
        self.office.signer.verifier()
    }

    /// Reads the log to its newest head, which must be fresh at `now`.
    pub async fn follow(&self, now: Seconds) -> Result<u64, FollowFailure> {
        Ok(self.view(now).await?.head.size)
    }

    pub(crate) async fn view(&self, now: Seconds) -> Result<Arc<View>, FollowFailure> {
        self.log.follower.follow(&self.log.client, self.office.window(now)).await
    }

    /// Nothing is said before the log was read to a fresh head, nor after it forked.
    pub(crate) fn ready(&self) -> Result<(), Failed> {
        self.log.follower.progress().ready()
    }
}

impl Office {
    fn open(config: &Config, log_policy: Policy) -> Result<Self, Error> {
        let auto = identity::auto_approver(config)?;
        let mut approvers = identity::approvers(config)?;
        approvers.extend(auto.as_ref().map(Signer::verifier));
        if approvers.is_empty() {
            return Err(Error::NoApprovers);
        }
        Ok(Self {
            signer: identity::own_key(config)?,
            name: identity::own_name(config)?,
            rules: identity::rules(&config.policy_doc)?,
            log_policy,
            approvers,
            auto,
        })
    }

    /// Within which times a quorum must have cosigned.
    pub(crate) fn window(&self, now: Seconds) -> Window {
        let figures = self.rules.figures();
        Window::around(now.0, figures.head_age_secs, figures.clock_skew_secs)
    }
}

impl Door {
    fn new(now: Instant) -> Self {
        let rate = Mutex::new(Bucket::new(PACKAGES_PER_MINUTE, PACKAGES_BURST, now));
        Self { seats: Arc::new(Semaphore::new(PACKAGES_AT_ONCE)), rate }
    }

    /// Whether anybody may ask now.
    pub(crate) fn knock(&self) -> Result<(), Failed> {
        self.rate.lock().take(Instant::now()).map_err(|pause| {
            Failure::Rate.advise(format!("too many requests; ask again after {} ms", pause.as_millis()))
        })
    }

    /// A seat for a package, if one is free.
    pub(crate) fn seat(&self) -> Result<OwnedSemaphorePermit, Failed> {
        let seat = self.seats.clone().try_acquire_owned();
        seat.map_err(|_| Failure::Busy.advise("too many packages at once; send it again in a few seconds"))
    }

    /// A seat, once one is free.
    pub(crate) async fn wait_for_seat(&self) -> OwnedSemaphorePermit {
        self.seats.clone().acquire_owned().await.expect("the door is never closed")
    }
}
