//! Secrets on disk: one line of text in a file that only its owner may read. A secret file is
//! created once and never overwritten; a missing one is an error that names the command which makes
//! it, never a fresh key.
//!
//! ```text
//! CANDOR+SECRET+notice-root+k7L5nF0w...=
//! PRIVATE+KEY+log.example+1f2e3d4c+Aa...=        a note signer brings its own line
//! ```

use crate::durable::{self, DurableError};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest secret file that is read.
pub const MAX_SECRET_BYTES: u64 = 64 * 1024;

const PREFIX: &str = "CANDOR+SECRET+";

/// Why a secret could not be read or created. No variant carries the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{}: no such key; create it once with the party's `init` command", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: readable by others (mode {mode:o}); run chmod 600 on it, and consider the key exposed", .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{}: not one line holding a {label:?} secret", .path.display())]
    Malformed { path: PathBuf, label: String },
    #[error("{}: a key has 32 bytes; restore it from a backup", .path.display())]
    Length { path: PathBuf },
    #[error(transparent)]
    File(#[from] DurableError),
}

impl SecretError {
    /// What is wrong, for an error that names the file itself: one that a person writes, and no
    /// `init`.
    pub fn reason(&self) -> String {
        match self {
            Self::Missing { .. } => "no such file".to_owned(),
            Self::Exposed { mode, .. } => format!("readable by others (mode {mode:o})"),
            Self::Malformed { .. } => "not one line of text with its line end".to_owned(),
            Self::Length { .. } => "not 32 bytes".to_owned(),
            Self::File(error) => error.to_string(),
        }
    }
}

/// Creates the file at `path` with one line of secret text. Refuses to overwrite.
pub fn create_line(path: &Path, line: &str) -> Result<(), SecretError> {
    if line.is_empty() || line.contains('\n') {
        return Err(SecretError::Malformed { path: path.to_owned(), label: "one-line".to_owned() });
    }
    let text = Zeroizing::new(format!("{line}\n"));
    Ok(durable::create_exclusive(path, text.as_bytes())?)
}

/// The one line in the file at `path`, which only its owner may be able to read.
pub fn read_line(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let malformed = || SecretError::Malformed { path: path.to_owned(), label: "one-line".to_owned() };
    let missing = || SecretError::Missing { path: path.to_owned() };
    let mode = match std::fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(DurableError::at(path, error).into()),
    };
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let bytes = Zeroizing::new(durable::read_limited(path, MAX_SECRET_BYTES)?.ok_or_else(missing)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    let line = text.strip_suffix('\n').filter(|line| !line.is_empty() && !line.contains('\n'));
    Ok(Zeroizing::new(line.ok_or_else(malformed)?.to_owned()))
}

/// Creates the file at `path` with secret bytes under a label such as `notice-root`. Refuses to
/// overwrite.
pub fn create(path: &Path, label: &str, secret: &[u8]) -> Result<(), SecretError> {
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(secret));
    create_line(path, &Zeroizing::new(format!("{PREFIX}{label}+{}", *encoded)))
}

/// Draws 32 bytes and keeps them, as [`create`] does.
pub fn create_key(path: &Path, label: &str) -> Result<Zeroizing<[u8; 32]>, SecretError> {
    let key = Zeroizing::new(crate::rng::bytes::<32>());
    create(path, label, &key[..])?;
    Ok(key)
}

/// The 32 bytes in the file at `path`, which must carry this label.
pub fn read_key(path: &Path, label: &str) -> Result<Zeroizing<[u8; 32]>, SecretError> {
    let key = <[u8; 32]>::try_from(&read(path, label)?[..]).map(Zeroizing::new);
    key.map_err(|_| SecretError::Length { path: path.to_owned() })
}

/// The secret bytes in the file at `path`, which must carry this label.
pub fn read(path: &Path, label: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let malformed = || SecretError::Malformed { path: path.to_owned(), label: label.to_owned() };
    let line = read_line(path)?;
    let encoded = line
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix(label))
        .and_then(|rest| rest.strip_prefix('+'))
        .ok_or_else(malformed)?;
    BASE64_STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_round_trips_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.secret");
        assert!(matches!(read(&path, "root"), Err(SecretError::Missing { .. })));
        create(&path, "root", &[7; 32]).unwrap();
        assert_eq!(*read(&path, "root").unwrap(), [7; 32]);
        assert!(matches!(read(&path, "other"), Err(SecretError::Malformed { .. })));
        let again = create(&path, "root", &[8; 32]).unwrap_err();
        assert!(matches!(again, SecretError::File(DurableError::Exists { .. })));
        assert_eq!(*read(&path, "root").unwrap(), [7; 32]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_exposed_or_malformed_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create_line(&path, "PRIVATE+KEY+x").unwrap();
        assert_eq!(*read_line(&path).unwrap(), "PRIVATE+KEY+x");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_line(&path), Err(SecretError::Exposed { mode: 0o640, .. })));

        for (name, bytes) in [
            ("empty", &b""[..]),
            ("blank", b"\n"),
            ("two", b"a\nb\n"),
            ("binary", b"\xff\n"),
            ("torn", b"CANDOR"),
        ] {
            let path = dir.path().join(name);
            durable::create_exclusive(&path, bytes).unwrap();
            assert!(matches!(read_line(&path), Err(SecretError::Malformed { .. })), "{name}");
        }
        assert!(create_line(&dir.path().join("bad"), "a\nb").is_err());
        create_line(&dir.path().join("nobase"), "CANDOR+SECRET+root+***").unwrap();
        assert!(matches!(read(&dir.path().join("nobase"), "root"), Err(SecretError::Malformed { .. })));
    }
}
