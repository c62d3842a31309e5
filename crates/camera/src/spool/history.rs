//! Another history of this camera's identity: its folder was copied, or put back from a backup, and
//! the relay has numbers of the other one. Contract: `proto/segment.md#two-histories`.
//!
//! ```text
//! give_way   the relay's newest EpochOpen is not ours    numbers go on in a block of their own
//! move_on    the relay takes no number of the block      the same, by its word alone: once in ten minutes
//! dispute    an epoch's number was taken                 its segments are put aside, and told
//! ```
//! That a block was left shows in the numbers themselves: the next epoch does not follow the last
//! one. So no crash forgets to tell it.

use super::tables::{CONFIRMED_OPENS, FOREIGN, NEXT_EPOCH, NEXT_SEQUENCE, OPENS};
use super::{Spool, SpoolError};
use media::block::Block;
use media::epoch::{EpochClose, GapReason, LossReason, SignedEpochOpen};
use media::id::{EpochNo, Sequence};
use media::sign::PublicKey;
use std::time::{Duration, Instant};

/// What is kept in the place of an EpochOpen whose number another history has.
pub(super) const DISPUTED: &[u8] = b"";

/// So seldom a camera leaves a block by the relay's word alone.
const MOVED_EVERY: Duration = Duration::from_secs(600);

impl Spool {
    /// Looks at the relay's EpochOpen of the highest number; whether the camera gives way to it.
    pub(crate) fn give_way(&self, newest: &[u8], camera_key: &PublicKey) -> Result<bool, SpoolError> {
        let Ok(newest) = SignedEpochOpen::decode(newest) else { return Ok(false) };
        // What somebody without the key made moves nothing.
        let Ok(open) = newest.verify(camera_key) else { return Ok(false) };
        if open.context.track != self.track {
            return Ok(false);
        }
        let number = open.context.epoch_no;
        let (next, confirmed, own) = (self.next_epoch()?, self.confirmed_opens()?, self.open_of(number)?);
        let Some(block) = Block::giving_way(next, confirmed, &newest, own.as_deref()) else {
            return Ok(false);
        };
        self.set_number(FOREIGN, number.0.saturating_add(1))?;
        self.go_on_in(block)?;
        Ok(true)
    }

    /// Goes on in the next block, because the relay takes no number of this one: whatever stands in the
    /// way there, it would be so for ever. By the relay's word alone, and so seldom that a lie uses
    /// nothing up; whether it does.
    pub(crate) fn move_on(&mut self, now: Instant) -> Result<bool, SpoolError> {
        let Some(block) = Block::of_epoch(self.next_epoch()?).next() else { return Ok(false) };
        // One that was moved to and is not filmed in yet is as good as another.
        let is_soon = self.moved.is_some_and(|at| now.duration_since(at) < MOVED_EVERY);
        if is_soon || self.conflict()?.is_some() {
            return Ok(false);
        }
        self.moved = Some(now);
        self.go_on_in(block)?;
        Ok(true)
    }

    fn go_on_in(&self, block: Block) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| {
            tx.open_table(NEXT_EPOCH)?.insert(self.track.0, block.first_epoch().0)?;
            tx.open_table(NEXT_SEQUENCE)?.insert(self.track.0, block.first_segment().0).map(drop)?;
            Ok(())
        })?)
    }

    /// The kept EpochOpen of this number.
    fn open_of(&self, epoch: EpochNo) -> Result<Option<Vec<u8>>, SpoolError> {
        let key = (self.track.0, epoch.0);
        Ok(self.db.read(|tx| Ok(tx.open_table(OPENS)?.get(key)?.map(|open| open.value().to_vec())))?)
    }

    /// The close that says that numbers went on elsewhere since the last epoch, if they did.
    pub(crate) fn conflict(&self) -> Result<Option<EpochClose>, SpoolError> {
        let (next, last) = (self.next_epoch()?, self.last_close()?);
        let follows = last.map_or(next == EpochNo(0), |last| last.epoch_no.next() == Some(next));
        let none = EpochClose { epoch_no: EpochNo(0), segments: 0, chain: [0; 32], gap: GapReason::None };
        let close = EpochClose { gap: GapReason::IdentityConflict, ..last.unwrap_or(none) };
        Ok((!follows).then_some(close))
    }

    /// Another history has this epoch's number: its EpochOpen is not put again, and its segments that
    /// wait are put aside. Those segments.
    pub(crate) fn dispute(&mut self, epoch: EpochNo) -> Result<Vec<Sequence>, SpoolError> {
        let confirmed = self.confirmed_opens()?.0.max(epoch.0.saturating_add(1));
        self.db.write(|tx| {
            tx.open_table(OPENS)?.insert((self.track.0, epoch.0), DISPUTED)?;
            tx.open_table(CONFIRMED_OPENS)?.insert(self.track.0, confirmed).map(drop)?;
            Ok(())
        })?;
        self.put_disputed_aside()
    }

    /// Whether another history has this epoch's number: no segment of it is sent.
    pub(crate) fn is_disputed(&self, epoch: EpochNo) -> Result<bool, SpoolError> {
        Ok(self.open_of(epoch)?.as_deref() == Some(DISPUTED))
    }

    /// Puts aside what waits of disputed epochs.
    pub(super) fn put_disputed_aside(&mut self) -> Result<Vec<Sequence>, SpoolError> {
        let mut disputed = Vec::new();
        for sequence in self.segments.sequences() {
            let epoch = self.segments.epoch_of(sequence).unwrap_or_default();
            if self.is_disputed(epoch)? {
                self.set_aside(sequence, self.why_let_go(epoch)?)?;
                disputed.push(sequence);
            }
        }
        Ok(disputed)
    }

    /// Why a segment of this epoch, which the relay will never take, is let go: disputed only where the
    /// camera saw what another history signed.
    pub(crate) fn why_let_go(&self, epoch: EpochNo) -> Result<LossReason, SpoolError> {
        let foreign = self.number(FOREIGN)?.checked_sub(1).map(EpochNo);
        let is_seen = foreign.is_some_and(|foreign| Block::of_epoch(epoch) <= Block::of_epoch(foreign));
        Ok(if is_seen { LossReason::Disputed } else { LossReason::Refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::tests::{close, open_of, segment, spool};
    use media::id::TrackId;

    const BLOCK: u64 = 1 << 36;

    /// Epochs 0 and 1, a segment in each.
    fn filmed(spool: &mut Spool) {
        for epoch in [0, 1] {
            spool.keep_open(EpochNo(epoch), &open_of(1, TrackId::MAIN, epoch, 1), &[7; 32], &[]).unwrap();
            spool.keep_segment(Sequence(epoch), &segment(epoch, 0, epoch, 1), &close(epoch, 1, 1)).unwrap();
        }
    }

    fn key(seed: u8) -> PublicKey {
        ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
    }

    fn numbers(spool: &Spool) -> (u64, u64) {
        (spool.next_epoch().unwrap().0, spool.next_sequence().unwrap().0)
    }

    #[test]
    fn only_an_epoch_open_that_its_own_key_signed_anew_moves_a_camera_and_once() {
        let (_dir, mut spool) = spool();
        filmed(&mut spool);
        let gives = |spool: &Spool, newest: &[u8]| spool.give_way(newest, &key(1)).unwrap();
        let foreign = |number| open_of(1, TrackId::MAIN, number, 2);
        let mut forged = foreign(5);
        forged[90] ^= 1;
        let of_no_interest = [
            Vec::new(),
            b"noise".to_vec(),
            forged,
            open_of(2, TrackId::MAIN, 5, 2),
            open_of(1, TrackId::SUB, 5, 2),
            // Its own, kept.
            open_of(1, TrackId::MAIN, 1, 1),
        ];
        for newest in &of_no_interest {
            assert!(!gives(&spool, newest));
        }
        assert_eq!((numbers(&spool), spool.conflict().unwrap()), ((2, 2), None));

        // The other history's, at a number that it used and ahead of it.
        assert!(gives(&spool, &foreign(1)));
        assert_eq!(numbers(&spool), (BLOCK, BLOCK));
        let told = spool.conflict().unwrap().unwrap();
        assert_eq!((told.epoch_no, told.gap), (EpochNo(1), GapReason::IdentityConflict));
        // An evil relay shows it, and each other old one, for ever.
        for newest in [foreign(1), foreign(0), foreign(7), foreign(BLOCK - 1)] {
            for _ in 0..3 {
                assert!(!gives(&spool, &newest), "it is of a block that was left");
            }
        }
        assert_eq!(numbers(&spool), (BLOCK, BLOCK));
        assert!(gives(&spool, &foreign(BLOCK)), "the other one goes on beside it");
        assert_eq!(numbers(&spool), (2 * BLOCK, 2 * BLOCK));
        assert!(!gives(&spool, &foreign(u64::MAX)), "numbers are not used up by one that is absurd");
    }

    /// The relay stored an EpochOpen whose answer was lost. After an outage long enough for it to be
    /// forgotten, it was taken for another history's.
    #[test]
    fn a_long_outage_after_a_lost_answer_is_no_second_history() {
        let (_dir, mut spool) = spool();
        filmed(&mut spool);
        spool.confirm_open(EpochNo(0)).unwrap();
        let own = |number| open_of(1, TrackId::MAIN, number, 1);
        for sequence in spool.segments.sequences() {
            spool.segments.forget(sequence).unwrap();
        }
        // As many epochs later as make it forget all others of then.
        spool.keep_open(EpochNo(500), &own(500), &[7; 32], &[]).unwrap();
        assert_eq!(spool.open_of(EpochNo(0)).unwrap(), None);
        assert!(!spool.give_way(&own(1), &key(1)).unwrap());
        assert_eq!(spool.conflict().unwrap(), None);
        // Another's of that number is another's all the same.
        assert!(spool.give_way(&open_of(1, TrackId::MAIN, 1, 2), &key(1)).unwrap());
    }

    #[test]
    fn a_segment_that_was_being_filmed_meanwhile_does_not_lead_back() {
        let (dir, mut spool) = spool();
        filmed(&mut spool);
        assert!(spool.give_way(&open_of(1, TrackId::MAIN, 9, 2), &key(1)).unwrap());
        spool.keep_segment(Sequence(2), &segment(1, 1, 2, 2), &close(1, 2, 2)).unwrap();
        assert_eq!(numbers(&spool), (BLOCK, BLOCK));
        assert_eq!(spool.conflict().unwrap().unwrap().segments, 2);
        drop(spool);
        let spool = Spool::open(dir.path()).unwrap();
        assert_eq!(numbers(&spool), (BLOCK, BLOCK));
        assert!(spool.conflict().unwrap().is_some(), "a restart forgets it not");
        spool.keep_open(EpochNo(BLOCK), b"open", &[8; 32], &[]).unwrap();
        assert_eq!(spool.conflict().unwrap(), None, "it is told");
    }

    #[test]
    fn a_camera_that_never_filmed_tells_it_too() {
        let (_dir, spool) = spool();
        assert_eq!(spool.conflict().unwrap(), None);
        assert!(spool.give_way(&open_of(1, TrackId::MAIN, 0, 2), &key(1)).unwrap());
        let told = spool.conflict().unwrap().unwrap();
        assert_eq!((told.segments, told.chain, told.gap), (0, [0; 32], GapReason::IdentityConflict));
    }

    #[test]
    fn what_is_disputed_lies_beside_the_spool_is_told_and_is_not_put_again() {
        let (dir, mut spool) = spool();
        filmed(&mut spool);
        assert_eq!(spool.dispute(EpochNo(1)).unwrap(), [Sequence(1)]);
        assert_eq!(spool.segments.sequences(), [Sequence(0)]);
        assert!(dir.path().join("spool").join("00000000000000000001.refused").exists());
        let lost = spool.lost().unwrap();
        // It has not seen what the other one signed: that is the relay's word.
        assert_eq!((lost[0].range.first, lost[0].why), (Sequence(1), LossReason::Refused));
        assert_eq!(spool.confirmed_opens().unwrap(), EpochNo(2));
        spool.doubt_open(EpochNo(0)).unwrap();
        let opens = spool.opens_from(EpochNo(0)).unwrap();
        assert_eq!(opens.iter().map(|(epoch, _)| epoch.0).collect::<Vec<_>>(), [0]);
        // What was being filmed of it meanwhile, and a crash.
        spool.keep_segment(Sequence(2), &segment(1, 1, 2, 2), &close(1, 2, 2)).unwrap();
        drop(spool);
        let spool = Spool::open(dir.path()).unwrap();
        assert_eq!(spool.segments.sequences(), [Sequence(0)]);
        // It is another history's all the same.
        assert!(spool.give_way(&open_of(1, TrackId::MAIN, 1, 2), &key(1)).unwrap());
        assert_eq!(spool.why_let_go(EpochNo(1)).unwrap(), LossReason::Disputed);
        assert_eq!(spool.why_let_go(EpochNo(BLOCK)).unwrap(), LossReason::Refused);
    }

    #[test]
    fn where_no_number_of_its_block_is_taken_a_camera_goes_on_in_the_next_but_seldom() {
        let (_dir, mut spool) = spool();
        filmed(&mut spool);
        let now = Instant::now();
        assert!(spool.move_on(now).unwrap());
        assert_eq!(numbers(&spool), (BLOCK, BLOCK));
        assert_eq!(spool.conflict().unwrap().unwrap().gap, GapReason::IdentityConflict);
        let later = now + MOVED_EVERY;
        assert!(!spool.move_on(later).unwrap(), "it films nothing there yet");
        spool.keep_open(EpochNo(BLOCK), b"open", &[8; 32], &[]).unwrap();
        assert!(!spool.move_on(later - Duration::from_secs(1)).unwrap());
        assert!(spool.move_on(later).unwrap());
        assert_eq!(numbers(&spool), (2 * BLOCK, 2 * BLOCK));
    }
}
