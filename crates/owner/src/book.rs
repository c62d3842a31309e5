//! The book of cameras: one file, replaced whole and durable on return of every change.
//!
//! In scope: what an owner must remember between two commands. Out of scope: keys
//! ([`crate::keys`]); notice roots, which are secrets and lie in files of their own
//! (`book::notice`).
//!
//! ```text
//! keybook/book.json           {"format":1,"cameras":[{"name":"front-door","camera_id":"9f86...", ...}], "head": ...}
//! keybook/notice/9f86....secret
//! ```
//!
//! Several commands of one owner may run at once (two live views and an audit): a change takes the
//! folder's lock, reads the file again, changes it and writes it, so that none overwrites
//! another's.

#[cfg(test)]
pub(crate) mod fixtures;
mod kind;
pub(crate) mod notice;
mod stored;
mod zones;

pub use kind::FoundKind;
pub(crate) use stored::{
    Base64, Checked, Finding, KeptEntry, KeptHead, OwnEntry, Remark, Stored, StoredCamera, StoredDayKey,
    StoredPolicy,
};
pub(crate) use zones::Zones;

use escrow::record::is_visible;
use host::durable::{self, DurableError, FolderLock};
use host::lock::Mutex;
use media::enrollment::ObjectError;
use media::id::CameraId;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The largest book that is read.
pub const MAX_BOOK_BYTES: u64 = 64 << 20;
/// How long a change waits for another command's change: each takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_AGAIN: Duration = Duration::from_millis(20);

/// One paired camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Camera {
    /// The owner's own name for it; never leaves the device.
    pub name: String,
    /// SHA-256 over its key, hex.
    pub camera_id: String,
    /// Version of the policy in force.
    pub policy_version: u32,
    /// When it was paired, Unix seconds.
    pub paired_at: u64,
    /// Whether its key was retired.
    pub retired: bool,
}

/// Why the book was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    #[error("{}: no such book; run `candor owner init` once, or restore the keybook from a backup", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: not a book of this version: {reason}; restore it from a backup", .path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("no camera is called {0:?} in the book; `candor owner cameras` lists them")]
    Unknown(String),
    #[error("a camera is called {name:?} already; choose another name")]
    NameTaken { name: String },
    #[error(
        "{name:?} cannot name a camera: 1 to 64 characters of any script that show, no slash, and neither a space \
         at an end nor a hyphen first"
    )]
    BadName { name: String },
    #[error("the book's copy of {name:?} does not verify: {error}; restore the keybook from a backup")]
    Camera { name: String, error: ObjectError },
    #[error("the book's {name:?} has no policy; restore the keybook from a backup")]
    NoPolicy { name: String },
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
}

/// The book, as read or written last.
#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    latest: Mutex<Stored>,
}

impl Book {
    /// Makes an empty book; refuses a folder that holds one.
    pub(crate) fn create(folder: &Path) -> Result<(), BookError> {
        Ok(durable::create_exclusive(&path(folder), &encode(&Stored::default()))?)
    }

    pub(crate) fn open(folder: &Path) -> Result<Self, BookError> {
        Ok(Self { folder: folder.to_owned(), latest: Mutex::new(read(folder)?) })
    }

    /// What the book held when this process read or wrote it last.
    pub(crate) fn latest(&self) -> Stored {
        self.latest.lock().clone()
    }

    /// Reads the file again: another command may have changed it. Blocks.
    pub(crate) fn refresh(&self) -> Result<Stored, BookError> {
        let stored = read(&self.folder)?;
        *self.latest.lock() = stored.clone();
        Ok(stored)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the book anew, changes it, and writes it durably; on an error nothing is changed.
    /// Blocks.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        let lock = lock(&self.folder)?;
        let mut stored = read(&self.folder)?;
        let changed = change(&mut stored)?;
        durable::write_atomic(&path(&self.folder), &encode(&stored))?;
        drop(lock);
        *self.latest.lock() = stored;
        Ok(changed)
    }
}

/// Holds a keybook's folder for a change of what lies in it. Blocks.
pub(crate) fn lock(folder: &Path) -> Result<FolderLock, BookError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match FolderLock::acquire(folder) {
            // Another command writes its own change: a matter of one fsync.
            Err(DurableError::Locked { .. }) if Instant::now() < deadline => std::thread::sleep(LOCK_AGAIN),
            taken => return Ok(taken?),
        }
    }
}

/// Whether an owner may call a camera this: a name without a slash, which would lead out of a
/// folder, and without a hyphen at its beginning, which would be taken for an option of a command.
pub(crate) fn check_name(name: &str) -> Result<(), BookError> {
    let is_plain = !name.contains(['/', '\\']) && !name.starts_with('-');
    (is_name(name) && is_plain).then_some(()).ok_or_else(|| BookError::BadName { name: name.to_owned() })
}

/// Whether a text can name something: whatever a family says, in its own script. Persian and Indic
/// spelling and emoji need joiners and selectors of variants, which do not show; behind a letter of
/// ASCII they spell nothing. An ideographic space shows.
pub(crate) fn is_name(text: &str) -> bool {
    let mut before = ' ';
    let mut shown = text.to_owned();
    shown.retain(|c| {
        let follows_ascii = std::mem::replace(&mut before, c).is_ascii();
        let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}') && !follows_ascii;
        !joins && c != '\u{3000}'
    });
    (1..=64).contains(&text.chars().count()) && text.trim() == text && is_visible(&shown)
}

impl Stored {
    /// Whether a further camera may be called this: a name is free again when its pairing never
    /// came to an end.
    pub(crate) fn check_free(&self, name: &str) -> Result<(), BookError> {
        check_name(name)?;
        if self.cameras.iter().any(|camera| camera.name == name && camera.welcomed) {
            return Err(BookError::NameTaken { name: name.to_owned() });
        }
        Ok(())
    }

    /// Adds a camera.
    pub(crate) fn add(&mut self, camera: StoredCamera) -> Result<(), BookError> {
        if camera.replaces.is_none() {
            self.free(&camera.name)?;
        }
        self.cameras.push(camera);
        Ok(())
    }

    /// Makes a name free. One whose pairing never ended keeps its place in audits under a longer
    /// name.
    pub(crate) fn free(&mut self, name: &str) -> Result<(), BookError> {
        self.check_free(name)?;
        for unfinished in self.cameras.iter_mut().filter(|other| other.name == name) {
            unfinished.name = long_name(&unfinished.name, &unfinished.camera_id);
        }
        Ok(())
    }

    /// A camera has its answer. One that takes another's place takes the name that it has by now,
    /// unless a third one did meanwhile.
    pub(crate) fn welcome(&mut self, id: &CameraId) -> Option<Camera> {
        let replaces = self.cameras.iter().find(|camera| camera.camera_id == *id)?.replaces.clone();
        let is_taken = replaces.as_ref().is_some_and(|before| self.successor(before).is_some());
        let mut before =
            self.cameras.iter_mut().filter(|camera| Some(camera.camera_id.to_string()) == replaces);
        let name = before.next().filter(|_| !is_taken).map(|before| {
            let long = long_name(&before.name, &before.camera_id);
            std::mem::replace(&mut before.name, long)
        });
        let camera = self.cameras.iter_mut().find(|camera| camera.camera_id == *id)?;
        camera.welcomed = true;
        camera.name = name.unwrap_or_else(|| camera.name.clone());
        Some(camera.shown())
    }

    /// The paired camera that took the place of the one with this id, hex.
    pub(crate) fn successor(&self, id: &str) -> Option<&StoredCamera> {
        self.cameras.iter().find(|camera| camera.welcomed && camera.replaces.as_deref() == Some(id))
    }

    /// The one whose place it took.
    pub(crate) fn predecessor(&self, camera: &StoredCamera) -> Option<&StoredCamera> {
        self.cameras.iter().find(|before| camera.replaces == Some(before.camera_id.to_string()))
    }

    /// Whether a camera's place was taken, and its key is still good.
    pub(crate) fn is_to_be_retired(&self, camera: &StoredCamera) -> bool {
        !camera.is_retired() && self.successor(&camera.camera_id.to_string()).is_some()
    }

    /// Whether an audit found that its newest policy's leaf counts for nobody: what others may be given
    /// under it, trustees refuse for ever.
    pub(crate) fn is_unsponsored(&self, camera: &StoredCamera) -> bool {
        let escrowed = |policy: &StoredPolicy| policy.signed().is_ok_and(|signed| signed.unverified().t > 0);
        let newest = camera.policies.last().filter(|policy| !camera.is_retired() && escrowed(policy));
        newest.is_some_and(|policy| {
            let mut found = self.findings.iter().filter(|found| found.leaf_index == policy.leaf_index);
            found.any(|found| found.kind == FoundKind::Policy && found.signed == Some(false))
        })
    }

    pub(crate) fn camera(&self, name: &str) -> Option<&StoredCamera> {
        self.cameras.iter().find(|camera| camera.name == name)
    }

    /// The camera of a name that somebody gave.
    pub(crate) fn known(&self, name: &str) -> Result<&StoredCamera, BookError> {
        self.camera(name).ok_or_else(|| BookError::Unknown(name.to_owned()))
    }
}

/// How a camera is called whose name another one has.
pub(crate) fn long_name(name: &str, id: &CameraId) -> String {
    format!("{name} ({})", &id.to_string()[..8])
}

fn path(folder: &Path) -> PathBuf {
    folder.join("book.json")
}

fn read(folder: &Path) -> Result<Stored, BookError> {
    let path = path(folder);
    let bytes = durable::read_limited(&path, MAX_BOOK_BYTES)?
        .ok_or_else(|| BookError::Missing { path: path.clone() })?;
    let stored: Stored = serde_json::from_slice(&bytes)
        .map_err(|error| BookError::Malformed { path: path.clone(), reason: error.to_string() })?;
    if stored.format != stored::FORMAT {
        let reason = format!("format {}", stored.format);
        return Err(BookError::Malformed { path, reason });
    }
    Ok(stored)
}

fn encode(stored: &Stored) -> Vec<u8> {
    // Strings, numbers and lists only: encoding cannot fail.
    serde_json::to_vec_pretty(stored).unwrap_or_default()
}

#[cfg(test)]
mod tests;
