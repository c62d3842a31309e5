//! The command line: what can be said, who does it, how it ends.
//!
//! ```text
//! exit 0   done, and the answer is yes
//! exit 1   done, and the answer is no: the audit found what the owner did not make, a count differs, evidence is incomplete or
//!          not shown to be complete, trustees refused, an invite was refused
//! exit 2   the command line, a configuration, or a file that these name is wrong or missing; `init` was not run
//! exit 3   an alarm stands: the log has forked, or a monitor says so; evidence is false
//! exit 4   it could not be done now: network, disk, a party that is not there
//! ```

mod browser;
mod camera;
mod demo;
mod ended;
mod log;
mod monitor;
mod overwrite;
mod owner;
mod registrar;
mod relay;
mod request;
mod steps;
mod terminal;
mod trustee;
mod verify;
mod when;
mod witness;

pub(crate) use ended::{Ended, Outcome};
pub(crate) use overwrite::Overwrite;
pub(crate) use terminal::Terminal;

use clap::{Args, Parser, Subcommand};
use host::config::Located;
use host::shutdown::Shutdown;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::process::ExitCode;

/// An end-to-end encrypted video relay whose key releases cannot be kept secret.
///
/// Start with `candor demo`: everybody who takes part, on this machine, with real video, told step
/// by step. In a real deployment each party has its own commands: `init` makes its keys and folders
/// once and prints what the others need to know, `serve` or `run` runs it. Sample configurations
/// that explain every field are in deploy/config/.
#[derive(Debug, Parser)]
#[command(name = "candor", version, max_term_width = 100, after_help = EXITS)]
struct Cli {
    /// Print one JSON object (or one a line, while it runs) on standard output, for scripts.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    party: Party,
}

const EXITS: &str = "\
Exit codes:
  0  done, and the answer is yes
  1  done, and the answer is no: a release found, a count differs, evidence incomplete, a refusal
  2  wrong or missing: an argument, a configuration, a file that these name; or `init` was not run
  3  an alarm stands: the log has forked, or a monitor says so; or evidence is false
  4  not possible now: network, disk, a port in use, a party that does not answer

Example: candor demo
CANDOR_LOG=debug shows more on standard error.";

#[derive(Debug, Subcommand)]
enum Party {
    /// Run everybody on this machine with real video, and tell the story in the terminal.
    #[command(
        after_help = "Example: candor demo --once --json\nExample: candor demo --source door.mp4 --source yard.mp4"
    )]
    Demo(demo::Demo),
    /// The camera: films, seals and signs; shares each key among owner and trustees, then forgets
    /// it.
    #[command(subcommand, after_help = "In order: init, pair (with the owner's invite), run.")]
    Camera(camera::Verb),
    /// The owner: pairs cameras, watches live and recorded, exports, audits the log.
    #[command(
        subcommand,
        after_help = "In order: init, invite (then `candor camera pair` on the camera), cameras, live, play, export, evidence, audit; app, for all of it on a page; camera, for its name, its key and its end; address, for the page on other devices; bridge and token, for programs of the house."
    )]
    Owner(owner::Verb),
    /// The relay: stores and forwards sealed segments that it cannot open.
    #[command(subcommand, after_help = "In order: init, serve.")]
    Relay(relay::Verb),
    /// The log: orders the release records.
    #[command(subcommand, after_help = "In order: init, write the policy file, serve.")]
    Log(log::Verb),
    /// A witness: cosigns the heads of logs that only grow.
    #[command(subcommand, after_help = "In order: init, give the key to the log's operator, serve.")]
    Witness(witness::Verb),
    /// A monitor: follows the log, compares it with other monitors, counts releases, raises the
    /// alarm.
    #[command(
        subcommand,
        after_help = "In order: init, serve. To count again without a monitor of your own: check."
    )]
    Monitor(monitor::Verb),
    /// A trustee: holds one share of each key; grants a logged request, or refuses it.
    #[command(
        subcommand,
        after_help = "In order: init, approver (for each person who decides), serve; then pending, and approve or deny."
    )]
    Trustee(trustee::Verb),
    /// Registrar and operator: say in the log whose keys count, and publish the rules.
    #[command(
        subcommand,
        after_help = "In order: init, rules and publish (the operator), register (the registrar)."
    )]
    Registrar(registrar::Verb),
    /// A requester: asks for one camera and one span of time, with a reason, under its own name.
    #[command(
        subcommand,
        after_help = "In order: init, example, new, sign (emergencies), submit, collect, open; then `candor verify`."
    )]
    Request(request::Verb),
    /// Verify an evidence file offline: which camera, when, what is missing, and under which
    /// release.
    #[command(after_help = verify::HELP)]
    Verify(verify::Verify),
}

/// Where a party's configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The party's TOML file; deploy/config/ has a sample of each. Relative paths in it start at its
    /// folder.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfigFile {
    pub(crate) fn load<T: DeserializeOwned + Located>(&self) -> Result<T, Ended> {
        host::config::load(&self.config).map_err(Ended::wrong)
    }

    /// The configuration of a party whose folder was made: what is missing is not made on the way.
    pub(crate) fn load_made<T: DeserializeOwned + Located>(
        &self,
        party: &str,
        folder: impl Fn(&T) -> &PathBuf,
    ) -> Result<T, Ended> {
        let config = self.load()?;
        let folder = folder(&config);
        if folder.is_dir() {
            return Ok(config);
        }
        Err(Ended::wrong(anyhow::anyhow!(
            "{}: no such folder; make it once: candor {party} init --config {}",
            folder.display(),
            self.config.display()
        )))
    }
}

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
        // It runs for months, and a hook that is not told should be seen before it is needed.
        Party::Owner(owner::Verb::Alarm(_) | owner::Verb::Bridge(_)) => "warn",
        _ => "error",
    };
    host::telemetry::init(default_filter).map_err(Ended::wrong)?;
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
        Party::Registrar(verb) => unless_stopped(&shutdown, verb.run(terminal)).await,
        Party::Request(verb) => unless_stopped(&shutdown, verb.run(terminal)).await,
        Party::Verify(verb) => verb.run(terminal, &shutdown),
    }
}

/// What is to answer, or its end at once when the user asks for it.
async fn unless_stopped(shutdown: &Shutdown, answers: impl Future<Output = Outcome>) -> Outcome {
    tokio::select! {
        outcome = answers => outcome,
        () = shutdown.requested() => Err(Ended::no(anyhow::anyhow!(
            "stopped; what the log was asked to take may be published all the same: the same command again, \
             in a minute, says so"
        ))),
    }
}

/// Waits for the log to take a leaf; says that it waits where that takes long.
async fn patiently<T>(terminal: &Terminal, adding: impl Future<Output = T>) -> T {
    let mut adding = std::pin::pin!(adding);
    match tokio::time::timeout(SAID_AFTER, &mut adding).await {
        Ok(added) => added,
        Err(_) => {
            terminal.step(&serde_json::json!({ "step": "waiting-for-log" }), |_| {
                "waiting for the log, which takes a leaf once its witnesses have cosigned it".to_owned()
            });
            adding.await
        }
    }
}

/// A log with its witnesses takes a leaf in less.
const SAID_AFTER: std::time::Duration = std::time::Duration::from_secs(5);

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
