//! Pictures that an alarm of this owner's sent through others' hands, opened on this device.
//! Contract: `proto/segment.md#pictures-that-are-sent`.

use crate::config::PictureKey;
use crate::state::Owner;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quic::Key;
use seal::picture::{PictureError, SENT_MAX, SentPicture};
use serde::Serialize;

/// The largest message with a picture, bytes: as text, and some words around it.
pub const GIVEN_MAX: u64 = SENT_MAX as u64 / 3 * 4 + (64 << 10);

/// What is known of a picture that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// What the sender calls the camera.
    pub camera: String,
    pub camera_id: String,
    /// When something moved, by the camera's clock, Unix microseconds.
    pub from_us: u64,
    pub to_us: u64,
    /// The image's media type.
    pub kind: String,
    /// Which device signed it, and whether that is this one.
    pub device: Key,
    pub is_this_device: bool,
}

/// Why it was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SentError {
    #[error("no sealed picture in it: give the message as it was posted, or its `sealed` decoded")]
    NoPicture,
    #[error(transparent)]
    Picture(#[from] PictureError),
}

impl Owner {
    /// The key to which other devices' alarms seal pictures for this one.
    pub fn picture_key(&self) -> PictureKey {
        PictureKey(self.keys.wrap.public())
    }

    /// Opens a picture, and says of it what its sender signed. `given` is a message as a webhook gets
    /// it, or the sealed picture alone.
    pub fn open_picture(&self, given: &[u8]) -> Result<(Received, Vec<u8>), SentError> {
        let sealed = sealed(given).ok_or(SentError::NoPicture)?;
        let picture = SentPicture::open(&sealed, &self.keys.wrap)?;
        let received = Received {
            camera: picture.camera,
            camera_id: picture.camera_id.to_string(),
            from_us: picture.from_us.0,
            to_us: picture.to_us.0,
            kind: picture.kind,
            device: Key(picture.device_pk),
            is_this_device: picture.device_pk == self.keys.device.verifying_key().to_bytes(),
        };
        Ok((received, picture.image))
    }
}

fn sealed(given: &[u8]) -> Option<Vec<u8>> {
    if given.first() == Some(&0) {
        return Some(given.to_vec());
    }
    let message: serde_json::Value = serde_json::from_slice(given).ok()?;
    BASE64_STANDARD.decode(message["picture"]["sealed"].as_str()?).ok()
}
