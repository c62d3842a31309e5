//! A file that others made and a person put where the configuration says: read, and understood.

use crate::durable::{self, DurableError};
use std::path::{Path, PathBuf};

/// Why such a file cannot be gone by.
#[derive(Debug, thiserror::Error)]
pub enum GivenError<E> {
    /// `what` says where it comes from, too.
    #[error("{}: no such {what}", .path.display())]
    Missing { path: PathBuf, what: &'static str },
    #[error(transparent)]
    Unreadable(DurableError),
    #[error("{}: {source}", .path.display())]
    Malformed { path: PathBuf, source: E },
}

/// Reads a file of at most `limit` bytes.
pub fn read<T, E>(
    path: &Path,
    limit: usize,
    what: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, GivenError<E>> {
    let bytes = durable::read_limited(path, limit as u64).map_err(GivenError::Unreadable)?;
    let bytes = bytes.ok_or_else(|| GivenError::Missing { path: path.to_owned(), what })?;
    parse(&bytes).map_err(|source| GivenError::Malformed { path: path.to_owned(), source })
}
