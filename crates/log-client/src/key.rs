//! The key of a party that adds leaves: one line in a file, made once, and never of another name
//! than the configuration says.

use host::rng::Rng;
use host::secret::{self, SecretError};
use std::path::{Path, PathBuf};
use tlog::note::{KeyError, Signer};

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(transparent)]
    File(#[from] SecretError),
    #[error("the key in {}: {source}; correct its name in the configuration, or restore the file from a backup", .path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error("{name:?} cannot be a key's name: {source}")]
    Name { name: String, source: KeyError },
}

/// Makes a key and its file; never overwrites one.
pub fn make_key(path: &Path, name: &str) -> Result<Signer, KeyFileError> {
    let signer = Signer::generate(name, &mut Rng::system())
        .map_err(|source| KeyFileError::Name { name: name.to_owned(), source })?;
    secret::create_line(path, &signer.to_secret_text())?;
    Ok(signer)
}

/// Reads a key of whatever name.
pub fn read_key(path: &Path) -> Result<Signer, KeyFileError> {
    Signer::from_secret_text(&secret::read_line(path)?).map_err(|source| bad(path, source))
}

/// Reads the key of this name.
pub fn read_own_key(path: &Path, name: &str) -> Result<Signer, KeyFileError> {
    read_key(path)?.named(name).map_err(|source| bad(path, source))
}

fn bad(path: &Path, source: KeyError) -> KeyFileError {
    KeyFileError::Key { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_under_its_own_name_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("note.key");
        assert!(matches!(read_key(&path), Err(KeyFileError::File(_))));
        let made = make_key(&path, "bar.example").unwrap().verifier();
        assert!(matches!(make_key(&path, "bar.example"), Err(KeyFileError::File(_))));
        assert_eq!(read_own_key(&path, "bar.example").unwrap().verifier(), made);
        let another = read_own_key(&path, "press.example").unwrap_err();
        assert!(matches!(another, KeyFileError::Key { source: KeyError::OtherName { .. }, .. }), "{another}");
        // No file is at fault: there is none.
        let unnamed = make_key(&dir.path().join("none"), "no name").unwrap_err();
        assert!(matches!(&unnamed, KeyFileError::Name { name, .. } if name == "no name"), "{unnamed}");
    }
}
