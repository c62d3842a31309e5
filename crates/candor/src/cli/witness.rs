//! `candor witness`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::running::until_ended;
use host::shutdown::Shutdown;
use witness::{Config, Error};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the witness's keys and its empty record, once; prints the verifier keys that policies
    /// name.
    #[command(after_help = "Example: candor witness init --config witness.toml")]
    Init(ConfigFile),
    /// Cosign the heads of logs that only grow, until Ctrl-C.
    #[command(after_help = "Example: candor witness serve --config witness.toml")]
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let next = "give the first key and your URL to the log's operator, for the policy file.";
                terminal.vkeys(&witness::init(&file.load()?).map_err(Ended::wrong)?, next)
            }
            Self::Serve(file) => {
                let config = file.load_made("witness", |config: &Config| &config.data)?;
                until_ended(witness::start(config, shutdown)).await.map_err(|error| match error {
                    Error::LogKey { .. } | Error::Secret(_) | Error::OwnKey { .. } => Ended::wrong(error),
                    error => error.into(),
                })
            }
        }
    }
}
