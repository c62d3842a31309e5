//! Files and folders that nobody but their owner may enter.

use super::{DurableError, parent, sync_dir};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Of every file that a party writes.
pub const FILE_MODE: u32 = 0o600;
/// Of every folder that a party makes.
pub const FOLDER_MODE: u32 = 0o700;

/// How to open a file that may be created by it.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Creates a folder and the missing ones above it, each durable on return.
pub fn create_dirs(path: &Path) -> Result<(), DurableError> {
    let mut missing: Vec<&Path> = Vec::new();
    let mut cursor = Some(path);
    while let Some(folder) = cursor.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        missing.push(folder);
        cursor = folder.parent();
    }
    for folder in missing.into_iter().rev() {
        match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) => return Err(DurableError::at(folder, error)),
        }
        sync_dir(parent(folder))?;
    }
    Ok(())
}

/// The same for a folder that is a party's own, with keys in it: closed to others also where it was
/// there before.
pub fn own_dir(path: &Path) -> Result<(), DurableError> {
    create_dirs(path)?;
    close_dir(path)
}

/// Closes a folder to others, whatever it was before.
pub fn close_dir(path: &Path) -> Result<(), DurableError> {
    std::fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
        .map_err(|error| DurableError::at(path, error))
}

#[cfg(test)]
mod tests {
    use super::super::{FolderLock, Unfinished, create_exclusive, link_exclusive, write_atomic};
    use super::*;

    #[test]
    fn nothing_that_is_written_is_for_others_and_an_own_folder_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let deep = dir.path().join("a/b");
        create_dirs(&deep).unwrap();
        write_atomic(&deep.join("written"), b"w").unwrap();
        create_exclusive(&deep.join("created"), b"c").unwrap();
        link_exclusive(&deep.join("linked"), b"l").unwrap();
        Unfinished::create(&deep.join("film")).unwrap().rename(&deep.join("film")).unwrap();
        drop(FolderLock::acquire(&deep).unwrap());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        for name in ["written", "created", "linked", "film", "lock"] {
            assert_eq!(mode(&deep.join(name)), FILE_MODE, "{name}");
        }
        assert_eq!([mode(&deep), mode(deep.parent().unwrap())], [FOLDER_MODE; 2]);
        assert_eq!(mode(dir.path()), 0o755, "what was there is as it was");
        own_dir(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), FOLDER_MODE);
    }
}
