//! Whether a camera's heads are seen to come. Pure. A relay that answers whether a camera is there may
//! keep its heads back, alter them or make this device wait; a policy may have no key for this device:
//! an alarm that sees nothing for whatever reason must not look like one that has nothing to tell.

use media::time::Micros;
use std::time::Duration;

/// Of one camera. Times count from any moment that stays the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sight {
    /// The look before this one, unless no head was waited for.
    before: Option<Duration>,
    /// How long a head has been waited for.
    waits: Duration,
    is_unseen: bool,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Unseen { secs: u64 },
    Again,
}

/// A camera's word is of now for so long: its clock is no further from this one.
const CLOCKS: Duration = Duration::from_secs(120);

/// Whether a head shows that a camera's heads come: one that the relay kept back, or another day's,
/// shows nothing of what moves now.
pub(super) fn is_of_now(start_us: Micros, now_us: Micros, after: Duration) -> bool {
    start_us.after(after.saturating_add(CLOCKS)).0 >= now_us.0
}

/// What was found at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A further head opened.
    Opened,
    /// None did, and by its own signed word the camera films.
    Nothing,
    /// None did, and by its own signed word the camera films nothing.
    NotAwaited,
    /// None did, and the camera has no word of now: that it is away is the relay's word, which ends
    /// no waiting.
    Unsaid,
}

impl Sight {
    pub(super) fn handle(&mut self, now: Duration, look: Look, after: Duration) -> Option<Seen> {
        match look {
            Look::Opened => {
                (self.before, self.waits) = (Some(now), Duration::ZERO);
                std::mem::take(&mut self.is_unseen).then_some(Seen::Again)
            }
            Look::NotAwaited => {
                (self.before, self.waits) = (None, Duration::ZERO);
                None
            }
            Look::Unsaid => {
                self.before = Some(now);
                None
            }
            Look::Nothing => {
                self.waits += now.saturating_sub(self.before.replace(now).unwrap_or(now));
                let waits = self.waits;
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
        assert_eq!(told(&[(40, Look::Nothing), (500, Look::NotAwaited), (61, Look::Nothing)]).len(), 1);
    }

    #[test]
    fn heads_of_yesterday_are_no_heads_of_now() {
        let (now, after) = (Micros(1_796_040_000_000_000), Duration::from_secs(60));
        let ago = |secs| is_of_now(now.before(Duration::from_secs(secs)), now, after);
        assert!(ago(0) && ago(180));
        assert!(!ago(181) && !ago(86_400));
    }

    /// One lie in a minute, or in a moment, would silence it.
    #[test]
    fn a_relay_that_says_now_and_then_that_a_camera_is_away_ends_no_waiting() {
        let flaps: Vec<_> = [(49, Look::Nothing), (1, Look::Unsaid)].repeat(2);
        assert_eq!(told(&flaps), [(61, Seen::Unseen { secs: 60 })]);
        assert_eq!(told(&[(1, Look::Nothing), (1, Look::Unsaid)].repeat(100)).len(), 1);
        // A camera that was away in truth is waited for as before when it is back.
        assert_eq!(told(&[(5, Look::Opened), (900, Look::Unsaid), (59, Look::Nothing)]), []);
    }
}
