//! The seam to the disk: every step of a write that can fail, one method each, so that tests fail each of them.
//!
//! Every step may fail with nothing done, or fail although it was done: a caller that met an error knows neither.

use host::durable::{self, DurableError};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

pub(super) trait Disk: Debug + Send + Sync + 'static {
    /// Makes a new, empty file whose name is durable on return.
    fn create(&self, path: &Path) -> Result<File, DurableError>;

    /// Writes into the file; durable only after [`Disk::sync`].
    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file's bytes and length durable. After an error nobody knows which are: never append to it again.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    fn cut(&self, file: &File, length: u64) -> io::Result<()>;

    /// Replaces a file, atomically, durable on return.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError>;

    /// Removes a file. A missing one is no error.
    fn remove(&self, path: &Path) -> Result<(), DurableError>;

    /// Commits a transaction of the index.
    fn commit(&self, index: redb::WriteTransaction) -> Result<(), redb::CommitError>;

    /// Bytes that may still be written.
    fn free_bytes(&self, path: &Path) -> Result<u64, DurableError>;
}

/// The machine's.
#[derive(Debug)]
pub(super) struct Local;

impl Disk for Local {
    fn create(&self, path: &Path) -> Result<File, DurableError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| DurableError::at(path, error))?;
        durable::sync_dir(path.parent().unwrap_or(path))?;
        Ok(file)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
        durable::write_atomic(path, bytes)
    }

    fn remove(&self, path: &Path) -> Result<(), DurableError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DurableError::at(path, error)),
            _ => Ok(()),
        }
    }

    fn commit(&self, index: redb::WriteTransaction) -> Result<(), redb::CommitError> {
        index.commit()
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, DurableError> {
        durable::free_bytes(path)
    }
}

#[cfg(test)]
pub(super) mod faulty;
