//! `candor monitor`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;
use monitor::Error;
use std::net::SocketAddr;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the monitor's data folder, once.
    #[command(after_help = "Example: candor monitor init --config monitor.toml")]
    Init(ConfigFile),
    /// Follow the log, gossip heads with peers, count, raise the alarm; until Ctrl-C.
    #[command(after_help = "Example: candor monitor serve --config monitor.toml")]
    Serve(ConfigFile),
    /// Recount every release from the log alone; needs no running monitor.
    #[command(after_help = "Example: candor monitor check --config monitor.toml --expect 11")]
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// A number of completed emergencies that somebody published; exit code 1 if the log says another.
        #[arg(long, value_name = "N")]
        expect: Option<u64>,
    },
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let config: monitor::Config = file.load()?;
                monitor::init(&config).map_err(Ended::wrong)?;
                let value = serde_json::json!({ "data": config.data });
                terminal.result(&value, |_| format!("made {}", config.data.display()));
                Ok(())
            }
            Self::Serve(file) => {
                let config: monitor::Config = file.load()?;
                file.made("monitor", &config.data)?;
                let listen = config.listen;
                monitor::run(config, shutdown).await.map_err(|error| ended(error, listen))
            }
            Self::Check { file, expect } => {
                let config: monitor::Config = file.load()?;
                let checked = monitor::check(&config, expect).await;
                let report = checked.map_err(|error| ended(error, config.listen))?;
                let emergencies = report.counts.emergencies();
                let counts = report.counts.to_json();
                let value = serde_json::json!({
                    "size": report.size,
                    "emergencies": emergencies,
                    "rows": counts["rows"],
                    "agrees": report.agrees,
                    "alarms": report.alarms,
                });
                terminal.result(&value, |_| {
                    format!(
                        "{} leaves recounted\nemergency releases: {} completed, {} attempted, {} of them ratified\n{}{}",
                        report.size,
                        emergencies.completed,
                        emergencies.attempted,
                        emergencies.ratified,
                        match report.agrees {
                            Some(true) => "the published number is the log's\n",
                            Some(false) => "the published number is NOT the log's\n",
                            None => "",
                        },
                        match report.alarms.is_empty() {
                            true => "no alarm stands".to_owned(),
                            false => format!("ALARMS: {}", report.alarms.join(", ")),
                        }
                    )
                });
                match (report.alarms.is_empty(), report.agrees) {
                    (false, _) => Err(Ended::ALARM),
                    (true, Some(false)) => Err(Ended::NO),
                    (true, _) => Ok(()),
                }
            }
        }
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
