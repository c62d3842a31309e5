//! Randomness, as the `rand_core` 0.10 generator that the sciences take as an argument: [`Rng`] is
//! the value that each party is handed at its start ([`crate::machine`]).

use crate::lock::Mutex;
use core::convert::Infallible;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use std::fmt;
use std::sync::Arc;

/// A generator that may be cloned and shared; clones draw from the same source.
#[derive(Clone, Default)]
pub struct Rng(Option<Arc<Mutex<dyn CryptoRng + Send>>>);

impl Rng {
    /// The operating system's. Every call asks the kernel; nothing is buffered in this process.
    ///
    /// A kernel without randomness is not a state in which a key may be made, so a failure there
    /// ends the process.
    pub fn system() -> Self {
        Self(None)
    }

    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        let Ok(()) = self.clone().try_fill_bytes(&mut out);
        out
    }

    /// Draws from `source`: for a test that runs the same way twice.
    pub fn drawing_from(source: impl CryptoRng + Send + 'static) -> Self {
        Self(Some(Arc::new(Mutex::new(source))))
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Rng(handed in)" } else { "Rng(system)" })
    }
}

impl TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        match &self.0 {
            Some(source) => source.lock().fill_bytes(destination),
            None => getrandom::fill(destination).expect("the operating system always has randomness"),
        }
        Ok(())
    }
}

impl TryCryptoRng for Rng {}

/// `N` fresh random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    Rng::system().bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts; secret to nobody.
    struct Counting(u8);

    impl TryRng for Counting {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            rand_core::utils::next_word_via_fill(self)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            rand_core::utils::next_word_via_fill(self)
        }

        fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
            for byte in destination {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Counting {}

    fn draw(rng: &mut impl CryptoRng) -> [u8; 32] {
        let mut out = [0; 32];
        rng.fill_bytes(&mut out);
        out
    }

    #[test]
    fn two_draws_differ_and_are_not_zero() {
        let (a, b) = (draw(&mut Rng::system()), draw(&mut Rng::system()));
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
        assert_ne!(bytes::<16>(), bytes::<16>());
    }

    #[test]
    fn clones_draw_from_one_source_and_the_default_is_the_systems() {
        let mut one = Rng::drawing_from(Counting(0));
        let mut two = one.clone();
        assert_eq!(draw(&mut one)[31], 31);
        assert_eq!(draw(&mut two)[0], 32);
        let (a, b) = (draw(&mut Rng::default()), draw(&mut Rng::system()));
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
    }
}
