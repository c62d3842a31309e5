//! The other half of an audit: every EpochOpen that the relay holds of own cameras, compared with
//! the policy of its time. A viewer added in silence, or a camera that films under another policy,
//! shows here.

use crate::book::{BookError, StoredCamera};
use crate::live::policy::Policies;
use crate::state::{As, Owner};
use media::id::TrackId;
use media::time::Micros;
use quic::CallError;
use relay_client::epochs::Page;
use relay_client::{EpochQuery, Paging, Session};
use std::time::Duration;
use tokio::time::Instant;

/// How long the relay may be away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tracks that a camera may film: each has EpochOpens of its own.
pub(super) const TRACKS: [TrackId; 2] = [TrackId::MAIN, TrackId::SUB];

/// The EpochOpens of one camera's track being checked. Pure.
pub(super) struct Checker {
    name: String,
    policies: Policies,
    /// Up to which moment epochs have been seen.
    pub(super) reached_us: Micros,
    pub(super) checked: u64,
    pub(super) alarms: Vec<String>,
}

/// The most alarms of one camera: the first say what is wrong.
const MAX_ALARMS: usize = 32;

impl Checker {
    pub(super) fn new(camera: &StoredCamera, track: TrackId) -> Result<Self, BookError> {
        let second = if track == TrackId::MAIN { "" } else { ", second picture" };
        Ok(Self {
            name: format!("{}{second}", camera.name),
            policies: Policies::of(camera)?,
            reached_us: camera.epochs_checked_to(track),
            checked: 0,
            alarms: Vec::new(),
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
        for open in page.epochs.iter().map(|epoch| epoch.open()) {
            self.reached_us = self.reached_us.max(open.context.end_us());
            self.checked += 1;
            if let Some(alarm) = self.policies.check(open) {
                let (epoch, expected, found) = (open.context.epoch_no, alarm.expected, alarm.found);
                self.alarm(format!("epoch {epoch}: expected {expected}, found {found}"));
            }
        }
    }

    pub(super) fn alarm(&mut self, what: String) {
        if self.alarms.len() < MAX_ALARMS {
            self.alarms.push(format!("{}: {what}", self.name));
        }
    }
}

/// Checks the epochs of one camera's track since the last audit. What the relay does not answer is
/// an alarm: nothing is clean unseen.
pub(super) async fn check(
    owner: &Owner,
    camera: &StoredCamera,
    track: TrackId,
) -> Result<Checker, BookError> {
    let mut checker = Checker::new(camera, track)?;
    let (camera_key, from_us) = (camera.camera_key()?, checker.reached_us);
    // An epoch that was open at the last audit is met again: it overlaps.
    let mut paging = Paging::new(EpochQuery { camera_key, track, from_us, to_us: Micros::MAX });
    let mut session = owner.session(As::Device);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match next_page(&mut session, &mut paging).await {
            Ok(Some(page)) => checker.take(&page),
            Ok(None) => return Ok(checker),
            Err(error) => {
                if let Err(error) = session.again(error, deadline) {
                    checker.alarm(not_checked(&error));
                    return Ok(checker);
                }
            }
        }
    }
}

async fn next_page(session: &mut Session, paging: &mut Paging) -> Result<Option<Page>, CallError> {
    paging.next(&session.link().await?).await
}

fn not_checked(error: &CallError) -> String {
    format!("its EpochOpens are not checked ({error}); audit again when the relay answers")
}
