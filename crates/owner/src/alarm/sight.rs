//! Whether a camera's heads are seen to come. Pure. A relay that answers whether a camera is there may
//! keep its heads back, alter them or make this device wait; a policy may have no key for this device:
//! an alarm that sees nothing for whatever reason must not look like one that has nothing to tell.

use std::time::Duration;

/// Of one camera. Times count from any moment that stays the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sight {
    /// Since when a head is waited for.
    waits: Option<Duration>,
    is_unseen: bool,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Unseen { secs: u64 },
    Again,
}

/// What was found at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A further head opened.
    Opened,
    /// None did, and by its own signed word the camera films.
    Nothing,
    /// None did, and none is waited for: what is wrong then is told by its condition.
    NotAwaited,
}

impl Sight {
    pub(super) fn handle(&mut self, now: Duration, look: Look, after: Duration) -> Option<Seen> {
        match look {
            Look::Opened => {
                self.waits = Some(now);
                std::mem::take(&mut self.is_unseen).then_some(Seen::Again)
            }
            Look::NotAwaited => {
                self.waits = None;
                None
            }
            Look::Nothing => {
                let waits = now.saturating_sub(*self.waits.get_or_insert(now));
                let is_new = !self.is_unseen && waits >= after;
                self.is_unseen |= is_new;
                is_new.then_some(Seen::Unseen { secs: waits.as_secs() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told at which second, of looks from second to second.
    fn told(looks: &[(u64, Look)]) -> Vec<(u64, Seen)> {
        let (mut sight, mut told) = (Sight::default(), Vec::new());
        let mut at = 0;
        for (count, look) in looks {
            for second in at..at + count {
                let now = Duration::from_secs(second);
                told.extend(sight.handle(now, *look, Duration::from_secs(60)).map(|seen| (second, seen)));
            }
            at += count;
        }
        told
    }

    #[test]
    fn a_camera_that_films_and_whose_heads_do_not_open_is_told_once_and_when_they_do() {
        let unseen = Seen::Unseen { secs: 60 };
        assert_eq!(told(&[(50, Look::Nothing), (1, Look::Opened), (50, Look::Nothing)]), []);
        assert_eq!(told(&[(200, Look::Nothing)]), [(60, unseen)], "one that was never seen");
        let all = [(10, Look::Opened), (100, Look::Nothing), (5, Look::Opened)];
        assert_eq!(told(&all), [(69, unseen), (110, Seen::Again)]);
        // Rest by its owner's rule, or a camera that is away, is waited for by nobody.
        assert_eq!(told(&[(40, Look::Nothing), (500, Look::NotAwaited), (59, Look::Nothing)]), []);
    }
}
