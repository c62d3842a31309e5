//! Whether pictures still look like what their init segment was made for.

use container::BoxError;
use container::fragment::{Begins, Fragment};
use container::init::Init;
use container::parameters::{Sequence, sequence};
use container::split::Piece;

/// What pictures look like, by the parameters that their key frames repeat.
#[derive(Default)]
pub(super) struct Shape {
    init: Option<Box<Init>>,
    /// Of the first key frame. What an init segment says is not compared with: an RTSP server may
    /// tell of old parameters for ever.
    sequence: Option<Sequence>,
}

impl Shape {
    /// Whether a picture is no longer what its init segment was made for.
    pub(super) fn is_changed_by(&mut self, piece: &Piece) -> Result<bool, BoxError> {
        match piece {
            Piece::Init(init) => *self = Self { init: Some(init.clone()), sequence: None },
            Piece::Fragment(fragment) if fragment.begins == Begins::WithKeyFrame => {
                return self.is_changed_by_key(fragment);
            }
            Piece::Fragment(_) => {}
        }
        Ok(false)
    }

    fn is_changed_by_key(&mut self, fragment: &Fragment) -> Result<bool, BoxError> {
        let Some(init) = &self.init else { return Ok(false) };
        let Some(found) = sequence(init, fragment.bytes())? else { return Ok(false) };
        let known = self.sequence.get_or_insert_with(|| found.clone());
        Ok(!known.is_like(&found))
    }
}
