//! Files that are there after a power cut, or not there at all.
//!
//! Every function writes to a temporary file in the destination's own folder and fsyncs it before
//! the name appears, so that no reader ever meets half a file. The functions block: call them from
//! a thread that may wait for a disk.
//!
//! **Whose eyes.** What a party writes holds keys, seeds, footage or the names of people sooner or
//! later: every file is for its owner alone ([`FILE_MODE`]), and so is every folder ([`FOLDER_MODE`]),
//! whatever the umask. What others should read is served, or copied by hand.
//!
//! Out of scope: fsync of *other* folders than stated. [`link_exclusive`] leaves the folder to the
//! caller ([`sync_dir`]), who usually links many files before one fsync.

mod private;
mod target;
mod unfinished;

pub use private::{FILE_MODE, FOLDER_MODE, close_dir, create_dirs, own_dir, private};
pub use target::{IsOfKind, Target, TargetError};
pub use unfinished::Unfinished;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What [`link_exclusive`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    Created,
    /// The file was already there with the same bytes: an earlier attempt, cut short, had come this
    /// far.
    AlreadySame,
}

/// Why a durable write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    #[error("{}: already holds other bytes; nothing was written", .path.display())]
    Different { path: PathBuf },
    #[error("{}: already exists; it is never overwritten (move it away if you mean to)", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: the disk is full; free space, then try again", .path.display())]
    DiskFull { path: PathBuf },
    #[error("{}: in use by another process; stop that one first", .path.display())]
    Locked { path: PathBuf },
    #[error("{}: no such data folder; make it once with the party's `init` command", .path.display())]
    NoFolder { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl DurableError {
    /// Names `source`, met at `path`. A full disk or an exhausted quota is
    /// [`DurableError::DiskFull`].
    pub fn at(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Replaces `path` by `bytes`, or leaves it as it was: temporary file, fsync, rename, fsync of the
/// folder.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    Unfinished::whole(path, bytes)?.rename(path)
}

/// Creates `path` with `bytes`, durable on return. Refuses ([`DurableError::Exists`]) if anything
/// is there already.
pub fn create_exclusive(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    Unfinished::whole(path, bytes)?.link(path)?;
    sync_dir(parent(path))
}

/// Makes `path` hold `bytes` and never anything else: fsynced, then hard-linked so that an existing
/// file wins. An existing file with other bytes is refused. The folder is NOT fsynced: call
/// [`sync_dir`] after the last of a batch.
pub fn link_exclusive(path: &Path, bytes: &[u8]) -> Result<Linked, DurableError> {
    // Checked first to spare the write in the usual repeat; the link below decides a race.
    if same_bytes(path, bytes)? {
        return Ok(Linked::AlreadySame);
    }
    match Unfinished::whole(path, bytes)?.link(path) {
        Err(DurableError::Exists { .. }) => {
            same_bytes(path, bytes)?.then_some(Linked::AlreadySame).ok_or_else(|| missing(path))
        }
        linked => linked.map(|()| Linked::Created),
    }
}

/// Removes a file, if it is there. Durable once its folder is synced.
pub fn remove(path: &Path) -> Result<(), DurableError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DurableError::at(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Fsyncs a folder, which makes the names in it durable.
pub fn sync_dir(path: &Path) -> Result<(), DurableError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| DurableError::at(path, error))
}

/// Reads a whole file of at most `limit` bytes; `None` when there is no such file. A longer one is
/// an error.
pub fn read_limited(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
    let Some(bytes) = read_at_most(path, limit.saturating_add(1))? else { return Ok(None) };
    if bytes.len() as u64 > limit {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes"));
        return Err(DurableError::Io { path: path.to_owned(), source });
    }
    Ok(Some(bytes))
}

/// Where the first, the second ... of several files go: `clip.mp4`, `clip-2.mp4`.
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.extension() {
        _ if number == 1 => path.to_owned(),
        Some(extension) => path.with_file_name(format!("{stem}-{number}.{}", extension.to_string_lossy())),
        None => path.with_file_name(format!("{stem}-{number}")),
    }
}

/// Bytes that an unprivileged process may still write on the file system that holds `path`.
pub fn free_bytes(path: &Path) -> Result<u64, DurableError> {
    let stat = rustix::fs::statvfs(path).map_err(|error| DurableError::at(path, error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// An exclusive hold on a data folder, for as long as the value lives. The kernel lets go when the
/// process dies.
#[derive(Debug)]
pub struct FolderLock(File);

impl Drop for FolderLock {
    /// Lets go by word: a child that was forked a moment ago still holds the file open until it
    /// becomes another program.
    fn drop(&mut self) {
        // If it fails, closing the file does the same, a moment later.
        let _ = self.0.unlock();
    }
}

impl FolderLock {
    /// Takes `folder` (which must exist) for this process, or says that another has it.
    pub fn acquire(folder: &Path) -> Result<Self, DurableError> {
        if !folder.is_dir() {
            return Err(DurableError::NoFolder { path: folder.to_owned() });
        }
        let path = folder.join("lock");
        let file = private()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| DurableError::at(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(DurableError::Locked { path: folder.to_owned() }),
            Err(std::fs::TryLockError::Error(error)) => Err(DurableError::at(&path, error)),
        }
    }
}

/// The folder of `path`; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn missing(path: &Path) -> DurableError {
    DurableError::Io { path: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// Whether `path` holds exactly `bytes`; other bytes are an error, no file is `false`.
fn same_bytes(path: &Path, bytes: &[u8]) -> Result<bool, DurableError> {
    match read_at_most(path, bytes.len() as u64 + 1)? {
        None => Ok(false),
        Some(found) if found == bytes => Ok(true),
        Some(_) => Err(DurableError::Different { path: path.to_owned() }),
    }
}

/// The beginning of a file; `None` when there is no such file.
fn read_at_most(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DurableError::at(path, error)),
    }
}

#[cfg(test)]
mod tests;
