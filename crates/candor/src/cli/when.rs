//! Moments on the command line: `2026-11-25T14:03:00Z`, Unix seconds, or how long ago (`10m`,
//! `2h30m`, `now`).

use media::time::Micros;
use owner::Span;

/// A moment, Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub u64);

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, host::clock::now_us()).map(Self).ok_or_else(|| {
            "write 2026-11-25T14:03:00Z, Unix seconds, now, or how long ago: 90s, 10m, 2h".to_owned()
        })
    }
}

/// The span of two moments.
pub(crate) fn span(from: When, to: When) -> Result<Span, crate::cli::Ended> {
    Span::new(Micros(from.0), Micros(to.0)).map_err(crate::cli::Ended::wrong)
}

fn parse(text: &str, now_us: u64) -> Option<u64> {
    if text == "now" {
        return Some(now_us);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(at.as_microsecond()).ok();
    }
    if text.len() >= 9
        && let Ok(seconds) = text.parse::<u64>()
    {
        return seconds.checked_mul(1_000_000);
    }
    let ago: jiff::SignedDuration = text.parse().ok()?;
    now_us.checked_sub(u64::try_from(ago.as_micros()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::show_us;

    #[test]
    fn every_form_is_read_and_anything_else_is_not() {
        let now = 1_795_600_000_000_000;
        assert_eq!(parse("now", now), Some(now));
        assert_eq!(parse("1795600000", now), Some(now));
        assert_eq!(parse("2026-11-25T09:46:40Z", now), Some(1_795_600_000_000_000));
        assert_eq!(parse("10m", now), Some(now - 600_000_000));
        assert_eq!(parse("1h30m", now), Some(now - 5_400_000_000));
        for wrong in ["", "yesterday", "-5m", "10", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(wrong, now), None, "{wrong}");
        }
        assert!(show_us(now).starts_with("2026-11-25 09:46:40"));
    }
}
