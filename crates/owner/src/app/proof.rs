//! What the app knows without being asked: the log, audited again and again, and the cameras by the
//! relay's word.
//!
//! The state of the proof is always in the page's sight. It is never better than the last audit:
//! what has not been verified lately is called stale, and a fork stays a fork until the app ends.

use super::Known;
use crate::audit::{self, AuditError, Report, Since};
use crate::status::{Asking, Status};
use host::lock::Mutex;
use log_client::MAX_HEAD_AGE_SECS;
use quic::CallError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two audits: a release is in the page's sight this long after it is in a cosigned head,
/// at most.
const AUDIT_EVERY: Duration = Duration::from_secs(10);
/// Between two questions to the relay.
const CAMERAS_EVERY: Duration = Duration::from_secs(2);
/// How long a log may be out of reach before its last verified head is called stale, seconds.
const PATIENCE_SECS: u64 = 60;

/// What is known of the log and of the cameras.
#[derive(Default)]
pub(super) struct Proof {
    audited: Mutex<Audited>,
    /// One audit at a time.
    auditing: tokio::sync::Mutex<()>,
    cameras: Mutex<Cameras>,
}

#[derive(Debug, Clone, Default)]
struct Audited {
    report: Option<Arc<Report>>,
    /// When the last audit succeeded, Unix seconds.
    at: u64,
    /// What the last audit failed of.
    problem: Option<String>,
    forked: Option<String>,
}

/// The relay's word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cameras {
    pub(crate) status: Vec<Status>,
    /// Why it is not the newest.
    pub(crate) problem: Option<String>,
    /// When it was given, Unix microseconds; 0 for never.
    pub(crate) heard_us: u64,
}

/// How much the last verified head is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Worth {
    /// No audit has ended yet.
    Unchecked,
    Fresh,
    Stale,
    Forked,
}

/// The state of the proof, as the page shows it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Standing {
    pub(crate) worth: Worth,
    pub(crate) head_size: Option<u64>,
    pub(crate) witnesses: usize,
    pub(crate) of_witnesses: usize,
    /// How long ago a quorum stood behind the head, seconds.
    pub(crate) age: Option<u64>,
    /// How long ago this device verified it, seconds.
    pub(crate) checked: Option<u64>,
    pub(crate) problem: Option<String>,
    /// Releases and policies that the owner did not make.
    pub(crate) unexpected: usize,
    pub(crate) alarms: usize,
    /// Cameras of which nothing that they film can be released.
    pub(crate) unreleasable: usize,
}

impl Proof {
    pub(super) fn report(&self) -> Option<Arc<Report>> {
        self.audited.lock().report.clone()
    }

    pub(super) fn cameras(&self) -> Cameras {
        self.cameras.lock().clone()
    }

    pub(super) fn standing(&self, of_witnesses: usize, now: u64) -> Standing {
        let audited = self.audited.lock();
        let report = audited.report.as_deref();
        let age = report.map(|report| now.saturating_sub(report.cosigned_at));
        let is_late = audited.problem.is_some() && now > audited.at.saturating_add(PATIENCE_SECS);
        let worth = match (report, &audited.forked) {
            (_, Some(_)) => Worth::Forked,
            (None, None) if audited.problem.is_some() => Worth::Stale,
            (None, None) => Worth::Unchecked,
            (Some(_), None) if is_late || age > Some(MAX_HEAD_AGE_SECS) => Worth::Stale,
            (Some(_), None) => Worth::Fresh,
        };
        let unexpected = report.map_or(0, |report| report.rows.iter().filter(|row| !row.expected).count());
        Standing {
            worth,
            head_size: report.map(|report| report.head_size),
            witnesses: report.map_or(0, |report| report.witnesses.len()),
            of_witnesses,
            age,
            checked: report.map(|_| now.saturating_sub(audited.at)),
            problem: audited.forked.clone().or_else(|| audited.problem.clone()),
            unexpected,
            alarms: report.map_or(0, |report| report.policy_alarms.len()),
            unreleasable: report.map_or(0, |report| report.unreleasable.len()),
        }
    }

    fn heard(&self, asked: Result<Vec<Status>, CallError>, heard_us: u64) {
        let mut cameras = self.cameras.lock();
        match asked {
            Ok(status) => *cameras = Cameras { status, problem: None, heard_us },
            Err(error) => cameras.problem = Some(error.to_string()),
        }
    }

    fn took(&self, outcome: Result<Report, AuditError>, now: u64) {
        let mut audited = self.audited.lock();
        match outcome {
            Ok(report) => {
                audited.report = Some(Arc::new(report));
                audited.at = now;
                audited.problem = None;
            }
            Err(error @ AuditError::Fork { .. }) => audited.forked = Some(error.to_string()),
            Err(error) => {
                tracing::warn!(%error, "the log could not be audited");
                audited.problem = Some(error.to_string());
            }
        }
    }
}

/// Audits and asks, until the app stops.
pub(super) async fn keep_fresh(known: &Known) {
    let (auditing, asking) = (audit_on(known), ask_on(known));
    tokio::select! {
        () = known.shutdown.requested() => {}
        () = async { tokio::join!(auditing, asking); } => {}
    }
}

async fn audit_on(known: &Known) {
    loop {
        audit(known).await;
        sleep(AUDIT_EVERY).await;
    }
}

/// Audits the log once.
pub(super) async fn audit(known: &Known) {
    let _one = known.proof.auditing.lock().await;
    let outcome = audit::audit(&known.owner, Since::LastHead, &mut |_| {}).await;
    known.proof.took(outcome, known.owner.now().0);
}

async fn ask_on(known: &Known) {
    let mut asking = Asking::new(&known.owner);
    loop {
        // What is heard is at least of then.
        let asked_us = known.owner.now_us().0;
        let asked = asking.status(&known.owner).await;
        known.proof.heard(asked, asked_us);
        sleep(CAMERAS_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cosigned_at: u64) -> Report {
        Report {
            head_size: 28,
            head_root: String::new(),
            witnesses: ["a", "b", "c"].map(str::to_owned).to_vec(),
            cosigned_at,
            leaves_read: 0,
            camera_days: 0,
            rows: Vec::new(),
            policy_alarms: Vec::new(),
            unchecked: Vec::new(),
            unreleasable: Vec::new(),
            epochs_checked: 0,
            holders: Vec::new(),
            holders_unknown: Vec::new(),
        }
    }

    #[test]
    fn the_proof_is_never_shown_better_than_it_is() {
        let proof = Proof::default();
        let worth = |now| proof.standing(4, now).worth;
        assert_eq!(worth(1000), Worth::Unchecked);
        proof.took(Ok(report(990)), 1000);
        let standing = proof.standing(4, 1002);
        assert_eq!((standing.worth, standing.age, standing.head_size), (Worth::Fresh, Some(12), Some(28)));
        assert_eq!((standing.witnesses, standing.of_witnesses, standing.checked), (3, 4, Some(2)));
        assert_eq!(
            worth(990 + MAX_HEAD_AGE_SECS + 1),
            Worth::Stale,
            "an old head is stale though nothing failed"
        );
        proof.took(Err(AuditError::Older { kept: 28, shown: 20 }), 1005);
        assert_eq!(worth(1005), Worth::Fresh, "one failure is no alarm yet");
        assert_eq!(worth(1001 + PATIENCE_SECS), Worth::Stale);
        assert!(proof.standing(4, 1100).problem.is_some());
        proof.took(Ok(report(1100)), 1100);
        assert_eq!(worth(1100), Worth::Fresh);
        let fork = AuditError::Fork { kept: "kept".into(), shown: "shown".into() };
        proof.took(Err(fork), 1110);
        proof.took(Ok(report(1120)), 1120);
        assert_eq!(worth(1120), Worth::Forked, "a fork is not forgotten");
    }
}
