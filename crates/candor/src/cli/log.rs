//! `candor log`.

use super::{ConfigFile, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the log's keys and its empty tree, once; prints the verifier keys that go into the policy file.
    #[command(after_help = "Example: candor log init --config log.toml")]
    Init(ConfigFile),
    /// Admit leaves, order them, collect the quorum, publish; until Ctrl-C.
    #[command(after_help = "Example: candor log serve --config log.toml")]
    Serve(ConfigFile),
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let vkeys = log_server::init(&file.load()?)?;
                terminal.result(&serde_json::json!({ "vkeys": vkeys }), |_| vkeys.join("\n"));
            }
            Self::Serve(file) => log_server::run(file.load()?, shutdown).await?,
        }
        Ok(())
    }
}
