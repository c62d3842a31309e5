//! A process under observation.

use measure::process::{Held, held};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pid: u32,
    /// Killed when it is dropped. None is this process.
    child: Option<Child>,
    /// When, and what it held.
    pub(crate) looks: Vec<(Duration, Held)>,
}

impl Part {
    /// This very process.
    pub(crate) fn this(name: &str) -> Self {
        Self { name: name.to_owned(), pid: std::process::id(), child: None, looks: Vec::new() }
    }

    /// `candor` with these arguments, the configuration and some more.
    pub(crate) fn start(name: impl Into<String>, verb: &[&str], config: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(verb).arg(config).args(more).env("CANDOR_LOG", "error").kill_on_drop(true);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Self { name: name.into(), pid: child.id().unwrap(), child: Some(child), looks: Vec::new() }
    }

    pub(crate) fn look(&mut self, at: Duration) {
        if let Some(child) = &mut self.child {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended after {at:?}: {ended:?}", self.name);
        }
        self.looks.push((at, held(self.pid).unwrap()));
    }
}

/// What a viewer shows.
#[derive(Debug)]
pub(crate) struct Viewing(Arc<AtomicU64>);

impl Viewing {
    /// `candor owner live`, whose pictures somebody takes.
    pub(crate) fn start(name: String, config: &Path, camera: &str) -> (Part, Self) {
        let mut part = Part::start(name, &["owner", "live", "--config"], config, &[camera]);
        let mut pictures = part.child.as_mut().and_then(|child| child.stdout.take()).unwrap();
        let bytes = Arc::new(AtomicU64::new(0));
        let seen = bytes.clone();
        tokio::spawn(async move {
            let mut taken = vec![0; 64 << 10];
            while let Ok(len @ 1..) = pictures.read(&mut taken).await {
                seen.fetch_add(len as u64, Ordering::Relaxed);
            }
        });
        (part, Self(bytes))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
