//! The storage seam: what the sequencer asks of a disk. Real folders in production ([`Folder`]); in
//! tests a store that fails, fails after persisting, or loses everything that was not fsynced.
//!
//! ```text
//! lock                              held by the one process that may write here
//! state/checkpoint                  the log's own signed checkpoint: the state a restart resumes from
//! public/checkpoint                 the same, cosigned: what `GET /checkpoint` serves
//! public/tile/0/x001/x234/067       a full tile; `.p/<width>` beside it holds partial ones
//! public/tile/entries/000.p/7       an entry bundle
//! index.redb                        text hash to index and stamp: a cache, rebuilt from the bundles when missing
//! alarms/                           evidence against the log or a witness, one file each
//! ```

use host::durable::{self, DurableError, Linked};
use std::path::{Path, PathBuf};

/// What the sequencer needs of a disk. Names are relative, `/`-separated, and made by this crate,
/// never by a peer.
///
/// Every write may fail with nothing done, or fail although it was done: a caller that met an error
/// knows neither, and must read the state again before it writes more.
pub(crate) trait Storage: Send + Sync + 'static {
    /// A whole file of at most `limit` bytes; `None` when there is none.
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, DurableError>;

    /// Makes `name` hold `bytes` and never anything else. Its content is durable on return, its
    /// name only after [`sync`](Storage::sync). Refuses to replace other bytes.
    fn link(&self, name: &str, bytes: &[u8]) -> Result<Linked, DurableError>;

    /// Makes every name linked into these folders so far durable.
    fn sync(&self, folders: &[String]) -> Result<(), DurableError>;

    /// Replaces `name` by `bytes`, atomically, durable on return.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), DurableError>;

    /// The names in a folder, sorted; none when there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, DurableError>;

    /// Removes a file, durably. A missing one is no error.
    fn remove(&self, name: &str) -> Result<(), DurableError>;
}

/// A data folder on a local disk.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Storage for Folder {
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
        durable::read_limited(&self.root.join(name), limit)
    }

    fn link(&self, name: &str, bytes: &[u8]) -> Result<Linked, DurableError> {
        durable::create_dirs(&self.root.join(folder_of(name)))?;
        durable::link_exclusive(&self.root.join(name), bytes)
    }

    fn sync(&self, folders: &[String]) -> Result<(), DurableError> {
        folders.iter().try_for_each(|folder| durable::sync_dir(&self.root.join(folder)))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), DurableError> {
        durable::create_dirs(&self.root.join(folder_of(name)))?;
        durable::write_atomic(&self.root.join(name), bytes)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DurableError> {
        let path = self.root.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(DurableError::at(&path, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| DurableError::at(&path, error))?.file_name();
            // Names that are not UTF-8, or of temporary files, were not made by `link`.
            names.extend(name.into_string().ok().filter(|name| !name.starts_with('.')));
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), DurableError> {
        durable::remove(&self.root.join(name))?;
        durable::sync_dir(&self.root.join(folder_of(name)))
    }
}

/// The name of a tile file: its URL's path, below `public/`.
pub(crate) fn tile_file(path: &tlog::tile::TilePath) -> String {
    format!("public/{path}")
}

/// The folder part of a name; empty for a bare one.
pub(crate) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
pub(crate) mod tests;
