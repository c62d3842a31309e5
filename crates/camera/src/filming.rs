//! When a camera films, as its configuration says it: always or events only, at all hours or some.
//! Pure.
//!
//! ```toml
//! [filming]
//! mode = "events"                  # or "continuous"
//! pre_roll_secs = 10               # kept from before something moved
//! post_roll_secs = 30              # filmed after nothing moved any more
//! threshold_permille = 20          # so many of a thousand cells must have moved
//! trigger = "picture"              # or "onvif": what the camera itself says; or "both"
//! adapt = true                   # and, where usually much moves at this hour, twice that
//! time_zone = "Europe/Zurich"
//! schedule = ["mon-fri 18:00-08:00", "sat,sun 00:00-24:00"]
//! pad_to_bytes = 16384             # sizes of fragments are multiples of this
//! ```
//! In scope: what may be said, and what it means at a given moment. Out of scope: who asks
//! (`duty`), what is held back (`events`).

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use media::time::Micros;
use std::time::Duration;

/// The longest time before an event that can be kept: it is held in memory.
const PRE_ROLL_MAX_SECS: u64 = 60;
/// The longest time that is filmed after one.
const POST_ROLL_MAX_SECS: u64 = 3600;
const WINDOWS_MAX: usize = 64;
/// Below, a box of padding costs more than it hides; above, pictures of a camera are all of one
/// size already.
const PAD_BYTES: std::ops::RangeInclusive<u32> = 1024..=65_536;

/// When it films.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(try_from = "Table")]
pub struct Filming {
    pub mode: Mode,
    pub events: EventSettings,
    /// What begins an event.
    pub trigger: Trigger,
    /// Where the filmed camera is asked over ONVIF, if not at the usual place of its host.
    pub onvif: Option<String>,
    /// Whether it learns how much usually moves, and takes for an event what stands above that.
    pub adapt: bool,
    /// None: at all hours.
    pub schedule: Option<Schedule>,
    /// Each fragment is padded to a multiple of this before it is sealed. None: sizes are as they
    /// are.
    pub pad_to_bytes: Option<u32>,
}

impl Default for Filming {
    fn default() -> Self {
        let (mode, events) = (Mode::default(), EventSettings::default());
        let trigger = Trigger::default();
        Self { mode, events, trigger, onvif: None, adapt: true, schedule: None, pad_to_bytes: None }
    }
}

/// What it films while it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything.
    #[default]
    Continuous,
    /// What moves, and a while before and after. Whoever sees segments come sees when something
    /// moved.
    Events,
}

/// What begins an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// What moves in the picture.
    #[default]
    Picture,
    /// What the filmed camera itself says, and the picture where it says nothing.
    Onvif,
    /// Either.
    Both,
}

impl Trigger {
    /// Whether the filmed camera is asked.
    pub(crate) fn asks_the_camera(self) -> bool {
        match self {
            Self::Picture => false,
            Self::Onvif | Self::Both => true,
        }
    }

    /// Whether what moves in the picture begins an event; the filmed camera being heard, or not.
    pub(crate) fn looks(self, is_heard: bool) -> bool {
        match self {
            Self::Picture | Self::Both => true,
            Self::Onvif => !is_heard,
        }
    }
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSettings {
    pub pre_roll: Duration,
    pub post_roll: Duration,
    /// 1 to 1000.
    pub threshold_permille: u16,
}

impl Default for EventSettings {
    fn default() -> Self {
        let (pre_roll, post_roll) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { pre_roll, post_roll, threshold_permille: 20 }
    }
}

/// Hours of the week in which it films.
#[derive(Debug, Clone)]
pub struct Schedule {
    zone: TimeZone,
    windows: Vec<Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// Monday first.
    days: [bool; 7],
    /// Minutes of the day; an end that is not behind its start is the next day's.
    from: u16,
    to: u16,
}

/// Why it is not said well.
#[derive(Debug, thiserror::Error)]
pub enum FilmingError {
    #[error("`{0}` is {1} at most")]
    TooMuch(&'static str, u64),
    #[error("`threshold_permille` is 1 to 1000; 20 is a person some way off")]
    Threshold,
    #[error(
        "\"{0}\" is no window of a schedule; write \"mon-fri 08:00-18:00\", \"sat,sun 22:00-06:00\" or \"daily 00:00-24:00\""
    )]
    Window(String),
    #[error("`pad_to_bytes` is 1024 to 65536; leave it out to pad nothing")]
    Pad,
    #[error(
        "`onvif` says where the camera is asked, and `trigger` asks it nothing; write trigger = \"onvif\" or \"both\""
    )]
    NotAsked,
    #[error("`schedule` has no window, so nothing would ever be filmed; leave it out to film at all hours")]
    NoWindow,
    #[error("`schedule` and `time_zone` need each other; write time_zone = \"Europe/Zurich\"")]
    ZoneAndSchedule,
    #[error("no time zone {0}; write one as \"Europe/Zurich\", and install tzdata if this machine has none")]
    Zone(String),
}

/// The table as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    mode: Mode,
    pre_roll_secs: Option<u64>,
    post_roll_secs: Option<u64>,
    threshold_permille: Option<u16>,
    #[serde(default)]
    trigger: Trigger,
    onvif: Option<String>,
    adapt: Option<bool>,
    time_zone: Option<String>,
    schedule: Option<Vec<String>>,
    pad_to_bytes: Option<u32>,
}

impl TryFrom<Table> for Filming {
    type Error = FilmingError;

    fn try_from(table: Table) -> Result<Self, FilmingError> {
        let usual = EventSettings::default();
        let secs = |name, said: Option<u64>, usual: Duration, most| match said {
            Some(secs) if secs > most => Err(FilmingError::TooMuch(name, most)),
            said => Ok(said.map_or(usual, Duration::from_secs)),
        };
        let events = EventSettings {
            pre_roll: secs("pre_roll_secs", table.pre_roll_secs, usual.pre_roll, PRE_ROLL_MAX_SECS)?,
            post_roll: secs("post_roll_secs", table.post_roll_secs, usual.post_roll, POST_ROLL_MAX_SECS)?,
            threshold_permille: table.threshold_permille.unwrap_or(usual.threshold_permille),
        };
        if !(1..=1000).contains(&events.threshold_permille) {
            return Err(FilmingError::Threshold);
        }
        if table.pad_to_bytes.is_some_and(|step| !PAD_BYTES.contains(&step)) {
            return Err(FilmingError::Pad);
        }
        let schedule = match (table.schedule, table.time_zone) {
            (None, None) => None,
            (Some(windows), Some(zone)) => Some(Schedule::new(&windows, &zone)?),
            (None, Some(_)) | (Some(_), None) => return Err(FilmingError::ZoneAndSchedule),
        };
        let Table { mode, trigger, onvif, pad_to_bytes, .. } = table;
        if onvif.is_some() && !trigger.asks_the_camera() {
            return Err(FilmingError::NotAsked);
        }
        let adapt = table.adapt.unwrap_or(true);
        Ok(Self { mode, events, trigger, onvif, adapt, schedule, pad_to_bytes })
    }
}

impl Schedule {
    fn new(windows: &[String], zone: &str) -> Result<Self, FilmingError> {
        if windows.is_empty() {
            return Err(FilmingError::NoWindow);
        }
        if windows.len() > WINDOWS_MAX {
            return Err(FilmingError::TooMuch("schedule", WINDOWS_MAX as u64));
        }
        let zone = TimeZone::get(zone).map_err(|_| FilmingError::Zone(zone.to_owned()))?;
        let windows =
            windows.iter().map(|text| window(text).ok_or_else(|| FilmingError::Window(text.clone())));
        Ok(Self { zone, windows: windows.collect::<Result<_, _>>()? })
    }

    /// Whether it films at this moment. At a time that no calendar knows it does: nothing is
    /// lost.
    pub(crate) fn holds(&self, now_us: Micros) -> bool {
        let now = i64::try_from(now_us.0).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
        let Some(now) = now.map(|now| now.to_zoned_datetime(self.zone.clone())) else { return true };
        let day = day(now.weekday());
        let minute = u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).unwrap_or(0);
        self.windows.iter().any(|window| window.holds(day, minute))
    }
}

impl Window {
    fn holds(&self, day: usize, minute: u16) -> bool {
        let is_on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        if self.from < self.to {
            return is_on(day) && (self.from..self.to).contains(&minute);
        }
        is_on(day) && minute >= self.from || is_on(day + 6) && minute < self.to
    }
}

fn day(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

fn window(text: &str) -> Option<Window> {
    let (on, times) = text.trim().split_once(' ')?;
    let (from, to) = times.trim().split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    if from == 24 * 60 {
        return None;
    }
    let mut days = [on == "daily"; 7];
    for part in on.split(',').filter(|_| on != "daily") {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (named(first)?, named(last)?);
        let last = if last < first { last + 7 } else { last };
        for day in first..=last {
            *days.get_mut(day % 7)? = true;
        }
    }
    Some(Window { days, from, to })
}

fn named(day: &str) -> Option<usize> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|name| *name == day)
}

/// `HH:MM`, up to 24:00.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let is_two = |digits: &str| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_two(hour) || !is_two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= 24 * 60).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<Filming, String> {
        host::config::parse::<Filming>(text, Path::new("c.toml")).map_err(|error| error.to_string())
    }

    /// Whether it films at these local times of Zurich.
    fn films(schedule: &str, at: &[&str]) -> Vec<bool> {
        let filming = read(&format!("time_zone = \"Europe/Zurich\"\nschedule = [{schedule}]")).unwrap();
        let schedule = filming.schedule.unwrap();
        let us = |text: &&str| {
            let at: jiff::ZonedDateTime = format!("{text}[Europe/Zurich]").parse().unwrap();
            Micros(u64::try_from(at.timestamp().as_microsecond()).unwrap())
        };
        at.iter().map(us).map(|us| schedule.holds(us)).collect()
    }

    #[test]
    fn a_window_holds_its_hours_on_its_days_in_its_time_zone() {
        // 2026-11-23 is a Monday; 2026-07-01 a Wednesday in summer time.
        let at = [
            "2026-11-23T07:59",
            "2026-11-23T08:00",
            "2026-07-01T17:59:59",
            "2026-07-01T18:00",
            "2026-11-28T12:00",
        ];
        assert_eq!(films("\"mon-fri 08:00-18:00\"", &at), [false, true, true, false, false]);
        assert_eq!(films("\"mon-fri 08:00-18:00\", \"sat 00:00-24:00\"", &at)[4..], [true]);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let at = [
            "2026-11-27T21:59",
            "2026-11-27T22:00",
            "2026-11-28T05:59",
            "2026-11-28T06:00",
            "2026-11-28T22:00",
        ];
        assert_eq!(films("\"fri 22:00-06:00\"", &at), [false, true, true, false, false]);
        // From Sunday over the end of the week, and the same written as a range.
        let at = ["2026-11-29T23:00", "2026-11-30T01:00", "2026-12-01T01:00"];
        assert_eq!(films("\"sun 22:00-06:00\"", &at), [true, true, false]);
        assert_eq!(films("\"sat-mon 22:00-06:00\"", &at), [true, true, true]);
    }

    #[test]
    fn what_is_said_badly_is_named() {
        for (text, named) in [
            ("mode = \"sometimes\"", "sometimes"),
            ("trigger = \"smell\"", "smell"),
            ("onvif = \"10.0.0.20\"", "asks it nothing"),
            ("pre_roll_secs = 61", "60"),
            ("threshold_permille = 0", "1 to 1000"),
            ("schedule = [\"daily 00:00-24:00\"]", "time_zone"),
            ("time_zone = \"Europe/Zurich\"", "schedule"),
            ("time_zone = \"Europe/Zurich\"\nschedule = []", "leave it out"),
            ("time_zone = \"Europe/Atlantis\"\nschedule = [\"daily 00:00-24:00\"]", "Atlantis"),
            ("post_rol_secs = 1", "post_rol_secs"),
            ("pad_to_bytes = 0", "1024"),
            ("pad_to_bytes = 65537", "65536"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
        for window in [
            "",
            "mon",
            "mon 8:00-18:00",
            "mon 08:00",
            "monday 08:00-18:00",
            "mon 24:00-06:00",
            "mon 08:61-09:00",
        ] {
            let error =
                read(&format!("time_zone = \"Europe/Zurich\"\nschedule = [\"{window}\"]")).unwrap_err();
            assert!(error.contains("is no window"), "{window}: {error}");
        }
        assert_eq!(read("").unwrap().mode, Mode::Continuous);
    }
}
