//! Days go by: the notice chain moves on, one DayNotice for each day, and what led to yesterday is
//! forgotten. Pure. Contract: `proto/segment.md#notice-keys`.
//!
//! ```text
//! root of day d -> DayNotice d -> root of d+1 -> DayNotice d+1 -> ...       days on which the camera was off included
//! ```

use ed25519_dalek::SigningKey;
use media::id::{CameraId, Day};
use media::notice::DayNotice;
use seal::notice::{NoticeKey, NoticeRoot};

/// There is no notice key of a day that is over. The clock of footage reads none such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("day {asked} is before day {kept}, to which the notice keys have moved on")]
pub(crate) struct PastDay {
    asked: Day,
    kept: Day,
}

/// Where the chain stands.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    pub(crate) day: Day,
    pub(crate) root: NoticeRoot,
}

/// A signed DayNotice that the relay should have.
pub(crate) type SignedNotice = (Day, Vec<u8>);

impl Notices {
    /// The notice key of the day at which the chain stands.
    pub(crate) fn key(&self, camera: &CameraId) -> NoticeKey {
        self.root.key(camera, self.day)
    }

    /// The DayNotice of that day.
    pub(crate) fn notice(&self, camera: &SigningKey) -> SignedNotice {
        let camera_id = CameraId::of_key(camera.verifying_key().as_bytes());
        let notice_key = *self.key(&camera_id).expose();
        (self.day, DayNotice { camera_id, day: self.day, notice_key }.sign(camera))
    }

    /// The day after.
    pub(crate) fn next(&self, camera: &CameraId) -> Self {
        Self { root: self.root.next(camera, self.day), day: Day(self.day.0.saturating_add(1)) }
    }

    /// As it will stand on `day`; the notices of the days after the one where it stands, that day's
    /// own not among them. Nothing is given up by it: whoever keeps the later one does that.
    pub(crate) fn on(self, day: Day, camera: &SigningKey) -> Result<(Self, Vec<SignedNotice>), PastDay> {
        if day < self.day {
            return Err(PastDay { asked: day, kept: self.day });
        }
        let camera_id = CameraId::of_key(camera.verifying_key().as_bytes());
        let (mut at, mut signed) = (self, Vec::new());
        while at.day < day {
            at = at.next(&camera_id);
            signed.push(at.notice(camera));
        }
        Ok((at, signed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (SigningKey, CameraId, Notices) {
        let camera = SigningKey::from_bytes(&[7; 32]);
        let id = CameraId::of_key(camera.verifying_key().as_bytes());
        (camera, id, Notices { day: Day(100), root: NoticeRoot::new([9; 32]) })
    }

    #[test]
    fn every_skipped_day_has_a_notice_and_they_are_the_owners_keys() {
        let (camera, id, notices) = start();
        let owner = notices.root.clone();
        let (now, signed) = notices.on(Day(103), &camera).unwrap();
        assert_eq!(now.day, Day(103));
        assert_eq!(signed.iter().map(|(day, _)| day.0).collect::<Vec<_>>(), [101, 102, 103]);
        let mut root = owner;
        for (day, bytes) in &signed {
            root = root.next(&id, Day(day.0 - 1));
            let notice = DayNotice::decode_verified(bytes, camera.verifying_key().as_bytes()).unwrap();
            assert_eq!((notice.day, notice.notice_key), (*day, *root.key(&id, *day).expose()));
        }
        assert_eq!(now.key(&id).expose(), root.key(&id, Day(103)).expose());
        let (same, none) = now.on(Day(103), &camera).unwrap();
        assert_eq!((same.day, none.len()), (Day(103), 0));
    }

    #[test]
    fn the_chain_does_not_go_back() {
        let (camera, _, notices) = start();
        let past = notices.on(Day(99), &camera).map(|_| ()).unwrap_err();
        assert_eq!(past, PastDay { asked: Day(99), kept: Day(100) });
    }
}
