//! Alarms: what only a fork, a rollback, a lying witness or a damaged disk explains. Each is kept
//! with its evidence, once.

use host::durable::{self, DurableError};
use host::lock::Mutex;
use std::path::{Path, PathBuf};

/// Alarms kept; the first ones are those that matter.
pub(crate) const MAX_ALARMS: usize = 1000;

/// The folder of alarms; they stand until an operator moves the files away.
#[derive(Debug)]
pub(crate) struct Alarms {
    folder: PathBuf,
    one_at_a_time: Mutex<()>,
}

impl Alarms {
    pub(crate) fn open(folder: &Path) -> Result<Self, DurableError> {
        durable::create_dirs(folder)?;
        Ok(Self { folder: folder.to_owned(), one_at_a_time: Mutex::new(()) })
    }

    /// How many stand.
    pub(crate) fn count(&self) -> usize {
        std::fs::read_dir(&self.folder).map_or(0, Iterator::count)
    }

    /// Raises an alarm: a log line at `error`, and a file that begins with `text` and ends with
    /// `evidence`. The same `name` is raised once.
    pub(crate) fn raise(&self, name: &str, text: &str, evidence: &[u8]) {
        let _one = self.one_at_a_time.lock();
        let name: String = name
            .chars()
            .map(|char| if char.is_ascii_alphanumeric() || "-.".contains(char) { char } else { '_' })
            .collect();
        let path = self.folder.join(format!("{name}.txt"));
        if path.exists() {
            return;
        }
        tracing::error!(alarm = name, evidence = %path.display(), "{text}");
        if self.count() >= MAX_ALARMS {
            tracing::error!("{} holds {MAX_ALARMS} alarms: this one is not kept", self.folder.display());
            return;
        }
        let mut bytes = format!("{text}\n\n").into_bytes();
        bytes.extend_from_slice(evidence);
        if let Err(error) = durable::create_exclusive(&path, &bytes) {
            tracing::error!(%error, "the alarm's evidence could not be kept");
        }
    }
}
