//! Randomness from the operating system, as the `rand_core` 0.10 generator that the sciences take as an argument.

use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

/// The operating system's generator. Every call asks the kernel; nothing is buffered in this process.
///
/// A kernel without randomness is not a state in which a key may be made, so a failure there ends the process.
#[derive(Debug, Default, Clone, Copy)]
pub struct OsRng;

impl TryRng for OsRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        getrandom::fill(destination).expect("the operating system always has randomness");
        Ok(())
    }
}

impl TryCryptoRng for OsRng {}

/// `N` fresh random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system always has randomness");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::CryptoRng;

    fn draw(rng: &mut impl CryptoRng) -> [u8; 32] {
        let mut out = [0; 32];
        rng.fill_bytes(&mut out);
        out
    }

    #[test]
    fn two_draws_differ_and_are_not_zero() {
        let (a, b) = (draw(&mut OsRng), draw(&mut OsRng));
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
        assert_ne!(bytes::<16>(), bytes::<16>());
    }
}
