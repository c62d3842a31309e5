//! Handing messages on: to a command of the owner's, to a webhook. Never in the way of the watch:
//! each hook has a queue and a worker of its own.
//!
//! ```text
//! COMMAND    the message as JSON on standard input; CANDOR_ALARM_EVENT, _AT, _CAMERA, _CAMERA_ID, _TEXT in its environment;
//!            with a picture CANDOR_ALARM_PICTURE, a file that is gone when the command ends, and _PICTURE_TYPE
//! POST URL   content-type: application/json, the message, with a picture as "picture": {"sealed": BASE64}, which
//!            `candor owner picture open` opens; any 2xx is an answer
//! ```
//! A command is the owner's own, on this machine. Who serves a webhook is somebody else: what it is given of a
//! picture is said in the configuration ([`crate::config::Alarms`]), and is sealed unless that says so.
//!
//! Names of cameras come from the owner's book and hold no character that a shell or a header would
//! read ([`crate::book`]).

mod picture;
mod webhook;

pub(crate) use picture::sweep;
pub use webhook::{Webhook, WebhookError};

use super::Message;
use super::decide::Change;
use host::blocking;
use host::http::{FetchError, Retry};
use host::rng::Rng;
use picture::PictureFile;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a command may run before it is killed, with all that it started.
pub const COMMAND: Duration = Duration::from_secs(30);
/// A webhook that is away is asked for about ten minutes: what it is told later than that is no
/// news.
const AWAY: Retry = Retry::new(12, Duration::from_secs(1), Duration::from_secs(120));
/// A program that cannot be started for a moment is tried for about ten seconds.
const START: Retry = Retry::new(12, Duration::from_millis(20), Duration::from_secs(2));
/// Messages that wait for a hook; a further one is not handed on to it.
const WAITING: usize = 256;
/// The same of what moved, with its pictures: some 80 MB at the most.
const WAITING_MOTION: usize = 8;
/// How often a webhook is posted a picture; then it is told without.
const PICTURE: Retry = Retry::new(3, Duration::from_secs(1), Duration::from_secs(10));
/// How long hooks may go on when the watch has ended.
const LAST: Duration = Duration::from_secs(5);

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// A program, started without a shell and without arguments.
    Program(String),
    /// A line for `sh -c`.
    Shell(String),
    Webhook(Webhook),
}

impl Hook {
    /// Whether this user may run it: said before it is needed.
    pub fn check(&self) -> Result<(), HookError> {
        let Self::Program(program) = self else { return Ok(()) };
        let may_run = |path: PathBuf| {
            path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let is_found = match program.contains('/') {
            true => may_run(program.into()),
            false => std::env::split_paths(&folders).any(|folder| may_run(folder.join(program))),
        };
        let error = || std::io::ErrorKind::NotFound.into();
        is_found.then_some(()).ok_or_else(|| HookError::Start { program: program.clone(), error: error() })
    }
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error(
        "{program:?} could not be started: {error}; name a program that this user may run, or add --shell"
    )]
    Start { program: String, error: std::io::Error },
    #[error("{program:?} ended with {status}")]
    Failed { program: String, status: std::process::ExitStatus },
    #[error("{program:?} was killed: it ran longer than {} s", .patience.as_secs())]
    TooLong { program: String, patience: Duration },
    #[error(transparent)]
    Fetch(FetchError),
    // What it said may repeat the URL.
    #[error("{webhook} answered {status}; check the URL's path and key, which are not shown")]
    Answered { webhook: String, status: u16 },
}

/// How long a hook is given.
#[derive(Debug, Clone, Copy)]
struct Patience {
    command: Duration,
    webhook: Retry,
    picture: Retry,
}

/// Running hooks.
#[derive(Debug)]
pub struct Hooks {
    queues: Vec<Queues>,
    workers: JoinSet<()>,
}

/// Of one hook. What moves, which anybody in front of a camera causes, holds up nothing of what else
/// is told.
#[derive(Debug)]
struct Queues {
    rest: mpsc::Sender<Message>,
    motion: mpsc::Sender<Message>,
}

impl Hooks {
    pub fn start(hooks: Vec<Hook>) -> Self {
        Self::start_with(hooks, Patience { command: COMMAND, webhook: AWAY, picture: PICTURE })
    }

    fn start_with(hooks: Vec<Hook>, patience: Patience) -> Self {
        let mut workers = JoinSet::new();
        let mut queue = |hook: Arc<Hook>, waiting| {
            let (sender, mut messages) = mpsc::channel::<Message>(waiting);
            workers.spawn(async move {
                while let Some(message) = messages.recv().await {
                    if let Err(error) = hook.tell(&message, patience).await {
                        tracing::warn!(%error, event = message.change.event(), "a hook was not told");
                    }
                }
            });
            sender
        };
        let queues = hooks
            .into_iter()
            .map(Arc::new)
            .map(|hook| Queues { rest: queue(hook.clone(), WAITING), motion: queue(hook, WAITING_MOTION) });
        Self { queues: queues.collect(), workers }
    }

    /// Hands a message to every hook. Never waits.
    pub fn tell(&self, message: &Message) {
        for Queues { rest, motion } in &self.queues {
            let sender = if matches!(message.change, Change::Motion { .. }) { motion } else { rest };
            if sender.try_send(message.clone()).is_err() {
                let behind = sender.max_capacity();
                tracing::warn!(
                    event = message.change.event(),
                    "a hook is {behind} messages behind: not told"
                );
            }
        }
    }

    /// Lets them finish what they have, for a short while.
    pub async fn end(mut self) {
        // A worker ends when its queue has; a panic of one takes nothing from the others.
        self.queues.clear();
        let finish = async { while self.workers.join_next().await.is_some() {} };
        // What is left is aborted with the set.
        let _ = timeout(LAST, finish).await;
    }
}

impl Hook {
    async fn tell(&self, message: &Message, patience: Patience) -> Result<(), HookError> {
        // Strings and numbers only: encoding cannot fail.
        let body = serde_json::to_vec(message).unwrap_or_default();
        let (mut command, program) = match self {
            Self::Webhook(webhook) => return tell_webhook(webhook, message, patience).await,
            Self::Program(program) => (Command::new(program), program),
            Self::Shell(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", line]);
                (command, line)
            }
        };
        command
            .env("CANDOR_ALARM_EVENT", message.change.event())
            .env("CANDOR_ALARM_AT", message.at.to_string());
        command.env("CANDOR_ALARM_TEXT", &message.text);
        if let Some((name, id)) = message.change.camera() {
            command.env("CANDOR_ALARM_CAMERA", name).env("CANDOR_ALARM_CAMERA_ID", id);
        }
        // Gone when this is over, however it ends.
        let picture = picture_of(message).await;
        if let Some((file, kind)) = &picture {
            command.env("CANDOR_ALARM_PICTURE", &file.0).env("CANDOR_ALARM_PICTURE_TYPE", kind);
        }
        // Standard output is the watch's own.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        // A line of a shell is often several processes.
        command.process_group(0);
        let named = || program.to_owned();
        let mut child =
            start(&mut command).await.map_err(|error| HookError::Start { program: named(), error })?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let stdin = child.stdin.take();
        let running = async {
            if let Some(mut stdin) = stdin {
                // One that does not read it is told by its environment.
                let _ = stdin.write_all(&body).await;
            }
            child.wait().await
        };
        let ended = timeout(patience.command, running).await;
        if let Ok(Ok(_)) = ended {
            // Its number may be another's from now on.
            group.0 = None;
        }
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(HookError::Failed { program: named(), status }),
            Ok(Err(error)) => Err(HookError::Start { program: named(), error }),
            // Dropped, it is killed.
            Err(_) => Err(HookError::TooLong { program: named(), patience: patience.command }),
        }
    }
}

/// One that takes no large body, or not in time, is told without the picture.
async fn tell_webhook(webhook: &Webhook, message: &Message, patience: Patience) -> Result<(), HookError> {
    if message.picture.is_some() {
        let Err(error) = webhook.post(message.posted(), patience.picture).await else { return Ok(()) };
        tracing::warn!(%error, "a webhook is told without its picture");
    }
    let alone = Message { picture: None, ..message.clone() };
    webhook.post(alone.posted(), patience.webhook).await
}

/// The file of a message's picture, and its media type.
async fn picture_of(message: &Message) -> Option<(PictureFile, &'static str)> {
    let pictured = message.picture.clone()?;
    let kind = pictured.still.kind;
    let written = blocking::run(move || PictureFile::write(&pictured)).await;
    // Told without is better than not told.
    let file = written.inspect_err(|error| tracing::warn!(%error, "a command is told without its picture"));
    Some((file.ok()?, kind))
}

/// Starts a command, again after a pause where what keeps it from starting passes by itself.
///
/// A file cannot be executed while anybody holds it open for writing: an editor or a copy that is
/// under way, or a process that was forked from the one that wrote it and has not yet become
/// another program.
async fn start(command: &mut Command) -> std::io::Result<Child> {
    use std::io::ErrorKind::{ExecutableFileBusy, OutOfMemory, WouldBlock};
    let mut retry = START;
    loop {
        let error = match command.spawn() {
            Ok(child) => return Ok(child),
            Err(error) => error,
        };
        let passes = [ExecutableFileBusy, OutOfMemory, WouldBlock].contains(&error.kind());
        let Some(pause) = retry.failed(&mut Rng::system()).filter(|_| passes) else { return Err(error) };
        tracing::warn!(%error, "a hook could not be started; trying again");
        sleep(pause).await;
    }
}

/// A command and all that it started. Dropped while it runs, they are killed.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It fails only where nothing is left to be killed.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests;
