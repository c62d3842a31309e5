//! Cells of a picture as text.
//!
//! ```text
//! 800000000000000000000000000000000000      36 digits: the left upper corner alone
//! ```

use media::motion::{CELLS_LEN, Cells};
use std::fmt;
use std::str::FromStr;

/// The cells of a camera's picture that are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Zones(pub(crate) Cells);

/// A text that names no cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cells of a picture are {} hexadecimal digits", 2 * CELLS_LEN)]
pub(crate) struct NoCells;

impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.0))
    }
}

impl FromStr for Zones {
    type Err = NoCells;

    fn from_str(text: &str) -> Result<Self, NoCells> {
        let mut cells = [0; CELLS_LEN];
        hex::decode_to_slice(text, &mut cells).map_err(|_| NoCells)?;
        Ok(Self(Cells(cells)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_they_are_written() {
        let corner = Zones(Cells::NONE.with(0, 0).with(15, 8));
        assert_eq!(corner.to_string(), "800000000000000000000000000000000001");
        assert_eq!(corner.to_string().parse(), Ok(corner));
        for wrong in
            ["", "80", "8000000000000000000000000000000000zz", "8000000000000000000000000000000000010"]
        {
            assert_eq!(wrong.parse::<Zones>(), Err(NoCells), "{wrong}");
        }
    }
}
