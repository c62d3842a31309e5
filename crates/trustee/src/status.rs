//! What an operator asks: whether the log is followed, what waits, what an alarm stands for.

use crate::daykeys::DayState;
use crate::follow::Progress;
use crate::ledger::Totals;
use crate::state::Trustee;
use serde::Serialize;
use std::collections::BTreeMap;
use tlog::note::Verifier;

/// What `GET /status` tells.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub name: String,
    pub vkey: String,
    pub state: Health,
    /// `true` where no human decides: for tests and the demo only.
    pub auto_approve: bool,
    /// What its configuration leads to, in sentences: what an operator should know, and need not act on.
    pub warnings: Vec<String>,
    /// Leaves read and verified.
    pub size: u64,
    /// When a quorum had cosigned that head, Unix seconds.
    pub cosigned_at: Option<u64>,
    pub last_good_look_secs: Option<u64>,
    /// Why the last look brought nothing, if so.
    pub error: Option<String>,
    pub approvers: Vec<String>,
    /// Requests that wait for a human or for their time.
    pub pending: usize,
    #[serde(flatten)]
    pub totals: Totals,
    pub day_keys: BTreeMap<u32, DayState>,
    /// What an operator must look at.
    pub alarms: Vec<String>,
}

/// How following the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Not read to a fresh head since the start.
    CatchingUp,
    Following,
    /// The last look brought nothing.
    LogUnreachable,
    /// The log contradicted itself: nothing is granted any more.
    Forked,
    /// The log stamped an entry as no honest log does: nothing is granted any more.
    BadStamp,
}

impl Health {
    fn of(progress: &Progress) -> Self {
        match (&progress.error, progress.caught_up) {
            _ if progress.forked => Self::Forked,
            _ if progress.bad_stamp.is_some() => Self::BadStamp,
            (_, false) => Self::CatchingUp,
            (Some(_), true) => Self::LogUnreachable,
            (None, true) => Self::Following,
        }
    }
}

impl Trustee {
    /// What an operator asks.
    pub async fn status(&self) -> Status {
        let kept = |papers: &crate::desk::Papers| {
            (papers.ledger.totals(), papers.waiting.count(), papers.days.states())
        };
        let (totals, pending, day_keys) = self.desk.run(kept).await;
        let mut alarms = Vec::new();
        let totals = totals.map_err(|error| alarms.push(error.to_string())).unwrap_or_default();
        let pending = pending.map_err(|error| alarms.push(error.to_string())).unwrap_or_default();
        let progress = self.log.follower.progress();
        if progress.forked {
            alarms.push("fork".to_owned());
        }
        if let Some(evidence) = &progress.bad_stamp {
            alarms.push(format!("log-stamp {}", evidence.display()));
        }
        let lost = day_keys.iter().filter(|(_, state)| **state == DayState::Lost);
        alarms.extend(lost.map(|(day, _)| format!("day-key-lost {day}")));
        let view = self.log.follower.view();
        if progress.caught_up && !view.register.is_trustee(&self.office.name, &self.vkey()) {
            alarms.push("not-in-rules: the rules in force do not name this trustee's key, and nothing that it logs counts; no key of a day is published".to_owned());
        }
        let clock = &self.machine.clock;
        let contradicted = self.time.contradicted_by(self.now(), clock.steady());
        alarms.extend(contradicted.map(|alarm| alarm.to_string()));
        Status {
            name: self.office.name.to_string(),
            vkey: self.vkey().vkey(),
            state: Health::of(&progress),
            auto_approve: self.office.auto.is_some(),
            warnings: self.office.warnings.clone(),
            size: view.head.size,
            cosigned_at: progress.cosigned_at,
            last_good_look_secs: progress.good_look.map(|at| at.elapsed().as_secs()),
            error: progress.error,
            approvers: self.office.approvers.iter().map(Verifier::vkey).collect(),
            pending,
            totals,
            day_keys,
            alarms,
        }
    }
}
