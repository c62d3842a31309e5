//! How many trustees can still open what a camera films: from its newest EpochOpen and what the log
//! says of the keys to which its shares are sealed. Pure. Contract:
//! `proto/release.md#who-can-still-open`.
//!
//! ```text
//! slot empty            not dealt        the trustee's key was not there when it was filmed
//! no slot in the day's  cannot judge     without the notice key it refuses every request about the day
//!   DayNotice
//! key ended in the log  destroyed, lost  by its trustee's word
//! key not in the log    not logged       or kept longer than the owner agreed to
//! any other             holds a share    which is no proof that it still has the key, nor that it will answer
//! ```

use crate::book::{BookError, Stored, StoredCamera, StoredDayKey};
use crate::live::policy::Policies;
use escrow::daykeys::is_kept_within;
use escrow::record::KeyEnd;
use log_client::MAX_HEAD_AGE_SECS;
use media::epoch::{EpochOpen, SealedShare};
use media::id::Day;
use media::notice::DayNotice;
use media::policy::{OwnerPolicy, TrusteeEntry};
use media::time::{Micros, Seconds};
use std::collections::BTreeMap;

/// Who holds shares of a camera's newest epoch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Holders {
    pub camera: String,
    pub epoch: u64,
    /// When it ends as planned, Unix microseconds.
    pub until_us: u64,
    /// Trustees of the policy.
    pub trustees: u8,
    /// So many must grant a release.
    pub needed: u8,
    /// So many hold a share, as far as is shown.
    pub holding: u8,
    /// So many more were dealt one for a key that the log may have, which was not read since.
    pub unread: u8,
    /// When the head up to which the log was read was cosigned, Unix seconds; 0 for never.
    pub read_at: u64,
    pub without: Vec<Without>,
}

/// A trustee that holds no share of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Without {
    pub trustee: String,
    pub why: Why,
}

/// Why a trustee cannot open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    NotDealt,
    Destroyed,
    Lost,
    NotLogged,
    CannotJudge,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::NotDealt => "no share was dealt to it",
            Self::Destroyed => "it destroyed its key",
            Self::Lost => "it lost its key",
            Self::NotLogged => "its key is not in the log",
            Self::CannotJudge => "the camera gave it no notice key",
        }
    }
}

impl Holders {
    /// Of a camera's newest EpochOpen and the DayNotice of its day, which the camera signed; none where it
    /// is under a policy that is not the owner's.
    pub(crate) fn of(
        camera: &StoredCamera,
        keys: &LoggedKeys,
        open: &EpochOpen,
        notice: Option<&DayNotice>,
    ) -> Result<Option<Self>, BookError> {
        let policies = Policies::of(camera)?;
        let Some(policy) = policies.under(open) else { return Ok(None) };
        let context = &open.context;
        let is_read = keys.has_read(context.start_us);
        let (mut without, mut unread) = (Vec::new(), 0u8);
        for (share, trustee) in open.shares.iter().zip(&policy.trustees) {
            let why = match share {
                None => Some(Why::NotDealt),
                Some(share) if notice.is_none_or(|notice| notice.slot(&share.day_key_id).is_none()) => {
                    Some(Why::CannotJudge)
                }
                Some(share) => match keys.of_share(trustee, context.day(), share) {
                    None if is_read => Some(Why::NotLogged),
                    None => {
                        unread += 1;
                        None
                    }
                    Some(key) => cannot_open(policy, context.day(), key),
                },
            };
            without.extend(why.map(|why| Without { trustee: trustee.name.clone(), why }));
        }
        let missing = u8::try_from(without.len()).unwrap_or(u8::MAX);
        Ok(Some(Self {
            camera: camera.name.clone(),
            epoch: context.epoch_no.0,
            until_us: context.end_us().0,
            trustees: policy.n(),
            needed: context.t,
            holding: policy.n().saturating_sub(missing).saturating_sub(unread),
            unread,
            read_at: keys.read_to.0,
            without,
        }))
    }

    /// Whether too few are left to release it.
    pub fn is_red(&self) -> bool {
        self.holding.saturating_add(self.unread) < self.needed
    }

    /// Whether it is said of the log as it is now.
    pub fn is_fresh(&self, now: Micros) -> bool {
        self.unread == 0 && now.seconds().0 <= self.read_at.saturating_add(MAX_HEAD_AGE_SECS)
    }

    /// Whether the epoch is over: nothing is filmed now, as far as is shown.
    pub fn is_over(&self, now: Micros) -> bool {
        self.until_us < now.0
    }

    /// In a sentence, at this time.
    pub fn text(&self, now: Micros) -> String {
        let what = if self.is_over(now) { "was filmed last" } else { "is filmed now" };
        if self.trustees == 0 {
            return format!("nothing of what {what} is escrowed");
        }
        let Self { trustees, needed, holding, .. } = self;
        let red = if self.is_red() { "TOO FEW: " } else { "" };
        let plural = if *needed == 1 { "is" } else { "are" };
        let without = self.without.iter().map(|one| format!("{}: {}", one.trustee, one.why.words()));
        let without: Vec<_> = without.collect();
        let without = if without.is_empty() { String::new() } else { format!(" ({})", without.join("; ")) };
        let unread = match self.unread {
            0 => String::new(),
            some => format!("; of {some} more the log was not read yet"),
        };
        let age = now.seconds().0.saturating_sub(self.read_at) / 60;
        let read = match (self.is_fresh(now) || self.unread > 0, self.read_at) {
            (true, _) => String::new(),
            (false, 0) => "; the log was never read".to_owned(),
            (false, _) => format!("; the log was read {age} minutes ago"),
        };
        format!(
            "{red}{holding} of {trustees} trustees hold a share of what {what}; {needed} {plural} needed{without}{unread}{read}"
        )
    }
}

/// What trustees logged of their keys of days.
#[derive(Debug)]
pub(crate) struct LoggedKeys {
    keys: BTreeMap<(String, Day), Vec<StoredDayKey>>,
    /// When the head up to which the log was read was cosigned.
    read_to: Seconds,
}

impl LoggedKeys {
    pub(crate) fn of(book: &Stored) -> Self {
        let mut keys = BTreeMap::<_, Vec<StoredDayKey>>::new();
        for key in &book.day_keys {
            keys.entry((key.vkey.clone(), Day(key.day))).or_default().push(key.clone());
        }
        Self { keys, read_to: Seconds(book.head.as_ref().map_or(0, |head| head.cosigned_at)) }
    }

    /// Whether what was logged before this moment is known.
    pub(crate) fn has_read(&self, at: Micros) -> bool {
        self.read_to >= at.seconds()
    }

    /// What the log has of the key to which a share of this day is sealed.
    pub(crate) fn of_share(
        &self,
        trustee: &TrusteeEntry,
        day: Day,
        share: &SealedShare,
    ) -> Option<&StoredDayKey> {
        let keys = self.keys.get(&(trustee.vkey.clone(), day))?;
        keys.iter().find(|key| key.key_id == hex::encode(share.day_key_id))
    }
}

fn cannot_open(policy: &OwnerPolicy, day: Day, key: &StoredDayKey) -> Option<Why> {
    match key.ended.as_deref() {
        Some(lost) if lost == KeyEnd::Lost.word() => Some(Why::Lost),
        Some(_) => Some(Why::Destroyed),
        None if is_kept_within(day, Seconds(key.destroy_by), policy.day_key_max_secs.into()) => None,
        None => Some(Why::NotLogged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{KeptHead, fixtures};
    use media::epoch::EpochContext;
    use media::id::{CameraId, EpochNo, TrackId};
    use std::time::Duration;

    const DAY: Day = Day(20_000);
    const START: u64 = 20_000 * 86_400 + 3600;

    fn share(at: u8) -> Option<SealedShare> {
        Some(SealedShare { day_key_id: [at; 32], sealed: vec![1] })
    }

    fn policy(t: u8, n: u8) -> OwnerPolicy {
        fixtures::policy(CameraId([7; 32]), t, (1..=n).map(fixtures::entry).collect())
    }

    /// What is said of an epoch with these slots, where the log has this of the five keys.
    fn told(
        (t, n): (u8, u8),
        slots: &[Option<SealedShare>],
        read_to: u64,
        log: impl Fn(u8, &mut StoredDayKey),
    ) -> Holders {
        let camera = fixtures::camera("door", policy(t, n), DAY);
        let key = |at: u8| {
            let destroy_by = Day(DAY.0 + 38).start().0;
            let (vkey, key_id) = (format!("vkey {at}"), hex::encode([at; 32]));
            let mut key = StoredDayKey { vkey, day: DAY.0, key_id, destroy_by, ended: None };
            log(at, &mut key);
            key
        };
        let head = KeptHead {
            size: 1,
            root: String::new(),
            checkpoint: String::new(),
            cosigned_at: read_to,
            last: None,
            covers: Vec::new(),
        };
        let book = Stored { day_keys: (1..=n).map(key).collect(), head: Some(head), ..Stored::default() };
        let context = EpochContext {
            camera_id: camera.camera_id,
            track: TrackId(0),
            epoch_no: EpochNo(12),
            start_us: Seconds(START).micros(),
            dur_ms: 60_000,
            policy_hash: camera.policies[0].signed().unwrap().hash(),
            notice_commit: [0; 32],
            t,
            n,
        };
        let open = EpochOpen {
            share_commits: vec![[0; 32]; n.into()],
            shares: slots.to_vec(),
            ..stage::bare::open(context)
        };
        let notice = DayNotice {
            camera_id: camera.camera_id,
            day: DAY,
            notice_commit: [0; 32],
            slots: slots.iter().flatten().filter(|slot| slot.sealed == [1]).cloned().collect(),
        };
        Holders::of(&camera, &LoggedKeys::of(&book), &open, Some(&notice)).unwrap().unwrap()
    }

    #[test]
    fn trustees_that_hold_a_share_of_what_is_filmed_are_counted_and_too_few_are_red() {
        let now = Seconds(START + 30).micros();
        let all = [share(1), share(2), share(3), share(4), share(5)];
        let good = told((3, 5), &all, START, |_, _| {});
        assert_eq!((good.holding, good.trustees, good.needed, good.is_red()), (5, 5, 3, false));
        assert_eq!((good.unread, good.is_fresh(now), good.is_over(now)), (0, true, false));
        assert_eq!(good.text(now), "5 of 5 trustees hold a share of what is filmed now; 3 are needed");
        let later = good.text(now.after(Duration::from_secs(60)));
        assert!(later.contains("what was filmed last"), "{later}");

        let [a, b, c, ..] = all.clone();
        let one = told((3, 5), &[a.clone(), b, None, share(4), share(5)], START, |_, _| {});
        assert_eq!((one.holding, one.is_red()), (4, false));
        assert!(one.text(now).ends_with("3 are needed (trustee3.example: no share was dealt to it)"));

        // One is destroyed, one lost, one was never logged, one is kept too long, one has no slot.
        let red = told((3, 5), &[a, share(9), c, share(4), None], START, |at, key| match at {
            1 => key.ended = Some("lost".to_owned()),
            3 => key.ended = Some("due".to_owned()),
            4 => key.destroy_by = Day(DAY.0 + 1).start().0 + 8_640_001,
            _ => {}
        });
        let why: Vec<_> = red.without.iter().map(|one| one.why).collect();
        assert_eq!(why, [Why::Lost, Why::NotLogged, Why::Destroyed, Why::NotLogged, Why::NotDealt]);
        assert_eq!((red.holding, red.is_red()), (0, true));
        assert!(red.text(now).starts_with("TOO FEW: 0 of 5 trustees"), "{}", red.text(now));
        // A share without a slot in the day's DayNotice is of no use: its trustee cannot judge.
        let blind = Some(SealedShare { day_key_id: [2; 32], sealed: vec![2] });
        let blind = told((3, 5), &[all[0].clone(), blind, share(3), None, None], START, |_, _| {});
        assert_eq!((blind.without[0].why, blind.holding), (Why::CannotJudge, 2));
        assert!(blind.is_red());
        // Just enough, and one fewer.
        let slots = |n: usize| (0..5).map(|at| all[at].clone().filter(|_| at < n)).collect::<Vec<_>>();
        assert!(!told((3, 5), &slots(3), START, |_, _| {}).is_red());
        assert!(told((3, 5), &slots(2), START, |_, _| {}).is_red());
    }

    #[test]
    fn a_key_that_a_log_which_was_not_read_since_may_have_is_not_said_to_be_missing() {
        let slots = [share(1), share(9), share(3)];
        let stale = told((2, 3), &slots, START - 1, |at, key| {
            if at == 1 {
                key.ended = Some("lost".to_owned());
            }
        });
        assert_eq!((stale.holding, stale.unread, stale.is_red()), (1, 1, false));
        assert!(stale.text(Seconds(START).micros()).ends_with("; of 1 more the log was not read yet"));
        // Nor is an old reading passed off as one of now.
        let old = told((2, 3), &[share(1), share(2), share(3)], START, |_, _| {});
        let hour = Seconds(START + 3600).micros();
        assert!(
            !old.is_fresh(hour) && old.text(hour).ends_with("; the log was read 60 minutes ago"),
            "{}",
            old.text(hour)
        );
        let none = told((0, 0), &[], START, |_, _| {});
        assert_eq!(
            (none.is_red(), none.text(Seconds(START).micros())),
            (false, "nothing of what is filmed now is escrowed".to_owned())
        );
    }
}
