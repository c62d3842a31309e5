//! The command line: what can be said, who does it, how it ends.
//!
//! ```text
//! exit 0   done, and the answer is yes
//! exit 1   done, and the answer is no: the audit found what the owner did not make, a count differs, evidence does not hold,
//!          trustees refused
//! exit 2   the command line or a configuration is wrong
//! exit 3   an alarm stands: the log has forked, or a monitor says so
//! exit 4   it could not be done now: network, disk, a party that is not there
//! ```

mod camera;
mod demo;
mod log;
mod monitor;
mod owner;
mod registrar;
mod relay;
mod request;
mod terminal;
mod trustee;
mod verify;
mod when;
mod witness;

pub(crate) use owner::audit_text;
pub(crate) use request::answer_text;
pub(crate) use terminal::Terminal;
pub(crate) use verify::verify_evidence;
pub(crate) use when::show_us;

use clap::{Args, Parser, Subcommand};
use host::shutdown::Shutdown;
use std::path::PathBuf;
use std::process::ExitCode;

/// An end-to-end encrypted video relay whose key releases cannot be kept secret.
///
/// Start with `candor demo`: the whole cast on this machine, with real video, told step by step. Each party of a real deployment is a
/// verb here: `init` makes its keys and folders once and prints what others need to know of it, `serve` or `run` runs it. Sample
/// configurations with every field explained are in deploy/config/.
#[derive(Debug, Parser)]
#[command(name = "candor", version, max_term_width = 100, after_help = EXITS)]
struct Cli {
    /// One JSON object (or one a line, while it runs) on standard output, for scripts.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    party: Party,
}

const EXITS: &str = "Exit codes: 0 yes; 1 no (the audit found something, a count differs, evidence does not hold, trustees refused); \
2 wrong arguments or configuration; 3 an alarm stands; 4 not possible now.\nCANDOR_LOG=debug shows more on standard error.";

#[derive(Debug, Subcommand)]
enum Party {
    /// The whole cast on loopback, on real video, told in the terminal.
    Demo(demo::Demo),
    /// The camera: films, seals, signs, deals each epoch key to owner and trustees, forgets it.
    #[command(subcommand)]
    Camera(camera::Verb),
    /// The owner: pairs cameras, watches live and recorded, exports, audits the log.
    #[command(subcommand)]
    Owner(owner::Verb),
    /// The relay: stores and forwards sealed segments that it cannot open.
    #[command(subcommand)]
    Relay(relay::Verb),
    /// The log: orders the release records.
    #[command(subcommand)]
    Log(log::Verb),
    /// A witness: cosigns heads of logs that only ever grow.
    #[command(subcommand)]
    Witness(witness::Verb),
    /// A monitor: follows the log, gossips heads, counts releases, raises the alarm.
    #[command(subcommand)]
    Monitor(monitor::Verb),
    /// A trustee: holds one share of each epoch key; grants a logged request or refuses it.
    #[command(subcommand)]
    Trustee(trustee::Verb),
    /// The registrar and the operator: say in the log whose keys count, and publish the rules.
    #[command(subcommand)]
    Registrar(registrar::Verb),
    /// A requester: asks for one camera and one span of time, with a reason, under its own name.
    #[command(subcommand)]
    Request(request::Verb),
    /// Verifies an evidence file offline: which camera, when, unaltered, complete, and under which release.
    Verify(verify::Verify),
}

/// Where a party's configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The party's TOML file; deploy/config/ has a sample for each.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfigFile {
    pub(crate) fn load<T: serde::de::DeserializeOwned>(&self) -> Result<T, Ended> {
        host::config::load(&self.config).map_err(Ended::wrong)
    }
}

/// A command that did not end with yes.
#[derive(Debug)]
pub(crate) struct Ended {
    code: u8,
    error: Option<anyhow::Error>,
}

impl Ended {
    /// The answer is no, and the command has said why.
    pub(crate) const NO: Self = Self { code: 1, error: None };
    /// An alarm stands, and the command has said which.
    pub(crate) const ALARM: Self = Self { code: 3, error: None };

    /// Wrong arguments or configuration.
    pub(crate) fn wrong(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: Some(error.into()) }
    }

    /// The answer is no, because of this.
    pub(crate) fn no(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: Some(error.into()) }
    }

    /// An alarm.
    pub(crate) fn alarm(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 3, error: Some(error.into()) }
    }
}

/// What is not said to be otherwise could not be done now.
impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self { code: 4, error: Some(error.into()) }
    }
}

pub(crate) type Outcome = Result<(), Ended>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(cli.party, &terminal));
            // A blocking read of standard input must not hold the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            if let Some(error) = ended.error {
                terminal.error(&error);
            }
            ExitCode::from(ended.code)
        }
    }
}

async fn run(party: Party, terminal: &Terminal) -> Outcome {
    // Servers tell what they do; commands that answer keep quiet unless something is wrong.
    let default_filter = match &party {
        Party::Relay(_) | Party::Log(_) | Party::Witness(_) | Party::Monitor(_) | Party::Trustee(_) => "info",
        Party::Camera(_) => "info",
        _ => "error",
    };
    host::telemetry::init(host::telemetry::Format::Text, default_filter).map_err(Ended::wrong)?;
    let shutdown = Shutdown::on_signals()?;
    match party {
        Party::Demo(verb) => verb.run(terminal, shutdown).await,
        Party::Camera(verb) => verb.run(terminal, shutdown).await,
        Party::Owner(verb) => verb.run(terminal, shutdown).await,
        Party::Relay(verb) => verb.run(terminal, shutdown).await,
        Party::Log(verb) => verb.run(terminal, shutdown).await,
        Party::Witness(verb) => verb.run(terminal, shutdown).await,
        Party::Monitor(verb) => verb.run(terminal, shutdown).await,
        Party::Trustee(verb) => verb.run(terminal, shutdown).await,
        Party::Registrar(verb) => verb.run(terminal).await,
        Party::Request(verb) => verb.run(terminal).await,
        Party::Verify(verb) => verb.run(terminal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_and_every_verb_is_explained() {
        Cli::command().debug_assert();
        fn explained(command: &clap::Command) {
            for sub in command.get_subcommands() {
                assert!(sub.get_about().is_some(), "{} has no help", sub.get_name());
                for argument in sub.get_arguments() {
                    let named = argument.get_help().is_some() || argument.is_hide_set();
                    assert!(named, "{} {} has no help", sub.get_name(), argument.get_id());
                }
                explained(sub);
            }
        }
        explained(&Cli::command());
    }
}
