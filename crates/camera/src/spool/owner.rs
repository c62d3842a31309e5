//! What is the camera's, whichever track asks. What pairing left behind, and what follows from it
//! day by day: the owner's policy, the notice keys, the trustees' keys.

use super::tables::{DAY_KEYS, NOTICE_KEYS, NOTICE_ROOT, NOTICES, PAIRING, POLICY, SETTINGS};
use super::{Spool, SpoolError};
use crate::notices::{KeyOfDay, Notices};
use media::id::Day;
use media::motion::Cells;
use redb::{ReadableTable as _, WriteTransaction};
use seal::notice::{NoticeKey, NoticeRoot};

/// Days between the newest day key that is kept and the oldest. Keys are published 35 days ahead.
const DAYS_KEPT: u32 = 64;

/// What a pairing leaves behind.
#[derive(Clone)]
pub(crate) struct Pairing {
    pub(crate) relay: String,
    pub(crate) relay_key: [u8; 32],
    pub(crate) owner_key: [u8; 32],
    pub(crate) enrollment: Vec<u8>,
    /// The newest policy that the camera follows, signed.
    pub(crate) policy: Vec<u8>,
    pub(crate) log_policy: String,
}

/// The settings that were taken last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeptSettings {
    pub(crate) number: u64,
    /// Zeros where who asked was taken out: nothing of it is followed any more.
    pub(crate) signer: [u8; 32],
    pub(crate) ignored: Cells,
}

impl Spool {
    /// Keeps a pairing, the notice root that came with it, and the first day's key for the relay; all
    /// of it or nothing.
    pub(crate) fn keep_pairing(
        &self,
        pairing: &Pairing,
        notices: &Notices,
        first: &KeyOfDay,
    ) -> Result<(), SpoolError> {
        if self.is_paired()? {
            return Err(SpoolError::Paired);
        }
        let Pairing { relay, relay_key, owner_key, enrollment, policy, log_policy } = pairing;
        Ok(self.db.write(|tx| {
            let row = (relay.as_str(), *relay_key, *owner_key, enrollment.as_slice(), log_policy.as_str());
            tx.open_table(PAIRING)?.insert((), row)?;
            tx.open_table(POLICY)?.insert((), policy.as_slice())?;
            write_notices(tx, notices, std::slice::from_ref(first))
        })?)
    }

    pub(crate) fn is_paired(&self) -> Result<bool, SpoolError> {
        Ok(self.db.read(|tx| Ok(tx.open_table(PAIRING)?.get(())?.is_some()))?)
    }

    pub(crate) fn pairing(&self) -> Result<Pairing, SpoolError> {
        let found = self.db.read(|tx| {
            let (pairing, policy) = (tx.open_table(PAIRING)?, tx.open_table(POLICY)?);
            let Some((pairing, policy)) = pairing.get(())?.zip(policy.get(())?) else { return Ok(None) };
            let (relay, relay_key, owner_key, enrollment, log_policy) = pairing.value();
            Ok(Some(Pairing {
                relay: relay.to_owned(),
                relay_key,
                owner_key,
                enrollment: enrollment.to_vec(),
                policy: policy.value().to_vec(),
                log_policy: log_policy.to_owned(),
            }))
        })?;
        found.ok_or(SpoolError::NotPaired)
    }

    pub(crate) fn keep_policy(&self, policy: &[u8]) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| Ok(tx.open_table(POLICY)?.insert((), policy).map(drop)?))?)
    }

    /// The settings that are followed.
    pub(crate) fn settings(&self) -> Result<Option<KeptSettings>, SpoolError> {
        Ok(self.db.read(|tx| {
            let row = tx.open_table(SETTINGS)?.get(())?.map(|row| row.value());
            Ok(row.map(|(number, signer, cells)| KeptSettings { number, signer, ignored: Cells(cells) }))
        })?)
    }

    pub(crate) fn keep_settings(&self, kept: KeptSettings) -> Result<(), SpoolError> {
        let row = (kept.number, kept.signer, kept.ignored.0);
        Ok(self.db.write(|tx| Ok(tx.open_table(SETTINGS)?.insert((), row).map(drop)?))?)
    }

    /// Where the notice chain stands.
    pub(crate) fn notices(&self) -> Result<Notices, SpoolError> {
        let found = self.db.read(|tx| {
            let row = tx.open_table(NOTICE_ROOT)?.get(())?.map(|row| row.value());
            Ok(row.map(|(day, root)| Notices { day: Day(day), root: NoticeRoot::new(root) }))
        })?;
        found.ok_or(SpoolError::NotPaired)
    }

    /// Moves to a later day: its root replaces the earlier one, and the notice keys up to it wait for
    /// the relay.
    // SPEC: segment.md#notice-keys: the root of the day before MUST be erased; the later one is written
    // over it.
    pub(crate) fn advance_notices(&self, to: &Notices, keys: &[KeyOfDay]) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| write_notices(tx, to, keys))?)
    }

    /// The notice keys of days whose DayNotice the relay has not confirmed.
    pub(crate) fn waiting_notices(&self) -> Result<Vec<KeyOfDay>, SpoolError> {
        Ok(self.db.read(|tx| {
            let mut notices = Vec::new();
            for row in tx.open_table(NOTICE_KEYS)?.iter()? {
                let (day, key) = row?;
                notices.push((Day(day.value()), NoticeKey::new(key.value())));
            }
            Ok(notices)
        })?)
    }

    /// The DayNotice of a day that was made last, signed.
    pub(crate) fn made_notice(&self, day: Day) -> Result<Option<Vec<u8>>, SpoolError> {
        Ok(self.db.read(|tx| Ok(tx.open_table(NOTICES)?.get(day.0)?.map(|row| row.value().to_vec())))?)
    }

    /// Keeps a DayNotice that was made; with the day's key it waits for the relay.
    pub(crate) fn keep_notice(
        &self,
        day: Day,
        signed: &[u8],
        key: Option<&NoticeKey>,
    ) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| {
            if let Some(key) = key {
                tx.open_table(NOTICE_KEYS)?.insert(day.0, key.expose())?;
            }
            Ok(tx.open_table(NOTICES)?.insert(day.0, signed).map(drop)?)
        })?)
    }

    /// The relay has the DayNotice of a day: its key goes, and what was made for earlier days.
    pub(crate) fn forget_notice(&self, day: Day) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| {
            let mut keys = tx.open_table(NOTICE_KEYS)?;
            keys.remove(day.0)?;
            let oldest = keys.first()?.map_or(day.0, |(of, _)| of.value().min(day.0));
            Ok(tx.open_table(NOTICES)?.retain(|of, _| of >= oldest)?)
        })?)
    }

    /// Keeps a trustee's verified key of `day`, whose leaf stands at this place of the log. What is of
    /// no use any more goes by the days that trustees publish, not by a clock: one that jumps takes no
    /// key.
    pub(crate) fn keep_day_key(
        &self,
        day: Day,
        share: u8,
        (at, bytes): (u64, &[u8]),
    ) -> Result<(), SpoolError> {
        Ok(self.db.write(|tx| {
            let mut table = tx.open_table(DAY_KEYS)?;
            table.insert((day.0, share), (at, bytes))?;
            let oldest = day.0.saturating_sub(DAYS_KEPT);
            Ok(table.retain(|(of, _), _| of >= oldest)?)
        })?)
    }

    pub(crate) fn day_key(&self, day: Day, share: u8) -> Result<Option<(u64, Vec<u8>)>, SpoolError> {
        Ok(self.db.read(|tx| {
            let kept = tx.open_table(DAY_KEYS)?.get((day.0, share))?;
            Ok(kept.map(|kept| (kept.value().0, kept.value().1.to_vec())))
        })?)
    }
}

fn write_notices(tx: &WriteTransaction, notices: &Notices, keys: &[KeyOfDay]) -> Result<(), redb::Error> {
    tx.open_table(NOTICE_ROOT)?.insert((), (notices.day.0, *notices.root.expose()))?;
    let mut waiting = tx.open_table(NOTICE_KEYS)?;
    for (day, key) in keys {
        waiting.insert(day.0, key.expose())?;
    }
    Ok(())
}
