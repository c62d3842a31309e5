//! Which event of a camera is worth a message. Pure: what moved and the time come in.
//!
//! - An event is told once it is over, or has lasted [`LASTS`]: that a person is still there is no
//!   reason to wait. It is told once, also over a restart ([`Told`] is kept). A camera ends each after
//!   a quarter of an hour: of what goes on for hours there are several.
//! - Of each camera one in the pause that the owner set; the next message says how many were not told.
//! - What is over within quiet hours is not told, and not counted.
//! - What still goes on when pause or quiet hours end is due then.

use super::Ahead;
use crate::config::Alarms;
use crate::motion::{Motion, PAUSE_US};
use media::time::Micros;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An event that lasts is told after so long.
const LASTS: Duration = Duration::from_secs(10);

/// An event that is held back may go on after a shorter pause than this: the camera waits for 12 s.
const OVER_US: u64 = 13_000_000;
/// How far what was dealt with may lie ahead of what is stored: a camera's clock may have been wrong.
const AHEAD_US: u64 = 60_000_000;

/// What was told of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// When the last event began that was dealt with, by the camera's clock.
    pub(super) from_us: u64,
    /// When there was a message last, by this device's clock.
    pub(super) at_us: u64,
    /// What moved since then and was not told.
    pub(super) untold: u32,
}

/// What the cameras' footage shows by now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Until when what moved is known, by the camera's clock.
    pub(super) until_us: u64,
    /// Nothing new comes of the camera.
    pub(super) stands_still: bool,
}

/// An event to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) event: Motion,
    /// It is not over yet.
    pub(super) goes_on: bool,
    pub(super) untold: u32,
}

impl Told {
    /// Of a camera that is new to the alarm: what began before its newest head is none of its
    /// business.
    pub(super) fn since(newest_us: u64) -> Self {
        Self { from_us: newest_us, ..Self::default() }
    }

    /// What lies ahead of the newest head that opened was not of this camera's footage: it must not
    /// silence what comes. Whether it did.
    pub(super) fn mend(&mut self, newest_us: u64) -> bool {
        let lies_ahead = self.from_us > newest_us.saturating_add(AHEAD_US);
        if lies_ahead {
            self.from_us = newest_us;
        }
        lies_ahead
    }

    /// The next event to tell of, if one is due. `events` are in order.
    pub(super) fn due(
        &mut self,
        events: &[Motion],
        known: Known,
        now_us: Micros,
        (asked, ahead): (&Alarms, Ahead),
    ) -> Option<Due> {
        let pause_us = u64::from(asked.pause_minutes) * 60_000_000;
        let dealt_with = self.from_us;
        for event in events.iter().filter(|event| event.from > dealt_with) {
            let is_over =
                |pause_us: u64| known.stands_still || event.to.saturating_add(pause_us) < known.until_us;
            let lasts = Micros(event.to).since(Micros(event.from)) >= LASTS;
            if !is_over(PAUSE_US) && !lasts {
                break;
            }
            let is_quiet = asked.is_quiet(minute(Micros(event.to), ahead));
            // A clock that stepped back silences nothing.
            let pauses = now_us.0.abs_diff(self.at_us) < pause_us;
            if is_quiet || pauses {
                if !is_over(OVER_US) {
                    break;
                }
                self.from_us = event.from;
                self.untold = self.untold.saturating_add(u32::from(!is_quiet));
                continue;
            }
            (self.from_us, self.at_us) = (event.from, now_us.0);
            let untold = std::mem::take(&mut self.untold);
            return Some(Due { event: *event, goes_on: !is_over(PAUSE_US), untold });
        }
        None
    }
}

/// The local time of day, seconds.
pub(super) fn second_of_day(at: Micros, ahead: Ahead) -> u64 {
    // Clocks are behind UTC by less than a day.
    at.seconds().0.saturating_add_signed(ahead(at).saturating_add(86_400)) % 86_400
}

fn minute(at: Micros, ahead: Ahead) -> u16 {
    u16::try_from(second_of_day(at, ahead) / 60).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;
    /// 2026-11-30 12:00:00 UTC.
    const NOON: u64 = 1_796_040_000;

    fn utc(_: Micros) -> i64 {
        0
    }

    fn event(from: u64, to: u64) -> Motion {
        Motion { from: (NOON + from) * S, to: (NOON + to) * S, permille: 50, at: (NOON + to) * S }
    }

    /// What is told at this second of the camera's and of this device's clock: begin, whether it goes
    /// on, and how many were not told.
    fn due(told: &mut Told, events: &[Motion], second: u64, asked: &Alarms) -> Option<(u64, bool, u32)> {
        let known = Known { until_us: (NOON + second) * S, stands_still: false };
        let due = told.due(events, known, Micros((NOON + second) * S), (asked, utc))?;
        Some((due.event.from / S - NOON, due.goes_on, due.untold))
    }

    fn every(pause_minutes: u32) -> Alarms {
        Alarms { pause_minutes, ..Alarms::default() }
    }

    #[test]
    fn an_event_is_told_once_when_it_is_over_or_lasts() {
        let (mut told, asked) = (Told::default(), every(1));
        assert_eq!(due(&mut told, &[event(10, 12)], 14, &asked), None, "it may go on");
        assert_eq!(due(&mut told, &[event(10, 12)], 18, &asked), Some((10, false, 0)));
        assert_eq!(due(&mut told, &[event(10, 12)], 100, &asked), None, "once");
        let mut kept: Told = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
        assert_eq!(due(&mut kept, &[event(10, 12)], 200, &asked), None, "also by another process");
        // One that lasts is told while it does, and not again.
        assert_eq!(due(&mut told, &[event(300, 309)], 309, &asked), None);
        assert_eq!(due(&mut told, &[event(300, 310)], 310, &asked), Some((300, true, 0)));
        for to in (310..1000).step_by(50) {
            assert_eq!(due(&mut told, &[event(300, to)], to, &asked), None, "{to}");
        }
        // What goes on after the camera's quarter of an hour is the next one.
        assert_eq!(
            due(&mut told, &[event(300, 1200), event(1200, 1210)], 1210, &asked),
            Some((1200, true, 0))
        );
    }

    #[test]
    fn a_camera_that_films_events_only_is_told_when_nothing_more_comes() {
        let (mut told, asked) = (Told::default(), every(1));
        let known = Known { until_us: (NOON + 12) * S, stands_still: true };
        let due = told.due(&[event(10, 12)], known, Micros((NOON + 60) * S), (&asked, utc)).unwrap();
        assert!(!due.goes_on);
    }

    #[test]
    fn one_message_in_a_pause_and_the_next_counts_what_was_not_told() {
        let (mut told, asked) = (Told::default(), every(10));
        let events = [event(10, 12), event(100, 103), event(200, 201), event(650, 651)];
        assert_eq!(due(&mut told, &events[..1], 20, &asked), Some((10, false, 0)));
        assert_eq!(due(&mut told, &events[..3], 300, &asked), None);
        assert_eq!(due(&mut told, &events, 660, &asked), Some((650, false, 2)));
    }

    #[test]
    fn what_is_over_in_quiet_hours_of_this_machines_clocks_is_not_told() {
        let quiet = |hours: &str, ahead: Ahead| {
            let asked = Alarms { quiet_hours: vec![hours.to_owned().try_into().unwrap()], ..every(1) };
            let known = Known { until_us: (NOON + 100) * S, stands_still: false };
            Told::default().due(&[event(10, 12)], known, Micros((NOON + 100) * S), (&asked, ahead)).is_none()
        };
        assert!(quiet("12:00-12:01", utc) && !quiet("12:01-12:02", utc) && !quiet("11:00-12:00", utc));
        assert!(quiet("13:00-13:01", |_| 3600) && quiet("02:00-02:01", |_| -36_000));
        assert!(quiet("00:00-00:30", |_| 43_200) && quiet("23:59-00:30", |_| -43_200));
    }

    /// Who began a minute before quiet hours ended, or after the postman, was never told.
    #[test]
    fn what_still_goes_on_when_pause_or_quiet_hours_end_is_due_then() {
        let (mut told, asked) = (Told::default(), every(10));
        assert_eq!(due(&mut told, &[event(10, 12)], 20, &asked), Some((10, false, 0)));
        for to in (100..610).step_by(10) {
            // With pauses that the camera waits for.
            assert_eq!(due(&mut told, &[event(90, to)], to + 8, &asked), None, "{to}");
        }
        assert_eq!(due(&mut told, &[event(90, 625)], 625, &asked), Some((90, true, 0)));
        let asked = Alarms { quiet_hours: vec!["11:00-12:05".to_owned().try_into().unwrap()], ..every(1) };
        let mut told = Told::default();
        assert_eq!(due(&mut told, &[event(240, 299)], 299, &asked), None);
        assert_eq!(due(&mut told, &[event(240, 301)], 301, &asked), Some((240, true, 0)));
    }

    /// A relay that named a time in the year 2036 once silenced a camera for good, over restarts.
    #[test]
    fn what_was_dealt_with_ahead_of_the_newest_head_silences_nothing() {
        let mut told = Told::since(u64::MAX);
        assert!(told.mend((NOON + 5) * S));
        assert_eq!(due(&mut told, &[event(10, 12)], 30, &every(1)), Some((10, false, 0)));
        assert!(!told.mend((NOON + 5) * S), "an event of a moment ago stays dealt with");
    }
}
