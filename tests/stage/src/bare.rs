//! What a test needs to be there, and says nothing else about: an owner's policy and an epoch in which
//! nothing stands. A test writes the fields that it is about, and takes the others from here.

use media::epoch::{EpochContext, EpochOpen};
use media::id::CameraId;
use media::policy::{Classes, OwnerPolicy};

/// The first policy of a camera: nobody may watch, and nothing is shared out.
pub fn policy(camera_id: CameraId) -> OwnerPolicy {
    OwnerPolicy {
        camera_id,
        version: 1,
        prev_hash: [0; 32],
        epoch_len_s: 60,
        t: 0,
        trustees: Vec::new(),
        recipients: Vec::new(),
        classes: Classes::default(),
        retention_days: 30,
        log_policy_hash: [0; 32],
        policy_doc_hash: [0; 32],
        day_key_max_secs: 8_640_000,
        recovery_pk: [0; 32],
        audit_pk: vec![0; 1216],
    }
}

/// A track's first epoch that was told of, dealt to nobody.
pub fn open(context: EpochContext) -> EpochOpen {
    EpochOpen {
        context,
        key_commit: [0; 32],
        share_commits: Vec::new(),
        shares: Vec::new(),
        wraps: Vec::new(),
        previous: None,
        lost: Vec::new(),
        receipt: None,
    }
}
