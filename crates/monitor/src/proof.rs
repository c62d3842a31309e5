//! Evidence against a log that somebody kept, checked offline with the log policy alone. Contract:
//! `proto/gossip.md#fork-proof`, `proto/gossip.md#stamp-faults`.
//!
//! ```text
//! candor fork v1            two heads that the log signed, and no tree contains
//! candor stamp fault v1     an entry that the log stamped as no honest log does
//! ```
//!
//! In scope: what such a file proves, whoever hands it on. Out of scope: finding it ([`crate::check()`]
//! and whoever follows).

use tlog::fork::{ForkError, ForkProof};
use tlog::policy::Policy;
use tlog::stamp::{StampFault, StampFaultError};

/// What evidence proves: the log, or whoever has its key, did what no honest log does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "proves")]
pub enum Proven {
    /// It signed two histories: heads of these sizes.
    Fork { log: String, first: u64, second: u64 },
    /// It stamped this entry wrongly; the stamp's time, and the time that contradicts it.
    StampFault { kind: &'static str, index: u64, times: Option<(u64, u64)> },
}

/// Why a file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum Disproved {
    /// Of no form that is known.
    #[error("this is neither a fork proof nor a stamp fault: {fork}; {stamp}")]
    Unread { fork: ForkError, stamp: StampFaultError },
    #[error("it proves no fork of a log of this policy: {0}")]
    NoFork(ForkError),
    #[error("it proves no bad stamp by a log of this policy: {0}")]
    NoFault(StampFaultError),
}

/// Checks a fork proof or a stamp fault.
pub fn prove(evidence: &[u8], policy: &Policy) -> Result<Proven, Disproved> {
    match (ForkProof::parse(evidence), StampFault::parse(evidence)) {
        (Ok(proof), _) => {
            let fork = proof.verify(&policy.log_keys(proof.origin())).map_err(Disproved::NoFork)?;
            let size = |head: &tlog::checkpoint::SignedCheckpoint| head.checkpoint().size();
            let (first, second) = (size(fork.first()), size(fork.second()));
            Ok(Proven::Fork { log: proof.origin().to_owned(), first, second })
        }
        (Err(_), Ok(fault)) => {
            let fault = fault.verify(policy).map_err(Disproved::NoFault)?;
            Ok(Proven::StampFault { kind: fault.kind().word(), index: fault.index(), times: fault.times() })
        }
        (Err(fork), Err(stamp)) => Err(Disproved::Unread { fork, stamp }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms, and what makes one false, are the vectors' matter.
    #[test]
    fn a_file_proves_a_fork_or_a_bad_stamp_by_the_logs_own_policy_alone() {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let faults = read(include_str!("../../../proto/vectors/stamp-fault.json"));
        let forks = read(include_str!("../../../proto/vectors/fork.json"));
        let policy = Policy::parse(faults["policy"].as_str().unwrap().as_bytes()).unwrap();
        let anothers = stage::paper::policy();
        let cases = |of: &serde_json::Value, good: &str, field: &str| -> Vec<String> {
            let cases = of[good].as_array().unwrap().iter();
            cases.map(|case| case[field].as_str().unwrap().to_owned()).collect()
        };
        let good = cases(&faults, "good", "fault");
        for (at, fault) in good.iter().enumerate() {
            let proven = prove(fault.as_bytes(), &policy).unwrap();
            let index = faults["good"][at]["index"].as_u64().unwrap();
            assert!(matches!(proven, Proven::StampFault { index: at, .. } if at == index), "{proven:?}");
            assert!(matches!(prove(fault.as_bytes(), &anothers), Err(Disproved::NoFault(_))));
        }
        let good = cases(&forks, "good", "proof");
        for fork in &good {
            let proven = prove(fork.as_bytes(), &policy).unwrap();
            assert!(matches!(proven, Proven::Fork { first, second, .. } if first <= second), "{proven:?}");
            assert!(matches!(prove(fork.as_bytes(), &anothers), Err(Disproved::NoFork(_))));
        }
        for bad in cases(&faults, "bad", "fault").iter().chain(&cases(&forks, "bad", "proof")) {
            assert!(prove(bad.as_bytes(), &policy).is_err(), "{bad}");
        }
        assert!(matches!(prove(b"the log lied", &policy), Err(Disproved::Unread { .. })));
    }
}
