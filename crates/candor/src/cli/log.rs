//! `candor log`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::running::until_ended;
use host::shutdown::Shutdown;
use log_server::{Config, Error};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the log's keys and its empty tree, once; prints the verifier keys for the policy file.
    #[command(after_help = "Example: candor log init --config log.toml")]
    Init(ConfigFile),
    /// Take in leaves, order them, collect the witnesses' cosignatures and publish, until Ctrl-C.
    #[command(after_help = "Example: candor log serve --config log.toml")]
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let next = "write the policy file, which everybody is given: this log's first key, the witnesses, the quorum.";
                terminal.vkeys(&log_server::init(&file.load()?).map_err(Ended::wrong)?, next)
            }
            Self::Serve(file) => {
                let config = file.load_made("log", |config: &Config| &config.data)?;
                until_ended(log_server::start(config, shutdown)).await.map_err(|error| match error {
                    Error::Policy(_) | Error::SubmitterKey { .. } => Ended::wrong(error),
                    Error::Secret(_) | Error::OwnKey { .. } => Ended::wrong(error),
                    error => error.into(),
                })
            }
        }
    }
}
