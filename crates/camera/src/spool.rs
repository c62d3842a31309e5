//! Everything that must survive a power cut: who owns the camera, its counters, and what the relay
//! has not yet said is durable.
//!
//! ```text
//! camera/identity.secret      the camera's Ed25519 key
//! camera/state.redb           pairing, notice root, notice keys, DayNotices, trustees' day keys; of each track: counters, the last close, EpochOpens
//! camera/spool/00000000000000000041.segment      whole sealed segments; `.refused` beside those the relay will never take
//! camera/sub/00000000000000000040.segment        those of the second track
//! ```
//!
//! A [`Spool`] is one track's. What is the camera's and not the track's (`owner`) is read and
//! written through any of them. [`Spools`] are all of them, with one bound on what they hold.
//!
//! A segment appears whole (temporary file, fsync, rename) and only then counts as filmed, and only
//! then is its signed end sent. An epoch's number is durable before its EpochOpen is used. So after
//! `kill -9` no number is used twice: an unfinished segment has no signed end, and its number is
//! given to another.

mod both;
mod history;
mod owner;
mod segments;
mod tables;

pub(crate) use both::Spools;
pub(crate) use owner::{KeptSettings, Pairing};

use crate::stats::Stats;
use host::db::{Db, DbError};
use host::durable::{self, DurableError};
use media::block::Block;
use media::chain::Chain;
use media::codec::DecodeError;
use media::epoch::{EpochClose, GapReason, LossReason, Lost};
use media::id::{EpochNo, Sequence, TrackId};
use media::limits;
use media::receipt::{Range, SignedReceipt};
use media::segment::{HEADER_LEN, SegmentHeader, Trailer};
use redb::ReadableTable as _;
use segments::Segments;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tables::{
    CONFIRMED_OPENS, LAST_CLOSE, LAST_RUN, LOST, NEXT_EPOCH, NEXT_SEQUENCE, OPENS, OfTrack, RECEIPTS, USUAL,
    close_of_row, row_of_close,
};

/// EpochOpens that are kept after the relay has them, to send again if it asks.
const OPENS_KEPT: u64 = 64;
/// Receipts that are kept until an EpochOpen has told them: as many connections between two.
const RECEIPTS_KEPT: u64 = 16;
const STATE: &str = "state.redb";

/// Why the camera's state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(
        "the spool is full of the main track's segments: nothing of the second track is filmed until the relay has taken some; raise spool_bytes if it is away often"
    )]
    Full,
    #[error("{}: no camera here; make one with `candor camera init`", .0.display())]
    Missing(PathBuf),
    #[error("this camera is not paired yet; run `candor camera pair` with an invite of its owner")]
    NotPaired,
    #[error(
        "this camera is paired already; a camera has one owner for life: for a new one name another folder in `data`, then `candor camera init`"
    )]
    Paired,
    #[error("{}{}", .0, advice(.0))]
    State(#[from] DbError),
    #[error("the counter of epochs is used up; make a new camera")]
    EpochsUsedUp,
    #[error("{}: no segment: {source}; move it away if it is none of the camera's", .path.display())]
    Segment { path: PathBuf, source: DecodeError },
    #[error(transparent)]
    File(#[from] DurableError),
}

/// What to do about a state that cannot be used.
fn advice(error: &DbError) -> &'static str {
    match error {
        DbError::Damaged { .. } | DbError::Exists { .. } | DbError::Missing { .. } => {
            "; the camera's state cannot be used: restore nothing from a backup, make a new camera"
        }
        DbError::Failed { .. } => "",
    }
}

/// The durable state of one track, beside the camera's.
pub(crate) struct Spool {
    db: Arc<Db>,
    track: TrackId,
    /// What waits for the relay.
    pub(crate) segments: Segments,
    /// When it left a block by the relay's word alone.
    moved: Option<Instant>,
}

impl Spool {
    /// Makes an empty one of each track.
    pub(crate) fn create(data: &Path) -> Result<(), SpoolError> {
        for track in [TrackId::MAIN, TrackId::SUB] {
            durable::create_dirs(&data.join(folder(track)))?;
        }
        tables::create(&data.join(STATE))?;
        Ok(durable::sync_dir(data)?)
    }

    /// Opens the main track's, which [`Spool::create`] made.
    pub(crate) fn open(data: &Path) -> Result<Self, SpoolError> {
        Self::of_track(Arc::new(tables::open(&data.join(STATE), data)?), data, TrackId::MAIN)
    }

    /// What was learnt of how much usually moves, if anything was.
    pub(crate) fn usual(&self) -> Result<Option<Vec<u8>>, SpoolError> {
        let key = self.track.0;
        Ok(self.db.read(|tx| Ok(tx.open_table(USUAL)?.get(key)?.map(|row| row.value().to_vec())))?)
    }

    pub(crate) fn keep_usual(&self, usual: &[u8]) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| Ok(tx.open_table(USUAL)?.insert(self.track.0, usual).map(drop)?))?)
    }

    pub(crate) fn forget_usual(&self) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| Ok(tx.open_table(USUAL)?.remove(self.track.0).map(drop)?))?)
    }

    fn of_track(db: Arc<Db>, data: &Path, track: TrackId) -> Result<Self, SpoolError> {
        let segments = Segments::open(data.join(folder(track)), Stats::default())?;
        let mut spool = Self { db, track, segments, moved: None };
        spool.recover()?;
        spool.put_disputed_aside()?;
        Ok(spool)
    }

    /// After a crash: a segment that was kept just before its count was, is counted now, before it
    /// can be acknowledged and forgotten.
    fn recover(&self) -> Result<(), SpoolError> {
        let Some(last) = self.segments.newest() else { return Ok(()) };
        let next = Sequence(self.number(NEXT_SEQUENCE)?);
        // Numbers may have gone on in another block while it was being kept.
        if last < next && Block::of_segment(last) == Block::of_segment(next) {
            return Ok(());
        }
        let path = self.segments.path(last);
        let bytes = self.segments.read(last)?.unwrap_or_default();
        let header = SegmentHeader::decode(bytes.get(..HEADER_LEN).unwrap_or(&bytes))
            .map_err(|source| SpoolError::Segment { path, source })?;
        let is_of = |close: &EpochClose| close.epoch_no == header.epoch_no && close.segments <= header.k;
        let close = self.last_close()?.filter(is_of);
        let close = close.zip(Trailer::of_segment(&bytes).ok()).map(|(close, trailer)| {
            let Chain(chain) = trailer.chain;
            EpochClose { segments: header.k.saturating_add(1), chain, ..close }
        });
        self.count(last, close.as_ref())
    }

    /// The segments up to this one have their numbers; `close` is how its epoch stands with it.
    fn count(&self, last: Sequence, close: Option<&EpochClose>) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| {
            let mut next = tx.open_table(NEXT_SEQUENCE)?;
            // They may have gone on in another block since this one was begun.
            let counted = next.get(self.track.0)?.map_or(0, |row| row.value());
            next.insert(self.track.0, last.0.saturating_add(1).max(counted))?;
            if let Some(close) = close {
                tx.open_table(LAST_CLOSE)?.insert(self.track.0, row_of_close(close))?;
            }
            Ok(())
        })?)
    }

    fn number(&self, table: OfTrack<u64>) -> Result<u64, SpoolError> {
        let row = self.db.read(|tx| Ok(tx.open_table(table)?.get(self.track.0)?.map(|row| row.value())))?;
        Ok(row.unwrap_or_default())
    }

    fn set_number(&self, table: OfTrack<u64>, number: u64) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| Ok(tx.open_table(table)?.insert(self.track.0, number).map(drop)?))?)
    }

    /// The next epoch's number.
    pub(crate) fn next_epoch(&self) -> Result<EpochNo, SpoolError> {
        Ok(EpochNo(self.number(NEXT_EPOCH)?))
    }

    /// How the last epoch stands, as far as its segments were kept.
    pub(crate) fn last_close(&self) -> Result<Option<EpochClose>, SpoolError> {
        let row =
            self.db.read(|tx| Ok(tx.open_table(LAST_CLOSE)?.get(self.track.0)?.map(|row| row.value())))?;
        Ok(row.map(close_of_row))
    }

    /// Makes an EpochOpen and its number durable, before anything is sealed under it.
    /// `told` are the losses that it names.
    pub(crate) fn keep_open(
        &self,
        epoch: EpochNo,
        open: &[u8],
        chain: &[u8; 32],
        told: &[Lost],
    ) -> Result<(), SpoolError> {
        let next = epoch.next().ok_or(SpoolError::EpochsUsedUp)?;
        // The relay may have this one, and its answer was lost: it is known again by it.
        let confirmed = self.confirmed_opens()?.0;
        let begun = EpochClose { epoch_no: epoch, segments: 0, chain: *chain, gap: GapReason::Restart };
        // Those whose segments still wait are kept, however old.
        let oldest = self.segments.oldest().and_then(|oldest| self.segments.epoch_of(oldest));
        let keep = epoch.0.saturating_sub(OPENS_KEPT).min(oldest.map_or(u64::MAX, |oldest| oldest.0));
        let track = self.track.0;
        Ok(self.db.write(|tx| {
            tx.open_table(NEXT_EPOCH)?.insert(track, next.0)?;
            tx.open_table(LAST_CLOSE)?.insert(track, row_of_close(&begun))?;
            let mut lost = tx.open_table(LOST)?;
            for told in told {
                lost.remove((track, told.range.first.0))?;
            }
            // The receipt that it tells; the last one is told again.
            let mut receipts = tx.open_table(RECEIPTS)?;
            let waiting = receipts.range((track, 0)..=(track, u64::MAX))?.take(2);
            let waiting: Vec<u64> =
                waiting.map(|row| row.map(|(key, _)| key.value().1)).collect::<Result<_, _>>()?;
            if let [told, _] = waiting[..] {
                receipts.remove((track, told))?;
            }
            let mut opens = tx.open_table(OPENS)?;
            opens.insert((track, epoch.0), open)?;
            Ok(opens.retain_in((track, 0)..(track, keep), |(_, number), _| number == confirmed)?)
        })?)
    }

    /// The kept EpochOpens from this epoch on that are to be put.
    pub(crate) fn opens_from(&self, epoch: EpochNo) -> Result<Vec<(EpochNo, Vec<u8>)>, SpoolError> {
        Ok(self.db.read(|tx| {
            let mut opens = Vec::new();
            for row in tx.open_table(OPENS)?.range((self.track.0, epoch.0)..=(self.track.0, u64::MAX))? {
                let (key, open) = row?;
                if open.value() != history::DISPUTED {
                    opens.push((EpochNo(key.value().1), open.value().to_vec()));
                }
            }
            Ok(opens)
        })?)
    }

    /// The first epoch that the relay has not confirmed.
    pub(crate) fn confirmed_opens(&self) -> Result<EpochNo, SpoolError> {
        Ok(EpochNo(self.number(CONFIRMED_OPENS)?))
    }

    /// The relay has the EpochOpens up to this one.
    pub(crate) fn confirm_open(&self, epoch: EpochNo) -> Result<(), SpoolError> {
        self.set_number(CONFIRMED_OPENS, epoch.0.saturating_add(1))
    }

    /// The relay lacks the EpochOpen of this epoch after all: it, and what followed, is put again.
    pub(crate) fn doubt_open(&self, epoch: EpochNo) -> Result<(), SpoolError> {
        self.set_number(CONFIRMED_OPENS, self.confirmed_opens()?.min(epoch).0)
    }

    /// Takes the number of the next run.
    pub(crate) fn begin_run(&self) -> Result<u32, SpoolError> {
        Ok(self.db.write(|tx| {
            let mut runs = tx.open_table(LAST_RUN)?;
            let run = runs.get(self.track.0)?.map_or(0, |row| row.value()).saturating_add(1);
            runs.insert(self.track.0, run)?;
            Ok(run)
        })?)
    }

    /// The number of the next segment.
    pub(crate) fn next_sequence(&self) -> Result<Sequence, SpoolError> {
        let counted = Sequence(self.number(NEXT_SEQUENCE)?);
        let spooled = self.segments.newest().and_then(Sequence::next).unwrap_or_default();
        Ok(counted.max(spooled))
    }

    /// Keeps a whole segment, durable on return. `close` is how its epoch stands with it.
    pub(crate) fn keep_segment(
        &mut self,
        sequence: Sequence,
        bytes: &[u8],
        close: &EpochClose,
    ) -> Result<(), SpoolError> {
        self.segments.write(sequence, bytes)?;
        if let Err(error) = self.count(sequence, Some(close)) {
            // Not counted, so not kept: its number goes to another.
            self.segments.forget(sequence)?;
            return Err(error);
        }
        self.segments.hold(sequence, bytes.len() as u64, close.epoch_no);
        Ok(())
    }

    /// Lets the oldest segment go for want of room; the next EpochOpen says so.
    fn drop_oldest(&mut self) -> Result<Option<Sequence>, SpoolError> {
        let Some(oldest) = self.segments.oldest() else { return Ok(None) };
        self.note_loss(oldest, LossReason::SpoolOverflow)?;
        self.segments.forget(oldest)?;
        self.segments.stats().change(|now| now.dropped += 1);
        Ok(Some(oldest))
    }

    /// Puts a segment aside that no relay will take; the next EpochOpen says so.
    pub(crate) fn set_aside(&mut self, sequence: Sequence, why: LossReason) -> Result<(), SpoolError> {
        self.note_loss(sequence, why)?;
        self.segments.set_aside(sequence)?;
        self.segments.stats().change(|now| now.refused += 1);
        Ok(())
    }

    /// Durable before it goes, so that no crash makes the loss a silent one.
    fn note_loss(&self, sequence: Sequence, why: LossReason) -> Result<(), SpoolError> {
        let (track, number) = (self.track.0, sequence.0);
        Ok(self.db.write(|tx| {
            let mut lost = tx.open_table(LOST)?;
            let before = lost.range((track, 0)..=(track, number))?.next_back().transpose()?;
            let before = before.map(|(key, value)| (key.value().1, value.value()));
            let first = match before {
                // It was noted before a crash, and did not go.
                Some((_, (last, _))) if last >= number => return Ok(()),
                Some((first, (last, reason))) if last + 1 == number && reason == why.code() => first,
                Some(_) | None => number,
            };
            lost.insert((track, first), (number, why.code())).map(drop)?;
            Ok(())
        })?)
    }

    /// Keeps a receipt of the relay until an EpochOpen has told it. Those that it covers go.
    pub(crate) fn keep_receipt(&self, receipt: &SignedReceipt) -> Result<(), SpoolError> {
        let track = self.track.0;
        Ok(self.db.write(|tx| {
            let mut receipts = tx.open_table(RECEIPTS)?;
            let is_covered = |bytes: &[u8]| {
                let earlier = SignedReceipt::decode(bytes);
                earlier.is_ok_and(|earlier| receipt.unverified().covers(earlier.unverified()))
            };
            receipts.retain_in((track, 0)..=(track, u64::MAX), |_, bytes| !is_covered(bytes))?;
            let last = receipts.range((track, 0)..=(track, u64::MAX))?.next_back().transpose()?;
            let next = last.map_or(0, |(key, _)| key.value().1 + 1);
            receipts.insert((track, next), receipt.bytes())?;
            // A relay that gives many that cover nothing of each other is not worth more room.
            let oldest = next.saturating_sub(RECEIPTS_KEPT);
            Ok(receipts.retain_in((track, 0)..(track, oldest), |_, _| false)?)
        })?)
    }

    /// The receipt that the next EpochOpen tells, if a relay ever gave one.
    pub(crate) fn receipt(&self) -> Result<Option<SignedReceipt>, SpoolError> {
        Ok(self.db.read(|tx| {
            let receipts = tx.open_table(RECEIPTS)?;
            let first = receipts.range((self.track.0, 0)..=(self.track.0, u64::MAX))?.next().transpose()?;
            Ok(first.and_then(|(_, bytes)| SignedReceipt::decode(bytes.value()).ok()))
        })?)
    }

    /// What was let go and no EpochOpen has said yet, as much as one says.
    pub(crate) fn lost(&self) -> Result<Vec<Lost>, SpoolError> {
        Ok(self.db.read(|tx| {
            let table = tx.open_table(LOST)?;
            let mut lost = Vec::new();
            for row in table.range((self.track.0, 0)..=(self.track.0, u64::MAX))?.take(limits::LOST) {
                let (first, (last, code)) = row.map(|(key, value)| (key.value().1, value.value()))?;
                let why = LossReason::ALL.iter().find(|why| why.code() == code);
                let range = Range { first: Sequence(first), last: Sequence(last) };
                lost.extend(why.map(|why| Lost { range, why: *why }));
            }
            Ok(lost)
        })?)
    }
}

/// Where a track's segments lie.
fn folder(track: TrackId) -> &'static str {
    if track == TrackId::SUB { "sub" } else { "spool" }
}

#[cfg(test)]
mod tests;
