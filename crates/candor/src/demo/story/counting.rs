//! What the record says afterwards: to the owner, and to anybody.

use super::{PATIENCE, Story, StoryError, at};
use crate::words::audit_text;
use escrow::record::Kind;
use host::http::{Fetch, FetchError, FetchLimits};
use owner::audit::{FoundKind, Row, Since};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Deserialize)]
struct Status {
    size: u64,
    alarms: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Counts {
    emergencies: Emergencies,
}

#[derive(Deserialize)]
struct Emergencies {
    completed: u64,
}

/// Why a monitor could not be asked.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("a monitor's page is not what it should be: {0}")]
    Page(#[from] serde_json::Error),
}

/// Where a monitor stands, by its own pages.
async fn ask(listen: SocketAddr) -> Result<(Status, Counts), AskError> {
    let fetch = Fetch::new(FetchLimits::default());
    // A monitor with an alarm says so with a status of 500 too.
    let status = fetch.get(&format!("http://{listen}/status")).await?.body;
    let counts = fetch.get(&format!("http://{listen}/counts")).await?.ok()?;
    Ok((serde_json::from_slice(&status)?, serde_json::from_slice(&counts)?))
}

impl Story<'_> {
    /// The owner reads the log.
    pub(super) async fn audit(&mut self, leaf_index: u64) -> Result<bool, StoryError> {
        self.chapter("The owner's audit");
        let audited = owner::audit::audit(&self.cast.people.owner, Since::LastHead, &mut |_| {}).await;
        let report = audited.map_err(at("audit"))?;
        let text = audit_text(&report);
        text.lines().for_each(|line| self.says(line));
        let is_it = |row: &&Row| {
            row.leaf_index == leaf_index && row.kind == FoundKind::Request(Kind::Emergency) && !row.expected
        };
        Ok(report.rows.iter().any(|row| is_it(&row)))
    }

    /// Anybody counts.
    pub(super) async fn recount(&mut self) -> Result<(u64, bool), StoryError> {
        self.chapter("Anyone recounts");
        let config = &self.cast.monitors.first().ok_or(StoryError::Never("a monitor"))?.config;
        let recounted = monitor::check(config, None).await.map_err(at("monitor check"))?;
        let completed = recounted.counts.emergencies().completed;
        self.says(format!(
            "{} leaves recounted from the log alone: {completed} emergency release(s) completed",
            recounted.size
        ));
        let deadline = Instant::now() + PATIENCE;
        let agree = loop {
            let mut pages = Vec::new();
            for monitor in &self.cast.monitors {
                pages.push(ask(monitor.config.listen).await.map_err(at("monitor status"))?);
            }
            let caught_up = pages.iter().all(|(status, _)| status.size >= recounted.size);
            let quiet = pages.iter().all(|(status, _)| status.alarms.is_empty());
            let same = pages.iter().all(|(_, counts)| counts.emergencies.completed == completed);
            if caught_up || Instant::now() > deadline {
                break caught_up && quiet && same;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        self.says(match agree {
            true => "both monitors follow the same log, see no fork, and count the same",
            false => "the monitors do NOT agree",
        });
        Ok((completed, agree))
    }
}
