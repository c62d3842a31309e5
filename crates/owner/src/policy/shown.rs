//! A camera's policy as people and scripts read it, and what the configuration would change in it. Pure.

use super::{compose, newest};
use crate::Owner;
use crate::book::{BookError, StoredCamera};
use media::policy::{Class, Classes, OwnerPolicy, Recipient, Role, TrusteeEntry};
use serde::Serialize;

/// One camera's policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub name: String,
    pub camera_id: String,
    pub version: u32,
    /// Its leaf in the log.
    pub leaf_index: u64,
    /// Since when, Unix seconds.
    pub since: u64,
    pub viewers: Vec<Viewer>,
    pub trustees: Vec<String>,
    /// How many of them must grant a release.
    pub threshold: u8,
    /// For what they may.
    pub classes: Vec<&'static str>,
    pub retention_days: u16,
    pub epoch_seconds: u16,
    /// What the configuration says otherwise.
    pub changes: Vec<Difference>,
    /// Why the configuration makes no policy.
    pub fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Viewer {
    pub device_id: String,
    pub is_this_device: bool,
    /// `admin` receives seeds and may read notices; `guest` watches.
    pub role: &'static str,
    /// Unix seconds; none for no end.
    pub until: Option<u64>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub what: &'static str,
    /// In force.
    pub now: String,
    /// Configured.
    pub then: String,
}

impl Shown {
    pub(crate) fn of(owner: &Owner, camera: &StoredCamera) -> Result<Self, BookError> {
        let (kept, signed) = newest(camera)?;
        let policy = signed.unverified();
        let this = owner.device_id();
        let viewer = |recipient: &Recipient| Viewer {
            device_id: recipient.device_id.to_string(),
            is_this_device: recipient.device_id == this,
            role: match recipient.role {
                Role::Admin => "admin",
                Role::Guest => "guest",
            },
            until: (recipient.not_after != u64::MAX).then_some(recipient.not_after),
        };
        let (changes, fault) = match compose::next_policy(owner, &signed) {
            Ok(None) => (Vec::new(), None),
            Ok(Some(next)) => (differences(policy, next.unverified()), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(Self {
            name: camera.name.clone(),
            camera_id: camera.camera_id.to_string(),
            version: policy.version,
            leaf_index: kept.leaf_index,
            since: kept.since,
            viewers: policy.recipients.iter().map(viewer).collect(),
            trustees: policy.trustees.iter().map(|trustee| trustee.name.clone()).collect(),
            threshold: policy.t,
            classes: classes(policy.classes),
            retention_days: policy.retention_days,
            epoch_seconds: policy.epoch_len_s,
            changes,
            fault,
        })
    }
}

fn classes(allowed: Classes) -> Vec<&'static str> {
    let all = [(Class::Legal, "legal"), (Class::Emergency, "emergency"), (Class::Recovery, "recovery")];
    all.into_iter().filter(|(class, _)| allowed.allow(*class)).map(|(_, word)| word).collect()
}

fn differences(now: &OwnerPolicy, then: &OwnerPolicy) -> Vec<Difference> {
    let both = told(now).into_iter().zip(told(then));
    let differing = both.filter(|((_, now), (_, then))| now != then);
    differing.map(|((what, now), (_, then))| Difference { what, now, then }).collect()
}

/// Everything that a configuration says, in words.
fn told(policy: &OwnerPolicy) -> [(&'static str, String); 7] {
    let trustee = |trustee: &TrusteeEntry| format!("{} at {} ({})", trustee.name, trustee.url, trustee.vkey);
    let hash = |hash: &[u8; 32]| if *hash == [0; 32] { "none".to_owned() } else { hex::encode(hash) };
    [
        ("trustees", listed(policy.trustees.iter().map(trustee))),
        ("shares needed", format!("{} of {}", policy.t, policy.n())),
        ("releases allowed", listed(classes(policy.classes).into_iter().map(str::to_owned))),
        ("the trustees' rules", hash(&policy.policy_doc_hash)),
        ("recovery key", hash(&policy.recovery_pk)),
        ("footage kept", format!("{} days", policy.retention_days)),
        ("epoch length", format!("{} s", policy.epoch_len_s)),
    ]
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
