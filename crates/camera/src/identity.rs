//! The camera's key: made once, and read at each start. A copy of it is a second camera with one
//! identity.

use crate::config::Config;
use crate::error::Error;
use crate::spool::Spool;
use ed25519_dalek::SigningKey;
use host::durable::FolderLock;
use host::secret;
use media::id::CameraId;

const IDENTITY: &str = "identity.secret";
const IDENTITY_LABEL: &str = "camera";

/// What `init` made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    /// 64 hex digits.
    pub camera_id: String,
    /// Its Ed25519 key, 64 hex digits.
    pub camera_key: String,
}

/// Makes a camera's identity and its empty state, once.
pub fn init(config: &Config) -> Result<Created, Error> {
    host::durable::own_dir(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let seed = secret::create_key(&config.data.join(IDENTITY), IDENTITY_LABEL)?;
    Spool::create(&config.data)?;
    let key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let camera_key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Created { camera_id: CameraId::of_key(&key).to_string(), camera_key })
}

/// Whether the folder of this configuration is a camera's.
pub fn is_made(config: &Config) -> bool {
    config.data.join(IDENTITY).is_file()
}

/// The camera's key.
pub(crate) fn read(config: &Config) -> Result<SigningKey, Error> {
    Ok(SigningKey::from_bytes(&*secret::read_key(&config.data.join(IDENTITY), IDENTITY_LABEL)?))
}
