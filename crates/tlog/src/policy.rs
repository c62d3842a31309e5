//! Policies (C2SP tlog-policy): which logs, which witnesses, and how many of them must vouch for a
//! checkpoint. Contract: `proto/log.md#policies`.
//!
//! ```text
//! log candor.example/log+03eef4ad+AZ8s... https://log.candor.example/
//! witness w1 w1.example+1f0e7a92+BGmK... https://w1.example/
//! witness w2 w2.example+92ab03d1+BPfd...
//! witness w3 w3.example+5b77c1e0+BAbc...
//! witness w4 w4.example+0c2d9f13+BDef...
//! group independent 3 w1 w2 w3 w4
//! quorum independent
//! ```
//!
//! `quorum none`, which C2SP allows, is refused: a head that nobody vouches for is not evidence
//! here.

mod parse;

use crate::Hash;
use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, UnverifiedCheckpoint};
use crate::note::{KeyError, NoteError, Verifier};
use crate::stamp::StampKey;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// The largest policy file.
pub const POLICY_MAX_BYTES: usize = 64 * 1024;
/// The most logs in a policy; as many witnesses, and as many groups.
pub const LINES_MAX: usize = 32;

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {problem}")]
pub struct PolicyError {
    /// Where, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What.
    pub problem: PolicyProblem,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// Over [`POLICY_MAX_BYTES`].
    #[error("the file has more than {POLICY_MAX_BYTES} bytes")]
    TooLong,
    /// Not UTF-8, control characters, or no newline at the end.
    #[error("the file must be UTF-8 lines ending in newlines, with no control characters but tab")]
    BadText,
    /// Over [`LINES_MAX`] of a kind.
    #[error("more than {LINES_MAX} logs, witnesses or groups")]
    TooMany,
    /// A line that starts with something else.
    #[error("a line must start with log, witness, group or quorum")]
    UnknownLine,
    /// Too few or too many items.
    #[error("expected: {0}")]
    Items(&'static str),
    /// A key that does not parse or cannot serve there.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The same public key twice.
    #[error("this public key is already in the policy")]
    DuplicateKey,
    /// A name defined twice, or `none`.
    #[error("the name {0} is taken")]
    NameTaken(String),
    /// A name that no earlier line defines.
    #[error("no earlier line defines {0}")]
    UnknownName(String),
    /// A member of two groups, or twice of one.
    #[error("{0} is already a member of a group")]
    MemberTwice(String),
    /// Not `any`, `all` or 1..=n.
    #[error("the threshold must be any, all, or a number from 1 to the number of members")]
    BadThreshold,
    /// More than one quorum line.
    #[error("there is a quorum line already")]
    SecondQuorum,
    /// No quorum, or `quorum none`.
    #[error(
        "the policy must require witnesses: add a line such as \"quorum w1\"; \"quorum none\" is not accepted"
    )]
    NoQuorum,
    /// No log.
    #[error("the policy must name a log")]
    NoLog,
}

/// Why a checkpoint is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a checkpoint, or one with a bad signature.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No log of this origin in the policy.
    #[error("the policy knows no log {0}")]
    UnknownLog(String),
    /// Known witnesses cosigned, but not enough of them (within the window, if there was one).
    #[error("the quorum is not met: of the policy's witnesses only {} count: {}", .0.len(), .0.join(", "))]
    QuorumNotMet(Vec<String>),
}

/// A log of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key; the key's name is the origin.
    pub key: Verifier,
    /// Where to reach it.
    pub url: Option<String>,
}

/// A witness of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name within the policy.
    pub name: String,
    /// Its key.
    pub key: Verifier,
    /// Where to reach it.
    pub url: Option<String>,
}

/// A name's rule: a witness by number, or k of earlier names by number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Witness(usize),
    Group { threshold: usize, members: Vec<usize> },
}

/// Whose word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    hash: Hash,
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    /// In the order of definition, so that members come before their group.
    rules: Vec<Rule>,
    quorum: usize,
}

/// Between which times, in Unix seconds and inclusive, a cosignature must have been made to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The earliest.
    pub not_before: u64,
    /// The latest.
    pub not_after: u64,
}

impl Window {
    /// Whenever there is a time at all.
    pub const EVER: Self = Self { not_before: 1, not_after: u64::MAX };

    /// From `past` seconds before `now` to `future` seconds after it.
    pub fn around(now: u64, past: u64, future: u64) -> Self {
        Self { not_before: now.saturating_sub(past), not_after: now.saturating_add(future) }
    }

    fn contains(&self, time: u64) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

/// A verified cosignature by a witness of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name within the policy.
    pub witness: String,
    /// When it cosigned, Unix seconds, never 0.
    pub time: u64,
}

/// A checkpoint that the log signed and a quorum cosigned. Only [`Policy`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedCheckpoint {
    signed: SignedCheckpoint,
    cosignatures: Vec<Cosignature>,
    cosigned_at: u64,
}

impl Policy {
    /// SHA-256 of the file (`sha256sum log-policy.txt`): how an OwnerPolicy names it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether two files say the same of whose word counts, whatever their spaces, comments and addresses.
    pub fn says_as(&self, other: &Self) -> bool {
        let logs = |policy: &Self| policy.logs.iter().map(|log| log.key.clone()).collect::<Vec<_>>();
        let witnesses = |policy: &Self| {
            let named = policy.witnesses.iter().map(|one| (one.name.clone(), one.key.clone()));
            named.collect::<Vec<_>>()
        };
        (logs(self), witnesses(self)) == (logs(other), witnesses(other))
            && (&self.rules, self.quorum) == (&other.rules, other.quorum)
    }

    /// The logs.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The keys of the log of this origin; none if the policy does not know it.
    pub fn log_keys(&self, origin: &str) -> Vec<&Verifier> {
        self.logs.iter().map(|log| &log.key).filter(|key| key.name() == origin).collect()
    }

    /// The keys under which these logs stamp their entries.
    pub fn stamp_keys(&self) -> Vec<StampKey> {
        self.logs.iter().filter_map(|log| StampKey::of(&log.key)).collect()
    }

    /// Those of the log of this origin.
    pub fn stamp_keys_of(&self, origin: &str) -> Vec<StampKey> {
        self.log_keys(origin).into_iter().filter_map(StampKey::of).collect()
    }

    /// Whether these witnesses, by their names in the policy, are a quorum.
    pub fn is_quorum<'a>(&self, witnesses: impl IntoIterator<Item = &'a str>) -> bool {
        let mut present = alloc::vec![false; self.witnesses.len()];
        for name in witnesses {
            if let Some(index) = self.witnesses.iter().position(|witness| witness.name == name) {
                present[index] = true;
            }
        }
        self.quorum_met(&present)
    }

    /// Checks only that the log signed: for monitors, to whom a head without witnesses is evidence
    /// too.
    pub fn verify_log_signature(&self, bytes: &[u8]) -> Result<SignedCheckpoint, VerifyError> {
        let checkpoint = UnverifiedCheckpoint::parse(bytes)?;
        let keys = self.log_keys(checkpoint.origin());
        if keys.is_empty() {
            return Err(VerifyError::UnknownLog(checkpoint.origin().to_string()));
        }
        Ok(checkpoint.verify(&keys)?)
    }

    /// Checks the log's signature and the quorum, whenever the witnesses cosigned.
    pub fn verify_checkpoint(&self, bytes: &[u8]) -> Result<CosignedCheckpoint, VerifyError> {
        self.verify_fresh_checkpoint(bytes, Window::EVER)
    }

    /// Checks the log's signature, and that a quorum cosigned within the window.
    pub fn verify_fresh_checkpoint(
        &self,
        bytes: &[u8],
        window: Window,
    ) -> Result<CosignedCheckpoint, VerifyError> {
        let signed = self.verify_log_signature(bytes)?;
        let mut cosignatures = Vec::new();
        for witness in &self.witnesses {
            let time = match signed.note().verify_one(&witness.key) {
                Ok(time) => time,
                Err(NoteError::NoKnownKey) => continue,
                // SPEC: log.md#policies: a bad cosignature by a known witness MUST refuse the
                // checkpoint.
                Err(error) => return Err(CheckpointError::Note(error).into()),
            };
            // SPEC: log.md#cosignatures: a cosignature of time 0 MUST NOT count for a witness.
            if let Some(time) = time.filter(|time| window.contains(*time)) {
                cosignatures.push(Cosignature { witness: witness.name.clone(), time });
            }
        }
        // SPEC: log.md#cosignatures: the fresh ones MUST meet the quorum by themselves.
        let cosigned_at = self.quorum_time(&cosignatures).ok_or_else(|| {
            VerifyError::QuorumNotMet(cosignatures.iter().map(|by| by.witness.clone()).collect())
        })?;
        Ok(CosignedCheckpoint { signed, cosignatures, cosigned_at })
    }

    /// The earliest time by which a quorum had cosigned.
    fn quorum_time(&self, cosignatures: &[Cosignature]) -> Option<u64> {
        let mut times: Vec<u64> = cosignatures.iter().map(|by| by.time).collect();
        times.sort_unstable();
        times.into_iter().find(|limit| {
            let until = cosignatures.iter().filter(|by| by.time <= *limit);
            self.is_quorum(until.map(|by| by.witness.as_str()))
        })
    }

    fn quorum_met(&self, present: &[bool]) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            // Members are earlier rules, so that one pass in order decides all.
            let holds = match rule {
                Rule::Witness(index) => present.get(*index).copied().unwrap_or(false),
                Rule::Group { threshold, members } => {
                    members.iter().filter(|member| met.get(**member) == Some(&true)).count() >= *threshold
                }
            };
            met.push(holds);
        }
        met.get(self.quorum) == Some(&true)
    }
}

impl CosignedCheckpoint {
    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }

    /// The same as the log signed it.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The verified cosignatures, in the policy's order.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// The witnesses that cosigned, by their names within the policy.
    pub fn witness_names(&self) -> Vec<String> {
        self.cosignatures.iter().map(|cosigned| cosigned.witness.clone()).collect()
    }

    /// The earliest time by which a quorum had cosigned, Unix seconds. One lying witness of a
    /// larger quorum cannot move it back.
    pub fn cosigned_at(&self) -> u64 {
        self.cosigned_at
    }

    /// The earliest time at which any of these witnesses cosigned it: that it existed then, one of
    /// a quorum who lies cannot move forward.
    pub fn first_cosigned_at(&self) -> u64 {
        self.cosignatures.iter().map(|cosigned| cosigned.time).min().unwrap_or(self.cosigned_at)
    }

    /// The bytes of the note.
    pub fn encode(&self) -> Vec<u8> {
        self.signed.encode()
    }
}
