//! How much moved between two key frames: pure. Contract: `proto/segment.md#motion`.
//!
//! A key frame is looked at as 64 x 36 cells, each the mean of its pixels. A cell has moved if its
//! mean changed by more than 6 grey levels; the score is how many of a thousand cells have. Where it
//! moved is told in 16 x 9 cells, each of 4 x 4 of these.
//!
//! Light that changes everywhere is no motion. What all cells gained or lost together, the median,
//! is taken off first. If still more than half of them differ, it was rather a lamp or a camera
//! going over to infrared than a thing of that size: then the line `after = gain * before + offset`
//! that fits best is taken off instead, which is what another exposure or another light does to a
//! whole picture. A lamp that lights a part of the picture counts as motion in that part.

use media::motion::{COLUMNS, Cells, Motion, ROWS};

/// Cells of a grid.
pub(crate) const WIDTH: usize = 64;
/// See [`WIDTH`].
pub(crate) const HEIGHT: usize = 36;
pub(crate) const CELLS: usize = WIDTH * HEIGHT;
/// SPEC: segment.md#motion: a cell moved if its mean changed by more than this.
const LEVELS: f64 = 6.0;

/// A key frame, seen coarsely: the mean grey of each cell, row by row.
pub(crate) type Grid = [u8; CELLS];

/// Cells that are one cell of those that are told.
const SIDE: usize = 4;
/// SPEC: segment.md#motion: something moved in a cell that is told if so many of its 16 moved.
const ENOUGH: u32 = 3;

/// The cells that moved between two key frames: row by row, the first cell the highest bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved(Box<[u64; HEIGHT]>);

impl Moved {
    pub(crate) fn between(before: &Grid, after: &Grid) -> Self {
        let shift = median_change(before, after);
        let moved = Self::lit(before, after, 1.0, shift);
        if moved.count() > CELLS / 2
            && let Some((gain, offset)) = line(before, after)
        {
            let lit = Self::lit(before, after, gain, offset);
            return if lit.count() < moved.count() { lit } else { moved };
        }
        moved
    }

    /// The cells that are elsewhere than light alone would have them.
    fn lit(before: &Grid, after: &Grid, gain: f64, offset: f64) -> Self {
        let mut moved = Self(Box::new([0; HEIGHT]));
        let rows = before.chunks_exact(WIDTH).zip(after.chunks_exact(WIDTH));
        for (moved, (before, after)) in moved.0.iter_mut().zip(rows) {
            for (before, after) in before.iter().zip(after) {
                // A grey level beyond black and white is black and white.
                let lit = (f64::from(*before) * gain + offset).clamp(0.0, 255.0);
                *moved = *moved << 1 | u64::from((f64::from(*after) - lit).abs() > LEVELS);
            }
        }
        moved
    }

    /// How much, and where; the event to which it belongs is not its matter.
    pub(crate) fn motion(&self) -> Motion {
        let mut cells = Cells::NONE;
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let mask = column_mask(column);
                let fine = self.0.iter().skip(row * SIDE).take(SIDE);
                if fine.map(|moved| (moved & mask).count_ones()).sum::<u32>() >= ENOUGH {
                    cells = cells.with(column, row);
                }
            }
        }
        Motion { permille: u16::try_from(self.count() * 1000 / CELLS).unwrap_or(1000), cells, event: None }
    }

    /// What moved outside of cells that are ignored.
    pub(crate) fn outside(&self, ignored: Cells) -> Self {
        let mut outside = self.clone();
        for (at, row) in outside.0.iter_mut().enumerate() {
            let ignored = (0..COLUMNS).filter(|column| ignored.holds(*column, at / SIDE));
            ignored.for_each(|column| *row &= !column_mask(column));
        }
        outside
    }

    fn count(&self) -> usize {
        self.0.iter().map(|row| row.count_ones() as usize).sum()
    }
}

/// The cells of a row that lie in one column of those that are told.
fn column_mask(column: usize) -> u64 {
    0xf << (WIDTH - SIDE - column * SIDE)
}

fn median_change(before: &Grid, after: &Grid) -> f64 {
    let mut changes: Vec<i16> =
        before.iter().zip(after).map(|(before, after)| i16::from(*after) - i16::from(*before)).collect();
    let (_, median, _) = changes.select_nth_unstable(CELLS / 2);
    f64::from(*median)
}

/// Least squares; none where the picture before is one grey, or where bright would become dark: no
/// light does that.
fn line(before: &Grid, after: &Grid) -> Option<(f64, f64)> {
    let cells = CELLS as f64;
    let mean = |grid: &Grid| grid.iter().map(|cell| f64::from(*cell)).sum::<f64>() / cells;
    let (mean_before, mean_after) = (mean(before), mean(after));
    let (mut spread, mut together) = (0.0, 0.0);
    for (before, after) in before.iter().zip(after) {
        let from_mean = f64::from(*before) - mean_before;
        spread += from_mean * from_mean;
        together += from_mean * (f64::from(*after) - mean_after);
    }
    let gain = together / spread;
    (spread > 0.0 && gain > 0.0).then_some((gain, mean_after - gain * mean_before))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Moved {
        /// So many of a thousand, from the top on.
        pub(crate) fn some(permille: u16) -> Self {
            let mut left = (usize::from(permille) * CELLS).div_ceil(1000);
            Self(Box::new(std::array::from_fn(|_| {
                let here = left.min(WIDTH);
                left -= here;
                (0..here).fold(0, |row, at| row | 1 << (WIDTH - 1 - at))
            })))
        }
    }

    fn score(before: &Grid, after: &Grid) -> u16 {
        Moved::between(before, after).motion().permille
    }

    /// A picture with contrast: dark to bright from left to right, and a pattern on it.
    fn scene() -> Grid {
        std::array::from_fn(|at| (40 + at % WIDTH * 2 + at / WIDTH % 5 * 7) as u8)
    }

    /// A thing of so many rows, 30 levels darker or brighter than what it stands before.
    fn with_a_thing(mut scene: Grid, rows: usize) -> Grid {
        for (at, cell) in scene.iter_mut().take(WIDTH * rows).enumerate() {
            *cell = if at % 2 == 0 { *cell + 30 } else { *cell - 30 };
        }
        scene
    }

    fn lit(scene: Grid, gain: f64, offset: f64) -> Grid {
        scene.map(|cell| (f64::from(cell) * gain + offset).round().clamp(0.0, 255.0) as u8)
    }

    #[test]
    fn what_moved_is_counted_in_cells_of_a_thousand() {
        let scene = scene();
        assert_eq!(score(&scene, &scene), 0);
        assert_eq!(score(&scene, &with_a_thing(scene, 9)), 250);
        assert_eq!(score(&with_a_thing(scene, 9), &scene), 250);
        // All of it: another scene, which no light explains.
        let other: Grid = std::array::from_fn(|at| if at * 7919 % 11 < 5 { 20 } else { 230 });
        assert!(score(&scene, &other) > 900);
    }

    #[test]
    fn where_it_moved_is_told_by_cells_of_which_enough_moved() {
        let scene = scene();
        // Six cells that lie in one of those that are told, three in another, two in a third.
        let mut after = scene;
        for (column, row) in [(60, 32), (61, 32), (62, 33), (63, 33), (60, 35), (63, 35)] {
            after[row * WIDTH + column] += 60;
        }
        for (column, row) in [(4, 0), (7, 0), (5, 3), (20, 20), (21, 20)] {
            after[row * WIDTH + column] += 60;
        }
        let motion = Moved::between(&scene, &after).motion();
        assert_eq!(motion.cells, Cells::NONE.with(15, 8).with(1, 0));
        assert_eq!(motion.permille, 4);
        // Of what moved, what is not ignored is exact: eleven cells less six, and less five.
        let outside = |cells| Moved::between(&scene, &after).outside(cells).count();
        assert_eq!(outside(Cells::NONE), 11);
        assert_eq!((outside(Cells::NONE.with(15, 8)), outside(Cells::NONE.with(1, 0).with(5, 5))), (5, 6));
        for permille in [0, 1, 20, 300, 999, 1000] {
            assert_eq!(Moved::some(permille).motion().permille, permille);
        }
    }

    #[test]
    fn six_levels_are_noise_and_seven_are_motion() {
        let scene = scene();
        let louder = |levels| std::array::from_fn(|at| if at < 231 { scene[at] + levels } else { scene[at] });
        assert_eq!(score(&scene, &louder(6)), 0);
        assert_eq!(score(&scene, &louder(7)), 100);
    }

    #[test]
    fn light_that_changes_everywhere_is_no_motion_and_hides_none() {
        let scene = scene();
        // Darker, brighter, another exposure, the flat picture of an infrared lamp.
        for (gain, offset) in [(1.0, -25.0), (1.0, 40.0), (0.5, 0.0), (1.3, 5.0), (0.4, 90.0)] {
            assert_eq!(score(&scene, &lit(scene, gain, offset)), 0, "{gain} {offset}");
            let moved = score(&scene, &lit(with_a_thing(scene, 9), gain, offset));
            assert!((200..=300).contains(&moved), "{gain} {offset}: {moved}");
        }
    }

    #[test]
    fn night_has_no_motion() {
        assert_eq!(score(&[0; CELLS], &[0; CELLS]), 0);
        assert_eq!(score(&[0; CELLS], &[200; CELLS]), 0);
        assert_eq!(score(&[200; CELLS], &[0; CELLS]), 0);
    }
}
