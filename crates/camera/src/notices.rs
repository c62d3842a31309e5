//! Days go by: the notice chain moves on, one notice key for each day, and what led to yesterday is
//! forgotten. Pure. Contract: `proto/segment.md#notice-keys`.
//!
//! ```text
//! root of day d -> notice_d -> root of d+1 -> notice_{d+1} -> ...       days on which the camera was off included
//! ```

use media::id::{CameraId, Day};
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

/// The notice key of a day, which the relay should have.
pub(crate) type KeyOfDay = (Day, NoticeKey);

impl Notices {
    /// The notice key of the day at which the chain stands.
    pub(crate) fn key(&self, camera: &CameraId) -> NoticeKey {
        self.root.key(camera, self.day)
    }

    /// The day after.
    pub(crate) fn next(&self, camera: &CameraId) -> Self {
        Self { root: self.root.next(camera, self.day), day: Day(self.day.0.saturating_add(1)) }
    }

    /// As it will stand on `day`; the notice keys of the days after the one where it stands, that
    /// day's own not among them. Nothing is given up by it: whoever keeps the later one does that.
    pub(crate) fn on(self, day: Day, camera: &CameraId) -> Result<(Self, Vec<KeyOfDay>), PastDay> {
        if day < self.day {
            return Err(PastDay { asked: day, kept: self.day });
        }
        let (mut at, mut keys) = (self, Vec::new());
        while at.day < day {
            at = at.next(camera);
            keys.push((at.day, at.key(camera)));
        }
        Ok((at, keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CameraId = CameraId([7; 32]);

    fn start() -> Notices {
        Notices { day: Day(100), root: NoticeRoot::new([9; 32]) }
    }

    #[test]
    fn every_skipped_day_has_its_key_and_they_are_the_owners() {
        let notices = start();
        let owner = notices.root.clone();
        let (now, keys) = notices.on(Day(103), &ID).unwrap();
        assert_eq!(now.day, Day(103));
        assert_eq!(keys.iter().map(|(day, _)| day.0).collect::<Vec<_>>(), [101, 102, 103]);
        let mut root = owner;
        for (day, key) in &keys {
            root = root.next(&ID, Day(day.0 - 1));
            assert_eq!(key.expose(), root.key(&ID, *day).expose());
        }
        assert_eq!(now.key(&ID).expose(), root.key(&ID, Day(103)).expose());
        let (same, none) = now.on(Day(103), &ID).unwrap();
        assert_eq!((same.day, none.len()), (Day(103), 0));
    }

    #[test]
    fn the_chain_does_not_go_back() {
        let past = start().on(Day(99), &ID).map(|_| ()).unwrap_err();
        assert_eq!(past, PastDay { asked: Day(99), kept: Day(100) });
    }
}
