//! The two decisions of publishing, without sockets: what a camera sends next, and where the relay
//! lets a segment stand.
//!
//! `proto/session.md`, "Publishing". [`Outbox`] is the camera's: live first, then backfill, nothing
//! forgotten before it is acknowledged. [`place_between`] is the relay's: a segment may stand where
//! its epoch and number fit between its neighbours.

use alloc::collections::BTreeSet;

use crate::id::{EpochNo, Sequence};
use crate::message::RefusalCode;

/// What a camera has not yet been told is durable, and what to send next.
///
/// Live means newer than everything that waited when the session began.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: BTreeSet<Sequence>,
    in_flight: BTreeSet<Sequence>,
    live_from: Option<Sequence>,
}

impl Outbox {
    /// Starts with what the spool holds.
    pub fn new(spooled: impl IntoIterator<Item = Sequence>) -> Self {
        Self { waiting: spooled.into_iter().collect(), ..Self::default() }
    }

    /// A new session with the relay: whatever was under way must be sent again, and `next` and
    /// later is live.
    pub fn handle_connected(&mut self, next: Sequence) {
        self.waiting.append(&mut self.in_flight);
        self.live_from = Some(next);
    }

    /// The spool holds a further whole segment.
    pub fn handle_spooled(&mut self, sequence: Sequence) {
        self.waiting.insert(sequence);
    }

    /// The relay says that a segment is durable. `true` the first time.
    pub fn handle_ack(&mut self, sequence: Sequence) -> bool {
        self.in_flight.remove(&sequence) | self.waiting.remove(&sequence)
    }

    /// The relay did not store a segment: it waits again.
    pub fn handle_nack(&mut self, sequence: Sequence) {
        if self.in_flight.remove(&sequence) {
            self.waiting.insert(sequence);
        }
    }

    /// The spool dropped a segment for want of room.
    pub fn handle_dropped(&mut self, sequence: Sequence) {
        self.waiting.remove(&sequence);
        self.in_flight.remove(&sequence);
    }

    /// The next segment to send: the newest live one, else the oldest of the backfill.
    pub fn poll_send(&mut self) -> Option<Sequence> {
        let newest = self.waiting.last().copied()?;
        let live = self.live_from.is_some_and(|from| newest >= from);
        let next = if live { newest } else { self.waiting.first().copied()? };
        self.waiting.remove(&next);
        self.in_flight.insert(next);
        Some(next)
    }

    /// The newest live segment that waits; `None` when only backfill does. For a sender that keeps
    /// room for what is live.
    pub fn poll_live(&mut self) -> Option<Sequence> {
        let newest = self.waiting.last().copied()?;
        if self.live_from.is_none_or(|from| newest < from) {
            return None;
        }
        self.poll_send()
    }

    /// Segments that are not yet durable at the relay.
    pub fn depth(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }
}

/// Where a segment stands: the part of its header that orders it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its epoch.
    pub epoch_no: EpochNo,
    /// Its number in the epoch.
    pub k: u32,
}

/// Whether a segment may stand at a free sequence, given what stands next to it.
///
/// Sequences order segments as epochs and numbers do: a segment that would stand before an earlier
/// one, or after a later one, was replayed or reordered.
///
/// # Errors
/// [`RefusalCode::OutOfOrder`].
pub fn place_between(before: Option<Place>, place: Place, after: Option<Place>) -> Result<(), RefusalCode> {
    if before.is_some_and(|before| before >= place) || after.is_some_and(|after| after <= place) {
        return Err(RefusalCode::OutOfOrder);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// A segment's place at a sequence, given the places that are taken.
    fn place(taken: &BTreeMap<Sequence, Place>, sequence: Sequence, place: Place) -> Result<(), RefusalCode> {
        if taken.contains_key(&sequence) {
            return Err(RefusalCode::SequenceTaken);
        }
        let before = taken.range(..sequence).next_back().map(|(_, place)| *place);
        let after = taken.range(sequence..).next().map(|(_, place)| *place);
        place_between(before, place, after)
    }

    #[test]
    fn live_goes_first_and_backfill_follows_oldest_first() {
        let mut outbox = Outbox::new([1, 2, 3].map(Sequence));
        outbox.handle_connected(Sequence(4));
        outbox.handle_spooled(Sequence(4));
        let order: alloc::vec::Vec<_> = core::iter::from_fn(|| outbox.poll_send()).map(|s| s.0).collect();
        assert_eq!(order, [4, 1, 2, 3]);
        assert_eq!(outbox.depth(), 4, "nothing is forgotten before it is acknowledged");
    }

    #[test]
    fn room_kept_for_live_segments_is_not_given_to_backfill() {
        let mut outbox = Outbox::new([Sequence(1)]);
        assert_eq!(outbox.poll_live(), None, "before a session nothing is live");
        outbox.handle_connected(Sequence(2));
        assert_eq!(outbox.poll_live(), None);
        outbox.handle_spooled(Sequence(2));
        assert_eq!((outbox.poll_live(), outbox.poll_live()), (Some(Sequence(2)), None));
        assert_eq!(outbox.poll_send(), Some(Sequence(1)));
    }

    #[test]
    fn what_was_under_way_when_the_session_ended_is_sent_again_once() {
        let mut outbox = Outbox::new([Sequence(1)]);
        assert_eq!(outbox.poll_send(), Some(Sequence(1)));
        assert_eq!(outbox.poll_send(), None);
        outbox.handle_connected(Sequence(2));
        assert_eq!(outbox.poll_send(), Some(Sequence(1)));
        assert!(outbox.handle_ack(Sequence(1)));
        assert!(!outbox.handle_ack(Sequence(1)), "a second acknowledgement changes nothing");
        assert_eq!(outbox.depth(), 0);
    }

    #[test]
    fn a_segment_stands_only_between_its_neighbours() {
        let at = |epoch, k| Place { epoch_no: EpochNo(epoch), k };
        let mut taken = BTreeMap::from([(Sequence(5), at(2, 0)), (Sequence(9), at(3, 1))]);
        assert_eq!(place(&taken, Sequence(5), at(2, 0)), Err(RefusalCode::SequenceTaken));
        assert_eq!(
            place(&taken, Sequence(6), at(2, 0)),
            Err(RefusalCode::OutOfOrder),
            "replayed under a new sequence"
        );
        assert_eq!(place(&taken, Sequence(6), at(3, 1)), Err(RefusalCode::OutOfOrder));
        assert_eq!(place(&taken, Sequence(4), at(2, 1)), Err(RefusalCode::OutOfOrder));
        assert_eq!(place(&taken, Sequence(6), at(2, 1)), Ok(()));
        taken.insert(Sequence(6), at(2, 1));
        assert_eq!(place(&taken, Sequence(10), at(3, 2)), Ok(()));
    }
}
