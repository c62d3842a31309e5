//! The seam to the disk: every step that can fail, one method each, so that tests fail each of
//! them. Nothing of the packs is read or written past it. The index is its library's to read and
//! write; what decides, its commit, is asked for here.
//!
//! Every step of a write may fail with nothing done, or fail although it was done: a caller that
//! met an error knows neither. A read that fails has told nothing: neither that there is nothing,
//! nor that what is there is damaged.

use host::durable::{self, DurableError};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Pieces that one call to the system takes: Linux's `IOV_MAX`.
const PIECES: usize = 1024;

pub(super) trait Disk: Debug + Send + Sync + 'static {
    /// The files of a folder, and their lengths.
    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let found = std::fs::read_dir(dir)?;
        found.map(|found| found.and_then(|found| Ok((found.path(), found.metadata()?.len())))).collect()
    }

    /// A small file whole; `None` when it is not there.
    fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
        durable::read_limited(path, limit)
    }

    /// Opens a file that is there, to read and to write.
    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    /// Fills `bytes` from the file; an end before that is `UnexpectedEof`.
    fn read_at(&self, file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        file.read_exact_at(bytes, offset)
    }

    /// Makes a new, empty file whose name is durable on return.
    fn create(&self, path: &Path) -> Result<File, DurableError> {
        let file = durable::private()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| DurableError::at(path, error))?;
        durable::sync_dir(path.parent().unwrap_or(path))?;
        Ok(file)
    }

    /// Writes pieces into the file, one behind the other; durable only after [`Disk::sync`].
    fn write_at(&self, file: &File, mut offset: u64, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        // What is empty is no piece.
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            let batch = pieces.get(..PIECES).unwrap_or(pieces);
            match rustix::io::pwritev(file, batch, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut pieces, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes the file's bytes and length durable. After an error nobody knows which are: never
    /// append to it again.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Cuts the file to `length` bytes.
    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    /// Replaces a file, atomically, durable on return.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
        durable::write_atomic(path, bytes)
    }

    /// Removes a file. A missing one is no error.
    fn remove(&self, path: &Path) -> Result<(), DurableError> {
        durable::remove(path)
    }

    /// A change of the index is about to be committed; an error stops it.
    fn committing(&self) -> io::Result<()> {
        Ok(())
    }

    /// It was committed; an error leaves that in doubt.
    fn committed(&self) -> io::Result<()> {
        Ok(())
    }

    /// Bytes that may still be written.
    fn free_bytes(&self, path: &Path) -> Result<u64, DurableError> {
        durable::free_bytes(path)
    }
}

/// The machine's.
#[derive(Debug)]
pub(super) struct Local;

impl Disk for Local {}
