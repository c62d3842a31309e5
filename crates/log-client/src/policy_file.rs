//! The policy file of whoever reads a log: its key, its witnesses, the quorum. Of one log alone,
//! for heads of two would look like a fork.

use host::given::{self, GivenError};
use std::path::Path;
use tlog::policy::{POLICY_MAX_BYTES, Policy, PolicyError};

/// Why a policy file cannot be gone by.
pub type PolicyFileError = GivenError<PolicyFault>;

/// What is wrong with a policy file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error("{0}; correct it, or get the file from the log's operator")]
    NoPolicy(#[from] PolicyError),
    #[error("it names several logs, and one is followed; write a file for each")]
    SeveralLogs,
}

const WHAT: &str = "policy file; get it from the log's operator, or write a tlog-policy with the log's key, its witnesses and the quorum";

/// The policy in a file, and its text.
pub fn read_policy(path: &Path) -> Result<(Policy, String), PolicyFileError> {
    given::read(path, POLICY_MAX_BYTES, WHAT, |bytes| {
        let policy = Policy::parse(bytes)?;
        let mut origins = policy.logs().iter().map(|log| log.key.name());
        let first = origins.next();
        if origins.any(|origin| Some(origin) != first) {
            return Err(PolicyFault::SeveralLogs);
        }
        // A policy is UTF-8: nothing is replaced.
        Ok((policy, String::from_utf8_lossy(bytes).into_owned()))
    })
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
            read_policy(&path)
        };
        assert!(matches!(read_policy(&path), Err(PolicyFileError::Missing { .. })));
        let good = policy_text();
        let (policy, text) = read_as(good.as_bytes()).unwrap();
        assert_eq!((policy.logs().len(), text.as_str()), (1, good.as_ref()));
        // A second key of the same log is no second log.
        let log = |name: &str| {
            format!("log {}\n{good}", Signer::from_seed(name, &[9; 32]).unwrap().verifier().vkey())
        };
        assert_eq!(read_as(log("log.example").as_bytes()).unwrap().0.logs().len(), 2);
        assert!(matches!(
            read_as(log("other.example").as_bytes()),
            Err(PolicyFileError::Malformed { source: PolicyFault::SeveralLogs, .. })
        ));
        let long = vec![b'\n'; POLICY_MAX_BYTES + 1];
        for bad in [&b""[..], b"log x\n", &[0xff; 9]] {
            let error = read_as(bad).unwrap_err();
            assert!(matches!(error, PolicyFileError::Malformed { .. }), "{error}");
        }
        assert!(matches!(read_as(&long), Err(PolicyFileError::Unreadable(_))));
    }
}
