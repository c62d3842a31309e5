//! The wall clock and randomness, as the values that a party is handed at its start
//! ([`crate::start`]). Within the party the `Machine`, or the half of it that is needed, lies in
//! its state and is the only place where time and chance come from. Timers are not here: a pause is
//! tokio's, and a test may pause that.

use crate::clock::Clock;
use crate::rng::Rng;

/// Cloning is cheap, and the clones are the same machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    pub clock: Clock,
    pub rng: Rng,
}

impl Machine {
    /// The operating system's.
    pub fn system() -> Self {
        Self::default()
    }

    /// The operating system's randomness, and this clock.
    pub fn with_clock(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }
}
