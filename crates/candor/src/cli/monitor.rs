//! `candor monitor`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;
use monitor::{Config, Error};
use std::net::SocketAddr;

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
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file.load()?),
            Self::Serve(file) => serve(&file, shutdown).await,
            Self::Check { file, expect } => check(terminal, &file.load()?, expect).await,
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
    let listen = config.listen;
    monitor::run(config, shutdown).await.map_err(|error| ended(error, listen))
}

async fn check(terminal: &Terminal, config: &Config, expect: Option<u64>) -> Outcome {
    let checked = monitor::check(config, expect).await;
    let report = checked.map_err(|error| ended(error, config.listen))?;
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
        format!(
            "{} leaves recounted\nemergency releases: {} completed, {} attempted, {} of them ratified\n\
             {agrees}{alarms}",
            report.size, emergencies.completed, emergencies.attempted, emergencies.ratified,
        )
    });
    match (report.alarms.is_empty(), report.agrees) {
        (false, _) => Err(Ended::ALARM),
        (true, Some(false)) => Err(Ended::NO),
        (true, Some(true) | None) => Ok(()),
    }
}

fn ended(error: Error, listen: SocketAddr) -> Ended {
    match error {
        Error::Listen(error) => Ended::cannot_listen(listen, error),
        Error::Log(error) if error.is_fork() => Ended::alarm(error),
        Error::Log(_) | Error::File(_) | Error::Store(_) => error.into(),
        error => Ended::wrong(error),
    }
}
