//! Moments on the command line, by the clocks of this machine's time zone.
//!
//! ```text
//! 14:03, 14:03:20                 when a clock said so last
//! today, yesterday, 2026-10-25    the first moment of that day
//! yesterday 14:03                 a day and a time
//! 2026-10-25 02:30+02:00          the same with its offset from UTC; 2026-10-25T00:30:00Z
//! 1795600000                      Unix seconds
//! now, 90s, 2h30m                 how long ago
//! ```
//!
//! A time that a day has twice, or not at all, as clocks are changed, is refused, and both offsets
//! are named: footage of the wrong hour is handed to nobody.

use crate::words::by_the_clock;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use media::time::Micros;
use owner::Span;

/// A moment, Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub u64);

/// Why a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WhenError {
    #[error(
        "write 2026-11-25T14:03:00Z, 14:03, yesterday 14:03, 2026-11-25 14:03, a day alone, Unix seconds, \
         now, or how long ago: 90s, 10m, 2h"
    )]
    Unreadable,
    #[error("clocks went back, and {0} was there twice: write {1} or {2}")]
    Twice(DateTime, String, String),
    #[error("clocks went forward, and no clock said {0}: write {1} or {2}")]
    Never(DateTime, String, String),
}

impl std::str::FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        parse(text, host::clock::now_us(), &TimeZone::system()).map(Self)
    }
}

/// The span of two moments.
pub(crate) fn span(from: When, to: When) -> Result<Span, crate::cli::Ended> {
    Span::new(Micros(from.0), Micros(to.0)).map_err(crate::cli::Ended::wrong)
}

fn parse(text: &str, now_us: u64, zone: &TimeZone) -> Result<u64, WhenError> {
    if let Some(us) = counted(text, now_us) {
        return Ok(us);
    }
    let now = i64::try_from(now_us).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    let at = dated(text, now.ok_or(WhenError::Unreadable)?, zone)?;
    u64::try_from(at.as_microsecond()).map_err(|_| WhenError::Unreadable)
}

/// Seconds since 1970, or how long ago.
fn counted(text: &str, now_us: u64) -> Option<u64> {
    if text == "now" {
        return Some(now_us);
    }
    if text.len() >= 9
        && let Ok(seconds) = text.parse::<u64>()
    {
        return seconds.checked_mul(1_000_000);
    }
    // 14:03:20 is a time of day, though it could be a length.
    let ago: jiff::SignedDuration = text.parse().ok().filter(|_| !text.contains(':'))?;
    now_us.checked_sub(u64::try_from(ago.as_micros()).ok()?)
}

/// A day, a time, or both.
fn dated(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, WhenError> {
    let today = zone.to_datetime(now).date();
    let yesterday = || today.yesterday().map_err(|_| WhenError::Unreadable);
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None if text.contains(':') => return latest(text, [today, yesterday()?], now, zone),
        None => (text, None),
    };
    let day = match day {
        "today" => today,
        "yesterday" => yesterday()?,
        day => day.parse::<Date>().map_err(|_| WhenError::Unreadable)?,
    };
    match time {
        Some(time) => Moment::read(day, time, zone)?.only(zone),
        None => {
            day.to_zoned_datetime(zone.clone()).map(|at| at.timestamp()).map_err(|_| WhenError::Unreadable)
        }
    }
}

/// When a clock said a time last, on one of these days, the later one first.
fn latest(time: &str, days: [Date; 2], now: Timestamp, zone: &TimeZone) -> Result<Timestamp, WhenError> {
    for day in days {
        let moment = match Moment::read(day, time, zone)? {
            // The second of two is still to come.
            Moment::Twice(_, first, second) if first <= now && now < second => Moment::Once(first),
            moment => moment,
        };
        match moment {
            Moment::Once(at) | Moment::Twice(_, at, _) if at > now => {}
            Moment::Never(said, ..) if said > zone.to_datetime(now) => {}
            moment => return moment.only(zone),
        }
    }
    Err(WhenError::Unreadable)
}

/// What a day and a time name.
enum Moment {
    Once(Timestamp),
    Twice(DateTime, Timestamp, Timestamp),
    /// Read by the clocks before the change and after it.
    Never(DateTime, Timestamp, Timestamp),
}

impl Moment {
    fn read(day: Date, time: &str, zone: &TimeZone) -> Result<Self, WhenError> {
        // A zone of its own, in brackets, would be overlooked.
        let written = format!("{day}T{time}");
        if written.contains('[') {
            return Err(WhenError::Unreadable);
        }
        if let Ok(at) = written.parse::<Timestamp>() {
            return Ok(Self::Once(at));
        }
        let civil = written.parse::<DateTime>().map_err(|_| WhenError::Unreadable)?;
        let read = zone.to_ambiguous_timestamp(civil);
        let edges = (read.earlier(), read.later());
        let (Ok(earlier), Ok(later)) = edges else { return Err(WhenError::Unreadable) };
        Ok(match read.offset() {
            AmbiguousOffset::Unambiguous { .. } => Self::Once(earlier),
            AmbiguousOffset::Fold { .. } => Self::Twice(civil, earlier, later),
            AmbiguousOffset::Gap { .. } => Self::Never(civil, earlier, later),
        })
    }

    fn only(self, zone: &TimeZone) -> Result<Timestamp, WhenError> {
        let by = |at| by_the_clock(at, zone);
        match self {
            Self::Once(at) => Ok(at),
            Self::Twice(civil, first, second) => Err(WhenError::Twice(civil, by(first), by(second))),
            Self::Never(civil, before, after) => Err(WhenError::Never(civil, by(before), by(after))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::show_us;

    /// What a text means at a moment in a zone: as UTC, or why it means nothing.
    fn read(text: &str, now: &str, zone: &str) -> Result<String, String> {
        let now = now.parse::<Timestamp>().unwrap().as_microsecond();
        let zone = TimeZone::get(zone).unwrap();
        let us = parse(text, u64::try_from(now).unwrap(), &zone).map_err(|error| error.to_string())?;
        Ok(show_us(us).trim_end_matches(" UTC").to_owned())
    }

    #[test]
    fn every_form_is_read_and_anything_else_is_not() {
        let now = 1_795_600_000_000_000;
        let parse = |text| parse(text, now, &TimeZone::UTC);
        assert_eq!(parse("now"), Ok(now));
        assert_eq!(parse("1795600000"), Ok(now));
        assert_eq!(parse("2026-11-25T09:46:40Z"), Ok(1_795_600_000_000_000));
        assert_eq!(parse("10m"), Ok(now - 600_000_000));
        assert_eq!(parse("1h30m"), Ok(now - 5_400_000_000));
        for wrong in [
            "",
            "tomorrow",
            "-5m",
            "10",
            "2026-13-01T00:00:00Z",
            "25:00",
            "14:03 yesterday",
            "2026-02-30",
            "today 14:03[America/New_York]",
            "1960-01-01",
        ] {
            assert_eq!(parse(wrong), Err(WhenError::Unreadable), "{wrong}");
        }
        assert!(show_us(now).starts_with("2026-11-25 09:46:40"));
    }

    #[test]
    fn times_without_an_offset_are_those_of_the_zone() {
        // An afternoon in Zurich, and the same moment the next morning in Auckland.
        let now = "2026-11-25T13:00:00Z";
        for (text, zone, means) in [
            ("13:59", "Europe/Zurich", "2026-11-25 12:59:00"),
            ("14:03", "Europe/Zurich", "2026-11-24 13:03:00"),
            ("14:03:20", "Europe/Zurich", "2026-11-24 13:03:20"),
            ("today", "Europe/Zurich", "2026-11-24 23:00:00"),
            ("yesterday", "Europe/Zurich", "2026-11-23 23:00:00"),
            ("yesterday 14:03", "Europe/Zurich", "2026-11-24 13:03:00"),
            ("today 14:03", "Europe/Zurich", "2026-11-25 13:03:00"),
            ("2026-07-01 14:03", "Europe/Zurich", "2026-07-01 12:03:00"),
            ("2026-07-01T14:03:07.5", "Europe/Zurich", "2026-07-01 12:03:07"),
            ("2026-07-01 14:03+05:45", "Europe/Zurich", "2026-07-01 08:18:00"),
            ("2026-07-01 14:03:00Z", "Europe/Zurich", "2026-07-01 14:03:00"),
            ("today 01:30", "Pacific/Auckland", "2026-11-25 12:30:00"),
            ("01:30", "Pacific/Auckland", "2026-11-25 12:30:00"),
            ("13:59", "Pacific/Auckland", "2026-11-25 00:59:00"),
            ("13:59", "Asia/Kathmandu", "2026-11-25 08:14:00"),
        ] {
            assert_eq!(read(text, now, zone).as_deref(), Ok(means), "{text} in {zone}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_asked_for_by_its_offset() {
        let twice = "clocks went back, and 2026-10-25T02:30:00 was there twice: \
                     write 2026-10-25 02:30:00+02:00 or 2026-10-25 02:30:00+01:00";
        for (text, now, means) in [
            ("2026-10-25 02:30", "2026-11-25T13:00:00Z", Err(twice)),
            ("today 02:30", "2026-10-25T13:00:00Z", Err(twice)),
            ("02:30", "2026-10-25T13:00:00Z", Err(twice)),
            // The second time is still to come; neither has come.
            ("02:30", "2026-10-25T00:45:00Z", Ok("2026-10-25 00:30:00")),
            ("02:30", "2026-10-25T00:15:00Z", Ok("2026-10-24 00:30:00")),
            // Both answers to it are read.
            ("2026-10-25 02:30:00+02:00", "2026-11-25T13:00:00Z", Ok("2026-10-25 00:30:00")),
            ("2026-10-25 02:30:00+01:00", "2026-11-25T13:00:00Z", Ok("2026-10-25 01:30:00")),
            ("02:30+01:00", "2026-10-25T13:00:00Z", Ok("2026-10-25 01:30:00")),
            // A day of 25 hours.
            ("2026-10-25", "2026-11-25T13:00:00Z", Ok("2026-10-24 22:00:00")),
            ("2026-10-26", "2026-11-25T13:00:00Z", Ok("2026-10-25 23:00:00")),
        ] {
            let means = means.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(read(text, now, "Europe/Zurich"), means, "{text} at {now}");
        }
    }

    #[test]
    fn an_hour_that_never_came_is_no_moment() {
        let never = read("2026-03-29 02:30", "2026-04-01T00:00:00Z", "Europe/Zurich").unwrap_err();
        assert!(never.starts_with("clocks went forward, and no clock said 2026-03-29T02:30:00"), "{never}");
        assert!(never.ends_with("write 2026-03-29 01:30:00+01:00 or 2026-03-29 03:30:00+02:00"), "{never}");
        assert_eq!(read("02:30", "2026-03-29T09:00:00Z", "Europe/Zurich").unwrap_err(), never);
        // While it is still to come by the clock, the day before is meant: to the last minute.
        for (now, means) in [
            ("2026-03-29T00:00:00Z", Ok("2026-03-28 01:30:00")),
            ("2026-03-29T00:59:00Z", Ok("2026-03-28 01:30:00")),
            ("2026-03-29T01:00:00Z", Err(never.as_str())),
        ] {
            assert_eq!(
                read("02:30", now, "Europe/Zurich").as_deref().map_err(String::as_str),
                means,
                "{now}"
            );
        }
        // Where midnight itself is left out, a day begins an hour later.
        let day = read("2018-11-04", "2018-11-05T00:00:00Z", "America/Sao_Paulo");
        assert_eq!(day.as_deref(), Ok("2018-11-04 03:00:00"));
    }

    #[test]
    fn what_is_shown_can_be_written_again() {
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        // Every quarter of an hour of the night on which clocks go back, each under a name of its
        // own.
        let quarters = (0..32).map(|at| 1_792_872_000_000_000 + at * 900_000_000);
        let mut names = std::collections::BTreeSet::new();
        for us in quarters {
            let name = by_the_clock(Timestamp::from_microsecond(us).unwrap(), &zone);
            assert_eq!(parse(&name, 0, &zone), Ok(u64::try_from(us).unwrap()), "{name}");
            names.insert(name);
        }
        assert_eq!(names.len(), 32);
        assert!(names.contains("2026-10-25 02:30:00+02:00") && names.contains("2026-10-25 02:30:00+01:00"));
    }
}
