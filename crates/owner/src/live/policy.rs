//! Whether an epoch was opened under the owner's policy of its time: the alarm for a viewer added
//! in silence, or for a camera that was kept on an old policy. Pure.

use crate::book::{BookError, StoredCamera};
use media::epoch::EpochOpen;
use media::id::DeviceId;
use media::policy::OwnerPolicy;

/// How long a camera may take to follow a new policy.
const GRACE_SECONDS: u64 = 600;

/// All versions of one camera's policy, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Policies(Vec<Version>);

#[derive(Debug, Clone)]
struct Version {
    hash: [u8; 32],
    policy: OwnerPolicy,
    since: u64,
}

/// What an epoch should have been opened under, and what it was opened under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Policies {
    pub(crate) fn of(camera: &StoredCamera) -> Result<Self, BookError> {
        let version = |stored: &crate::book::StoredPolicy| {
            let signed = stored
                .signed()
                .map_err(|error| BookError::Camera { name: camera.name.clone(), error: error.into() })?;
            Ok(Version { hash: signed.hash(), policy: signed.unverified().clone(), since: stored.since })
        };
        camera.policies.iter().map(version).collect::<Result<_, BookError>>().map(Self)
    }

    /// Whether one of the versions has this hash.
    pub(crate) fn has(&self, hash: &[u8; 32]) -> bool {
        self.0.iter().any(|version| version.hash == *hash)
    }

    /// Shares needed to open an epoch: the fewest of all versions, so that a release is never taken
    /// for less than it is.
    pub(crate) fn fewest_shares(&self) -> u8 {
        self.0.iter().map(|version| version.policy.t).filter(|t| *t > 0).min().unwrap_or(0)
    }

    /// Note keys of a trustee of this name in any version.
    pub(crate) fn keys_of<'a>(&'a self, trustee: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.0.iter().flat_map(|version| &version.policy.trustees);
        all.filter(move |entry| entry.name == trustee).map(|entry| entry.vkey.as_str())
    }

    /// The verifier keys of the trustees of all versions.
    pub(crate) fn trustees(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|version| &version.policy.trustees).map(|entry| entry.vkey.as_str())
    }

    /// Whether one of the versions names this device.
    pub(crate) fn lists(&self, device: &DeviceId) -> bool {
        self.0.iter().flat_map(|version| &version.policy.recipients).any(|to| to.device_id == *device)
    }

    /// How long after its day a trustee may keep the key of a day, by the version that allows most.
    pub(crate) fn longest_day_keys(&self) -> u32 {
        self.0.iter().map(|version| version.policy.day_key_max_secs).max().unwrap_or(0)
    }

    /// The version under which an epoch was filmed.
    pub(crate) fn under(&self, open: &EpochOpen) -> Option<&OwnerPolicy> {
        let version = self.0.iter().find(|version| version.hash == open.context.policy_hash);
        version.map(|version| &version.policy)
    }

    /// What is wrong with an epoch that the camera signed, if anything is.
    pub(crate) fn check(&self, open: &EpochOpen) -> Option<Alarm> {
        let context = &open.context;
        let at = self.0.iter().position(|version| version.hash == context.policy_hash);
        let newest = self.0.last()?;
        let Some(version) = at.and_then(|at| self.0.get(at)) else {
            return alarm(&named(newest), &format!("policy {}", hex::encode(context.policy_hash)));
        };
        let start = context.start_us.seconds().0;
        let superseding = self.0.iter().skip(at.map_or(0, |at| at + 1));
        let current = superseding.rev().find(|newer| newer.since.saturating_add(GRACE_SECONDS) < start);
        if let Some(current) = current {
            if current.policy.is_retired() {
                return alarm("nothing, for the camera is retired", &named(version));
            }
            return alarm(&named(current), &named(version));
        }
        if (context.t, context.n) != (version.policy.t, version.policy.n()) {
            let shares = |t: u8, n: u8| format!("{t} of {n} shares");
            return alarm(&shares(version.policy.t, version.policy.n()), &shares(context.t, context.n));
        }
        let listed = |id| version.policy.recipients.iter().any(|recipient| recipient.device_id == id);
        let stranger = open.wraps.iter().find(|wrap| !listed(wrap.device_id))?;
        alarm("keys for the policy's devices only", &format!("a key for device {}", stranger.device_id))
    }
}

fn named(version: &Version) -> String {
    format!("policy {} (version {})", hex::encode(version.hash), version.policy.version)
}

fn alarm(expected: &str, found: &str) -> Option<Alarm> {
    Some(Alarm { expected: expected.to_owned(), found: found.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::epoch::{EpochContext, Wrap};
    use media::id::{CameraId, DeviceId, EpochNo, TrackId};
    use media::policy::{Recipient, Role};
    use media::time::{Micros, Seconds};

    fn policy(version: u32) -> OwnerPolicy {
        OwnerPolicy {
            version,
            recipients: vec![Recipient {
                device_id: DeviceId([2; 32]),
                wrap_pk: Vec::new(),
                role: Role::Admin,
                not_after: Seconds::MAX,
            }],
            ..stage::bare::policy(CameraId([1; 32]))
        }
    }

    fn versions() -> Policies {
        let version = |at: u8, since| Version { hash: [at; 32], policy: policy(at.into()), since };
        Policies(vec![version(1, 1000), version(2, 5000)])
    }

    fn open(policy: u8, start_s: u64, wraps: &[u8]) -> EpochOpen {
        EpochOpen {
            wraps: wraps
                .iter()
                .map(|at| Wrap { device_id: DeviceId([*at; 32]), sealed: Vec::new() })
                .collect(),
            ..stage::bare::open(EpochContext {
                camera_id: CameraId([1; 32]),
                track: TrackId(0),
                epoch_no: EpochNo(1),
                start_us: Micros(start_s * 1_000_000),
                dur_ms: 60_000,
                policy_hash: [policy; 32],
                notice_commit: [0; 32],
                t: 0,
                n: 0,
            })
        }
    }

    #[test]
    fn an_epoch_under_the_policy_of_its_time_raises_no_alarm() {
        assert_eq!(versions().check(&open(1, 2000, &[2])), None);
        assert_eq!(versions().check(&open(2, 5001, &[])), None);
        assert_eq!(versions().check(&open(1, 5000 + GRACE_SECONDS, &[2])), None, "still within its grace");
    }

    #[test]
    fn a_foreign_an_old_and_a_widened_policy_raise_it() {
        let found = |open| versions().check(&open).unwrap().found;
        assert!(found(open(9, 2000, &[2])).contains(&hex::encode([9; 32])));
        assert!(found(open(1, 5001 + GRACE_SECONDS, &[2])).contains("version 1"));
        assert!(found(open(1, 2000, &[2, 3])).contains(&DeviceId([3; 32]).to_string()), "a silent viewer");
        let mut escrowed = open(1, 2000, &[2]);
        (escrowed.context.t, escrowed.context.n) = (1, 1);
        assert_eq!(found(escrowed), "1 of 1 shares");
    }
}
