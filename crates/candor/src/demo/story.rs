//! The story, step by step. Each step does the real thing through the parties' own functions, says
//! what came of it, and adds to the report.
//!
//! | module | chapters |
//! |---|---|
//! | `watching` | the owner watches live, time passes, the owner's recordings |
//! | `holding` | a trustee is away: who holds shares of what was filmed meanwhile |
//! | `ciphertext` | what the relay sees |
//! | `asking` | an emergency without a record and on the record; what it opens |
//! | `counting` | the owner's audit, anyone recounts |

mod asking;
mod ciphertext;
mod counting;
mod holding;
mod watching;

use super::report::{Away, Report};
use crate::cast::{CameraPart, Cast, CastError};
use host::shutdown::Shutdown;
use requester::folder::RequestFolder;
use std::time::Duration;
use tokio::time::Instant;

/// How long the story waits for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the story says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A chapter begins.
    Chapter(String),
    /// A sentence of it.
    Says(String),
}

/// Why the story broke off.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    #[error(transparent)]
    Cast(#[from] CastError),
    #[error("{step}: {error}")]
    Step { step: &'static str, error: Box<dyn std::error::Error + Send + Sync> },
    #[error("{0} did not happen in time")]
    Never(&'static str),
    #[error("stopped")]
    Stopped,
}

fn at<E: std::error::Error + Send + Sync + 'static>(step: &'static str) -> impl Fn(E) -> StoryError {
    move |error| StoryError::Step { step, error: Box::new(error) }
}

/// Tells the whole story with a cast that has just started.
pub async fn tell(
    cast: &Cast,
    stop: &Shutdown,
    say: &mut (dyn FnMut(Line) + Send),
) -> Result<Report, StoryError> {
    let began = Instant::now();
    tokio::select! {
        told = Story { cast, began, say, granted_by: Vec::new() }.tell() => told,
        () = stop.requested() => Err(StoryError::Stopped),
    }
}

struct Story<'a> {
    cast: &'a Cast,
    began: Instant,
    say: &'a mut (dyn FnMut(Line) + Send),
    /// Trustees that granted the emergency.
    granted_by: Vec<String>,
}

/// The epochs of the story: two to ask for, and the one after them.
struct Chosen {
    from_us: u64,
    to_us: u64,
}

impl Story<'_> {
    async fn tell(mut self) -> Result<Report, StoryError> {
        let live = self.live().await?;
        let chosen = self.chosen().await?;
        let away = self.away().await?;
        self.relay_sees(&chosen).await?;
        let (played, export_plays) = self.clip(&chosen).await?;

        let folder = RequestFolder::at(&self.cast.plan.dir.join("request"));
        let unlogged_refused = self.before_the_log(&chosen, &folder).await?;
        let (leaf_index, witness_cosignatures) = self.logged(&folder).await?;
        let (opened, neighbour, evidence_verified) = self.opened(&folder).await?;
        let prelogged_refused = self.before_the_footage().await?;
        let audit_found = self.audit(leaf_index).await?;
        let (public_emergency_count, monitors_agree) = self.recount().await?;

        let (segments_sent, segments_acked) = self.drained().await?;
        Ok(Report {
            segments_sent,
            segments_acked,
            segments_played: played.segments,
            live_latency_ms_p50: live.latency_us_p50.map_or(f64::NAN, |us| us as f64 / 1000.0),
            epochs_requested: opened.epochs_requested,
            epochs_opened: opened.epochs_opened,
            unlogged_refused,
            prelogged_refused,
            neighbour_epoch_refused: neighbour,
            trustee_away: Away { granted_by: std::mem::take(&mut self.granted_by), ..away },
            audit_found,
            public_emergency_count,
            leaf_index,
            witness_cosignatures,
            monitors_agree,
            export_plays,
            evidence_verified,
            folder: self.cast.plan.dir.display().to_string(),
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }

    fn chapter(&mut self, title: &str) {
        (self.say)(Line::Chapter(title.to_owned()));
    }

    fn says(&mut self, text: impl Into<String>) {
        (self.say)(Line::Says(text.into()));
    }

    /// The camera of whose footage a part is released.
    fn camera(&self) -> Result<&CameraPart, StoryError> {
        self.cast.video.cameras.first().ok_or(StoryError::Never("a camera"))
    }

    /// Sent and acknowledged, once what was sent has had time to become durable.
    async fn drained(&mut self) -> Result<(u64, u64), StoryError> {
        let cameras = &self.cast.video.cameras;
        let sent: Vec<u64> = cameras.iter().map(|camera| camera.stats.now().sent).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let acked: Vec<u64> = cameras.iter().map(|camera| camera.stats.now().acked).collect();
            if acked.iter().zip(&sent).all(|(acked, sent)| acked >= sent) || Instant::now() > deadline {
                let acked = acked.iter().zip(&sent).map(|(acked, sent)| *acked.min(sent)).sum();
                return Ok((sent.iter().sum(), acked));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
