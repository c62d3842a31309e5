//! What a monitor keeps: every entry it verified, and the head they lead to. Entries first, head
//! last, each durable before the next: after a crash there may be entries beyond the head, which
//! are cut off, and never a head without its entries.
//!
//! ```text
//! lock       held by the one process
//! entries    u32 length || bytes, entry after entry, as they were verified
//! head       the followed head: the checkpoint with its cosignatures; empty before the first
//! alarms/    evidence, one file an alarm
//! ```

use host::durable::{self, DurableError};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tlog::note::NOTE_MAX_BYTES;
use tlog::policy::{CosignedCheckpoint, Policy, VerifyError};
use tlog::tile::ENTRY_MAX_BYTES;

const ENTRIES: &str = "entries";
const HEAD: &str = "head";
/// Appended entries are written when they are this many bytes.
const WRITE_BYTES: usize = 1 << 20;

/// Why a monitor's store did not open or grow.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: no such file; run `candor monitor init` for a NEW monitor, or restore this one's folder: what it saw before is what finds a fork", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: the kept head does not verify under the policy ({source}); restore the folder or the policy", .path.display())]
    BadHead { path: PathBuf, source: VerifyError },
    #[error("{}: the kept entries do not lead to the kept head of {size} leaves; restore the folder", .path.display())]
    BadEntries { path: PathBuf, size: u64 },
    #[error(transparent)]
    File(#[from] DurableError),
}

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    entries: File,
    /// Where the last entry of the kept head ends.
    end: u64,
    /// Where the last written entry ends.
    tail: u64,
    /// Appended, not written yet.
    unwritten: Vec<u8>,
}

impl Store {
    /// Makes the folder of a new monitor. Refuses one that was made before.
    pub(crate) fn create(folder: &Path) -> Result<(), StoreError> {
        durable::own_dir(folder)?;
        durable::create_exclusive(&folder.join(ENTRIES), b"")?;
        // Last, and empty: a missing head is a lost one, never a new monitor's.
        Ok(durable::create_exclusive(&folder.join(HEAD), b"")?)
    }

    /// Opens the store and shows every kept entry, in order, to `each`. Returns the kept head,
    /// whose root the caller must compare with the entries it was shown.
    pub(crate) fn open(
        folder: &Path,
        policy: &Policy,
        mut each: impl FnMut(Vec<u8>),
    ) -> Result<(Self, Option<CosignedCheckpoint>), StoreError> {
        let path = folder.join(ENTRIES);
        let named = |source| StoreError::File(DurableError::at(&path, source));
        let mut entries = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // SPEC: gossip.md#following: without what it saw before a monitor MUST NOT start.
                return Err(StoreError::Missing { path });
            }
            Err(error) => return Err(named(error)),
        };
        let head_path = folder.join(HEAD);
        let head = match durable::read_limited(&head_path, NOTE_MAX_BYTES as u64)? {
            None => return Err(StoreError::Missing { path: head_path }),
            Some(bytes) if bytes.is_empty() => None,
            Some(bytes) => Some(
                policy
                    .verify_checkpoint(&bytes)
                    .map_err(|source| StoreError::BadHead { path: head_path, source })?,
            ),
        };
        let size = head.as_ref().map_or(0, |head| head.checkpoint().size());
        let mut end = 0;
        let mut reader = BufReader::new(&entries);
        for _ in 0..size {
            let entry = read_entry(&mut reader).map_err(named)?;
            let entry = entry.ok_or_else(|| StoreError::BadEntries { path: path.clone(), size })?;
            end += 4 + entry.len() as u64;
            each(entry);
        }
        drop(reader);
        entries.set_len(end).and_then(|()| entries.seek(SeekFrom::Start(end))).map_err(named)?;
        Ok((Self { folder: folder.to_owned(), entries, end, tail: end, unwritten: Vec::new() }, head))
    }

    /// Forgets entries that were appended since the kept head: the head they were to lead to did
    /// not come.
    pub(crate) fn discard(&mut self) {
        self.tail = self.end;
        self.unwritten.clear();
    }

    /// Takes a further entry, which is not kept before [`adopt`](Store::adopt).
    pub(crate) fn append(&mut self, entry: &[u8]) -> Result<(), StoreError> {
        let length = u32::try_from(entry.len()).expect("an entry has at most 65,535 bytes");
        self.unwritten.extend_from_slice(&length.to_be_bytes());
        self.unwritten.extend_from_slice(entry);
        if self.unwritten.len() < WRITE_BYTES { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let path = self.entries_path();
        let named = |source| DurableError::at(&path, source);
        self.entries.seek(SeekFrom::Start(self.tail)).map_err(named)?;
        self.entries.write_all(&self.unwritten).map_err(named)?;
        self.tail += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    /// Keeps what was appended and then the head it leads to, durable on return, and shows the new
    /// entries to `each`. After an error the kept head is the old one, or the new one with all its
    /// entries: open the store again to know.
    pub(crate) fn adopt(
        &mut self,
        head: &CosignedCheckpoint,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let path = self.entries_path();
        let named = |source| StoreError::File(DurableError::at(&path, source));
        self.write()?;
        self.entries.sync_all().map_err(named)?;
        durable::write_atomic(&self.folder.join(HEAD), &head.encode())?;
        self.entries.seek(SeekFrom::Start(self.end)).map_err(named)?;
        let mut reader = BufReader::new(&self.entries).take(self.tail - self.end);
        while let Some(entry) = read_entry(&mut reader).map_err(named)? {
            each(&entry);
        }
        self.end = self.tail;
        Ok(())
    }

    pub(crate) fn entries_path(&self) -> PathBuf {
        self.folder.join(ENTRIES)
    }
}

/// The next entry; `None` at the end, in the middle of one, or at a length no entry has.
fn read_entry(reader: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if !filled(reader, &mut length)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > ENTRY_MAX_BYTES {
        return Ok(None);
    }
    let mut entry = vec![0; length];
    Ok(filled(reader, &mut entry)?.then_some(entry))
}

fn filled(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
