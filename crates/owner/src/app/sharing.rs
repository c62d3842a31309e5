//! Who may watch and who holds shares, camera by camera: read from the newest policy in the book,
//! which the owner signed and the log holds.
//!
//! To look at only: a policy is changed on the command line, where the configuration is (`candor
//! owner policy`).

use super::{App, addresses};
use crate::policy::ShownPolicy;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

pub(super) async fn sharing(State(app): State<Arc<App>>) -> Json<serde_json::Value> {
    // Another command may have changed one. A book that cannot be read now was readable before.
    let stored = app.owner.refreshed().await.unwrap_or_else(|_| app.owner.stored());
    let shown = |camera| ShownPolicy::of(&app.owner, camera).ok();
    let mut cameras: Vec<ShownPolicy> = stored.cameras.iter().filter_map(shown).collect();
    cameras.sort_by(|a, b| a.name.cmp(&b.name));
    // Who opens this page watches as this device does.
    let others = addresses::others(&app).await.unwrap_or_default();
    Json(serde_json::json!({ "cameras": cameras, "addresses": others }))
}
