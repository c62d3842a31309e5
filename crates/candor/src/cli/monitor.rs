//! `candor monitor`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::durable;
use host::running::until_ended;
use host::shutdown::Shutdown;
use monitor::{Config, Disproved, Error, Proven};
use std::path::{Path, PathBuf};
use tlog::stamp::STAMP_FAULT_MAX_BYTES;

/// The largest evidence of either form.
const EVIDENCE_MAX_BYTES: u64 = STAMP_FAULT_MAX_BYTES as u64;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the monitor's data folder, once.
    #[command(after_help = "Example: candor monitor init --config monitor.toml")]
    Init(ConfigFile),
    /// Follow the log, compare its heads with other monitors, count, raise the alarm; until Ctrl-C.
    #[command(after_help = "Example: candor monitor serve --config monitor.toml")]
    Serve(ConfigFile),
    /// Count every release again, from the log alone; no monitor has to run.
    #[command(after_help = "Example: candor monitor check --config monitor.toml --expect 11")]
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// How many completed emergencies somebody published; exit code 1 if the log says another
        /// number.
        #[arg(long, value_name = "N")]
        expect: Option<u64>,
    },
    /// Check evidence against a log that anybody kept: that it forked, or stamped an entry wrongly. Offline.
    #[command(after_help = EVIDENCE_HELP)]
    Evidence {
        /// A fork proof or a stamp fault, such as a monitor keeps in `alarms`, or an owner beside the book.
        file: PathBuf,
        /// The log policy, from a source you trust: nothing else is believed.
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

const EVIDENCE_HELP: &str = "\
Exit codes here: 0 it proves what it says, whoever gave it to you; 3 it is false, or about another log; 2 it
cannot be read as such evidence.
Example: candor monitor evidence --policy log-policy.txt fork.proof";

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file.load()?),
            Self::Serve(file) => serve(&file, shutdown).await,
            Self::Check { file, expect } => check(terminal, &file.load()?, expect).await,
            Self::Evidence { file, policy } => evidence(terminal, &file, &policy),
        }
    }
}

fn init(terminal: &Terminal, config: &Config) -> Outcome {
    monitor::init(config).map_err(Ended::wrong)?;
    let value = serde_json::json!({ "data": config.data });
    terminal.done(&value, |_| format!("made {}", config.data.display()))
}

async fn serve(file: &ConfigFile, shutdown: Shutdown) -> Outcome {
    let config = file.load_made("monitor", |config: &Config| &config.data)?;
    until_ended(monitor::start(config, shutdown)).await.map_err(ended)
}

async fn check(terminal: &Terminal, config: &Config, expect: Option<u64>) -> Outcome {
    let report = monitor::check(config, expect).await.map_err(ended)?;
    let emergencies = report.counts.emergencies();
    let value = serde_json::json!({
        "size": report.size,
        "emergencies": emergencies,
        "rows": report.counts.to_json()["rows"],
        "agrees": report.agrees,
        "alarms": report.alarms,
    });
    terminal.result(&value, |_| {
        let agrees = match report.agrees {
            Some(true) => "the published number is the log's\n",
            Some(false) => "the published number is NOT the log's\n",
            None => "",
        };
        let alarms = match report.alarms.is_empty() {
            true => "no alarm stands".to_owned(),
            false => format!("ALARMS: {}", report.alarms.join(", ")),
        };
        let apart = report.counts.to_json()["unauthorised"].as_u64().unwrap_or_default();
        format!(
            "{} leaves recounted\nemergencies: {} asked for, of which {} were granted by somebody, {} by enough \
             trustees to open something (releases), and {} were ratified by a court\nrequests of any kind by keys \
             that may not ask, which are not among these: {apart}\n{agrees}{alarms}",
            report.size,
            emergencies.requested,
            emergencies.attempted,
            emergencies.completed,
            emergencies.ratified,
        )
    });
    match (report.alarms.is_empty(), report.agrees) {
        (false, _) => Err(Ended::ALARM),
        (true, Some(false)) => Err(Ended::NO),
        (true, Some(true) | None) => Ok(()),
    }
}

fn evidence(terminal: &Terminal, file: &Path, policy: &Path) -> Outcome {
    let (policy, _) = log_client::read_policy(policy).map_err(Ended::wrong)?;
    let evidence = durable::read_limited(file, EVIDENCE_MAX_BYTES).map_err(Ended::wrong)?;
    let none = || Ended::wrong(anyhow::anyhow!("{}: no such file", file.display()));
    let proven = monitor::prove(&evidence.ok_or_else(none)?, &policy).map_err(|error| match error {
        Disproved::Unread { .. } => Ended::wrong(error),
        Disproved::NoFork(_) | Disproved::NoFault(_) => Ended::alarm(error),
    })?;
    terminal.result(&proven, |proven| match proven {
        Proven::Fork { log, first, second } => format!(
            "PROVEN: {log} signed two histories: its heads of {first} and {second} entries are of no one log"
        ),
        Proven::StampFault { kind, index, times } => {
            let times =
                times.map(|(stamp, bound)| format!(": stamped {stamp}, against {bound} (Unix seconds)"));
            format!("PROVEN: the log's stamp of entry {index} is {kind}{}", times.unwrap_or_default())
        }
    });
    Ok(())
}

fn ended(error: Error) -> Ended {
    match error {
        Error::Log(error) if error.is_fork() => Ended::alarm(error),
        Error::Listen(_) | Error::Log(_) | Error::File(_) | Error::Store(_) => error.into(),
        error => Ended::wrong(error),
    }
}
