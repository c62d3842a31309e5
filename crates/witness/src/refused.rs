//! Refused requests that may show a fork: kept whole, one file each, for whoever asks the log for
//! an explanation.
//!
//! Only requests whose checkpoint the log signed come here, so nobody but the log can fill the
//! folder with *new* checkpoints; a count bounds it all the same.

use host::durable::{self, DurableError};
use host::lock::Mutex;
use std::path::{Path, PathBuf};
use tlog::checkpoint::Checkpoint;
use tlog::merkle::leaf_hash;

/// Files kept; the first ones are those that matter.
pub(crate) const MAX_KEPT: usize = 1000;

/// The folder of refused requests.
#[derive(Debug)]
pub(crate) struct Refused {
    folder: PathBuf,
    kept: Mutex<usize>,
}

impl Refused {
    /// Opens the folder, making it if needed: an empty one states nothing.
    pub(crate) fn open(folder: &Path) -> Result<Self, DurableError> {
        durable::create_dirs(folder)?;
        let entries = std::fs::read_dir(folder).map_err(|error| DurableError::at(folder, error))?;
        Ok(Self { folder: folder.to_owned(), kept: Mutex::new(entries.count()) })
    }

    /// Keeps a refused request, once for each head it presents. A full folder or disk is logged,
    /// and no more: the refusal stands either way.
    pub(crate) fn keep(&self, checkpoint: &Checkpoint, request: &[u8], reason: &dyn std::fmt::Display) {
        // The leaf hash of the text serves as a short name: equal heads, equal names.
        let head = hex::encode(&leaf_hash(checkpoint.text().as_bytes()).0[..16]);
        let path = self.folder.join(format!("{}-{head}.txt", checkpoint.size()));
        let origin = checkpoint.origin();
        let mut kept = self.kept.lock();
        if path.exists() {
            return;
        }
        if *kept >= MAX_KEPT {
            tracing::error!(origin, %reason, "a refused checkpoint is NOT kept: {} holds {MAX_KEPT} already; look at them", self.folder.display());
            return;
        }
        match durable::create_exclusive(&path, request) {
            Ok(()) => {
                *kept += 1;
                tracing::error!(origin, %reason, evidence = %path.display(), "the log signed a head that does not continue its history");
            }
            Err(error) => tracing::error!(origin, %reason, %error, "a refused checkpoint could not be kept"),
        }
    }
}
