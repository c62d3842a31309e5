//! The binary as a user runs it: real processes, with what they said, and signals that end them.
//!
//! In scope: starting, watching, signalling, killing. Out of scope: what a command should say,
//! which stands with its tests.

use crate::{PATIENCE, STAGES, until};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::SemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The binary of the same build as this test.
pub fn candor() -> PathBuf {
    // <target>/<profile>/deps/all-<hash>
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("candor");
    assert!(path.is_file(), "{} is missing: run cargo build -p candor", path.display());
    path
}

/// How a command ended, and all it said.
#[derive(Debug, Clone)]
pub struct Ended {
    /// None after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `candor` with these arguments and nothing on standard input.
pub async fn run<S: AsRef<str>>(args: &[S]) -> Ended {
    Process::start(args).ended().await
}

/// A place among the casts on stage, for a process that is a whole cast by itself.
pub async fn permit() -> SemaphorePermit<'static> {
    STAGES.acquire().await.unwrap()
}

/// A running `candor`. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
    stdout: Said,
    stderr: Said,
}

/// What a stream has said so far.
#[derive(Debug)]
struct Said {
    text: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Process {
    /// Starts `candor` with these arguments.
    pub fn start<S: AsRef<str>>(args: &[S]) -> Self {
        Self::start_with(args, &[])
    }

    /// Starts `candor` with these arguments and these variables of the environment.
    pub fn start_with<S: AsRef<str>>(args: &[S], env: &[(&str, &Path)]) -> Self {
        Self::spawn(args, env, Stdio::null())
    }

    /// Starts `candor` with these arguments and this as its standard input.
    pub fn start_fed<S: AsRef<str>>(args: &[S], input: Stdio) -> Self {
        Self::spawn(args, &[], input)
    }

    fn spawn<S: AsRef<str>>(args: &[S], env: &[(&str, &Path)], input: Stdio) -> Self {
        let mut command = Command::new(candor());
        command.args(args.iter().map(AsRef::as_ref)).envs(env.iter().copied()).env_remove("CANDOR_LOG");
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let pid = child.id().unwrap();
        let stdout = Said::by(child.stdout.take().unwrap());
        let stderr = Said::by(child.stderr.take().unwrap());
        Self { child, pid, stdout, stderr }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it says `words` on standard output or standard error.
    pub async fn says(&mut self, words: &str) {
        until(words, async || {
            let said = self.stdout().contains(words) || self.stderr().contains(words);
            assert!(said || self.is_running(), "it ended before {words:?}: {}", self.stderr());
            said
        })
        .await;
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// SIGKILL: no destructor, no flush, no goodbye.
    pub async fn kill(mut self) {
        assert!(self.is_running(), "it had ended before it was killed: {}", self.stderr());
        self.child.kill().await.unwrap();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it goes on and on: {}", self.stderr())).unwrap();
        Ended { code: status.code(), stdout: self.stdout.all().await, stderr: self.stderr.all().await }
    }

    /// Its children, their children, and so on, which live now.
    pub fn descendants(&self) -> Vec<Living> {
        family(self.pid).into_iter().filter(|it| it.pid != self.pid).collect()
    }
}

/// A process, its children, their children, and so on, which live now.
pub fn family(pid: u32) -> Vec<Living> {
    let all = processes();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(all.iter().filter(|(_, of)| *of == parent).map(|(living, _)| living.pid));
        at += 1;
    }
    all.into_iter().map(|(living, _)| living).filter(|it| family.contains(&it.pid)).collect()
}

/// Ends a process and all below it at once.
pub fn kill_family(pid: u32) {
    for Living { pid, .. } in family(pid) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
            // One that has just ended by itself is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Said {
    fn by(stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let heard = text.clone();
        let reading = tokio::spawn(async move {
            let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
            while stream.read_until(b'\n', &mut line).await.is_ok_and(|len| len > 0) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reading }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Everything, once the stream is closed: a child that outlived the process would hold it open.
    async fn all(self) -> String {
        timeout(PATIENCE, self.reading).await.expect("somebody still holds the stream").unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// A process at one moment; its start tells it from a later one of the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    pub pid: u32,
    pub name: String,
    start: String,
}

impl Living {
    /// Whether it lives now. One that has ended and waits to be collected does not.
    pub fn is_alive(&self) -> bool {
        processes().iter().any(|(living, _)| living == self)
    }
}

/// All processes that have not ended, each with its parent's number.
fn processes() -> Vec<(Living, u32)> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    numbers.filter_map(|name| process(name.parse().ok()?)).collect()
}

/// `pid (name) state parent ...`, the start being the 22nd field (proc(5)).
fn process(pid: u32) -> Option<(Living, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let start = (*fields.get(19)?).to_owned();
    (*fields.first()? != "Z").then_some((Living { pid, name, start }, fields.get(1)?.parse().ok()?))
}
