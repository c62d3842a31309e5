//! `candor relay`.

use super::{ConfigFile, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the relay's keys and its empty store, once; prints the keys that owners and the log's operator need.
    Init(ConfigFile),
    /// Store and forward sealed segments, until Ctrl-C.
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = relay::init(&file.load()?)?;
                terminal.result(&created, |created| {
                    format!(
                        "relay key    {}\nsponsor key  {}\nOwners put the relay key into their configuration; the log's operator lists the sponsor key under [[submitters]], and the registrar registers it as a sponsor.",
                        created.link_key, created.sponsor_vkey
                    )
                });
            }
            Self::Serve(file) => relay::run(file.load()?, shutdown).await?,
        }
        Ok(())
    }
}
