//! `candor owner camera`: its name, its key, its end.

use super::{invited, not_paired};
use crate::cli::{ConfigFile, Ended, Outcome, Terminal, steps};
use clap::Subcommand;
use host::shutdown::Shutdown;
use owner::book::{BookError, Camera};
use owner::cameras::{CameraError, rekey, rename, retire};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Call a camera something else. The name is known to this device alone.
    #[command(after_help = "Example: candor owner camera rename --config owner.toml front-door gate")]
    Rename {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name, as `cameras` lists it.
        name: String,
        /// What it is called from now on.
        new: String,
    },
    /// Give a camera a new key under the same name, and retire the one that it had.
    #[command(after_help = "\
For a camera whose key somebody else may have, or that was put back from a backup. It prints an
invite, as `candor owner invite` does. On the camera, once its spool is empty (`waiting` of
`candor owner cameras`): stop it, name another folder in `data` of camera.toml, then
`candor camera init`, `candor camera pair` with the invite, and `candor camera run`.
When it has its answer, the relay takes nothing more that the old key signed. Footage of both keys is
played, exported and drawn as one camera's, and the change is named. The old key stays in the list
under the name with its id behind, until its footage is past its days.
Example: candor owner camera rekey --config owner.toml front-door")]
    Rekey {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name, as `cameras` lists it.
        name: String,
    },
    /// Retire a camera for good: it films nothing more, and the relay takes nothing of its key.
    #[command(after_help = "\
The last version of its policy says so: signed here, logged like every other, and given to the relay.
What it filmed stays to be watched for as long as it would have. What still waits in the camera does
not come any more. There is no way back: to film again a new camera is made and paired.
Repeat it if it was cut off.
It asks for the name again; --yes does not.
Example: candor owner camera retire --config owner.toml front-door")]
    Retire {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name, as `cameras` lists it.
        name: String,
        /// Do it without asking for the name again.
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    pub(super) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Rename { file, name, new } => {
                let camera = rename(&super::open(&file)?, &name, &new).await.map_err(not_changed)?;
                terminal.done(&camera, |camera: &Camera| format!("{name} is called {}", camera.name))
            }
            Self::Rekey { file, name } => {
                let owner = super::open(&file)?;
                let invitation = rekey(&owner, &name).await.map_err(not_changed)?;
                invited(terminal, shutdown, invitation).await
            }
            Self::Retire { file, name, yes } => {
                let owner = super::open(&file)?;
                // A name that is in no book is told as that.
                if !yes && owner.cameras().iter().any(|camera| camera.name == name) {
                    confirmed(terminal, &name, || std::io::stdin().lines().next())?;
                }
                let on = &mut |step| terminal.step(&step, steps::changing_policy);
                let camera = retire(&owner, &name, on).await.map_err(not_changed)?;
                terminal.done(&camera, |camera: &Camera| {
                    format!("{} is retired: the relay takes nothing more of its key", camera.name)
                })
            }
        }
    }
}

/// Whether whoever retires a camera means this one.
fn confirmed(
    terminal: &Terminal,
    name: &str,
    answered: impl FnOnce() -> Option<std::io::Result<String>>,
) -> Outcome {
    terminal.next(&format!(
        "{name} films nothing more for ever, and there is no way back. Type its name to retire it:"
    ));
    match answered() {
        Some(Ok(line)) if line.trim() == name => Ok(()),
        Some(_) | None => Err(Ended::wrong(anyhow::anyhow!(
            "{name} is as it was: its name was not given again; say it, or --yes"
        ))),
    }
}

fn not_changed(error: CameraError) -> Ended {
    match error {
        CameraError::Replaced { .. } | CameraError::IsNew { .. } => Ended::wrong(error),
        CameraError::Finished(_) => Ended::no(error),
        CameraError::Book(
            BookError::Unknown(_) | BookError::NameTaken { .. } | BookError::BadName { .. },
        ) => Ended::wrong(error),
        CameraError::Book(_) => error.into(),
        CameraError::Policy(error) => super::policy::not_changed(error),
        CameraError::Pair(error) => not_paired(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_retired_by_whoever_says_its_name_twice() {
        let terminal = Terminal::new(true);
        let said =
            |line: Option<&str>| confirmed(&terminal, "garden", || line.map(|line| Ok(line.to_owned())));
        assert!(said(Some("garden\n")).is_ok());
        for other in [Some("garden-2"), Some("y"), Some(""), None] {
            assert_eq!(said(other).unwrap_err().code, 2, "{other:?}");
        }
    }
}
