//! When an entry is ordered, as the log states it: its clock, never before the last stamp, and never
//! when the witnesses' clocks contradict it. Contract: `proto/log.md#stamps`.

use bytes::Bytes;
use host::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tlog::note::{Signer, UnverifiedNote};
use tlog::stamp::{self, SKEW_SECS, StampError, StampKey};

/// How far the clock may be from the witnesses': half of what followers allow, so that an honest
/// stamp never comes near their bound.
const AGREES_WITHIN_SECS: u64 = SKEW_SECS / 2;

/// The key and the clock of a log's stamps.
#[derive(Debug, Clone)]
pub(crate) struct Stamping {
    signer: Arc<Signer>,
    clock: Clock,
}

impl Stamping {
    pub(crate) fn new(signer: Arc<Signer>, clock: Clock) -> Self {
        Self { signer, clock }
    }

    pub(crate) fn key(&self) -> StampKey {
        StampKey::of(&self.signer.verifier()).expect("a signer's key is Ed25519")
    }

    /// Whether the clock is near enough to what the witnesses' must show `since` they cosigned at
    /// `cosigned_at`; if not, both.
    // SPEC: log.md#stamps: a log MUST NOT stamp by a clock that its witnesses contradict.
    pub(crate) fn agrees(&self, cosigned_at: u64, since: Duration) -> Result<(), (u64, u64)> {
        let (own, theirs) = (self.clock.seconds(), cosigned_at.saturating_add(since.as_secs()));
        if own.abs_diff(theirs) > AGREES_WITHIN_SECS { Err((own, theirs)) } else { Ok(()) }
    }

    /// The next stamp's time after this last entry.
    // SPEC: log.md#stamps: a stamp MUST NOT be earlier than the one before.
    pub(crate) fn next(&self, last_entry: Option<&[u8]>) -> Result<u64, StampError> {
        let last = last_entry.map(|entry| stamp::verify(entry, &[self.key()])).transpose()?;
        Ok(self.clock.seconds().max(last.unwrap_or(0)))
    }

    /// The entry that a leaf becomes.
    pub(crate) fn stamp(&self, leaf: &Bytes, time: u64) -> Result<Vec<u8>, StampError> {
        Ok(stamp::stamp(&self.signer, UnverifiedNote::parse(leaf)?, time)?.encode())
    }
}
