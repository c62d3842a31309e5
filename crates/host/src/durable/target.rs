//! Where a person wants a file: looked at before anything is fetched for it, and again when it gets its
//! name. Nothing is replaced unless they say so, and then only what is of the file's own kind: a name
//! that was completed to that of a key or a configuration costs neither.

use super::{DurableError, Unfinished, numbered, parent, sync_dir};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Whether a file that begins so is of a kind.
pub type IsOfKind = fn(&[u8]) -> bool;

/// So much of a file's beginning tells its kind.
const BEGINNING: u64 = 16;

/// The name of a file that is to be written whole.
#[derive(Debug, Clone)]
pub struct Target {
    path: PathBuf,
    replaces: Option<IsOfKind>,
}

/// Why nothing is written there.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("{}: already exists; name another file, or say --overwrite", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: is a file of another kind, which --overwrite does not replace; name another file", .path.display())]
    OfAnotherKind { path: PathBuf },
    #[error("{}: is no file; name a file in it", .path.display())]
    Folder { path: PathBuf },
    #[error("{}: cannot be written: there is no folder {}; make it first", .path.display(), .folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error("{}: cannot be written: it is no regular file", .path.display())]
    Special { path: PathBuf },
    #[error("{:?} names no file to write to", .path)]
    NoName { path: PathBuf },
    #[error(transparent)]
    File(#[from] DurableError),
}

impl<P: Into<PathBuf>> From<P> for Target {
    /// A new file.
    fn from(path: P) -> Self {
        Self { path: path.into(), replaces: None }
    }
}

impl Target {
    /// In place of a file of this kind, if there is one.
    pub fn replacing(path: impl Into<PathBuf>, is_of_kind: IsOfKind) -> Self {
        Self { path: path.into(), replaces: Some(is_of_kind) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the first, the second ... of several files go.
    pub fn numbered(&self, number: usize) -> Self {
        Self { path: numbered(&self.path, number), replaces: self.replaces }
    }

    /// Says now what would be said when it is written.
    pub fn check(&self) -> Result<(), TargetError> {
        match self.found()? {
            Some(there) if !there.is_file() => Err(TargetError::Special { path: self.path.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    /// Opens it to be written piece by piece, as a stream that somebody may follow. A pipe or a device
    /// is written to as well.
    pub fn open(&self) -> Result<File, TargetError> {
        let is_there = self.found()?.is_some();
        let mut how = super::private();
        how.write(true).truncate(is_there).create_new(!is_there);
        how.open(&self.path).map_err(|error| self.failed(error))
    }

    /// Gives a whole file this name; durable on return.
    pub fn take(&self, whole: Unfinished) -> Result<(), TargetError> {
        self.check()?;
        if self.replaces.is_none() {
            // Whoever makes the name first has it, on file systems without links too.
            super::private()
                .write(true)
                .create_new(true)
                .open(&self.path)
                .map_err(|error| self.failed(error))?;
            sync_dir(parent(&self.path))?;
        }
        let named = whole.rename(&self.path);
        if named.is_err() && self.replaces.is_none() {
            let _ = std::fs::remove_file(&self.path);
        }
        Ok(named?)
    }

    fn failed(&self, error: std::io::Error) -> TargetError {
        match DurableError::at(&self.path, error) {
            DurableError::Exists { path } => TargetError::Exists { path },
            error => error.into(),
        }
    }

    /// What is there already, if it may be replaced.
    fn found(&self) -> Result<Option<Metadata>, TargetError> {
        let path = self.path.clone();
        if path.file_name().is_none() {
            return Err(TargetError::NoName { path });
        }
        let folder = parent(&path).to_owned();
        if !folder.is_dir() {
            return Err(TargetError::NoFolder { path, folder });
        }
        let Ok(there) = std::fs::metadata(&path) else { return Ok(None) };
        match self.replaces {
            _ if there.is_dir() => Err(TargetError::Folder { path }),
            _ if !there.is_file() => Ok(Some(there)),
            None => Err(TargetError::Exists { path }),
            Some(is_of_kind) => {
                let mut begin = Vec::new();
                let read = File::open(&path).and_then(|file| file.take(BEGINNING).read_to_end(&mut begin));
                read.map_err(|error| DurableError::at(&path, error))?;
                match begin.is_empty() || is_of_kind(&begin) {
                    true => Ok(Some(there)),
                    false => Err(TargetError::OfAnotherKind { path }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_film(begin: &[u8]) -> bool {
        begin.starts_with(b"film")
    }

    fn write(to: &Target, bytes: &[u8]) -> Result<(), TargetError> {
        to.check()?;
        to.take(Unfinished::whole(to.path(), bytes)?)
    }

    #[test]
    fn nothing_is_replaced_but_what_is_of_its_kind_and_was_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (film, key) = (at("a.mp4"), at("wrap.secret"));
        std::fs::write(&key, "secret").unwrap();
        write(&Target::from(&film), b"film 1").unwrap();
        for to in [Target::from(&film), Target::from(&key)] {
            assert!(matches!(write(&to, b"film 2"), Err(TargetError::Exists { .. })), "{to:?}");
            assert!(matches!(to.open(), Err(TargetError::Exists { .. })), "{to:?}");
        }
        let over = |path: &PathBuf| Target::replacing(path, is_film);
        assert!(matches!(write(&over(&key), b"film 2"), Err(TargetError::OfAnotherKind { .. })));
        assert!(matches!(over(&key).open(), Err(TargetError::OfAnotherKind { .. })));
        assert_eq!(std::fs::read(&key).unwrap(), b"secret");
        assert_eq!(std::fs::read(&film).unwrap(), b"film 1");
        write(&over(&film), b"film 3").unwrap();
        assert_eq!(std::fs::read(&film).unwrap(), b"film 3");
        drop(over(&film).open().unwrap());
        assert_eq!(std::fs::read(&film).unwrap(), b"", "it is written anew");
        write(&over(&film), b"film 4").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn what_another_wrote_meanwhile_stays() {
        let dir = tempfile::tempdir().unwrap();
        let to = Target::from(dir.path().join("two.mp4"));
        to.check().unwrap();
        let whole = Unfinished::whole(to.path(), b"film 1").unwrap();
        std::fs::write(to.path(), "film 2").unwrap();
        assert!(matches!(to.take(whole), Err(TargetError::Exists { .. })));
        assert_eq!(std::fs::read(to.path()).unwrap(), b"film 2");
    }

    #[test]
    fn a_folder_that_is_missing_a_folder_and_a_device_are_told_before() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Target::from(dir.path().join("none/a.mp4")).check();
        assert!(matches!(missing, Err(TargetError::NoFolder { .. })), "{missing:?}");
        assert!(matches!(Target::from(dir.path()).check(), Err(TargetError::Folder { .. })));
        assert!(matches!(Target::from("/").check(), Err(TargetError::NoName { .. })));
        let device = Target::replacing("/dev/null", is_film);
        assert!(matches!(device.check(), Err(TargetError::Special { .. })), "a name in its place");
        device.open().unwrap();
        assert_eq!(Target::from("clip.mp4").numbered(2).path(), Path::new("clip-2.mp4"));
    }
}
