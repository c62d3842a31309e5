//! The policy file of whoever reads a log: its key, its witnesses, the quorum. Of one log alone, for heads of two would look like a fork.

use host::durable::DurableError;
use std::path::{Path, PathBuf};
use tlog::policy::{POLICY_MAX_BYTES, Policy, PolicyError};

/// Why a policy file cannot be gone by.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    #[error("{}: no such policy file; write a tlog-policy with the log's key, its witnesses and the quorum", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: {source}; correct it, or get the file from the log's operator", .path.display())]
    Malformed { path: PathBuf, source: PolicyFault },
    #[error("{}: it names several logs, and one is followed; write a file for each", .path.display())]
    SeveralLogs { path: PathBuf },
}

/// What is wrong with a policy file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error(transparent)]
    Unreadable(#[from] DurableError),
    #[error(transparent)]
    NoPolicy(#[from] PolicyError),
}

pub(crate) fn read(path: &Path) -> Result<Policy, PolicyFileError> {
    let malformed = |source| PolicyFileError::Malformed { path: path.to_owned(), source };
    let bytes = host::durable::read_limited(path, POLICY_MAX_BYTES as u64)
        .map_err(|error| malformed(error.into()))?
        .ok_or_else(|| PolicyFileError::Missing { path: path.to_owned() })?;
    let policy = Policy::parse(&bytes).map_err(|error| malformed(error.into()))?;
    let mut origins = policy.logs().iter().map(|log| log.key.name());
    let first = origins.next();
    if origins.any(|origin| Some(origin) != first) {
        return Err(PolicyFileError::SeveralLogs { path: path.to_owned() });
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::paper::policy_text;
    use tlog::note::Signer;

    #[test]
    fn a_policy_of_one_log_is_read_and_anything_else_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy");
        let read_as = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        assert!(matches!(read(&path), Err(PolicyFileError::Missing { .. })));
        let good = policy_text();
        assert_eq!(read_as(good.as_bytes()).unwrap().logs().len(), 1);
        // A second key of the same log is no second log.
        let log = |name: &str| {
            format!("log {}\n{good}", Signer::from_seed(name, &[9; 32]).unwrap().verifier().vkey())
        };
        assert_eq!(read_as(log("log.example").as_bytes()).unwrap().logs().len(), 2);
        assert!(matches!(read_as(log("other.example").as_bytes()), Err(PolicyFileError::SeveralLogs { .. })));
        let long = vec![b'\n'; POLICY_MAX_BYTES + 1];
        for bad in [&b""[..], b"log x\n", &[0xff; 9], &long] {
            let error = read_as(bad).unwrap_err();
            assert!(matches!(error, PolicyFileError::Malformed { .. }), "{error}");
        }
    }
}
