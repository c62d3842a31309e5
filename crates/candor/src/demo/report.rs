//! What `candor demo --once --json` prints: one object, every field measured in this run. The
//! README documents each of them.

use serde::Serialize;

/// The result of one run of the story.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Segments that the cameras finished sealing, both cameras together, at the end of the story.
    pub segments_sent: u64,
    /// Of these, those that the relay said are durable.
    pub segments_acked: u64,
    /// Segments that the owner played back, each one's signature and chain verified.
    pub segments_played: u64,
    /// Median time from a fragment's being complete on the camera to its being open at the owner,
    /// milliseconds.
    pub live_latency_ms_p50: f64,
    /// Epochs of the emergency request.
    pub epochs_requested: u64,
    /// Of these, epochs that the requester opened and verified.
    pub epochs_opened: u64,
    /// Whether every trustee refused the request before it was logged, and by which name.
    pub unlogged_refused: Refused,
    /// Whether every trustee refused a request that was logged before its footage was filmed, and shown
    /// afterwards, and by which name.
    pub prelogged_refused: Refused,
    /// Whether the epoch after the request's last stayed closed to the released keys, and by which
    /// name.
    pub neighbour_epoch_refused: Refused,
    /// The trustee that was away while the released epochs were filmed.
    pub trustee_away: Away,
    /// Whether the owner's audit found the emergency, as a release that the owner did not make.
    pub audit_found: bool,
    /// Completed emergencies, as a recount from the log alone gives them.
    pub public_emergency_count: u64,
    /// The request's place in the log.
    pub leaf_index: u64,
    /// How many witnesses' cosignatures its proof carries.
    pub witness_cosignatures: usize,
    /// Whether both monitors follow the log to one size without an alarm and count the same.
    pub monitors_agree: bool,
    /// Whether the exported clip's frames are the source's, decoded and compared; `null` where
    /// ffmpeg is missing.
    pub export_plays: Option<bool>,
    /// Whether the evidence file verifies offline.
    pub evidence_verified: bool,
    /// Where clip, evidence and all state of the run are; removed at the end unless `--keep` was
    /// given.
    pub folder: String,
    /// The whole story, seconds.
    pub seconds: f64,
}

impl Report {
    /// Whether everything that the README promises of the story came true in it.
    pub fn is_as_promised(&self) -> bool {
        self.segments_sent > 0
            && self.segments_acked == self.segments_sent
            && self.segments_played > 0
            && self.epochs_requested > 0
            && self.epochs_opened == self.epochs_requested
            && self.unlogged_refused.refused
            && self.prelogged_refused.refused
            && self.neighbour_epoch_refused.refused
            && self.trustee_away.is_as_promised()
            && self.audit_found
            && self.public_emergency_count == 1
            && self.monitors_agree
            && self.export_plays != Some(false)
            && self.evidence_verified
    }
}

/// Who could release what was filmed while a trustee was away.
#[derive(Debug, Clone, Serialize)]
pub struct Away {
    /// The trustee.
    pub trustee: String,
    /// Trustees that the camera's signed EpochOpen dealt a share to, as the owner counts them, and of
    /// how many.
    pub holding: u8,
    pub trustees: u8,
    /// So many must grant.
    pub needed: u8,
    /// Those that granted the emergency for it afterwards.
    pub granted_by: Vec<String>,
}

impl Away {
    fn is_as_promised(&self) -> bool {
        self.holding + 1 == self.trustees
            && self.holding >= self.needed
            && self.granted_by.len() >= usize::from(self.needed)
            && !self.granted_by.contains(&self.trustee)
    }
}

/// A refusal that had to happen.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    pub refused: bool,
    /// The refusal's name in proto/release.md, or what else happened.
    pub name: String,
}
