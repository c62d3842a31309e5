//! `candor witness`.

use super::{ConfigFile, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;

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
                let vkeys = witness::init(&file.load()?)?;
                terminal.result(&serde_json::json!({ "vkeys": vkeys }), |_| vkeys.join("\n"));
            }
            Self::Serve(file) => witness::run(file.load()?, shutdown).await?,
        }
        Ok(())
    }
}
