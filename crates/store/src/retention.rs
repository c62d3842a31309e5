//! How long footage is kept, and what a full store does: the rules, pure.
//!
//! An owner's policy states days for a camera; the operator states the most that is kept for
//! anybody. Time counts from *receipt* by the relay's own clock: a camera whose clock is wrong
//! neither loses its footage at once nor keeps it for ever. A quota, where there is one, is the
//! operator's: when it is reached the oldest footage goes, or new segments are refused, as
//! configured.

use crate::record::DAY_US;
use media::time::Micros;
use std::time::Duration;

const DAY: Duration = Duration::from_micros(DAY_US);

/// What happens to a segment for which the quota has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// The oldest footage, of whichever camera, makes room.
    #[default]
    DropOldest,
    /// The segment is refused (`storage-full`) until retention makes room.
    Refuse,
}

/// How much any store keeps, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The most days that footage is kept, whatever its owner wishes.
    pub retention_days_max: u16,
    /// The most bytes that everything may take; no limit but the place's for `None`.
    pub quota_bytes: Option<u64>,
    pub when_full: WhenFull,
}

impl Default for Terms {
    fn default() -> Self {
        Self { retention_days_max: 30, quota_bytes: None, when_full: WhenFull::default() }
    }
}

/// The days that count for a camera: its owner's wish, up to the operator's most. Without a policy,
/// the most.
pub fn days(policy: Option<u16>, most: u16) -> u16 {
    policy.map_or(most, |days| days.min(most))
}

/// Whether footage whose newest part was received at `newest_us` is past its days.
pub fn expired(newest_us: Micros, days: u16, now_us: Micros) -> bool {
    newest_us.after(DAY * days.into()) < now_us
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_caps_the_owner_and_receipt_is_what_counts() {
        assert_eq!(days(Some(7), 30), 7);
        assert_eq!(days(Some(90), 30), 30);
        assert_eq!(days(None, 30), 30);
        assert!(!expired(Micros(5), 1, Micros(5).after(DAY)), "to the last moment");
        assert!(expired(Micros(5), 1, Micros(6).after(DAY)));
        assert!(!expired(Micros(u64::MAX - 1), 365, Micros::MAX), "no clock makes it overflow");
    }
}
