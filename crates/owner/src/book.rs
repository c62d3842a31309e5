//! Book.

/// One paired camera.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Camera {
    /// The owner's own name for it; never leaves the device.
    pub name: String,
    /// SHA-256 over its key, hex.
    pub camera_id: String,
    /// Version of the policy in force.
    pub policy_version: u32,
    /// When it was paired, Unix seconds.
    pub paired_at: u64,
}
