//! What is the camera's, whichever track asks. What pairing left behind, and what follows from it day by day: the owner's policy, the notice keys, the trustees' keys.

use super::{DAY_KEYS, META, NOTICES, Spool, SpoolError, state};
use crate::notices::{Notices, SignedNotice};
use media::id::Day;
use redb::{ReadableDatabase as _, ReadableTable as _};
use seal::notice::NoticeRoot;

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

impl Spool {
    /// Keeps a pairing, the notice root that came with it, and the first DayNotice for the relay; all of it or nothing.
    pub(crate) fn keep_pairing(
        &self,
        pairing: &Pairing,
        notices: &Notices,
        first: &SignedNotice,
    ) -> Result<(), SpoolError> {
        if self.is_paired()? {
            return Err(SpoolError::Paired);
        }
        let pairs: [(&str, &[u8]); 6] = [
            ("relay", pairing.relay.as_bytes()),
            ("relay_key", &pairing.relay_key),
            ("owner_key", &pairing.owner_key),
            ("enrollment", &pairing.enrollment),
            ("policy", &pairing.policy),
            ("log_policy", pairing.log_policy.as_bytes()),
        ];
        self.write_notices(&pairs, notices, std::slice::from_ref(first))
    }

    pub(crate) fn is_paired(&self) -> Result<bool, SpoolError> {
        Ok(self.get_from(META, "enrollment")?.is_some())
    }

    pub(crate) fn pairing(&self) -> Result<Pairing, SpoolError> {
        let bytes =
            |key| Ok::<_, SpoolError>(self.get_from(META, key)?.ok_or(SpoolError::NotPaired)?.to_vec());
        let text = |key| Ok::<_, SpoolError>(String::from_utf8_lossy(&bytes(key)?).into_owned());
        let key =
            |name| bytes(name)?.try_into().map_err(|_| state(&self.path)(format!("{name} has not 32 bytes")));
        Ok(Pairing {
            relay: text("relay")?,
            relay_key: key("relay_key")?,
            owner_key: key("owner_key")?,
            enrollment: bytes("enrollment")?,
            policy: bytes("policy")?,
            log_policy: text("log_policy")?,
        })
    }

    pub(crate) fn keep_policy(&self, policy: &[u8]) -> Result<(), SpoolError> {
        self.put_into(META, &[("policy", policy)])
    }

    /// Where the notice chain stands.
    pub(crate) fn notices(&self) -> Result<Notices, SpoolError> {
        let root = self.get_from(META, "notice_root")?.ok_or(SpoolError::NotPaired)?;
        let root = <[u8; 32]>::try_from(&root[..])
            .map_err(|_| state(&self.path)("the notice root has not 32 bytes"))?;
        let day = u32::try_from(self.number_from(META, "notice_day")?).map_err(state(&self.path))?;
        Ok(Notices { day: Day(day), root: NoticeRoot::new(root) })
    }

    /// Moves to a later day: its root replaces the earlier one, and the signed notices up to it wait for the relay.
    pub(crate) fn advance_notices(&self, to: &Notices, signed: &[SignedNotice]) -> Result<(), SpoolError> {
        self.write_notices(&[], to, signed)
    }

    fn write_notices(
        &self,
        pairs: &[(&str, &[u8])],
        notices: &Notices,
        signed: &[SignedNotice],
    ) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut meta = write.open_table(META).map_err(state(&self.path))?;
            for (key, value) in pairs {
                meta.insert(*key, *value).map_err(state(&self.path))?;
            }
            let day = u64::from(notices.day.0).to_be_bytes();
            meta.insert("notice_day", &day[..]).map_err(state(&self.path))?;
            meta.insert("notice_root", &notices.root.expose()[..]).map_err(state(&self.path))?;
            let mut waiting = write.open_table(NOTICES).map_err(state(&self.path))?;
            for (day, notice) in signed {
                waiting.insert(day.0, &notice[..]).map_err(state(&self.path))?;
            }
        }
        write.commit().map_err(state(&self.path))
    }

    /// The signed DayNotices that the relay has not confirmed.
    pub(crate) fn waiting_notices(&self) -> Result<Vec<SignedNotice>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(NOTICES).map_err(state(&self.path))?;
        let mut notices = Vec::new();
        for row in table.iter().map_err(state(&self.path))? {
            let (day, notice) = row.map_err(state(&self.path))?;
            notices.push((Day(day.value()), notice.value().to_vec()));
        }
        Ok(notices)
    }

    pub(crate) fn forget_notice(&self, day: Day) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        write.open_table(NOTICES).map_err(state(&self.path))?.remove(day.0).map_err(state(&self.path))?;
        write.commit().map_err(state(&self.path))
    }

    /// Keeps a trustee's verified key of `day`; what was over the day before `today` is of no use any more.
    pub(crate) fn keep_day_key(
        &self,
        today: Day,
        day: Day,
        share: u8,
        bytes: &[u8],
    ) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut table = write.open_table(DAY_KEYS).map_err(state(&self.path))?;
            table.insert((day.0, share), bytes).map_err(state(&self.path))?;
            let yesterday = today.0.saturating_sub(1);
            table.retain(|(of, _), _| of >= yesterday).map_err(state(&self.path))?;
        }
        write.commit().map_err(state(&self.path))
    }

    pub(crate) fn day_key(&self, day: Day, share: u8) -> Result<Option<Vec<u8>>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(DAY_KEYS).map_err(state(&self.path))?;
        Ok(table.get((day.0, share)).map_err(state(&self.path))?.map(|value| value.value().to_vec()))
    }
}
