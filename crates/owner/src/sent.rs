//! Pictures that an alarm of this owner's sent through others' hands, opened on this device.
//! Contract: `proto/segment.md#pictures-that-are-sent`.

use crate::book::StoredCamera;
use crate::config::PictureKey;
use crate::state::Owner;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use escrow::record::is_visible;
use media::id::{CameraId, DeviceId};
use media::policy::{Recipient, Role};
use media::time::Seconds;
use quic::Key;
use seal::picture::{PictureError, SENT_MAX, SentPicture};
use serde::Serialize;
use serde_json::Value;

/// The largest message with a picture, bytes: as text, and some words around it.
pub const GIVEN_MAX: u64 = SENT_MAX as u64 / 3 * 4 + (64 << 10);

/// What is known of a picture that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// The camera by the own book, or as its sender calls it.
    pub camera: String,
    pub camera_id: String,
    /// When something moved, by the camera's clock, Unix microseconds.
    pub from_us: u64,
    pub to_us: u64,
    /// When the image was taken.
    pub at_us: u64,
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
    /// Whoever knows the key can seal to it, and sign as itself.
    #[error(
        "the picture is signed by device {0}, which the newest policy of that camera does not name as an admin's: anybody can have made it. If that is a device of yours, name it with --from"
    )]
    Stranger(Key),
    #[error(
        "the message is of another event than the picture in it, which is of {camera_id} at {from_us}: somebody put an older one into it"
    )]
    OtherEvent { camera_id: String, from_us: u64 },
}

impl Owner {
    /// The key to which other devices' alarms seal pictures for this one.
    pub fn picture_key(&self) -> PictureKey {
        PictureKey(self.keys.wrap.public())
    }

    /// Opens a picture of an admin's device of that camera, or of `from`, and says of it what
    /// that device signed. `given` is a message as a webhook gets it, or the sealed picture alone.
    pub fn open_picture(&self, given: &[u8], from: Option<Key>) -> Result<(Received, Vec<u8>), SentError> {
        let message = message(given);
        let sealed = match &message {
            None => given.to_vec(),
            Some(message) => sealed(message).ok_or(SentError::NoPicture)?,
        };
        let picture = SentPicture::open(&sealed, &self.keys.wrap)?;
        let device = Key(picture.device_pk);
        let is_this_device = picture.device_pk == self.keys.device.verifying_key().to_bytes();
        if !is_this_device && from != Some(device) && !self.may_send(picture.camera_id, &device) {
            return Err(SentError::Stranger(device));
        }
        let (camera_id, from_us) = (picture.camera_id.to_string(), picture.from_us.0);
        if message.is_some_and(|it| it["camera_id"] != *camera_id || it["from_us"] != from_us) {
            return Err(SentError::OtherEvent { camera_id, from_us });
        }
        let stored = self.stored();
        let own = stored.cameras.iter().find(|camera| camera.camera_id == picture.camera_id);
        let camera = own.map_or_else(|| visible(&picture.camera), |own| own.name.clone());
        let kind = visible(&picture.kind);
        let (to_us, at_us) = (picture.to_us.0, picture.at_us.0);
        let received = Received { camera, camera_id, from_us, to_us, at_us, kind, device, is_this_device };
        Ok((received, picture.image))
    }

    fn may_send(&self, camera_id: CameraId, device: &Key) -> bool {
        let stored = self.stored();
        let camera = stored.cameras.iter().find(|camera| camera.camera_id == camera_id);
        camera.is_some_and(|camera| is_admin(camera, device, self.now()))
    }
}

/// Whether the camera's newest policy names this device as an admin's, in its time.
// SPEC: segment.md#pictures-that-are-sent: a picture by another device MUST NOT be taken for the owner's.
fn is_admin(camera: &StoredCamera, device: &Key, now: Seconds) -> bool {
    let id = DeviceId::of_key(&device.0);
    let newest = camera.policies.last().and_then(|policy| policy.signed().ok());
    let is_it = |to: &Recipient| to.device_id == id && to.role == Role::Admin && now <= to.not_after;
    newest.is_some_and(|policy| policy.unverified().recipients.iter().any(is_it))
}

/// What another wrote shows what it says, on one line.
fn visible(text: &str) -> String {
    text.chars().filter(|c| *c != '\n' && is_visible(c.encode_utf8(&mut [0; 4]))).collect()
}

/// The message; none for a sealed picture alone.
fn message(given: &[u8]) -> Option<Value> {
    if given.first() == Some(&0) { None } else { Some(serde_json::from_slice(given).unwrap_or_default()) }
}

fn sealed(message: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(message["picture"]["sealed"].as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::fixtures;
    use media::id::Day;
    use media::policy::OwnerPolicy;

    const NOW: Seconds = Seconds(1_796_000_000);

    #[test]
    fn only_who_is_an_admin_of_that_camera_today_sends_its_pictures() {
        let to = |at: u8, role, not_after| Recipient {
            device_id: DeviceId::of_key(&[at; 32]),
            wrap_pk: vec![0; media::limits::WRAP_KEY],
            role,
            not_after,
        };
        let policy =
            |recipients| OwnerPolicy { recipients, ..fixtures::policy(CameraId([7; 32]), 0, Vec::new()) };
        let (admin, removed) = (to(1, Role::Admin, NOW), to(2, Role::Admin, Seconds::MAX));
        let guest = to(3, Role::Guest, Seconds::MAX);
        let over = to(4, Role::Admin, Seconds(NOW.0 - 1));
        let mut camera = fixtures::camera("door", policy(vec![admin.clone(), removed]), Day(20_000));
        let newest = policy(vec![admin, guest, over]);
        camera.policies.extend(fixtures::camera("door", newest, Day(20_000)).policies);
        let admins: Vec<u8> = (0..9).filter(|at| is_admin(&camera, &Key([*at; 32]), NOW)).collect();
        assert_eq!(admins, [1]);
    }
}
