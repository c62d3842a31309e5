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
            Self::Init(file) => init(terminal, &file),
            Self::Serve(file) => serve(&file, shutdown).await,
        }
    }
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let next =
        "write the policy file, which everybody is given: this log's first key, the witnesses, the quorum.";
    terminal.vkeys(&log_server::init(&file.load()?).map_err(Ended::wrong)?, next)
}

async fn serve(file: &ConfigFile, shutdown: Shutdown) -> Outcome {
    let config = file.load_made("log", |config: &Config| &config.data)?;
    let listen = config.listen;
    until_ended(log_server::start(config, shutdown)).await.map_err(|error| match error {
        Error::Listen(error) => Ended::cannot_listen(listen, error),
        Error::NoPolicy { .. } | Error::Policy { .. } | Error::SubmitterKey { .. } => Ended::wrong(error),
        Error::Secret(_) | Error::OwnKey { .. } => Ended::wrong(error),
        error => error.into(),
    })
}
