//! Fork proofs: a log that signed two histories, shown to anyone who has its key. No tree, witness
//! or network is needed to check one. Contract: `proto/log.md#fork-proofs`; how monitors come by
//! them: `proto/gossip.md`.
//!
//! ```text
//! candor fork v1
//! first bG9nLmV4YW1wbGUK...            the smaller head, (m, R): base64 of the note, signed by the log
//! second bG9nLmV4YW1wbGUK...           the larger head, (n, S)
//! prefix PlRNCrwHpqhGrupue0L7...       the perfect subtrees of 0..m in the tree of n, left to right, always all
//! rest jrJZDmY8Y7SyJE0MWLpL...         the perfect subtrees that cover m..n, left to right
//! ```
//!
//! All nodes together give S, so the log's second head commits to them; the prefix alone gives the
//! root that the tree of n had at size m; that root is not R. Two heads of one size are a proof
//! without nodes.

use crate::Hash;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, UnverifiedCheckpoint};
use crate::merkle::{Frontier, NodeId, cover};
use crate::note::{NOTE_MAX_BYTES, Verifier};
use alloc::format;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(test)]
mod tests;

const HEADER: &str = "candor fork v1";
/// The most nodes of a kind: a prefix has one for each bit of its size, the rest up to two.
const NODES_MAX: usize = 128;
/// The largest fork proof.
pub const FORK_PROOF_MAX_BYTES: usize = 2 * (NOTE_MAX_BYTES * 4 / 3 + 16) + 2 * NODES_MAX * 52 + 64;

/// Why there is no proof of a fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// Over [`FORK_PROOF_MAX_BYTES`], or not the lines of a fork proof.
    #[error("not a fork proof: {0}")]
    BadForm(&'static str),
    /// A head that is not a checkpoint, or not signed by the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Heads of two logs.
    #[error("the two heads are of different logs")]
    OtherLog,
    /// The first head is the larger one.
    #[error("the first head must not be larger than the second")]
    WrongOrder,
    /// Nodes that do not fit the sizes.
    #[error("the nodes do not cover the tree of the second head")]
    WrongNodes,
    /// The nodes do not give the second head's root.
    #[error("the nodes do not give the root of the second head")]
    NotTheSecondRoot,
    /// The second tree continues the first: no fork.
    #[error("the second head continues the first: this is no fork")]
    NoFork,
    /// A node of the tree could not be had.
    #[error("a node of the larger tree is missing")]
    MissingNode,
}

/// Two heads that no one tree has, as received: see [`ForkProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    first: UnverifiedCheckpoint,
    second: UnverifiedCheckpoint,
    prefix: Vec<Hash>,
    rest: Vec<Hash>,
}

/// A fork that was verified: the log of this origin signed two heads that exclude each other. Only
/// [`ForkProof::verify`] makes one:
///
/// ```compile_fail,E0451
/// fn slander(one: tlog::fork::VerifiedFork) -> tlog::fork::VerifiedFork {
///     tlog::fork::VerifiedFork { root_in_second: tlog::Hash([0; 32]), ..one }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFork {
    first: SignedCheckpoint,
    second: SignedCheckpoint,
    root_in_second: Hash,
}

impl VerifiedFork {
    /// The smaller head.
    pub fn first(&self) -> &SignedCheckpoint {
        &self.first
    }

    /// The larger head.
    pub fn second(&self) -> &SignedCheckpoint {
        &self.second
    }

    /// The root that the second head's tree had at the first head's size.
    pub fn root_in_second(&self) -> Hash {
        self.root_in_second
    }
}

impl ForkProof {
    /// Makes a proof from two signed heads of one log, in either order, and the perfect subtrees of
    /// the larger one's tree. For two heads of one size `node` is not called.
    pub fn build(
        one: &SignedCheckpoint,
        other: &SignedCheckpoint,
        mut node: impl FnMut(NodeId) -> Option<Hash>,
    ) -> Result<Self, ForkError> {
        let swapped = one.checkpoint().size() > other.checkpoint().size();
        let (first, second) = if swapped { (other, one) } else { (one, other) };
        let (small, large) = (first.checkpoint(), second.checkpoint());
        if small.origin() != large.origin() {
            return Err(ForkError::OtherLog);
        }
        let (mut prefix, mut rest) = (Vec::new(), Vec::new());
        if small.size() < large.size() {
            let mut nodes = |begin, end| {
                let nodes: Option<Vec<_>> = cover(begin, end).into_iter().map(&mut node).collect();
                nodes.ok_or(ForkError::MissingNode)
            };
            (prefix, rest) = (nodes(0, small.size())?, nodes(small.size(), large.size())?);
        }
        let (first, second) =
            (UnverifiedCheckpoint::by_log_alone(first), UnverifiedCheckpoint::by_log_alone(second));
        let proof = Self { first, second, prefix, rest };
        proof.check_nodes()?;
        Ok(proof)
    }

    /// Checks the proof against the log's keys alone.
    pub fn verify(&self, log_keys: &[&Verifier]) -> Result<VerifiedFork, ForkError> {
        let root_in_second = self.check_nodes()?;
        let first = self.first.clone().verify(log_keys)?;
        let second = self.second.clone().verify(log_keys)?;
        Ok(VerifiedFork { first, second, root_in_second })
    }

    /// The log that both heads claim.
    pub fn origin(&self) -> &str {
        self.first.origin()
    }

    fn check_nodes(&self) -> Result<Hash, ForkError> {
        let (first, second) = (self.first.unverified(), self.second.unverified());
        // SPEC: log.md#fork-proofs: both notes MUST be signed by keys of the log, of one origin.
        if first.origin() != second.origin() {
            return Err(ForkError::OtherLog);
        }
        let (m, n) = (first.size(), second.size());
        if m > n {
            return Err(ForkError::WrongOrder);
        }
        if m == n {
            if !self.prefix.is_empty() || !self.rest.is_empty() {
                return Err(ForkError::WrongNodes);
            }
            return if first.root() == second.root() { Err(ForkError::NoFork) } else { Ok(second.root()) };
        }
        // SPEC: log.md#fork-proofs: all prefix nodes MUST be listed, also when m is a power of two.
        // SPEC: gossip.md#fork-proof: a verifier MUST rebuild the second root from all nodes and an
        // m-root from the prefix, and find that they differ from what the first head says.
        let mut tree = Frontier::from_nodes(m, self.prefix.clone()).ok_or(ForkError::WrongNodes)?;
        let root_in_second = tree.root();
        let ids = cover(m, n);
        if ids.len() != self.rest.len() {
            return Err(ForkError::WrongNodes);
        }
        for (id, hash) in ids.iter().zip(&self.rest) {
            tree.push_subtree(id.level, *hash).ok_or(ForkError::WrongNodes)?;
        }
        // SPEC: log.md#fork-proofs: all nodes together MUST give the second root.
        if tree.root() != second.root() {
            return Err(ForkError::NotTheSecondRoot);
        }
        // SPEC: log.md#fork-proofs: the same root again is no fork, and the proof MUST be refused.
        if root_in_second == first.root() { Err(ForkError::NoFork) } else { Ok(root_in_second) }
    }

    /// Parses the text form; [`ForkProof::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ForkError> {
        if bytes.len() > FORK_PROOF_MAX_BYTES {
            return Err(ForkError::BadForm("too long"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| ForkError::BadForm("not UTF-8"))?;
        let text = text.strip_suffix('\n').ok_or(ForkError::BadForm("no newline at the end"))?;
        let mut lines = text.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(ForkError::BadForm("the first line must be \"candor fork v1\""));
        }
        let mut head = |field: &str| {
            let encoded = lines.next().and_then(|line| line.strip_prefix(field));
            let note = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            let note = note.ok_or(ForkError::BadForm("expected the base64 of a checkpoint"))?;
            UnverifiedCheckpoint::parse(&note).map_err(ForkError::from)
        };
        let (first, second) = (head("first ")?, head("second ")?);
        let mut nodes = |field: &str| {
            let mut hashes = Vec::new();
            while let Some(encoded) = lines.peek().and_then(|line| line.strip_prefix(field)) {
                if hashes.len() == NODES_MAX {
                    return Err(ForkError::BadForm("too many nodes"));
                }
                hashes.push(Hash::from_base64(encoded).ok_or(ForkError::BadForm("expected a hash"))?);
                lines.next();
            }
            Ok(hashes)
        };
        let (prefix, rest) = (nodes("prefix ")?, nodes("rest ")?);
        match lines.next() {
            None => Ok(Self { first, second, prefix, rest }),
            // SPEC: log.md#fork-proofs: other lines, or another order, MUST be refused.
            Some(_) => Err(ForkError::BadForm("an unknown line, or one out of order")),
        }
    }

    /// The text form.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        for (field, head) in [("first", &self.first), ("second", &self.second)] {
            text.push_str(&format!("{field} {}\n", STANDARD.encode(head.encode())));
        }
        for (field, nodes) in [("prefix", &self.prefix), ("rest", &self.rest)] {
            for node in nodes {
                text.push_str(&format!("{field} {node}\n"));
            }
        }
        text.into_bytes()
    }
}
