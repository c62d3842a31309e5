//! What `candor owner alarm` tells of what moves, and what of a picture leaves this machine.
//!
//! ```toml
//! [alarm]
//! motion = ["front-door"]              # ["*"]: every camera
//! pause_minutes = 10                   # of each camera once in so long
//! quiet_hours = ["07:00-19:00"]        # by the clocks of this machine
//! webhook_picture = "sealed"           # or "none", or "in-the-clear"
//! picture_key = "..."                  # of another device: candor owner picture key
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use host::rng::Rng;
use seal::hpke;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The most ranges of quiet hours.
const MAX_HOURS: usize = 32;
/// The longest pause: a day.
const MAX_PAUSE_MINUTES: u32 = 1440;
const DAY_MINUTES: u16 = 1440;

/// What is told beside cameras that are away; nothing unless it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Names of the cameras of which motion is told.
    pub motion: Vec<String>,
    /// 1 to 1440.
    pub pause_minutes: u32,
    /// What begins to move in these is not told.
    pub quiet_hours: Vec<Hours>,
    pub webhook_picture: WebhookPicture,
    /// To which pictures for webhooks are sealed; else to this keybook's own.
    pub picture_key: Option<PictureKey>,
}

/// Of a picture, what a webhook is given: whoever serves it is somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookPicture {
    None,
    #[default]
    Sealed,
    /// As it is: whoever serves the webhook looks at it.
    InTheClear,
}

/// A stretch of each day, minutes; an end that is not behind its start is the next day's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hours {
    from: u16,
    to: u16,
}

/// The public half of a device's wrap key, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct PictureKey(pub Vec<u8>);

/// Why the table is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlarmsError {
    #[error("`pause_minutes` is 1 to {MAX_PAUSE_MINUTES}")]
    Pause,
    #[error("\"{0}\" is no stretch of a day; write \"22:00-06:30\"")]
    Hours(String),
    #[error("at most {MAX_HOURS} `quiet_hours`")]
    TooMany,
    #[error(
        "`quiet_hours` are all hours, so nothing would ever be told; leave `motion` out to be told nothing"
    )]
    AlwaysQuiet,
    #[error("`picture_key` is no key; run `candor owner picture key` on the device that is to open pictures")]
    Key,
}

impl Default for Alarms {
    fn default() -> Self {
        let (motion, quiet_hours) = (Vec::new(), Vec::new());
        let webhook_picture = WebhookPicture::default();
        Self { motion, pause_minutes: 10, quiet_hours, webhook_picture, picture_key: None }
    }
}

impl Alarms {
    /// Whether motion of this camera is told.
    pub fn tells_of(&self, camera: &str) -> bool {
        self.motion.iter().any(|name| name == "*" || name == camera)
    }

    /// Whether nothing is told of what begins at this minute of the day.
    pub(crate) fn is_quiet(&self, minute: u16) -> bool {
        self.quiet_hours.iter().any(|hours| hours.hold(minute))
    }
}

/// The table, if all of it can be meant.
pub(super) fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Alarms, D::Error> {
    let alarms = Alarms::deserialize(deserializer)?;
    let wrong = if !(1..=MAX_PAUSE_MINUTES).contains(&alarms.pause_minutes) {
        AlarmsError::Pause
    } else if alarms.quiet_hours.len() > MAX_HOURS {
        AlarmsError::TooMany
    } else if (0..DAY_MINUTES).all(|minute| alarms.is_quiet(minute)) {
        AlarmsError::AlwaysQuiet
    } else {
        return Ok(alarms);
    };
    Err(Error::custom(wrong))
}

impl Hours {
    fn hold(self, minute: u16) -> bool {
        match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

impl TryFrom<String> for Hours {
    type Error = AlarmsError;

    fn try_from(text: String) -> Result<Self, AlarmsError> {
        let minutes = |time: &str| {
            let (hours, minutes) = time.trim().split_once(':')?;
            let two = |digits: &str| digits.parse::<u16>().ok().filter(|_| digits.len() == 2);
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            let all = hours * 60 + minutes;
            (minutes < 60 && all <= DAY_MINUTES).then_some(all)
        };
        let parsed = text.split_once('-').and_then(|(from, to)| {
            let from = minutes(from).filter(|from| *from < DAY_MINUTES)?;
            Some(Self { from, to: minutes(to)? })
        });
        parsed.ok_or(AlarmsError::Hours(text))
    }
}

impl std::str::FromStr for PictureKey {
    type Err = AlarmsError;

    fn from_str(text: &str) -> Result<Self, AlarmsError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| AlarmsError::Key)?;
        // The key is checked where something is sealed to it.
        hpke::seal(&bytes, b"", b"", b"", &mut Rng::system()).map_err(|_| AlarmsError::Key)?;
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for PictureKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl std::fmt::Debug for PictureKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PictureKey({:.12}...)", self.to_string())
    }
}

impl<'de> Deserialize<'de> for PictureKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

impl Serialize for PictureKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        #[serde(default, deserialize_with = "checked")]
        alarm: Alarms,
    }

    fn parsed(text: &str) -> Result<Alarms, String> {
        let table = host::config::parse::<Table>(text, "owner.toml".as_ref());
        table.map(|table| table.alarm).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_told_of_motion_unless_it_is_asked_for_and_nothing_in_the_clear_unless_it_says_so() {
        let none = parsed("").unwrap();
        assert_eq!((none.tells_of("door"), none.webhook_picture), (false, WebhookPicture::Sealed));
        assert_eq!(none, Alarms::default());
        assert_eq!(none.pause_minutes, 10);
        let all = parsed("[alarm]\nmotion = [\"*\"]\nwebhook_picture = \"in-the-clear\"").unwrap();
        assert_eq!((all.tells_of("door"), all.webhook_picture), (true, WebhookPicture::InTheClear));
        let one = parsed("[alarm]\nmotion = [\"door\"]").unwrap();
        assert!(one.tells_of("door") && !one.tells_of("yard"));
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let quiet = |hours: &str| parsed(&format!("[alarm]\nquiet_hours = [{hours}]")).unwrap();
        let hours = |all: &Alarms| (0..24).filter(|hour| all.is_quiet(hour * 60)).collect::<Vec<_>>();
        assert_eq!(hours(&quiet("\"22:00-02:00\"")), [0, 1, 22, 23]);
        assert_eq!(hours(&quiet("\"07:00-09:01\", \"12:00-13:00\"")), [7, 8, 9, 12]);
        assert_eq!(hours(&quiet("\"20:00-24:00\"")), [20, 21, 22, 23]);
        assert!(!quiet("\"07:00-09:01\"").is_quiet(9 * 60 + 1));
    }

    #[test]
    fn what_is_written_wrongly_is_named() {
        for (text, says) in [
            ("pause_minutes = 0", "1 to 1440"),
            ("pause_minutes = 1441", "1 to 1440"),
            ("quiet_hours = [\"7:00-9:00\"]", "7:00-9:00"),
            ("quiet_hours = [\"24:00-09:00\"]", "24:00-09:00"),
            ("quiet_hours = [\"07:60-09:00\"]", "07:60-09:00"),
            ("quiet_hours = [\"07:00\"]", "07:00"),
            ("quiet_hours = [\"00:00-24:00\"]", "all hours"),
            ("quiet_hours = [\"05:00-05:00\"]", "all hours"),
            ("picture_key = \"AAAA\"", "candor owner picture key"),
            ("webhook_picture = \"yes\"", "in-the-clear"),
            ("motions = []", "motions"),
        ] {
            let error = parsed(&format!("[alarm]\n{text}")).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_picture_key_is_read_as_it_is_shown() {
        let key = PictureKey(hpke::SecretKey::generate(&mut Rng::system()).public());
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert!(!format!("{key:?}").contains(&key.to_string()));
    }
}
