//! A camera's policy as people and scripts read it, and what the configuration would change in it.
//! Pure.

use super::{compose, newest};
use crate::book::{BookError, StoredCamera};
use crate::state::Owner;
use media::policy::{Classes, OwnerPolicy, Recipient, Role, TrusteeEntry};
use media::time::Seconds;
use serde::Serialize;

/// One camera's policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownPolicy {
    pub name: String,
    pub camera_id: String,
    pub version: u32,
    /// Its leaf in the log.
    pub leaf_index: u64,
    /// Since when, Unix seconds.
    pub since: u64,
    pub viewers: Vec<PolicyViewer>,
    pub trustees: Vec<String>,
    /// How many of them must grant a release.
    pub threshold: u8,
    /// For what they may.
    pub classes: Vec<&'static str>,
    pub retention_days: u16,
    /// 0: the camera is retired.
    pub epoch_seconds: u16,
    /// What the configuration says otherwise.
    pub changes: Vec<Difference>,
    /// Why the configuration makes no policy.
    pub fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyViewer {
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

impl ShownPolicy {
    pub(crate) fn of(owner: &Owner, camera: &StoredCamera) -> Result<Self, BookError> {
        let (kept, signed) = newest(camera)?;
        let policy = signed.unverified();
        let this = owner.device_id();
        let viewer = |recipient: &Recipient| PolicyViewer {
            device_id: recipient.device_id.to_string(),
            is_this_device: recipient.device_id == this,
            role: match recipient.role {
                Role::Admin => "admin",
                Role::Guest => "guest",
            },
            until: (recipient.not_after != Seconds::MAX).then_some(recipient.not_after.0),
        };
        let (changes, fault) = match compose::next_policy(owner, &signed) {
            Ok(None) if owner.stored().is_unsponsored(camera) => {
                let told = ["a leaf that does not count", "another leaf"].map(str::to_owned);
                let [now, then] = told;
                (vec![Difference { what: "logged in", now, then }], None)
            }
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
    compose::CLASSES.into_iter().filter(|(class, _)| allowed.allow(*class)).map(|(_, word)| word).collect()
}

fn differences(now: &OwnerPolicy, then: &OwnerPolicy) -> Vec<Difference> {
    let said = told(now).into_iter().zip(told(then)).map(|((what, now), (_, then))| (what, now, then));
    let (held, wanted) = trustees(&now.trustees, &then.trustees);
    let all = std::iter::once(("trustees", held, wanted)).chain(said);
    all.filter(|(_, now, then)| now != then).map(|(what, now, then)| Difference { what, now, then }).collect()
}

/// Those of each side that the other has not; all, in order, if only that differs.
fn trustees(now: &[TrusteeEntry], then: &[TrusteeEntry]) -> (String, String) {
    let named = |trustee: &TrusteeEntry| {
        let key = trustee.vkey.split('+').nth(1).unwrap_or_default();
        format!("{} (key {key}, {})", trustee.name, trustee.url)
    };
    let only = |of: &[TrusteeEntry], others: &[TrusteeEntry]| {
        listed(of.iter().filter(|trustee| !others.contains(trustee)).map(named))
    };
    let (held, wanted) = (only(now, then), only(then, now));
    if held != wanted {
        return (held, wanted);
    }
    let names = |of: &[TrusteeEntry]| listed(of.iter().map(|trustee| trustee.name.clone()));
    (names(now), names(then))
}

/// Everything else that a configuration says, in words.
fn told(policy: &OwnerPolicy) -> [(&'static str, String); 8] {
    let hash = |hash: &[u8; 32]| match *hash == [0; 32] {
        true => "none".to_owned(),
        false => hex::encode(hash).chars().take(16).collect(),
    };
    [
        ("shares needed", format!("{} of {}", policy.t, policy.n())),
        ("releases allowed", listed(classes(policy.classes).into_iter().map(str::to_owned))),
        ("the trustees' rules", hash(&policy.policy_doc_hash)),
        ("day keys kept", format!("{} days after their day at most", policy.day_key_max_secs / 86_400)),
        ("recovery key", hash(&policy.recovery_pk)),
        ("audit key", hash(&media::sign::sha256(&[&policy.audit_pk]))),
        ("footage kept", format!("{} days", policy.retention_days)),
        ("epoch length", format!("{} s", policy.epoch_len_s)),
    ]
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trustees_that_come_go_or_change_places_are_named_and_the_others_are_not() {
        let trustee = |name: &str, key: &str| TrusteeEntry {
            name: name.to_owned(),
            vkey: format!("{name}+{key}+AYC3xr"),
            url: format!("https://{name}"),
        };
        let [bar, press, other] = [trustee("bar", "01"), trustee("press", "02"), trustee("press", "03")];
        let between = |now: &[&TrusteeEntry], then: &[&TrusteeEntry]| {
            let owned =
                |of: &[&TrusteeEntry]| of.iter().map(|trustee| (*trustee).clone()).collect::<Vec<_>>();
            trustees(&owned(now), &owned(then))
        };
        let told = |now: &str, then: &str| (now.to_owned(), then.to_owned());
        let (held, wanted) = between(&[&bar, &press], &[&bar, &press]);
        assert_eq!(held, wanted);
        assert_eq!(
            between(&[&bar, &press], &[&bar, &other]),
            told("press (key 02, https://press)", "press (key 03, https://press)")
        );
        assert_eq!(between(&[&bar], &[]), told("bar (key 01, https://bar)", "none"));
        assert_eq!(between(&[&bar, &press], &[&press, &bar]), told("bar, press", "press, bar"));
    }
}
