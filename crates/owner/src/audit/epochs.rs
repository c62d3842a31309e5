//! The other half of an audit: every EpochOpen that the relay holds of own cameras, compared with the policy of its time. A
//! viewer added in silence, or a camera that films under another policy, shows here.

use crate::Owner;
use crate::book::{BookError, StoredCamera};
use crate::live::policy::Policies;
use crate::relay::{As, Session};
use media::epoch::SignedEpochOpen;
use media::id::{EpochNo, TrackId};
use media::message::{Refusal, RefusalCode, Request, Response};
use media::sign::PublicKey;
use quic::CallError;
use std::time::Duration;
use tokio::time::Instant;

/// How long the relay may be away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tracks that a camera may film: each has EpochOpens of its own.
pub(super) const TRACKS: [TrackId; 2] = [TrackId::MAIN, TrackId::SUB];

/// The EpochOpens of one camera's track being checked. Pure.
pub(super) struct Checker {
    track: TrackId,
    name: String,
    key: PublicKey,
    policies: Policies,
    newest: Option<EpochNo>,
    /// Up to which moment epochs have been seen, Unix microseconds.
    pub(super) reached_us: u64,
    pub(super) checked: u64,
    pub(super) alarms: Vec<String>,
}

/// The most alarms of one camera: the first say what is wrong.
const MAX_ALARMS: usize = 32;

impl Checker {
    pub(super) fn new(camera: &StoredCamera, track: TrackId) -> Result<Self, BookError> {
        let second = if track == TrackId::MAIN { "" } else { ", second picture" };
        Ok(Self {
            track,
            name: format!("{}{second}", camera.name),
            key: camera.camera_key()?,
            policies: Policies::of(camera)?,
            newest: None,
            reached_us: camera.epochs_checked_to(track),
            checked: 0,
            alarms: Vec::new(),
        })
    }

    /// Takes an answer's EpochOpens; whether it had any that was new.
    pub(super) fn take(&mut self, opens: &[Vec<u8>]) -> bool {
        let before = self.checked;
        for bytes in opens {
            let signed = SignedEpochOpen::decode(bytes);
            let open = match signed.as_ref().map(|signed| signed.verify(&self.key)) {
                Ok(Ok(open)) => open,
                _ => {
                    self.alarm("the relay serves an EpochOpen that this camera did not sign".to_owned());
                    continue;
                }
            };
            let epoch = open.context.epoch_no;
            if open.context.track != self.track || self.newest.is_some_and(|newest| epoch <= newest) {
                continue;
            }
            self.newest = Some(epoch);
            self.reached_us = self.reached_us.max(open.context.end_us());
            self.checked += 1;
            if let Some(alarm) = self.policies.check(open) {
                self.alarm(format!("epoch {epoch}: expected {}, found {}", alarm.expected, alarm.found));
            }
        }
        self.checked > before
    }

    pub(super) fn alarm(&mut self, what: String) {
        if self.alarms.len() < MAX_ALARMS {
            self.alarms.push(format!("{}: {what}", self.name));
        }
    }
}

/// Checks the epochs of one camera's track since the last audit. What the relay does not answer is an alarm: nothing is clean unseen.
pub(super) async fn check(
    owner: &Owner,
    camera: &StoredCamera,
    track: TrackId,
) -> Result<Checker, BookError> {
    let mut checker = Checker::new(camera, track)?;
    let mut session = Session::new(owner, As::Device);
    let deadline = Instant::now() + PATIENCE;
    loop {
        // An epoch that was open at the last audit is met again: it overlaps.
        let request = Request::FetchEpochs {
            camera_id: camera.camera_id,
            track,
            from_us: checker.reached_us,
            to_us: u64::MAX,
        };
        match session.ask_until(&request, deadline).await {
            Ok(Response::Epochs { opens, more }) => {
                if !checker.take(&opens) || !more {
                    break;
                }
            }
            // It has not filmed yet, or its epochs are past retention.
            Err(CallError::Refused(Refusal { code: RefusalCode::NotFound, .. })) => break,
            Ok(_) => {
                checker.alarm(not_checked(&CallError::Unexpected("no Epochs")));
                break;
            }
            Err(error) => {
                checker.alarm(not_checked(&error));
                break;
            }
        }
    }
    Ok(checker)
}

fn not_checked(error: &CallError) -> String {
    format!("its EpochOpens are not checked ({error}); audit again when the relay answers")
}
