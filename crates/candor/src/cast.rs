//! The whole cast on loopback: every party with fresh keys and state in one folder, wired as a
//! deployment would be, in one process.
//!
//! In scope: the order of a beginning (who needs whose key before whom), and starting each party
//! from its ordinary `Config`. Out of scope: what then happens ([`crate::demo`] tells a story with
//! it, the tests attack it).
//!
//! ```text
//! log key -> witnesses -> policy file -> keys of trustees, registrar, operator, requester, owner, relay -> log (its submitters)
//!   -> rules published, keys registered -> trustees (their day keys are leaves) -> relay -> monitors -> cameras, paired one by one
//! ```

mod people;
mod ports;
mod records;
mod video;

pub use people::People;
pub use ports::free_address;
pub use records::{LogPart, MonitorPart, QUORUM, Records, WITNESSES, WitnessPart};
pub use video::{CameraPart, RelayPart, TrusteePart, Video, pair, prepared_footage};

use host::durable::DurableError;
use host::lock::Mutex;
use host::running::Running;
use host::shutdown::Shutdown;
use log_server::kinds;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What kind of cast.
#[derive(Debug, Clone)]
pub struct Plan {
    /// A folder that does not exist yet, or is empty.
    pub dir: PathBuf,
    /// What each camera films, played in real time and looped.
    pub footage: Vec<PathBuf>,
    pub epoch_seconds: u16,
    pub trustees: u8,
    /// So many of them, the last ones, are not there at the beginning.
    pub away: u8,
    pub threshold: u8,
    pub approval: Approval,
}

/// Who approves at the trustees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// A key in the trustee's own folder: for the demo and tests, and marked as such everywhere.
    Automatic,
    /// A person, by `candor trustee approve`.
    Human,
}

/// A running party and the configuration it can be started from again.
#[derive(Debug)]
pub struct Part<C, A, E> {
    pub config: C,
    running: Option<Running<A, E>>,
}

impl<C, A, E: Send + 'static> Part<C, A, E> {
    pub fn new(config: C, running: Running<A, E>) -> Self {
        Self { config, running: Some(running) }
    }

    /// One that somebody starts later.
    pub fn away(config: C) -> Self {
        Self { config, running: None }
    }

    /// Where it is; `None` while it is stopped.
    pub fn at(&self) -> Option<&A> {
        self.running.as_ref().map(Running::at)
    }

    /// Stops it in good order.
    pub async fn stop(&mut self) -> Result<(), E> {
        match self.running.take() {
            Some(running) => running.stop_and_join().await,
            None => Ok(()),
        }
    }

    /// Puts a started one in its place.
    pub fn resume(&mut self, running: Running<A, E>) {
        self.running = Some(running);
    }
}

/// Everybody.
#[derive(Debug)]
pub struct Cast {
    pub plan: Plan,
    pub records: Records,
    pub monitors: Vec<MonitorPart>,
    pub people: People,
    pub video: Video,
    shutdown: Shutdown,
}

/// Why the cast did not come together.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    #[error("{}: not empty; name a folder that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    #[error("no port on loopback: {0}")]
    Port(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("{0} is missing; this is a defect")]
    Missing(&'static str),
    #[error("owner and camera each paired with another; this is a defect")]
    TwoCameras,
    #[error("{part}: {error}")]
    Part { part: &'static str, error: Box<dyn std::error::Error + Send + Sync> },
}

impl CastError {
    fn part<E: std::error::Error + Send + Sync + 'static>(part: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Part { part, error: Box::new(error) }
    }
}

/// What has been done, for whoever watches the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Started(String),
    Paired(String),
}

impl Cast {
    /// Starts everybody and pairs every camera.
    pub async fn start(
        plan: Plan,
        shutdown: &Shutdown,
        on: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Self, CastError> {
        let shutdown = shutdown.child();
        prepare(&plan)?;
        let founded = records::Founded::new(&plan.dir).await?;
        let (witnesses, policy) = founded.witnesses(&plan.dir, &shutdown).await?;
        on(Progress::Started(format!("{WITNESSES} witnesses, quorum {QUORUM}")));

        let shown = founded.shown();
        let speakers = people::Speakers::make(&plan, &shown)?;
        let rules = speakers.policy_doc.clone();
        let trustees = video::Trustees::make(&plan, &shown, &rules).await?;
        speakers.write_rules(&trustees)?;
        let relay = video::Relaying::make(&plan, &shown, &trustees)?;
        let people = People::make(&plan, &shown, speakers, &trustees, &relay)?;

        let mut submitters: Vec<_> = trustees.vkeys().map(|vkey| (vkey, kinds::TRUSTEE)).collect();
        submitters.extend(people.submitters());
        submitters.push((&relay.created.sponsor_vkey, kinds::SPONSOR));
        let log = founded.start(&submitters, &shutdown).await?;
        on(Progress::Started("log".to_owned()));
        people.publish_and_register(&relay.created.sponsor_vkey).await?;
        on(Progress::Started("rules published, keys registered".to_owned()));

        let trustees = trustees.start(plan.trustees - plan.away.min(plan.trustees), &shutdown).await?;
        on(Progress::Started(format!("{} trustees, {} must grant", plan.trustees, plan.threshold)));
        let relay = relay.start(people.root_key, people.requester.link_key, &shutdown).await?;
        on(Progress::Started("relay".to_owned()));
        let monitors = records::monitors(&plan, &shown, &shutdown).await?;
        on(Progress::Started("2 monitors that gossip".to_owned()));

        let people = people.open()?;
        let cameras = video::cameras(&plan, &people.owner, &shutdown, on).await?;
        let filming_since_us = host::clock::now_us();
        let records = Records { witnesses, log, policy_file: shown.policy, policy };
        Ok(Self {
            plan,
            records,
            monitors,
            people,
            video: Video { relay, trustees, late: Mutex::default(), cameras, filming_since_us },
            shutdown,
        })
    }

    /// Starts the trustees that were away, and waits until each has its key of today.
    pub async fn complete(&self) -> Result<(), CastError> {
        for part in self.video.trustees.iter().filter(|part| part.at().is_none()) {
            let started = trustee::start(part.config.clone(), self.shutdown.child()).await;
            self.video.late.lock().push(started.map_err(CastError::part("trustee"))?);
            video::has_published(&part.config).await?;
        }
        Ok(())
    }

    /// Stops everybody: those who dial first, those who are dialled after them.
    pub async fn stop(mut self) {
        self.shutdown.request();
        for camera in &mut self.video.cameras {
            quiet("camera", camera.part.stop().await);
        }
        quiet("relay", self.video.relay.stop().await);
        for trustee in &mut self.video.trustees {
            quiet("trustee", trustee.stop().await);
        }
        let late = std::mem::take(&mut *self.video.late.lock());
        for trustee in late {
            quiet("trustee", trustee.stop_and_join().await);
        }
        for monitor in &mut self.monitors {
            quiet("monitor", monitor.stop().await);
        }
        quiet("log", self.records.log.stop().await);
        for witness in &mut self.records.witnesses {
            quiet("witness", witness.stop().await);
        }
    }
}

fn quiet<E: std::fmt::Display>(part: &str, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::warn!(part, %error, "did not end in good order");
    }
}

fn prepare(plan: &Plan) -> Result<(), CastError> {
    if let Ok(mut entries) = std::fs::read_dir(&plan.dir)
        && entries.next().is_some()
    {
        return Err(CastError::NotEmpty(plan.dir.clone()));
    }
    Ok(host::durable::own_dir(&plan.dir)?)
}
