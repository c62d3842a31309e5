//! What a source brought, in order, for the film.

use crate::clock::Moment;
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
    /// So many cells of a thousand changed between the last two key frames that were measured.
    Motion(u16, Moment),
}
