//! Whether the camera films at all now: its privacy switch, and its hours.
//!
//! The switch is a file in the camera's folder, so that it is durable, survives a restart, and is
//! thrown without asking the running camera, which looks for it twice a second. In scope: on or
//! off. Out of scope: what is filmed (`film`), letting the source go (`capture`).

use crate::config::Config;
use crate::error::Error;
use crate::filming::Schedule;
use host::clock::Clock;
use host::durable;
use media::epoch::GapReason;
use media::time::Micros;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// In the camera's folder. There: nothing is filmed.
const SWITCH: &str = "privacy";
/// How often a running camera looks.
const LOOK: Duration = Duration::from_millis(500);

/// Throws the privacy switch, durably. A running camera obeys within about a second.
pub fn set_privacy(config: &Config, on: bool) -> Result<(), Error> {
    let path = config.data.join(SWITCH);
    if on {
        let text = b"While this file is here the camera films nothing: candor camera privacy off\n";
        return Ok(durable::write_atomic(&path, text)?);
    }
    durable::remove(&path)?;
    Ok(durable::sync_dir(&config.data)?)
}

/// Whether the privacy switch is on. One that cannot be looked for is.
pub fn is_private(config: &Config) -> bool {
    is_on(&config.data)
}

/// Whether the camera films now.
pub fn is_filming(config: &Config) -> bool {
    off(&config.data, config.filming.schedule.as_ref(), Micros(Clock::system().micros())).is_none()
}

fn is_on(data: &Path) -> bool {
    // Fails closed: an error is not its absence.
    std::fs::symlink_metadata(data.join(SWITCH))
        .map_or_else(|error| error.kind() != std::io::ErrorKind::NotFound, |_| true)
}

/// Why nothing is filmed at this moment, if so.
fn off(data: &Path, schedule: Option<&Schedule>, now_us: Micros) -> Option<GapReason> {
    if is_on(data) {
        return Some(GapReason::Privacy);
    }
    schedule.is_some_and(|schedule| !schedule.holds(now_us)).then_some(GapReason::OutsideSchedule)
}

/// Why nothing is filmed, at each moment; kept true until nobody asks any more.
pub(crate) fn follow(config: &Config, clock: Clock) -> watch::Receiver<Option<GapReason>> {
    let (data, schedule) = (config.data.clone(), config.filming.schedule.clone());
    let now = move || off(&data, schedule.as_ref(), Micros(clock.micros()));
    let (sender, receiver) = watch::channel(now());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = sender.closed() => return,
            }
            let now = now();
            sender.send_if_modified(|before| std::mem::replace(before, now) != now);
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceConfig;

    #[test]
    fn the_switch_is_a_file_that_stays_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut config: Config =
            host::config::parse(include_str!("../../../deploy/config/camera.toml"), Path::new("camera.toml"))
                .unwrap();
        (config.data, config.source) = (dir.path().to_owned(), SourceConfig::Input);
        assert!(!is_private(&config) && is_filming(&config));
        for _ in 0..2 {
            set_privacy(&config, true).unwrap();
            assert!(is_private(&config) && !is_filming(&config));
        }
        assert_eq!(off(&config.data, None, Micros(0)), Some(GapReason::Privacy));
        for _ in 0..2 {
            set_privacy(&config, false).unwrap();
            assert!(!is_private(&config) && is_filming(&config));
        }
        // It cannot be looked for where its folder is none: then it is on.
        config.data = dir.path().join("file");
        std::fs::write(&config.data, "").unwrap();
        assert!(is_private(&config));
    }
}
