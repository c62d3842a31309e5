//! Notice roots: with `NR_d` of a camera's pairing day its owner derives the notice key of every
//! later day, finds every leaf about the camera and opens its details. One secret file a camera,
//! made at pairing, never overwritten.
//!
//! ```text
//! keybook/notice/<camera_id>.secret      CANDOR+SECRET+notice-root+<base64 of u32 day || NR_day>
//! ```

use super::{BookError, StoredCamera};
use host::secret::{self, SecretError};
use media::id::{CameraId, Day};
use seal::notice::{NoticeKey, NoticeRoot};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const LABEL: &str = "notice-root";
/// The most days of one camera that are tried: a hundred years.
const MAX_DAYS: u32 = 36_525;

/// Writes a camera's root of `day`, durable on return.
pub(crate) fn keep(folder: &Path, camera: &CameraId, day: Day, root: &NoticeRoot) -> Result<(), BookError> {
    host::durable::create_dirs(&folder.join("notice"))?;
    let mut bytes = Zeroizing::new([0; 36]);
    bytes[..4].copy_from_slice(&day.0.to_be_bytes());
    bytes[4..].copy_from_slice(root.expose());
    Ok(secret::create(&path(folder, camera), LABEL, &bytes[..])?)
}

/// A camera's root and its day.
fn read(folder: &Path, camera: &StoredCamera) -> Result<NoticeRoot, BookError> {
    let path = path(folder, &camera.camera_id);
    let malformed = || SecretError::Malformed { path: path.clone(), label: LABEL.to_owned() };
    let bytes = secret::read(&path, LABEL)?;
    let (day, root) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
    let root = Zeroizing::new(<[u8; 32]>::try_from(root).map_err(|_| malformed())?);
    if u32::from_be_bytes(*day) != camera.notice_from {
        return Err(malformed().into());
    }
    Ok(NoticeRoot::new(*root))
}

/// The notice key of one camera and day.
pub(crate) struct CameraDay {
    pub(crate) camera_id: CameraId,
    pub(crate) day: Day,
    pub(crate) key: NoticeKey,
}

/// Every camera-day from each pairing to `today` and the day after, for clocks that are ahead.
pub(crate) fn camera_days(
    folder: &Path,
    cameras: &[StoredCamera],
    today: Day,
) -> Result<Vec<CameraDay>, BookError> {
    let mut days = Vec::new();
    for camera in cameras {
        days.extend(days_of(&camera.camera_id, read(folder, camera)?, camera.notice_day(), today));
    }
    Ok(days)
}

/// The notice key of one camera and day; none of a day before its pairing.
pub(crate) fn key_of(folder: &Path, camera: &StoredCamera, day: Day) -> Result<Option<NoticeKey>, BookError> {
    Ok(root_of(folder, camera, day)?.map(|root| root.key(&camera.camera_id, day)))
}

/// The notice root of one camera and day; none of a day before its pairing, nor of one a hundred
/// years after it.
pub(crate) fn root_of(
    folder: &Path,
    camera: &StoredCamera,
    day: Day,
) -> Result<Option<NoticeRoot>, BookError> {
    let from = camera.notice_day().0;
    if !(from..=from.saturating_add(MAX_DAYS)).contains(&day.0) {
        return Ok(None);
    }
    let root = read(folder, camera)?;
    Ok(Some((from..day.0).fold(root, |root, day| root.next(&camera.camera_id, Day(day)))))
}

/// The keys of one camera, by its root of day `from`.
pub(crate) fn days_of(camera: &CameraId, mut root: NoticeRoot, from: Day, today: Day) -> Vec<CameraDay> {
    let last = today.0.saturating_add(1).min(from.0.saturating_add(MAX_DAYS));
    let mut days = Vec::new();
    for day in from.0..=last {
        days.push(CameraDay { camera_id: *camera, day: Day(day), key: root.key(camera, Day(day)) });
        root = root.next(camera, Day(day));
    }
    days
}

fn path(folder: &Path, camera: &CameraId) -> PathBuf {
    folder.join("notice").join(format!("{camera}.secret"))
}
