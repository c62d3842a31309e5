//! The book's file, field by field.

use super::{BookError, Camera, FoundKind, Zones};
use media::enrollment::Enrollment;
use media::id::{CameraId, Day, TrackId};
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the file's form.
pub(super) const FORMAT: u32 = 1;

/// Everything in the book.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) format: u32,
    pub(crate) cameras: Vec<StoredCamera>,
    /// The last verified head of the log.
    pub(crate) head: Option<KeptHead>,
    /// Leaves that this owner made, or was about to make.
    pub(crate) own: Vec<OwnEntry>,
    /// What the audits so far found about own cameras, in the log's order.
    pub(crate) findings: Vec<Finding>,
    /// The keys of days that the trustees of own policies logged.
    pub(crate) day_keys: Vec<StoredDayKey>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            format: FORMAT,
            cameras: Vec::new(),
            head: None,
            own: Vec::new(),
            findings: Vec::new(),
            day_keys: Vec::new(),
        }
    }
}

/// One camera.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredCamera {
    pub(crate) name: String,
    #[serde(with = "text")]
    pub(crate) camera_id: CameraId,
    /// What the camera says it is.
    pub(crate) model: String,
    /// Signed Enrollment; holds the camera's key.
    pub(crate) enrollment: Base64,
    /// All versions, oldest first; never empty.
    pub(crate) policies: Vec<StoredPolicy>,
    /// The day from which the notice root of the file `notice/<camera_id>.secret` runs.
    pub(crate) notice_from: u32,
    pub(crate) paired_at: u64,
    /// Whether the camera's answer was put into its mailbox.
    pub(crate) welcomed: bool,
    /// The id of the camera whose place it took, hex: footage of both is shown as one camera's.
    #[serde(default)]
    pub(crate) replaces: Option<String>,
    /// What moves there is no event.
    #[serde(default, with = "text")]
    pub(crate) ignored: Zones,
    /// What was checked of the EpochOpens by track; none of a track that the relay never had.
    #[serde(default)]
    pub(crate) epochs_checked: BTreeMap<u32, Checked>,
}

/// The latest start, Unix microseconds, and the highest number of the EpochOpens that were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checked {
    pub(crate) start_us: u64,
    pub(crate) epoch: u64,
}

/// One version of a camera's policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredPolicy {
    /// Signed OwnerPolicy.
    pub(crate) policy: Base64,
    pub(crate) leaf: Base64,
    pub(crate) proof: Base64,
    pub(crate) leaf_index: u64,
    /// When it was made, Unix seconds.
    pub(crate) since: u64,
}

/// A head of the log that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHead {
    pub(crate) size: u64,
    /// Hex.
    pub(crate) root: String,
    /// The signed and cosigned checkpoint: the evidence, should the log ever contradict it.
    pub(crate) checkpoint: String,
    /// When its quorum cosigned it, Unix seconds.
    pub(crate) cosigned_at: u64,
    /// Its last entry that bears a stamp, and that one's proof: no later stamp may be earlier.
    pub(crate) last: Option<KeptEntry>,
    /// The cameras for which every leaf up to here was tried, hex; and the verifier keys of the
    /// trustees whose leaves were kept.
    pub(crate) covers: Vec<String>,
}

/// An entry of the log, and its tlog-proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptEntry {
    pub(crate) entry: Base64,
    pub(crate) proof: Base64,
}

/// A leaf of this owner's, durable before it is sent to the sponsor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnEntry {
    /// The entry id, hex.
    pub(crate) id: String,
    /// SHA-256 of the leaf's text, hex: a copied id under another text is not the owner's.
    pub(crate) text_sha256: String,
}

/// A leaf about an own camera, as an audit found it, kept up to date by later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    pub(crate) leaf_index: u64,
    /// Leaf hash, hex.
    pub(crate) leaf_hash: String,
    #[serde(with = "text")]
    pub(crate) camera_id: CameraId,
    /// When the head under which it was first read was cosigned, Unix seconds.
    pub(crate) when: u64,
    pub(crate) kind: FoundKind,
    pub(crate) agency: Option<String>,
    /// Whether registered keys of that agency signed it, or of a policy the sponsor's, by a register of
    /// the whole log.
    pub(crate) signed: Option<bool>,
    pub(crate) reason: Option<String>,
    /// The event that it is about, by its own word, base64.
    pub(crate) incident: Option<String>,
    /// The track of the epochs.
    #[serde(default)]
    pub(crate) track: u32,
    pub(crate) epochs: Option<(u64, u64)>,
    /// Trustees of the camera's policies that granted it.
    pub(crate) granted_by: Vec<String>,
    /// Those that refused it in the log.
    #[serde(default)]
    pub(crate) refused_by: BTreeSet<String>,
    pub(crate) expected: bool,
    pub(crate) remarks: Vec<Remark>,
}

/// What does not fit, or was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remark {
    /// The trustee who signed it; none where the audit itself remarks upon the leaf.
    pub(crate) by: Option<String>,
    /// Whether its source counts: what strangers say is bounded apart and shown last.
    pub(crate) counts: bool,
    pub(crate) text: String,
}

/// What a trustee's `day-keys` leaf says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredDayKey {
    /// The trustee's verifier key.
    pub(crate) vkey: String,
    pub(crate) day: u32,
    /// Hex.
    pub(crate) key_id: String,
    /// Unix seconds.
    pub(crate) destroy_by: u64,
    /// Why the trustee has it no more, as its `key-destroyed` leaf says.
    pub(crate) ended: Option<String>,
}

impl StoredCamera {
    /// What is shown of it.
    pub(crate) fn shown(&self) -> Camera {
        let newest = self.policies.last().and_then(|policy| policy.signed().ok());
        Camera {
            name: self.name.clone(),
            camera_id: self.camera_id.to_string(),
            policy_version: newest.map_or(0, |policy| policy.unverified().version),
            paired_at: self.paired_at,
            retired: self.is_retired(),
        }
    }

    /// Whether the newest policy says that nothing more is filmed under its key.
    pub(crate) fn is_retired(&self) -> bool {
        let newest = self.policies.last().and_then(|policy| policy.signed().ok());
        newest.is_some_and(|policy| policy.unverified().is_retired())
    }

    /// The camera's key, from the enrollment that both signed.
    pub(crate) fn camera_key(&self) -> Result<media::sign::PublicKey, BookError> {
        let enrollment = Enrollment::decode_verified(&self.enrollment.0)
            .map_err(|error| BookError::Camera { name: self.name.clone(), error })?;
        Ok(enrollment.camera_pk)
    }

    /// Up to where the EpochOpens of a track were checked.
    pub(crate) fn epochs_checked(&self, track: TrackId) -> Checked {
        self.epochs_checked.get(&track.0).copied().unwrap_or_default()
    }

    pub(crate) fn check_epochs_to(&mut self, track: TrackId, to: Checked) {
        let before = self.epochs_checked(track);
        let (start_us, epoch) = (before.start_us.max(to.start_us), before.epoch.max(to.epoch));
        // A track that was never filmed leaves no line in the book.
        if start_us > 0 {
            self.epochs_checked.insert(track.0, Checked { start_us, epoch });
        }
    }

    pub(crate) fn notice_day(&self) -> Day {
        Day(self.notice_from)
    }
}

impl StoredPolicy {
    pub(crate) fn of(bundle: &PolicyBundle, leaf_index: u64, since: u64) -> Self {
        let [policy, leaf, proof] =
            [&bundle.policy, &bundle.leaf, &bundle.proof].map(|of| Base64(of.clone()));
        Self { policy, leaf, proof, leaf_index, since }
    }

    /// As the relay takes it.
    pub(crate) fn bundle(&self) -> PolicyBundle {
        let [policy, leaf, proof] = [&self.policy, &self.leaf, &self.proof].map(|of| of.0.clone());
        PolicyBundle { policy, leaf, proof }
    }

    pub(crate) fn signed(&self) -> Result<SignedOwnerPolicy, media::codec::DecodeError> {
        SignedOwnerPolicy::decode(&self.policy.0)
    }
}

/// Bytes, written as base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::prelude::{BASE64_STANDARD, Engine};
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Identifiers as their own text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
