//! Alarms and their evidence (proto/gossip.md#alarms): one file each, durable before anything else
//! is done, standing until an operator moves it away and starts the monitor again.
//!
//! ```text
//! alarms/fork-2f1c9e....proof                   a fork proof: convinces anyone who has the log's key
//! alarms/stamp-93d0....fault                    a stamp fault: convinces anyone who has the log policy
//! alarms/withheld-head-77ab....note             a head that the log signed, and does not serve
//! alarms/unreproducible-head-013d....note       a head that the log signed, and whose entries give another
//! ```

use host::durable::{self, DurableError};
use std::path::{Path, PathBuf};
use tlog::fork::{FORK_PROOF_MAX_BYTES, ForkProof};
use tlog::merkle::leaf_hash;
use tlog::policy::Policy;

/// Alarms kept of each kind, so that none crowds out another; the first ones are those that matter.
pub(crate) const MAX_ALARMS: usize = 64;
/// Fork proofs that are passed on to peers.
pub(crate) const MAX_FORKS: usize = 8;

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// The log signed two histories.
    Fork,
    /// The log signed a head whose entries it does not have.
    UnreproducibleHead,
    /// The log stamped an entry as no honest log does.
    Stamp,
    /// The log signed a head for somebody else and does not serve it.
    WithheldHead,
}

impl AlarmKind {
    /// What the name of its file begins with, and ends on.
    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Fork => ("fork-", ".proof"),
            Self::UnreproducibleHead => ("unreproducible-head-", ".note"),
            Self::Stamp => ("stamp-", ".fault"),
            Self::WithheldHead => ("withheld-head-", ".note"),
        }
    }

    fn of_file(name: &str) -> Option<Self> {
        let mut kinds = [Self::Fork, Self::UnreproducibleHead, Self::Stamp, Self::WithheldHead].into_iter();
        kinds.find(|kind| name.starts_with(kind.named().0) && name.ends_with(kind.named().1))
    }
}

/// The alarms that stand.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    folder: PathBuf,
    standing: Vec<(AlarmKind, String)>,
    forks: Vec<ForkProof>,
}

impl Alarms {
    /// Reads the folder. A fork proof in it that does not verify is no alarm; it is named in the
    /// telemetry.
    pub(crate) fn open(folder: &Path, policy: &Policy) -> Result<Self, DurableError> {
        durable::create_dirs(folder)?;
        let mut alarms = Self { folder: folder.to_owned(), standing: Vec::new(), forks: Vec::new() };
        let entries = std::fs::read_dir(folder).map_err(|error| DurableError::at(folder, error))?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        for name in names {
            let Some(kind) = AlarmKind::of_file(&name) else { continue };
            if kind == AlarmKind::Fork {
                let bytes = durable::read_limited(&folder.join(&name), FORK_PROOF_MAX_BYTES as u64)?;
                let proof = bytes.and_then(|bytes| ForkProof::parse(&bytes).ok());
                match proof.filter(|proof| proof.verify(&policy.log_keys(proof.origin())).is_ok()) {
                    Some(proof) if alarms.forks.len() < MAX_FORKS => alarms.forks.push(proof),
                    Some(_) => {}
                    None => {
                        tracing::error!(
                            name,
                            "a kept fork proof does not verify under the policy: it is no alarm"
                        );
                        continue;
                    }
                }
            }
            alarms.standing.push((kind, name));
        }
        Ok(alarms)
    }

    /// Raises an alarm with its evidence, once.
    pub(crate) fn raise(&mut self, kind: AlarmKind, evidence: &[u8]) -> Result<(), DurableError> {
        let (begins, ends) = kind.named();
        let name = format!("{begins}{}{ends}", &leaf_hash(evidence).to_hex()[..32]);
        let same = self.standing.iter().filter(|(standing, _)| *standing == kind);
        if same.clone().any(|(_, standing)| *standing == name) || same.count() >= MAX_ALARMS {
            return Ok(());
        }
        let path = self.folder.join(&name);
        // SPEC: gossip.md#alarms: the evidence is durable before anything else is done.
        let kept = durable::write_atomic(&path, evidence);
        tracing::error!(alarm = ?kind, evidence = %path.display(), "ALARM: the log did what no honest log does");
        self.standing.push((kind, name));
        kept
    }

    /// Raises the alarm of a fork that verifies.
    pub(crate) fn raise_fork(&mut self, proof: ForkProof) -> Result<(), DurableError> {
        let evidence = proof.encode();
        if self.forks.contains(&proof) {
            return Ok(());
        }
        if self.forks.len() < MAX_FORKS {
            self.forks.push(proof);
        }
        self.raise(AlarmKind::Fork, &evidence)
    }

    /// The alarms, by the names of their files.
    pub(crate) fn names(&self) -> Vec<String> {
        self.standing.iter().map(|(_, name)| name.clone()).collect()
    }

    pub(crate) fn has(&self, kind: AlarmKind) -> bool {
        self.standing.iter().any(|(standing, _)| *standing == kind)
    }

    pub(crate) fn forks(&self) -> &[ForkProof] {
        &self.forks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::paper::policy_text;

    #[test]
    fn alarms_of_one_kind_crowd_out_none_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Policy::parse(policy_text().as_bytes()).unwrap();
        let mut alarms = Alarms::open(dir.path(), &policy).unwrap();
        for n in 0..1000_u32 {
            alarms.raise(AlarmKind::Stamp, &n.to_be_bytes()).unwrap();
        }
        alarms.raise(AlarmKind::WithheldHead, b"a head").unwrap();
        assert!(alarms.has(AlarmKind::WithheldHead));
        assert_eq!(alarms.names().len(), MAX_ALARMS + 1);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), MAX_ALARMS + 1, "each has its file");
    }
}
