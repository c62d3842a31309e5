//! A camera in the book, for tests.

use super::{Base64, StoredCamera, StoredPolicy};
use ed25519_dalek::SigningKey;
use media::id::{CameraId, Day};
use media::policy::{OwnerPolicy, TrusteeEntry};
use std::collections::BTreeMap;

/// A trustee whose key is a word.
pub(crate) fn entry(at: u8) -> TrusteeEntry {
    TrusteeEntry {
        name: format!("trustee{at}.example"),
        vkey: format!("vkey {at}"),
        url: "http://t".to_owned(),
    }
}

/// The first policy of a camera, which releases nothing.
pub(crate) fn policy(camera_id: CameraId, t: u8, trustees: Vec<TrusteeEntry>) -> OwnerPolicy {
    OwnerPolicy { t, trustees, ..stage::bare::policy(camera_id) }
}

/// A camera that was paired on this day under this policy.
pub(crate) fn camera(name: &str, policy: OwnerPolicy, paired: Day) -> StoredCamera {
    let signed = policy.sign(&SigningKey::from_bytes(&[1; 32])).unwrap();
    let policy = StoredPolicy {
        policy: Base64(signed.bytes().to_vec()),
        leaf: Base64::default(),
        proof: Base64::default(),
        leaf_index: 0,
        since: 0,
    };
    StoredCamera {
        name: name.to_owned(),
        camera_id: signed.unverified().camera_id,
        model: String::new(),
        enrollment: Base64::default(),
        policies: vec![policy],
        notice_from: paired.0,
        paired_at: 0,
        welcomed: true,
        replaces: None,
        ignored: Default::default(),
        epochs_checked: BTreeMap::new(),
    }
}
