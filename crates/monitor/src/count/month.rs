//! Calendar months, UTC.

/// The month of a time in Unix seconds, as `2026-11`. (Days to civil date, Gregorian, by 400-year
/// eras from March.)
pub(crate) fn month_of(secs: u64) -> String {
    let days = secs / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    format!("{:04}-{month:02}", era * 400 + year + u64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_at_their_edges() {
        for (secs, month) in [
            (0, "1970-01"),
            (951_782_399, "2000-02"),
            (951_782_400, "2000-02"),
            (951_868_799, "2000-02"),
            (951_868_800, "2000-03"),
            (1_795_996_799, "2026-11"),
            (1_796_083_199, "2026-11"),
            (1_796_083_200, "2026-12"),
            (1_798_761_599, "2026-12"),
            (1_798_761_600, "2027-01"),
            (4_107_542_399, "2100-02"),
            (4_107_542_400, "2100-03"),
        ] {
            assert_eq!(month_of(secs), month, "{secs}");
        }
        // The last time that a leaf can state.
        assert!(month_of(i64::MAX as u64).ends_with("-12"));
    }

    #[test]
    fn every_month_of_four_centuries_is_as_long_as_the_calendar_says() {
        let mut day = 0;
        for year in 1970..2370u32 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                let name = format!("{year:04}-{month:02}");
                assert_eq!(month_of(day * 86_400), name);
                day += length;
                assert_eq!(month_of(day * 86_400 - 1), name);
            }
        }
    }
}
