//! `candor witness`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;
use witness::Error;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the witness's keys and its empty record, once; prints the verifier keys that go into policies.
    #[command(after_help = "Example: candor witness init --config witness.toml")]
    Init(ConfigFile),
    /// Cosign heads that only grow, until Ctrl-C.
    #[command(after_help = "Example: candor witness serve --config witness.toml")]
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let vkeys = witness::init(&file.load()?).map_err(Ended::wrong)?;
                terminal.result(&serde_json::json!({ "vkeys": vkeys }), |_| vkeys.join("\n"));
                terminal.next("give the first key and your URL to the log's operator, for the policy file.");
            }
            Self::Serve(file) => {
                let config: witness::Config = file.load()?;
                file.made("witness", &config.data)?;
                let listen = config.listen;
                witness::run(config, shutdown).await.map_err(|error| match error {
                    Error::Listen(error) => Ended::cannot_listen(listen, error),
                    Error::LogKey { .. } | Error::Secret(_) | Error::OwnKey { .. } => Ended::wrong(error),
                    error => error.into(),
                })?;
            }
        }
        Ok(())
    }
}
