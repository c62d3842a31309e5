//! What the tasks of a trustee share: the office (who it is), the desk (what it keeps), the log,
//! and the door (who comes in). What needs the time takes it as an argument; the loops and the URLs
//! read the clock.

use crate::config::Config;
use crate::daykeys::GRACE_DAYS;
use crate::desk::{Desk, Papers};
use crate::error::Error;
use crate::follow::{FollowFailure, Follower, View};
use crate::identity;
use crate::ledger::LedgerError;
use crate::time::Time;
use escrow::answer::{Failed, Failure};
use escrow::policy::{Figures, PolicyDoc};
use escrow::record::Name;
use host::blocking::Blocking;
use host::durable::FolderLock;
use host::http::Caller;
use host::lock::Mutex;
use host::machine::Machine;
use host::rate::Buckets;
use log_client::LogClient;
use media::time::Seconds;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tlog::note::{Signer, Verifier};
use tlog::policy::{Policy, Window};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many packages are read and decided at once. It bounds memory (each may have 32 MiB) and
/// threads.
const PACKAGES_AT_ONCE: usize = 8;
/// How long a package waits for a seat; seats are held for the time of some signatures.
const SEAT_WITHIN: Duration = Duration::from_secs(5);
/// Packages a minute of one caller on average: some requesters behind one address that ask twice a
/// second would still be waiting for humans.
const PACKAGES_PER_MINUTE: u32 = 600;
/// Packages of one caller at once.
const PACKAGES_BURST: u32 = 100;

const AUTO_WARNING: &str = "AUTO-APPROVE IS ON: no human decides here; for tests and the demo only";

/// An open trustee.
#[derive(Debug)]
pub struct Trustee {
    pub(crate) office: Arc<Office>,
    pub(crate) desk: Desk,
    pub(crate) log: Log,
    pub(crate) door: Door,
    pub(crate) machine: Machine,
    pub(crate) time: Time,
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
    /// What its operator is told at the start and by the status.
    pub(crate) warnings: Vec<String>,
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
    rates: Mutex<Buckets<Caller>>,
}

impl Trustee {
    /// Opens an initialised trustee for this process alone.
    pub fn open(config: Config, machine: Machine) -> Result<Self, Error> {
        let lock = FolderLock::acquire(&config.data)?;
        host::durable::close_dir(&config.data)?;
        let client = LogClient::from_file(&config.log.url, &config.log.policy)?;
        let office = Office::open(&config, client.policy().clone())?;
        let (days, allowed) = (config.retention_days, office.rules.figures().day_key_max_secs / 86_400);
        if u64::from(days) + u64::from(GRACE_DAYS) > allowed {
            return Err(Error::KeptTooLong { days, allowed });
        }
        let own = office.signer.verifier();
        let papers = Papers::open(&config, &office.name, &own.vkey(), machine.rng.clone())?;
        let time = Time::open(papers.ledger.time()?, machine.clock.steady());
        let work = Blocking::default();
        let follower = Follower::open(&office.log_policy, own, papers.ledger.clone(), work.clone())?;
        Ok(Self {
            office: Arc::new(office),
            desk: Desk::of(papers, work),
            log: Log { client, follower },
            door: Door::new(Instant::now()),
            machine,
            time,
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
        let view = self.log.follower.follow(&self.log.client, self.office.window(now)).await?;
        if let Some(cosigned) = self.log.follower.progress().cosigned_at {
            self.time.confirm(Seconds(cosigned), now, self.machine.clock.steady());
        }
        Ok(view)
    }

    /// Asks a log that could not be followed for the time: its witnesses' clocks are right
    /// whatever it did.
    // SPEC: release.md#destroying-day-keys: a fork MUST NOT keep a key alive.
    pub(crate) async fn ask_time(&self, now: Seconds) {
        if let Ok(head) = self.log.client.head(self.office.window(now)).await {
            self.time.confirm(Seconds(head.cosigned_at()), now, self.machine.clock.steady());
        }
    }

    /// The time by which keys of days are made and destroyed, kept for the next start.
    pub(crate) async fn believed(&self) -> Result<Option<Seconds>, LedgerError> {
        let steady = self.machine.clock.steady();
        if let Some(time) = self.time.to_keep(steady) {
            self.desk.run(move |papers| papers.ledger.set_time(time)).await?;
        }
        Ok(self.time.believed(steady))
    }

    /// Nothing is said before the log was read to a fresh head, nor after it was found dishonest.
    pub(crate) fn ready(&self) -> Result<(), Failed> {
        self.log.follower.progress().ready()
    }
}

impl Office {
    fn open(config: &Config, log_policy: Policy) -> Result<Self, Error> {
        let auto = identity::auto_approver(config)?;
        let rules = identity::rules(&config.policy_doc)?;
        let warnings = auto.iter().map(|_| AUTO_WARNING.to_owned());
        let warnings = warnings.chain(short_retention(config.retention_days, rules.figures())).collect();
        let mut approvers = identity::approvers(config)?;
        approvers.extend(auto.as_ref().map(Signer::verifier));
        if approvers.is_empty() {
            return Err(Error::NoApprovers);
        }
        Ok(Self {
            signer: identity::own_key(config)?,
            name: identity::own_name(config)?,
            rules,
            log_policy,
            approvers,
            auto,
            warnings,
        })
    }

    /// Within which times a quorum must have cosigned.
    pub(crate) fn window(&self, now: Seconds) -> Window {
        let figures = self.rules.figures();
        Window::around(now.0, figures.head_age_secs, figures.clock_skew_secs)
    }
}

// SPEC: release.md#g7: a trustee whose keys do not outlive what an emergency counts MUST say so to its
// operator: nobody else sees why two approvers are asked.
/// What is said of keys of days that are destroyed while an emergency may still count by them.
fn short_retention(days: u32, figures: &Figures) -> Option<String> {
    let counted =
        [figures.emergency_camera_window_secs, figures.emergency_lookback_secs, figures.request_valid_secs];
    let counted = counted.into_iter().fold(0, u64::saturating_add).div_ceil(86_400);
    // Of the day itself, too.
    let enough = counted.saturating_sub(u64::from(GRACE_DAYS) + 1);
    (u64::from(days) < enough).then(|| {
        format!(
            "retention_days = {days}: keys of days that emergencies count by are destroyed too early, and such an emergency asks two approvers; with {enough} it does not"
        )
    })
}

impl Door {
    fn new(now: Instant) -> Self {
        let rates = Mutex::new(Buckets::new(PACKAGES_PER_MINUTE, PACKAGES_BURST, now));
        Self { seats: Arc::new(Semaphore::new(PACKAGES_AT_ONCE)), rates }
    }

    /// Whether this caller may ask now. A proxy that names nobody is kept waiting by the seats alone.
    pub(crate) fn knock(&self, caller: Caller) -> Result<(), Failed> {
        if caller.is_this_machine() {
            return Ok(());
        }
        self.rates.lock().take(caller, Instant::now()).map_err(|pause| {
            Failure::Rate.advise(format!("too many requests; ask again after {} ms", pause.as_millis()))
        })
    }

    /// A seat for a package that is there as a whole, if one is free soon.
    pub(crate) async fn seat(&self) -> Result<OwnedSemaphorePermit, Failed> {
        let seat = tokio::time::timeout(SEAT_WITHIN, self.wait_for_seat()).await;
        seat.map_err(|_| Failure::Busy.advise("too many packages at once; send it again in a few seconds"))
    }

    /// A seat, once one is free.
    pub(crate) async fn wait_for_seat(&self) -> OwnedSemaphorePermit {
        self.seats.clone().acquire_owned().await.expect("the door is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_the_seats_one_waits_for_a_moment_and_is_told_to_come_back() {
        let door = Door::new(Instant::now());
        let mut seats = Vec::new();
        for _ in 0..PACKAGES_AT_ONCE {
            seats.push(door.seat().await.unwrap());
        }
        assert_eq!(door.seat().await.unwrap_err().failure, Failure::Busy);
        let (next, ()) = tokio::join!(door.seat(), async { drop(seats.pop()) });
        assert!(next.is_ok());
    }

    #[test]
    fn a_retention_too_short_for_what_an_emergency_counts_is_said() {
        let figures = Figures::RECOMMENDED;
        assert_eq!(short_retention(30, &figures), None, "window and lookback of 31 days, valid for 7");
        let said = short_retention(29, &figures).unwrap();
        assert!(said.starts_with("retention_days = 29") && said.ends_with("with 30 it does not"), "{said}");
        let days = |camera_window| {
            let figures = Figures { emergency_camera_window_secs: camera_window, ..figures };
            (0..100).find(|days| short_retention(*days, &figures).is_none())
        };
        assert_eq!((days(0), days(10 * 86_400), days(10 * 86_400 + 1)), (Some(0), Some(10), Some(11)));
        assert_eq!(days(u64::MAX), None);
    }

    #[test]
    fn who_asks_too_often_keeps_out_nobody_else() {
        let door = Door::new(Instant::now());
        let [often, seldom] = ["192.0.2.1", "192.0.2.2"].map(|at| Caller::at(at.parse().unwrap()));
        let refused = (0..2 * PACKAGES_BURST).filter(|_| door.knock(often).is_err()).count();
        assert!(refused > 0);
        assert_eq!(door.knock(often).unwrap_err().failure, Failure::Rate);
        assert!(door.knock(seldom).is_ok());
        assert!((0..2 * PACKAGES_BURST).all(|_| door.knock(Caller::at([127, 0, 0, 1].into())).is_ok()));
    }
}
