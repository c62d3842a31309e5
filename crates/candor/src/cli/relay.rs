//! `candor relay`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::running::until_ended;
use host::shutdown::Shutdown;
use relay::{Config, Error};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the relay's keys and its empty store, once; prints the keys that owners and the log
    /// need.
    #[command(after_help = "Example: candor relay init --config relay.toml")]
    Init(ConfigFile),
    /// Store and forward sealed segments, until Ctrl-C.
    #[command(after_help = "Example: candor relay serve --config relay.toml")]
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = relay::init(&file.load()?).map_err(Ended::wrong)?;
                terminal.done(&created, |created| {
                    format!(
                        "relay key    {}\nsponsor key  {}\n\
                         Owners put the relay key into their configuration; the log's operator lists the sponsor key \
                         under [[submitters]], and the registrar registers it as a sponsor.",
                        created.link_key, created.sponsor_vkey
                    )
                })
            }
            Self::Serve(file) => {
                let config = file.load_made("relay", |config: &Config| &config.data)?;
                until_ended(relay::start(config, shutdown)).await.map_err(|error| match error {
                    Error::Secret(_) | Error::SponsorKey(_) => Ended::wrong(error),
                    Error::LogPolicy(_) | Error::Config(_) => Ended::wrong(error),
                    error => error.into(),
                })
            }
        }
    }
}
