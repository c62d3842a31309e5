//! How long footage is kept: the rules, pure, and the task that applies them.
//!
//! An owner's policy states days for a camera; the operator states the most that is kept for anybody. Time counts from *receipt* by the
//! relay's own clock: a camera whose clock is wrong neither loses its footage at once nor keeps it for ever. A pack goes as a whole
//! ([`crate::store`]), when every camera in it is past its days, so footage may stay an hour longer than stated, never less.
//!
//! A quota, where there is one, is the operator's: when it is reached the oldest packs go, or new segments are refused, as configured.

use crate::store::{Store, StoreError};
use host::shutdown::Shutdown;
use std::time::Duration;

const DAY_US: u64 = 86_400_000_000;

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

/// The days that count for a camera: its owner's wish, up to the operator's most. Without a policy, the most.
pub fn days(policy: Option<u16>, most: u16) -> u16 {
    policy.map_or(most, |days| days.min(most))
}

/// Whether footage whose newest part was received at `newest_us` is past its days.
pub fn expired(newest_us: u64, days: u16, now_us: u64) -> bool {
    newest_us.saturating_add(u64::from(days) * DAY_US) < now_us
}

/// Applies retention at once, and then every so often, until the relay shuts down. A failure is logged and tried again: the
/// footage stays a while longer, and nothing else depends on it.
pub async fn run(store: Store, every: Duration, shutdown: Shutdown) {
    loop {
        match store.sweep(host::clock::now_us()).await {
            Ok(swept) if swept.packs == 0 && swept.segments == 0 => {}
            Ok(swept) => tracing::info!(
                packs = swept.packs,
                segments = swept.segments,
                bytes = swept.bytes,
                "retention"
            ),
            Err(StoreError::Closed) => return,
            Err(error) => tracing::warn!(%error, "retention failed; it is tried again"),
        }
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_caps_the_owner_and_receipt_is_what_counts() {
        assert_eq!(days(Some(7), 30), 7);
        assert_eq!(days(Some(90), 30), 30);
        assert_eq!(days(None, 30), 30);
        assert!(!expired(5, 1, 5 + DAY_US), "to the last moment");
        assert!(expired(5, 1, 6 + DAY_US));
        assert!(!expired(u64::MAX - 1, 365, u64::MAX), "no clock makes it overflow");
    }
}
