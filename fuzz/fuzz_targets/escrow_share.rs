//! Sharing: any secret and coefficients come back from any t shares; any shares at all give
//! something or an error.
#![no_main]

use escrow::share::{Share, interpolate, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, [u8; 32], Vec<[u8; 32]>, Vec<(u8, [u8; 32])>)| {
    let (count, secret, coefficients, foreign) = input;
    let threshold = u8::try_from(coefficients.len() + 1).unwrap_or(u8::MAX);
    if let Ok(shares) = split(&secret, &coefficients, threshold, count) {
        let last: Vec<&Share> = shares.iter().rev().take(usize::from(threshold)).collect();
        assert_eq!(*interpolate(&last).expect("distinct shares"), secret);
    }
    let foreign: Vec<Share> =
        foreign.into_iter().filter_map(|(index, value)| Share::new(index, value).ok()).collect();
    let _ = interpolate(&foreign.iter().collect::<Vec<_>>());
});
