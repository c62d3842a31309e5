//! How much of a picture moved, and where. Contract: `proto/segment.md#motion`.
//!
//! The picture has 16 x 9 cells, row by row, one bit each; the first cell is the highest bit of the
//! first byte:
//!
//! ```text
//! 00 1e  80 00 00 ... (18)  from 8  to 8     30 of a thousand, in the top left corner; of an event that began then
//! ```
//! In scope: what is said of it, and what is left of it where some cells are to be ignored. Out of
//! scope: how it is measured, and what an event is (the camera decides).

use crate::codec::{DecodeError, Field, Reader, Writer};
use crate::time::Micros;
use crate::{fields, wrapped};
use core::time::Duration;

/// Cells beside one another.
pub const COLUMNS: usize = 16;
/// Cells below one another.
pub const ROWS: usize = 9;
/// No event lasts longer: 15 minutes, and from one key frame to the next.
const LONGEST: Duration = Duration::from_secs(16 * 60);
/// Bytes of a grid.
pub const CELLS_LEN: usize = COLUMNS * ROWS / 8;

/// Some cells of a picture: those in which something moved, or those that are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cells(pub [u8; CELLS_LEN]);

wrapped!(Cells);

/// What moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Motion {
    /// How much of the picture, per mille.
    pub permille: u16,
    /// Where.
    pub cells: Cells,
    /// The event to which it belongs, as far as it was known by then.
    pub event: Option<Event>,
}

fields!(Motion { permille = "motion", cells, event } check Motion::check);

/// A stretch in which more moved than is usual. Heads that name one beginning are of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its beginning: the time of the key frame after which something moved.
    pub from_us: Micros,
    /// The key frame by which something had moved last; never before its beginning.
    pub to_us: Micros,
}

/// Two times; zeros where there is none.
impl Field for Option<Event> {
    fn write(&self, w: &mut Writer) {
        let none = Event { from_us: Micros(0), to_us: Micros(0) };
        let Event { from_us, to_us } = self.unwrap_or(none);
        from_us.write(w);
        to_us.write(w);
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let event = Event { from_us: Micros::read(r, field)?, to_us: Micros::read(r, field)? };
        // SPEC: segment.md#motion: an event MUST NOT end before it begins, nor last longer than one may.
        if event.to_us < event.from_us
            || event.to_us.since(event.from_us) > LONGEST
            || (event.from_us == Micros(0) && event.to_us > Micros(0))
        {
            return Err(DecodeError::BadValue("event"));
        }
        Ok((event.from_us > Micros(0)).then_some(event))
    }
}

impl Cells {
    /// No cell.
    pub const NONE: Self = Self([0; CELLS_LEN]);

    /// The same with one more. A cell that there is not is none.
    #[must_use]
    pub fn with(mut self, column: usize, row: usize) -> Self {
        if let Some((byte, bit)) = place(column, row)
            && let Some(byte) = self.0.get_mut(byte)
        {
            *byte |= bit;
        }
        self
    }

    /// Whether it is one of them.
    pub fn holds(self, column: usize, row: usize) -> bool {
        let Some((byte, bit)) = place(column, row) else { return false };
        self.0.get(byte).is_some_and(|byte| byte & bit != 0)
    }

    /// How many.
    pub fn count(self) -> u16 {
        self.0.iter().map(|byte| byte.count_ones() as u16).sum()
    }

    /// These and those.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// These without those.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at] & !other.0[at]))
    }

    /// The cells whose middle lies in a rectangle of the picture: its left upper corner, width and
    /// height in percent. None where it reaches beyond the picture or holds no cell's middle.
    pub fn within([left, top, width, height]: [u8; 4]) -> Option<Self> {
        let (right, bottom) = (left.checked_add(width)?, top.checked_add(height)?);
        if right > 100 || bottom > 100 {
            return None;
        }
        // The middle of cell n of N stands at (2 n + 1) / 2 N of the picture.
        let is_in = |at: usize, of: usize, from: u8, to: u8| {
            let middle = 100 * (2 * at + 1);
            (usize::from(from) * 2 * of..usize::from(to) * 2 * of).contains(&middle)
        };
        let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (column, row)));
        let cells = cells
            .filter(|(column, row)| is_in(*column, COLUMNS, left, right) && is_in(*row, ROWS, top, bottom))
            .fold(Self::NONE, |cells, (column, row)| cells.with(column, row));
        (cells != Self::NONE).then_some(cells)
    }
}

impl Motion {
    /// What this and then a later one say: the higher score, the cells of both, the event that was
    /// named last.
    #[must_use]
    pub fn joined(self, later: Self) -> Self {
        Self {
            permille: self.permille.max(later.permille),
            cells: self.cells.joined(later.cells),
            event: later.event.or(self.event),
        }
    }

    /// How much moved at most outside of cells that are ignored: a cell says that something moved
    /// in it, not how much of it. Where so little moved everywhere that no cell says so, it is
    /// taken to be spread evenly.
    pub fn permille_outside(&self, ignored: Cells) -> u16 {
        let per_mille = |cells: u16| u32::from(cells) * 1000 / (COLUMNS * ROWS) as u32;
        let most = if self.cells == Cells::NONE {
            u32::from(self.permille) * u32::from((COLUMNS * ROWS) as u16 - ignored.count())
                / (COLUMNS * ROWS) as u32
        } else if ignored == Cells::NONE {
            1000
        } else {
            per_mille(self.cells.without(ignored).count())
        };
        self.permille.min(most as u16)
    }

    fn check(&self) -> Result<(), DecodeError> {
        if self.permille > 1000 {
            return Err(DecodeError::BadValue("motion"));
        }
        // SPEC: segment.md#motion: cells in which something moved MUST NOT be told beside a score of 0.
        if self.permille == 0 && self.cells != Cells::NONE {
            return Err(DecodeError::BadValue("cells"));
        }
        Ok(())
    }

    /// Whether a reader takes it.
    pub fn is_valid(&self) -> bool {
        self.check().is_ok()
    }
}

/// The byte and the bit of a cell.
fn place(column: usize, row: usize) -> Option<(usize, u8)> {
    let at = row * COLUMNS + column;
    (column < COLUMNS && row < ROWS).then_some((at / 8, 0x80 >> (at % 8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_bit_row_by_row() {
        assert_eq!(Cells::NONE.with(0, 0).0[..2], [0x80, 0]);
        assert_eq!(Cells::NONE.with(15, 8).0[16..], [0, 1]);
        let one = Cells::NONE.with(3, 2);
        assert!(one.holds(3, 2) && !one.holds(2, 3) && one.count() == 1);
        // What there is not is none, and is not the next row's.
        assert_eq!(Cells::NONE.with(16, 0).with(0, 9), Cells::NONE);
        assert!(!Cells([0xff; CELLS_LEN]).holds(16, 0));
    }

    #[test]
    fn a_rectangle_holds_the_cells_whose_middle_it_covers() {
        assert_eq!(Cells::within([0, 0, 100, 100]), Some(Cells([0xff; CELLS_LEN])));
        // The left half; a cell's middle in each direction: 3.1 % and 5.6 %.
        assert_eq!(Cells::within([0, 0, 50, 100]).unwrap().count(), 72);
        assert_eq!(Cells::within([0, 0, 4, 6]), Some(Cells::NONE.with(0, 0)));
        for nothing in [[0, 0, 3, 6], [0, 0, 4, 5], [0, 0, 0, 0], [1, 0, 100, 100], [0, 200, 100, 100]] {
            assert_eq!(Cells::within(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_left_beside_ignored_cells_is_never_less_than_what_moved_there() {
        let left = Cells::within([0, 0, 50, 100]).unwrap();
        let motion = |permille, cells| Motion { permille, cells, event: None };
        let (tree, person) = (Cells::NONE.with(0, 0).with(1, 0), Cells::NONE.with(15, 8));
        assert_eq!(motion(300, tree).permille_outside(Cells::NONE), 300);
        assert_eq!(motion(300, tree).permille_outside(left), 0);
        // One of 144 cells at most.
        assert_eq!(motion(300, tree.joined(person)).permille_outside(left), 6);
        assert_eq!(motion(4, person).permille_outside(left), 4);
        // Scattered all over.
        assert_eq!(motion(30, Cells::NONE).permille_outside(left), 15);
        assert_eq!(motion(30, Cells::NONE).permille_outside(Cells::NONE), 30);
        assert_eq!(motion(1000, Cells([0xff; CELLS_LEN])).permille_outside(Cells([0xff; CELLS_LEN])), 0);
    }
}
