//! What both tracks hold, within one bound: the second track gives way to the main one, and each
//! track's own next close says what went.

use super::{STATE, Spool, SpoolError, tables};
use media::id::{Sequence, TrackId};
use std::path::Path;
use std::sync::Arc;

/// The durable state of a camera with its tracks. The second one is empty where it has none.
pub(crate) struct Spools {
    pub(super) main: Spool,
    pub(super) sub: Spool,
}

impl Spools {
    /// Opens what [`Spool::create`] made.
    pub(crate) fn open(data: &Path) -> Result<Self, SpoolError> {
        let db = Arc::new(tables::open(&data.join(STATE), data)?);
        let main = Spool::of_track(db.clone(), data, TrackId::MAIN)?;
        let sub = Spool::of_track(db, data, TrackId::SUB)?;
        Ok(Self { main, sub })
    }

    pub(crate) fn of_mut(&mut self, track: TrackId) -> &mut Spool {
        if track == TrackId::SUB { &mut self.sub } else { &mut self.main }
    }

    /// Bytes of all tracks, and of what was put aside.
    pub(crate) fn bytes(&self) -> u64 {
        [&self.main, &self.sub].iter().map(|of| of.segments.bytes() + of.segments.aside_bytes()).sum()
    }

    /// Whether `len` more bytes of this track can be had within `limit`, if need be at the cost of
    /// older ones.
    pub(crate) fn can_hold(&self, track: TrackId, len: u64, limit: u64) -> bool {
        // The main track's newest segment is kept, whatever the limit.
        track != TrackId::SUB || self.main.segments.bytes().saturating_add(len) <= limit
    }

    /// Makes room for `len` more bytes of this track within `limit`: after what was put aside the second
    /// track's oldest segments go first, then the main track's, and never the main track's for the second one's.
    ///
    /// # Errors
    /// [`SpoolError::Full`] for the second track, of which nothing went then.
    pub(crate) fn make_room(
        &mut self,
        track: TrackId,
        len: u64,
        limit: u64,
    ) -> Result<Vec<(TrackId, Sequence)>, SpoolError> {
        if !self.can_hold(track, len, limit) {
            return Err(SpoolError::Full);
        }
        let mut gone = Vec::new();
        while self.bytes().saturating_add(len) > limit {
            // What no relay takes goes before what one may still take.
            if self.sub.segments.drop_aside()? || self.main.segments.drop_aside()? {
                continue;
            }
            if let Some(oldest) = self.sub.drop_oldest()? {
                gone.push((TrackId::SUB, oldest));
            } else if let Some(oldest) = self.main.drop_oldest()? {
                gone.push((TrackId::MAIN, oldest));
            } else {
                break;
            }
        }
        Ok(gone)
    }
}
