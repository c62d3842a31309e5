//! The tables of `state.redb`, typed.
//!
//! What is a track's has the track's number as its key or before it: all tracks stand in one file,
//! so that none can lose its numbers without the others. A number without a row is 0.

use super::SpoolError;
use host::db::{Db, DbError, One};
use media::epoch::{EpochClose, GapReason};
use media::id::EpochNo;
use media::motion::CELLS_LEN;
use redb::TableDefinition;
use std::path::Path;

/// A value of each track.
pub(super) type OfTrack<V> = TableDefinition<'static, u32, V>;

pub(super) const NEXT_SEQUENCE: OfTrack<u64> = TableDefinition::new("next sequence of track");
pub(super) const NEXT_EPOCH: OfTrack<u64> = TableDefinition::new("next epoch of track");
/// One more than the highest epoch that another history of its identity was seen to have signed.
pub(super) const FOREIGN: OfTrack<u64> = TableDefinition::new("foreign epoch of track");
pub(super) const LAST_RUN: OfTrack<u32> = TableDefinition::new("last run of track");
/// The first epoch whose EpochOpen the relay is not known to have.
pub(super) const CONFIRMED_OPENS: OfTrack<u64> = TableDefinition::new("confirmed opens of track");
/// What was let go and no EpochOpen has said yet: last number and reason, by track and first number.
pub(super) const LOST: TableDefinition<'static, (u32, u64), (u64, u8)> =
    TableDefinition::new("lost of track");
/// Signed receipts of relays that are to be told, by track and in the order in which they came.
pub(super) const RECEIPTS: TableDefinition<'static, (u32, u64), &[u8]> =
    TableDefinition::new("receipts of track");
pub(super) const LAST_CLOSE: OfTrack<CloseRow> = TableDefinition::new("last close of track");
/// Signed EpochOpens by track and epoch.
pub(super) const OPENS: TableDefinition<'static, (u32, u64), &[u8]> = TableDefinition::new("epoch opens");

/// What was learnt of how much usually moves.
pub(super) const USUAL: OfTrack<&[u8]> = TableDefinition::new("usual motion of track");

pub(super) const PAIRING: One<PairingRow<'_>> = One::new("pairing");
/// The newest policy that the camera follows, signed.
pub(super) const POLICY: One<&[u8]> = One::new("owner policy");
/// What its owner asks beside: number, who asked, and the cells that are ignored.
pub(super) const SETTINGS: One<(u64, [u8; 32], [u8; CELLS_LEN])> = One::new("settings");
/// The day at which the notice chain stands, and its root.
pub(super) const NOTICE_ROOT: One<(u32, [u8; 32])> = One::new("notice root");
/// Notice keys of days whose DayNotice the relay has not confirmed, by day.
pub(super) const NOTICE_KEYS: TableDefinition<'static, u32, [u8; 32]> = TableDefinition::new("notice keys");
/// The DayNotices that were made last, signed, by day.
pub(super) const NOTICES: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("day notices");
/// Trustees' keys by day and share, each with the place of its leaf in the log.
pub(super) const DAY_KEYS: TableDefinition<'static, (u32, u8), (u64, &[u8])> =
    TableDefinition::new("day keys");

/// Pages of the database that are kept in memory; the library's own bound is a gigabyte.
const CACHE_BYTES: usize = 256 << 10;

/// Makes the file with its empty tables. It will hold the notice root: only its owner may read it.
pub(super) fn create(path: &Path) -> Result<(), DbError> {
    Db::create(path, CACHE_BYTES)?.write(|tx| {
        for numbers in [NEXT_SEQUENCE, NEXT_EPOCH, CONFIRMED_OPENS, FOREIGN] {
            tx.open_table(numbers)?;
        }
        tx.open_table(LAST_RUN)?;
        tx.open_table(LOST)?;
        tx.open_table(RECEIPTS)?;
        tx.open_table(LAST_CLOSE)?;
        tx.open_table(OPENS)?;
        tx.open_table(USUAL)?;
        tx.open_table(PAIRING)?;
        tx.open_table(POLICY)?;
        tx.open_table(SETTINGS)?;
        tx.open_table(NOTICE_ROOT)?;
        tx.open_table(NOTICE_KEYS)?;
        tx.open_table(NOTICES)?;
        tx.open_table(DAY_KEYS)?;
        Ok(())
    })
}

/// Opens the file of the camera whose folder is `data`.
pub(super) fn open(path: &Path, data: &Path) -> Result<Db, SpoolError> {
    Db::open(path, CACHE_BYTES).map_err(|error| match error {
        DbError::Missing { .. } => SpoolError::Missing(data.to_owned()),
        DbError::Exists { .. } | DbError::Damaged { .. } | DbError::Failed { .. } => error.into(),
    })
}

/// Relay, its key, the owner's key, enrollment, log policy.
pub(super) type PairingRow<'a> = (&'a str, [u8; 32], [u8; 32], &'a [u8], &'a str);

/// Epoch, segments, chain. A close that is read back is that of a camera that started again,
/// whatever the reason would have been while it ran.
pub(super) type CloseRow = (u64, u32, [u8; 32]);

pub(super) fn row_of_close(close: &EpochClose) -> CloseRow {
    (close.epoch_no.0, close.segments, close.chain)
}

pub(super) fn close_of_row((epoch, segments, chain): CloseRow) -> EpochClose {
    EpochClose { epoch_no: EpochNo(epoch), segments, chain, gap: GapReason::Restart }
}
