//! Configuration: one TOML file a party, read once at the start. Every struct denies unknown
//! fields; an error names the file, the line and what to do.
//!
//! Relative paths in it start at the folder of the file, wherever the program was started: a second
//! keybook in another folder is not made by standing there.
//!
//! ```text
//! deploy/config/witness.toml:3: unknown field `lisen`, expected one of `listen`, `data`, `logs`
//! ```

use crate::durable::{self, DurableError};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The largest configuration file that is read.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A configuration that names files and folders of this machine.
pub trait Located {
    /// All of them, as they were written.
    fn paths(&mut self) -> Vec<&mut PathBuf>;
}

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: no such file; write one (samples: deploy/config/) or name another with --config", .path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Unreadable(#[from] DurableError),
    #[error("{}:{line}: {message}", .path.display())]
    Invalid { path: PathBuf, line: usize, message: String },
}

/// Reads and checks the configuration at `path`; its paths start there.
pub fn load<T: DeserializeOwned + Located>(path: &Path) -> Result<T, ConfigError> {
    let bytes = durable::read_limited(path, MAX_CONFIG_BYTES)?;
    let bytes = bytes.ok_or_else(|| ConfigError::Missing { path: path.to_owned() })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        line: line_of(&String::from_utf8_lossy(&bytes), error.valid_up_to()),
        message: "not UTF-8".to_owned(),
    })?;
    let mut config: T = parse(text, path)?;
    if let Some(folder) = path.parent() {
        // An absolute one stays what it is.
        config.paths().into_iter().for_each(|written| *written = folder.join(&*written));
    }
    Ok(config)
}

/// Checks the text of a configuration; `path` is named in errors.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        message: error.message().replace('\n', " "),
    })
}

/// `#[serde(default = "default::<N, _>")]`: a number that a configuration may leave out.
pub fn default<const N: u32, T: From<u32>>() -> T {
    N.into()
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        listen: std::net::SocketAddr,
        #[serde(default)]
        rate: u32,
        #[serde(default)]
        data: PathBuf,
    }

    impl Located for Sample {
        fn paths(&mut self) -> Vec<&mut PathBuf> {
            vec![&mut self.data]
        }
    }

    fn error(text: &str) -> String {
        parse::<Sample>(text, Path::new("x.toml")).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_file_line_and_field() {
        assert!(
            error("listen = \"127.0.0.1:1\"\nlisen = 3\n").starts_with("x.toml:2: unknown field `lisen`")
        );
        assert!(error("rate = 1\n").contains("missing field `listen`"));
        assert!(error("listen = \"127.0.0.1:1\"\nrate = -1\n").starts_with("x.toml:2:"));
        assert!(error("listen = [\n").starts_with("x.toml:"));
    }

    #[test]
    fn relative_paths_start_at_the_folder_of_the_file_and_absolute_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        for (written, expected) in [
            ("keys", dir.path().join("keys")),
            ("../keys", dir.path().join("../keys")),
            ("/keys", "/keys".into()),
        ] {
            std::fs::write(&path, format!("listen = \"127.0.0.1:1\"\ndata = {written:?}\n")).unwrap();
            assert_eq!(load::<Sample>(&path).unwrap().data, expected);
        }
    }

    #[test]
    fn a_file_is_loaded_and_a_missing_or_oversized_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        assert!(matches!(load::<Sample>(&path), Err(ConfigError::Missing { .. })));
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\n").unwrap();
        assert_eq!(load::<Sample>(&path).unwrap().listen.port(), 1);
        std::fs::write(&path, vec![b'#'; MAX_CONFIG_BYTES as usize + 1]).unwrap();
        assert!(matches!(load::<Sample>(&path), Err(ConfigError::Unreadable(_))));
        std::fs::write(&path, b"listen = \"127.0.0.1:1\"\n# caf\xe9\n").unwrap();
        assert!(matches!(load::<Sample>(&path), Err(ConfigError::Invalid { line: 2, .. })));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(load::<Sample>(&path), Err(ConfigError::Invalid { .. })));
    }
}
