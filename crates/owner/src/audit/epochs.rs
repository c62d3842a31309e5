//! The other half of an audit: every EpochOpen that the relay holds of own cameras, on every track.
//! What shows here: a viewer added in silence, a camera that films under another policy, one whose
//! releases the owner could never find, one that deals to keys which no trustee logged.
//!
//! ```text
//! policy hash, shares, wraps   the owner's policy of that time       else a silent viewer, or an old policy
//! notice_commit                the owner's own notice chain          else a request about it passes the owner by
//! day key ids                  the trustees' day-keys leaves         else somebody else holds the shares
//! numbers                      each answer of the relay in order     else something was skipped; what begins
//!                              before the last audit and has a       another history's backlog, which came late
//!                              higher number is asked for, too
//! gap reason                   no identity conflict                  else its key was copied, or it was put back from a backup
//! ```

use crate::book::notice::CameraDay;
use crate::book::{BookError, Checked, Stored, StoredCamera};
use crate::holders::LoggedKeys;
use crate::live::policy::Policies;
use escrow::daykeys::is_kept_within;
use media::block::Block;
use media::epoch::{EpochOpen, GapReason};
use media::id::{CameraId, Day, EpochNo, TrackId};
use media::limits::TRACKS_PER_CAMERA;
use media::sign::PublicKey;
use media::time::{Micros, Seconds};
use quic::CallError;
use relay_client::epochs::Page;
use relay_client::{EpochQuery, Paging, Session};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long the relay may be away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the owner knows of cameras and trustees, beside the policies.
#[derive(Debug)]
pub(super) struct Known {
    /// What the EpochOpens of a camera's day commit to.
    notices: BTreeMap<(CameraId, Day), [u8; 32]>,
    pub(super) keys: LoggedKeys,
    now_us: Micros,
}

impl Known {
    pub(super) fn of(book: &Stored, days: Vec<CameraDay>, now_us: Micros) -> Self {
        let notice = |day: &CameraDay| ((day.camera_id, day.day), day.key.commit());
        Self { notices: days.iter().map(notice).collect(), keys: LoggedKeys::of(book), now_us }
    }
}

/// The EpochOpens of one camera's track being checked. Pure.
pub(super) struct Checker<'a> {
    name: String,
    policies: Policies,
    known: &'a Known,
    /// The latest start and the highest number that were seen.
    pub(super) reached: Checked,
    pub(super) checked: u64,
    /// The newest one.
    pub(super) newest: Option<EpochOpen>,
    /// The lowest start and number of those that deal to a key of which the log was not read yet.
    held_back: Option<Checked>,
    pub(super) alarms: Vec<String>,
    /// Whether the relay did not give all that was asked for.
    pub(super) is_cut_off: bool,
    /// The first epoch that told of two histories, and how many did.
    conflicts: Option<(EpochNo, u64)>,
    is_retired: bool,
    /// That of the epoch before.
    block: Option<Block>,
}

/// A camera's clock may be so far ahead of the owner's.
const AHEAD: Duration = Duration::from_secs(300);
/// The most alarms of one camera's track: the first say what is wrong.
const MAX_ALARMS: usize = 32;

impl<'a> Checker<'a> {
    pub(super) fn new(camera: &StoredCamera, track: TrackId, known: &'a Known) -> Result<Self, BookError> {
        let which = match track {
            TrackId::MAIN => String::new(),
            TrackId::SUB => ", second picture".to_owned(),
            other => format!(", track {other}"),
        };
        Ok(Self {
            name: format!("{}{which}", camera.name),
            policies: Policies::of(camera)?,
            known,
            reached: camera.epochs_checked(track),
            checked: 0,
            newest: None,
            held_back: None,
            alarms: Vec::new(),
            is_cut_off: false,
            conflicts: None,
            is_retired: camera.is_retired(),
            block: None,
        })
    }

    /// Takes a page of the relay's answer.
    pub(super) fn take(&mut self, page: &Page) {
        if page.foreign > 0 {
            self.alarm(
                "the relay serves an EpochOpen that this camera did not sign for what was asked".to_owned(),
            );
        }
        if page.stuck {
            self.alarm("the relay says that it holds more EpochOpens, and does not give them".to_owned());
        }
        if let Some(epoch) = page.disordered {
            self.alarm(format!("epoch {epoch}: the relay serves it out of order"));
        }
        for open in page.epochs.iter().map(|epoch| epoch.open()) {
            self.check(open);
        }
    }

    fn check(&mut self, open: &EpochOpen) {
        let (epoch, start_us) = (open.context.epoch_no, open.context.start_us);
        self.checked += 1;
        if start_us > self.known.now_us.after(AHEAD) {
            // It would keep all that begins before it from being looked at.
            self.alarm(format!("epoch {epoch}: it begins in a time that has not come"));
        } else {
            // Not its planned end: after a restart, others may begin and end before that.
            self.reached.start_us = self.reached.start_us.max(start_us.0);
            self.reached.epoch = self.reached.epoch.max(epoch.0);
            if self.newest.as_ref().is_none_or(|newest| newest.context.start_us <= start_us) {
                self.newest = Some(open.clone());
            }
        }
        if let Some(alarm) = self.policies.check(open) {
            let (expected, found) = (alarm.expected, alarm.found);
            self.alarm(format!("epoch {epoch}: expected {expected}, found {found}"));
        }
        let is_conflict = open.previous.is_some_and(|close| close.gap == GapReason::IdentityConflict);
        let block = Block::of_epoch(epoch);
        if is_conflict {
            // What is retired needs no new key; what it films after that is told by its policies.
            if !self.is_retired {
                self.note_conflict(epoch);
            }
        } else if !self.is_retired && self.block.is_some_and(|before| before != block) {
            self.alarm(format!("epoch {epoch}: its numbers went on elsewhere, and it does not say why"));
        }
        self.block = Some(block);
        let (camera, day) = (open.context.camera_id, open.context.day());
        match self.known.notices.get(&(camera, day)) {
            Some(commit) if *commit == open.context.notice_commit => {}
            Some(_) => self.alarm(format!(
                "epoch {epoch}: its notice key is not yours of that day: you would not find a request about it"
            )),
            None => self.alarm(format!(
                "epoch {epoch}: you have no notice key of its day {day}: you would not find a request about it"
            )),
        }
        let Some(policy) = self.policies.under(open) else { return };
        let mut strange = Vec::new();
        for (share, trustee) in open.shares.iter().zip(&policy.trustees) {
            let Some(share) = share else { continue };
            let (name, max_secs) = (&trustee.name, policy.day_key_max_secs.into());
            match self.known.keys.of_share(trustee, day, share) {
                Some(key) if is_kept_within(day, Seconds(key.destroy_by), max_secs) => {}
                Some(_) => strange.push(format!(
                    "epoch {epoch}: a share is sealed to a key that {name} keeps longer than you agreed to"
                )),
                // The head is from before: the next audit meets this epoch again.
                None if !self.known.keys.has_read(open.context.start_us) => {
                    let held = self.held_back.get_or_insert(Checked { start_us: start_us.0, epoch: epoch.0 });
                    held.start_us = held.start_us.min(start_us.0);
                    held.epoch = held.epoch.min(epoch.0);
                }
                None => strange.push(format!(
                    "epoch {epoch}: a share is sealed to a key that {name} has not logged for that day"
                )),
            }
        }
        strange.into_iter().for_each(|alarm| self.alarm(alarm));
    }

    /// All conflicts of a track are one line, so that no number of them hides anything else.
    fn note_conflict(&mut self, epoch: EpochNo) {
        let (first, times) = self.conflicts.map_or((epoch, 1), |(first, times)| (first, times + 1));
        let line = format!(
            "{}: epoch {first}: the camera signed that another one films with its key, or that it was put back from a backup ({times} times); give it a new key (`candor owner camera rekey`)",
            self.name
        );
        match self.alarms.first_mut().filter(|_| self.conflicts.is_some()) {
            Some(told) => *told = line,
            None => self.alarms.insert(0, line),
        }
        self.conflicts = Some((first, times));
    }

    /// From where on the next audit goes on.
    pub(super) fn reached(&self) -> Checked {
        let Checked { start_us, epoch } = self.held_back.unwrap_or(self.reached);
        Checked { start_us: start_us.min(self.reached.start_us), epoch: epoch.min(self.reached.epoch) }
    }

    /// What is asked for, each with the block that it goes on from: the last epoch of the audit before, and all that
    /// began since; and what began earlier under a higher number, which had not come. A number that is lower than
    /// those of the newest block, and comes late, is not asked for.
    fn to_ask(&self, camera_key: PublicKey, track: TrackId) -> [(Option<Block>, Paging); 2] {
        let (reached_us, number) = (Micros(self.reached.start_us), EpochNo(self.reached.epoch));
        let since = EpochQuery { camera_key, track, from_us: reached_us, to_us: Micros::MAX };
        let late = EpochQuery { camera_key, track, from_us: Micros(0), to_us: reached_us };
        [(None, Paging::new(since)), (Some(Block::of_epoch(number)), Paging::from_number(late, number))]
    }

    pub(super) fn alarm(&mut self, what: String) {
        if self.alarms.len() < MAX_ALARMS {
            self.alarms.push(format!("{}: {what}", self.name));
        }
    }
}

/// Checks the epochs of one camera's tracks since the last audit, and says what the relay did not
/// answer: of that track nothing is known, which accuses nobody.
pub(super) async fn check<'a>(
    session: &mut Session,
    camera: &StoredCamera,
    known: &'a Known,
) -> Result<(Vec<(TrackId, Checker<'a>)>, Option<CallError>), BookError> {
    let camera_key = camera.camera_key()?;
    let deadline = Instant::now() + PATIENCE;
    let mut checked = Vec::new();
    // Each track that there may be has EpochOpens of its own, whether the owner knows of it or not.
    for track in (0..).map(TrackId).take(TRACKS_PER_CAMERA) {
        let mut checker = Checker::new(camera, track, known)?;
        let mut asked = Ok(());
        for (before, mut paging) in checker.to_ask(camera_key, track) {
            checker.block = before;
            if asked.is_ok() {
                asked = ask(session, &mut paging, &mut checker, deadline).await;
            }
        }
        checker.is_cut_off = asked.is_err();
        checked.push((track, checker));
        if let Err(error) = asked {
            return Ok((checked, Some(error)));
        }
    }
    session.worked();
    Ok((checked, None))
}

async fn ask(
    session: &mut Session,
    paging: &mut Paging,
    checker: &mut Checker<'_>,
    deadline: Instant,
) -> Result<(), CallError> {
    loop {
        match next_page(session, paging).await {
            Ok(Some(page)) => checker.take(&page),
            Ok(None) => return Ok(()),
            Err(error) => session.again(error, deadline)?,
        }
    }
}

async fn next_page(session: &mut Session, paging: &mut Paging) -> Result<Option<Page>, CallError> {
    paging.next(&session.link().await?).await
}

pub(super) fn not_checked(camera: &str, error: &CallError) -> String {
    format!("{camera}: its EpochOpens are not checked ({error}); audit again when the relay answers")
}

#[cfg(test)]
mod tests;
