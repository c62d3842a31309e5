//! Who may watch and who holds shares, camera by camera: read from the newest policy in the book, which the owner signed and the log holds.
//!
//! To look at only: version 1 changes no policy after pairing.

use super::App;
use crate::book::StoredCamera;
use axum::Json;
use axum::extract::State;
use media::id::DeviceId;
use media::policy::{Class, Role};
use serde::Serialize;
use std::sync::Arc;

/// One camera's policy, as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Shared {
    name: String,
    camera_id: String,
    version: u32,
    /// Its leaf in the log.
    leaf_index: u64,
    /// Since when, Unix seconds.
    since: u64,
    viewers: Vec<Viewer>,
    trustees: Vec<String>,
    /// How many of them must grant a release.
    threshold: u8,
    /// For what they may.
    classes: Vec<&'static str>,
    retention_days: u16,
    epoch_seconds: u16,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Viewer {
    device_id: String,
    is_this_device: bool,
    /// `admin` receives seeds and may read notices; `guest` watches.
    role: &'static str,
    /// Unix seconds; none for no end.
    until: Option<u64>,
}

pub(super) async fn sharing(State(app): State<Arc<App>>) -> Json<serde_json::Value> {
    let stored = app.owner.stored();
    let device = app.owner.device_id();
    let mut cameras: Vec<_> = stored.cameras.iter().filter_map(|camera| shared(camera, &device)).collect();
    cameras.sort_by(|a, b| a.name.cmp(&b.name));
    Json(serde_json::json!({ "cameras": cameras }))
}

fn shared(camera: &StoredCamera, this: &DeviceId) -> Option<Shared> {
    let kept = camera.policies.last()?;
    let signed = kept.signed().ok()?;
    let policy = signed.unverified();
    let viewer = |recipient: &media::policy::Recipient| Viewer {
        device_id: recipient.device_id.to_string(),
        is_this_device: recipient.device_id == *this,
        role: match recipient.role {
            Role::Admin => "admin",
            Role::Guest => "guest",
        },
        until: (recipient.not_after != u64::MAX).then_some(recipient.not_after),
    };
    let classes = [(Class::Legal, "legal"), (Class::Emergency, "emergency"), (Class::Recovery, "recovery")];
    Some(Shared {
        name: camera.name.clone(),
        camera_id: camera.camera_id.to_string(),
        version: policy.version,
        leaf_index: kept.leaf_index,
        since: kept.since,
        viewers: policy.recipients.iter().map(viewer).collect(),
        trustees: policy.trustees.iter().map(|trustee| trustee.name.clone()).collect(),
        threshold: policy.t,
        classes: classes
            .into_iter()
            .filter(|(class, _)| policy.classes.allow(*class))
            .map(|(_, word)| word)
            .collect(),
        retention_days: policy.retention_days,
        epoch_seconds: policy.epoch_len_s,
    })
}
