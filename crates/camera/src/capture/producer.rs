//! The clock of the camera that is filmed, beside ours. Recordings bear ours; what a camera draws
//! into its pictures is as wrong as its clock.
//!
//! ```text
//! camera ──RTCP sender report──> when a picture was made, by the camera's clock
//! ```

use crate::clock::Clocks;

/// A clock that differs by more than this is wrong: pictures are seldom so long on their way.
const TOLERANCE_MS: i64 = 5_000;

/// By how much a camera's clock is ahead of ours, milliseconds, by what it showed at a moment of the
/// steady clock.
pub(crate) fn said_ms(clocks: &Clocks, theirs_us: i64, at_us: i64) -> i64 {
    let ours = clocks.now().at(u64::try_from(at_us).unwrap_or(0)).wall_us;
    between_ms(u64::try_from(theirs_us).unwrap_or(0), ours.0)
}

fn between_ms(theirs_us: u64, ours_us: u64) -> i64 {
    let ms = (i128::from(theirs_us) - i128::from(ours_us)) / 1000;
    i64::try_from(ms).unwrap_or(if ms > 0 { i64::MAX } else { i64::MIN })
}

/// What is wrong with a clock that is so far ahead, for its owner. None if it is right.
pub(crate) fn fault(ahead_ms: i64) -> Option<String> {
    if ahead_ms.saturating_abs() <= TOLERANCE_MS {
        return None;
    }
    let span = jiff::SignedDuration::from_secs(ahead_ms.saturating_abs() / 1000);
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    Some(format!("the camera's clock is {span:#} {side} this machine's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_beyond_what_pictures_take_on_their_way_and_is_told_in_words() {
        assert_eq!((between_ms(7_000_999, 7_000_000), between_ms(1_000_000, 3_500_000)), (0, -2_500));
        assert_eq!((fault(0), fault(TOLERANCE_MS), fault(-TOLERANCE_MS)), (None, None, None));
        let words = |ms| fault(ms).unwrap();
        assert_eq!(words(100_000), "the camera's clock is 1m 40s ahead of this machine's");
        assert_eq!(words(-3_723_000), "the camera's clock is 1h 2m 3s behind this machine's");
        // As far as a hostile camera can be.
        for ahead_ms in [between_ms(u64::MAX, 0), between_ms(0, u64::MAX), i64::MIN, i64::MAX] {
            assert!(words(ahead_ms).contains("h "), "{ahead_ms}");
        }
    }
}
