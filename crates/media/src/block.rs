//! Blocks of numbers: where each of two histories of one identity has room of its own.
//!
//! `proto/segment.md`, "Two histories". In scope: which block a number is of, and when a camera goes
//! on in another one. Out of scope: what becomes of what was filmed in the one before (`camera`).

use crate::epoch::SignedEpochOpen;
use crate::id::{EpochNo, Sequence};

/// Numbers in a block: more than any camera films.
const BITS: u32 = 36;
const LAST: u64 = u64::MAX >> BITS;
/// Blocks that are passed over at once, at the most.
const LEAP: u64 = 16;
/// The last block in which a track begins at a relay that holds nothing of it.
const FIRST_MAX: u64 = 1 << 10;

/// A block of numbers of one track, of its epochs and its segments alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block(u64);

impl Block {
    /// That of an epoch.
    pub fn of_epoch(number: EpochNo) -> Self {
        Self(number.0 >> BITS)
    }

    /// That of a segment.
    pub fn of_segment(number: Sequence) -> Self {
        Self(number.0 >> BITS)
    }

    /// Its first epoch.
    pub fn first_epoch(self) -> EpochNo {
        EpochNo(self.0 << BITS)
    }

    /// Its first segment.
    pub fn first_segment(self) -> Sequence {
        Sequence(self.0 << BITS)
    }

    /// The one after it; `None` for the last.
    pub fn next(self) -> Option<Self> {
        (self.0 < LAST).then_some(Self(self.0 + 1))
    }

    /// Whether an epoch of this block may come to a relay while `newest` is the highest that it holds.
    // SPEC: segment.md#two-histories: a relay MUST refuse one further ahead, so that nobody uses up
    // the numbers.
    pub fn may_follow(self, newest: Option<EpochNo>) -> bool {
        match newest {
            Some(newest) => self.0 <= Self::of_epoch(newest).0.saturating_add(LEAP),
            None => self.0 <= FIRST_MAX,
        }
    }

    /// Where a camera goes on that would open epoch `next`, is known to have put all before
    /// `confirmed`, and hears of `newest`, which its own key signed for this track; `own` is what it
    /// keeps under that number. `None`: where it is.
    // SPEC: segment.md#two-histories: one that is not its own, in its block or one of the next, MUST
    // make it give way; of any other it MUST NOT take notice.
    pub fn giving_way(
        next: EpochNo,
        confirmed: EpochNo,
        newest: &SignedEpochOpen,
        own: Option<&[u8]>,
    ) -> Option<Self> {
        let number = newest.unverified().context.epoch_no;
        let is_own = match own {
            Some(own) => own == newest.bytes(),
            // One that it put, and does not keep any more.
            None => number < confirmed,
        };
        let (theirs, ours) = (Self::of_epoch(number), Self::of_epoch(next));
        let is_near = (ours.0..=ours.0.saturating_add(LEAP)).contains(&theirs.0);
        (!is_own && is_near).then(|| theirs.next())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::{EpochContext, EpochOpen};
    use crate::id::{CameraId, TrackId};
    use crate::time::Micros;

    const SIZE: u64 = 1 << BITS;

    fn open(number: u64, mark: u8) -> SignedEpochOpen {
        let context = EpochContext {
            camera_id: CameraId([1; 32]),
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            start_us: Micros(1),
            dur_ms: 1000,
            policy_hash: [mark; 32],
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        let open = EpochOpen {
            context,
            key_commit: [0; 32],
            share_commits: alloc::vec::Vec::new(),
            shares: alloc::vec::Vec::new(),
            wraps: alloc::vec::Vec::new(),
            previous: None,
            lost: alloc::vec::Vec::new(),
            receipt: None,
        };
        open.sign(&ed25519_dalek::SigningKey::from_bytes(&[1; 32]))
    }

    #[test]
    fn a_camera_gives_way_to_what_it_did_not_make_and_once_for_each() {
        let own = |number| open(number, 1).bytes().to_vec();
        let gives = |next, newest: u64, mark, own: Option<&[u8]>| {
            let block = Block::giving_way(EpochNo(next), EpochNo(4), &open(newest, mark), own);
            block.map(|block| block.first_epoch().0)
        };
        // Its own, kept or not any more.
        assert_eq!(gives(8, 7, 1, Some(&own(7))), None);
        assert_eq!(gives(8, 3, 1, None), None);
        // Another's under a number that it used, at the next one, and far ahead.
        assert_eq!(gives(8, 7, 2, Some(&own(7))), Some(SIZE));
        assert_eq!(gives(8, 8, 2, None), Some(SIZE));
        assert_eq!(gives(8, 3 * SIZE + 5, 2, None), Some(4 * SIZE));
        // Shown again, however often: it is of an earlier block.
        assert_eq!(gives(SIZE, 7, 2, Some(&own(7))), None);
        assert_eq!(gives(SIZE, 8, 2, None), None);
        // Another's that it would have made, had it come so far: it never put it.
        assert_eq!(gives(110, 15, 2, None), Some(SIZE));
        // One that is absurd leads nowhere, and in the last block nobody gives way.
        assert_eq!(gives(8, 17 * SIZE, 2, None), None);
        assert_eq!(gives(8, u64::MAX, 2, None), None);
        assert_eq!(gives(LAST * SIZE, u64::MAX, 2, None), None);
        assert_eq!(gives((LAST - 1) * SIZE, (LAST - 1) * SIZE, 2, None), Some(LAST * SIZE));
    }

    #[test]
    fn numbers_are_used_up_block_by_block_and_by_no_leap() {
        let may =
            |number, newest: Option<u64>| Block::of_epoch(EpochNo(number)).may_follow(newest.map(EpochNo));
        assert!(may(0, None) && may(1024 * SIZE, None) && !may(1025 * SIZE, None) && !may(u64::MAX, None));
        assert!(may(0, Some(9)) && may(SIZE, Some(9)) && may(17 * SIZE - 1, Some(9)));
        assert!(!may(17 * SIZE, Some(9)) && !may(u64::MAX, Some(9)));
        assert!(may(u64::MAX, Some(u64::MAX)) && may(u64::MAX, Some(LAST * SIZE)));
        assert_eq!(Block::of_segment(Sequence(SIZE)).first_segment(), Sequence(SIZE));
    }
}
