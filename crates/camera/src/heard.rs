//! What a source brought, in order, for the film.

use crate::clock::Moment;
use crate::motion::Moved;
use container::split::Piece;
use media::epoch::GapReason;

#[derive(Debug)]
pub(crate) enum Heard {
    /// An init segment or a fragment, complete at this moment.
    Piece(Piece, Moment),
    /// The source froze or ended.
    Lost,
    /// Nothing is to be filmed, and the source was let go.
    Off(GapReason),
    /// Two key frames were compared.
    Motion(Measured),
    /// What the filmed camera itself says of motion; said again as long as it holds.
    Sensed(Sensed, Moment),
}

/// What the filmed camera says of motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sensed {
    Moves,
    Still,
    /// It is not heard.
    Nothing,
}

/// What moved between the last two key frames that were measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) moved: Moved,
    /// When each was made, by the steady clock.
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    /// When it became known.
    pub(crate) now: Moment,
}
