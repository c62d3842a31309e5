//! The side of the records: four witnesses with a quorum of three, the log, and later two monitors
//! that gossip.

use super::{CastError, Part, Plan, ports};
use host::shutdown::Shutdown;
use host::start::Start;
use std::path::{Path, PathBuf};
use tlog::policy::Policy;
use trustee::LogConfig;

/// Log, witnesses, and the policy file that everybody else is given.
#[derive(Debug)]
pub struct Records {
    pub witnesses: Vec<WitnessPart>,
    pub log: LogPart,
    /// The tlog-policy file.
    pub policy_file: PathBuf,
    pub policy: Policy,
}

pub type WitnessPart = Part<witness::Config, witness::At, witness::Error>;
pub type LogPart = Part<log_server::Config, log_server::At, log_server::Error>;
pub type MonitorPart = Part<monitor::Config, monitor::At, monitor::Error>;

/// How many witnesses, and how many of them make a quorum.
pub const WITNESSES: usize = 4;
pub const QUORUM: usize = 3;

/// A log that has its key and not yet its policy file.
pub(super) struct Founded {
    config: log_server::Config,
    listener: tokio::net::TcpListener,
    vkey: String,
}

impl Founded {
    /// Makes the log's key and takes its port.
    pub(super) async fn new(dir: &Path) -> Result<Self, CastError> {
        let (listener, listen) = ports::listener().await?;
        let config = log_server::Config {
            listen,
            data: dir.join("log"),
            origin: "log.example/candor".to_owned(),
            policy: dir.join("log-policy.txt"),
            submitters: Vec::new(),
            batch_ms: 20,
            checkpoint_ms: 100,
            refresh_secs: 20,
            beyond_quorum_ms: 100,
            add_wait_secs: 30,
        };
        let vkeys = log_server::init(&config).map_err(CastError::part("log"))?;
        let vkey = vkeys.into_iter().next().ok_or(CastError::Missing("the log's key"))?;
        Ok(Self { config, listener, vkey })
    }

    /// As everybody else is told of it.
    pub(super) fn shown(&self) -> LogConfig {
        LogConfig { url: format!("http://{}", self.config.listen), policy: self.config.policy.clone() }
    }

    /// Starts the witnesses and writes the policy file that names them.
    pub(super) async fn witnesses(
        &self,
        dir: &Path,
        shutdown: &Shutdown,
    ) -> Result<(Vec<WitnessPart>, Policy), CastError> {
        let mut text = format!("log {}\n", self.vkey);
        let mut names = Vec::new();
        let mut witnesses = Vec::new();
        for n in 1..=WITNESSES {
            let (listener, listen) = ports::listener().await?;
            let config = witness::Config {
                listen,
                data: dir.join(format!("witness-{n}")),
                name: format!("witness-{n}.example"),
                logs: vec![self.vkey.clone()],
            };
            let vkeys = witness::init(&config).map_err(CastError::part("witness"))?;
            let vkey = vkeys.first().ok_or(CastError::Missing("a witness's key"))?;
            text.push_str(&format!("witness w{n} {vkey} http://{listen}/\n"));
            names.push(format!("w{n}"));
            let started = witness::start(config.clone(), Start::on(listener, shutdown.child())).await;
            witnesses.push(Part::new(config, started.map_err(CastError::part("witness"))?));
        }
        text.push_str(&format!("group all {QUORUM} {}\nquorum all\n", names.join(" ")));
        host::durable::write_atomic(&self.config.policy, text.as_bytes())?;
        Ok((witnesses, Policy::parse(text.as_bytes()).map_err(CastError::part("log policy"))?))
    }

    /// Starts the log, open to these submitters and their kinds.
    pub(super) async fn start(
        mut self,
        submitters: &[(&str, &[&str])],
        shutdown: &Shutdown,
    ) -> Result<LogPart, CastError> {
        let submitter = |(vkey, kinds): &(&str, &[&str])| log_server::Submitter {
            vkey: (*vkey).to_owned(),
            kinds: kinds.iter().map(ToString::to_string).collect(),
            per_minute: 6000,
            burst: 1000,
            bytes_per_minute: 64 << 20,
        };
        self.config.submitters = submitters.iter().map(submitter).collect();
        let started =
            log_server::start(self.config.clone(), Start::on(self.listener, shutdown.child())).await;
        Ok(Part::new(self.config, started.map_err(CastError::part("log"))?))
    }
}

/// Two monitors, each the other's peer.
pub(super) async fn monitors(
    plan: &Plan,
    log: &LogConfig,
    shutdown: &Shutdown,
) -> Result<Vec<MonitorPart>, CastError> {
    let places = [ports::listener().await?, ports::listener().await?];
    let urls: Vec<String> = places.iter().map(|(_, listen)| format!("http://{listen}")).collect();
    let mut monitors = Vec::new();
    for (n, (listener, listen)) in (1..).zip(places) {
        let config = monitor::Config {
            listen,
            data: plan.dir.join(format!("monitor-{n}")),
            log: log.url.clone(),
            policy: log.policy.clone(),
            peers: urls.iter().filter(|url| !url.ends_with(&listen.to_string())).cloned().collect(),
            poll_ms: 500,
            withheld_secs: 120,
        };
        monitor::init(&config).map_err(CastError::part("monitor"))?;
        let started = monitor::start(config.clone(), Start::on(listener, shutdown.child())).await;
        monitors.push(Part::new(config, started.map_err(CastError::part("monitor"))?));
    }
    Ok(monitors)
}
