//! One request's durable state: a folder, one file for each thing that is known. A file appears
//! whole or not at all, and the step that made it finds it and does not make it again.
//!
//! | file | made by | what |
//! |---|---|---|
//! | `ask.json` | new | what is asked and why |
//! | `release.secret` | new | the X-Wing key to which trustees seal their shares; this request's alone |
//! | `package` | new | the camera's public objects as the relay had them, without leaf and proof |
//! | `draft.bytes` | new | of which the leaf's id was made: what this sponsor shows the relay of a release |
//! | `draft.note` | new, sign | the leaf, not yet countersigned by the sponsor |
//! | `leaf.note`, `leaf.tlog-proof` | submit | the leaf as it goes to the log, and the proof |
//! | `bundles/<share>` | collect | a trustee's answer, verified |
//! | `clip-<run>.mp4`, `evidence` | open | what came of it |
//! | `ratification.note` | ratify | the leaf by which a court confirmed an emergency |
//!
//! Out of scope: what the files mean, which the steps know.

use host::durable::{self, DurableError};
use host::secret::{self, SecretError};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest file read back: a package of a day's EpochOpens.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The folder of one request.
#[derive(Debug, Clone)]
pub struct RequestFolder {
    path: PathBuf,
}

/// Why a request's folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{}: not there yet; run `candor request {step}` first", .path.display())]
    NotYet { path: PathBuf, step: &'static str },
    #[error("{}: holds a request already; choose an empty folder for a new one", .path.display())]
    Taken { path: PathBuf },
    #[error("{}: {problem}; restore it from a backup, or begin a new request", .path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(transparent)]
    Durable(#[from] DurableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A file of the folder and the step that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) step: &'static str,
}

pub(crate) const ASK: Item = Item { name: "ask.json", step: "new" };
pub(crate) const PACKAGE: Item = Item { name: "package", step: "new" };
pub(crate) const DRAFT: Item = Item { name: "draft.note", step: "new" };
/// 32 random bytes.
pub(crate) const DRAWN: Item = Item { name: "draft.bytes", step: "new" };
pub(crate) const LEAF: Item = Item { name: "leaf.note", step: "submit" };
pub(crate) const RATIFICATION: Item = Item { name: "ratification.note", step: "ratify" };
pub(crate) const PROOF: Item = Item { name: "leaf.tlog-proof", step: "submit" };

const RELEASE_KEY: &str = "release.secret";
const RELEASE_LABEL: &str = "release";
const BUNDLES: &str = "bundles";

impl RequestFolder {
    /// Names the folder; nothing is created before `request::new`.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder for a new request; refuses one that holds a request.
    pub(crate) fn create(&self) -> Result<(), FolderError> {
        // The draft is written last: what a killed `new` left behind is no request yet, and is
        // written over.
        if self.path.join(DRAFT.name).exists() || self.path.join(LEAF.name).exists() {
            return Err(FolderError::Taken { path: self.path.clone() });
        }
        durable::own_dir(&self.path)?;
        Ok(durable::remove(&self.path.join(RELEASE_KEY))?)
    }

    pub(crate) fn keep(&self, item: Item, bytes: &[u8]) -> Result<(), FolderError> {
        Ok(durable::write_atomic(&self.path.join(item.name), bytes)?)
    }

    pub(crate) fn get(&self, item: Item) -> Result<Vec<u8>, FolderError> {
        let path = self.path.join(item.name);
        durable::read_limited(&path, MAX_FILE_BYTES)?.ok_or(FolderError::NotYet { path, step: item.step })
    }

    pub(crate) fn find(&self, item: Item) -> Result<Option<Vec<u8>>, FolderError> {
        Ok(durable::read_limited(&self.path.join(item.name), MAX_FILE_BYTES)?)
    }

    pub(crate) fn keep_release_key(&self, secret: &[u8]) -> Result<(), FolderError> {
        Ok(secret::create(&self.path.join(RELEASE_KEY), RELEASE_LABEL, secret)?)
    }

    pub(crate) fn release_key(&self) -> Result<Zeroizing<[u8; 32]>, FolderError> {
        Ok(secret::read_key(&self.path.join(RELEASE_KEY), RELEASE_LABEL)?)
    }

    /// Keeps what the `share`-th trustee of the policy (from 1) answered. Written once: a bundle
    /// never changes.
    pub(crate) fn keep_bundle(&self, share: u8, bytes: &[u8]) -> Result<(), FolderError> {
        durable::create_dirs(&self.path.join(BUNDLES))?;
        Ok(durable::write_atomic(&self.bundle_path(share), bytes)?)
    }

    pub(crate) fn bundle(&self, share: u8) -> Result<Option<Vec<u8>>, FolderError> {
        Ok(durable::read_limited(&self.bundle_path(share), MAX_FILE_BYTES)?)
    }

    pub(crate) fn has_bundle(&self, share: u8) -> Result<bool, FolderError> {
        let path = self.bundle_path(share);
        path.try_exists().map_err(|error| FolderError::Damaged { path, problem: error.to_string() })
    }

    /// Names a file of the folder that does not hold what it should.
    pub(crate) fn damaged(&self, item: Item, problem: impl ToString) -> FolderError {
        FolderError::Damaged { path: self.path.join(item.name), problem: problem.to_string() }
    }

    fn bundle_path(&self, share: u8) -> PathBuf {
        self.path.join(BUNDLES).join(share.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_names_the_step_that_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RequestFolder::at(dir.path());
        let error = folder.get(PROOF).unwrap_err();
        assert!(error.to_string().contains("candor request submit"), "{error}");
        assert_eq!(folder.find(PROOF).unwrap(), None);
        assert!(matches!(folder.release_key(), Err(FolderError::Secret(SecretError::Missing { .. }))));
    }

    #[test]
    fn a_killed_new_is_begun_again_and_a_whole_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RequestFolder::at(&dir.path().join("request"));
        folder.create().unwrap();
        folder.keep_release_key(&[1; 32]).unwrap();
        // Killed here, before the draft. The second attempt has its own key.
        folder.create().unwrap();
        folder.keep_release_key(&[2; 32]).unwrap();
        assert_eq!(*folder.release_key().unwrap(), [2; 32]);
        folder.keep(DRAFT, b"draft").unwrap();
        assert!(matches!(folder.create(), Err(FolderError::Taken { .. })));
        assert_eq!(*folder.release_key().unwrap(), [2; 32]);
    }

    #[test]
    fn bundles_are_kept_by_share_number() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RequestFolder::at(dir.path());
        assert_eq!(folder.bundle(3).unwrap(), None);
        folder.keep_bundle(3, b"three").unwrap();
        assert_eq!(folder.bundle(3).unwrap().unwrap(), b"three");
        assert_eq!((folder.has_bundle(3).unwrap(), folder.has_bundle(2).unwrap()), (true, false));
        assert_eq!(folder.bundle(2).unwrap(), None);
    }
}
