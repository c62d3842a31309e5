//! What time it is for the keys of days, which are destroyed by time alone: no reading of the wall
//! clock is believed by itself. Pure. Contract: proto/release.md#destroying-day-keys.
//!
//! ```text
//! a quorum of witnesses cosigned a head just now, by this trustee's own clock  -> that time is confirmed
//! from there on the steady clock counts; over a restart the time that was kept last, as if no time had passed
//! ```
//!
//! So the believed time is never ahead of the true one, unless the quorum and the clock are wrong
//! together, and it goes on whatever the log does and however the clock is set. In scope: the time
//! and whether the clock contradicts it. Out of scope: who confirms it ([`crate::state`]), keeping it
//! ([`crate::ledger`]).

use host::lock::Mutex;
use media::time::Seconds;
use std::time::Duration;

/// A wall clock that differs by more is wrong, or nobody could confirm it for so long.
const STEP: Duration = Duration::from_secs(300);
/// How often the time is kept for the next start.
const KEEP_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Time(Mutex<Anchored>);

#[derive(Debug)]
struct Anchored {
    /// A time that was believed, and the steady clock then.
    anchor: Option<(Seconds, Duration)>,
    kept: Option<Seconds>,
}

/// How the wall clock contradicts the believed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Contradiction {
    #[error(
        "clock-ahead: the clock is {0} s ahead of the time that witnesses confirmed and that has passed since; no key is destroyed for it: set the clock, or let the trustee reach the log"
    )]
    Ahead(u64),
    #[error("clock-behind: the clock is {0} s behind the time that witnesses confirmed; set the clock")]
    Behind(u64),
    #[error("clock-unconfirmed: no witnesses have confirmed the time yet; let the trustee reach the log")]
    Unconfirmed,
}

impl Time {
    /// As it was kept when the trustee ran last.
    pub(crate) fn open(kept: Option<Seconds>, steady: Duration) -> Self {
        Self(Mutex::new(Anchored { anchor: kept.map(|at| (at, steady)), kept }))
    }

    /// A quorum cosigned a head at `cosigned`, and by this trustee's clock, `wall`, that is just
    /// now.
    pub(crate) fn confirm(&self, cosigned: Seconds, wall: Seconds, steady: Duration) {
        self.0.lock().anchor = Some((cosigned.min(wall), steady));
    }

    /// The time; none was ever confirmed to a new trustee.
    pub(crate) fn believed(&self, steady: Duration) -> Option<Seconds> {
        self.0.lock().anchor.map(|(at, then)| at.after(steady.saturating_sub(then)))
    }

    /// What is to be kept for the next start, if it is time to.
    pub(crate) fn to_keep(&self, steady: Duration) -> Option<Seconds> {
        let now = self.believed(steady)?;
        let mut known = self.0.lock();
        let is_due = known.kept.is_none_or(|kept| now.0 < kept.0 || now.since(kept) >= KEEP_EVERY);
        is_due.then(|| known.kept = Some(now)).map(|()| now)
    }

    pub(crate) fn contradicted_by(&self, wall: Seconds, steady: Duration) -> Option<Contradiction> {
        let Some(believed) = self.believed(steady) else { return Some(Contradiction::Unconfirmed) };
        let (ahead, behind) = (wall.since(believed), believed.since(wall));
        match (ahead > STEP, behind > STEP) {
            (true, _) => Some(Contradiction::Ahead(ahead.as_secs())),
            (_, true) => Some(Contradiction::Behind(behind.as_secs())),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = Seconds(1_800_000_000);
    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn no_reading_of_the_wall_clock_moves_the_time_and_each_that_contradicts_it_is_named() {
        let time = Time::open(None, secs(5));
        assert_eq!(time.believed(secs(100)), None, "a new trustee believes nobody yet");
        assert_eq!(time.contradicted_by(NOW, secs(100)), Some(Contradiction::Unconfirmed));
        time.confirm(NOW, NOW.after(secs(3)), secs(100));
        assert_eq!(time.believed(secs(160)), Some(NOW.after(secs(60))));
        for (wall, said) in [
            (NOW.after(secs(360)), None),
            (NOW.after(YEAR), Some(Contradiction::Ahead(YEAR.as_secs() - 60))),
            (Seconds(0), Some(Contradiction::Behind(NOW.0 + 60))),
            (NOW.before(secs(240)), None),
        ] {
            assert_eq!(time.contradicted_by(wall, secs(160)), said);
            assert_eq!(time.believed(secs(160)), Some(NOW.after(secs(60))));
        }
    }

    #[test]
    fn over_a_restart_no_time_has_passed_until_witnesses_say_so() {
        let time = Time::open(Some(NOW), secs(2));
        assert_eq!(time.believed(secs(62)), Some(NOW.after(secs(60))));
        assert!(matches!(time.contradicted_by(NOW.after(YEAR), secs(2)), Some(Contradiction::Ahead(_))));
        time.confirm(NOW.after(YEAR), NOW.after(YEAR), secs(62));
        assert_eq!(time.contradicted_by(NOW.after(YEAR), secs(62)), None);
        assert_eq!(time.to_keep(secs(62)), Some(NOW.after(YEAR)));
        assert_eq!(time.to_keep(secs(63)), None, "not at each look");
        assert_eq!(time.to_keep(secs(122)), Some(NOW.after(YEAR).after(secs(60))));
    }
}
