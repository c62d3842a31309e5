//! A source at work: let go while nothing is to be filmed, begun again when it breaks off or
//! freezes.
//!
//! Between two tries there are pauses; a camera that refuses the password is asked again rarely,
//! because many lock an account after a few tries. In scope: when a source is read. Out of scope:
//! how (`capture`), what becomes of its pictures (`film`).

use crate::capture::Capture;
use crate::capture::keyframes::Measuring;
use crate::capture::producer;
use crate::clock::Clocks;
use crate::heard::Heard;
use crate::source::{SourceConfig, SourceError};
use crate::stats::Stats;
use container::split::Piece;
use host::backoff::Backoff;
use host::rng::Rng;
use host::shutdown::Shutdown;
use media::epoch::GapReason;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Between two tries to start a source: it may be a network share, a file that is still written, a
/// camera that reboots.
const AWAY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// Between two tries with a password that was refused, doubling from the first to the last.
const REFUSED: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];

/// A source, and who hears of it.
pub(crate) struct Shoot {
    pub(crate) source: SourceConfig,
    pub(crate) heard: mpsc::Sender<Heard>,
    pub(crate) stats: Stats,
    /// Why nothing is to be filmed now.
    pub(crate) off: watch::Receiver<Option<GapReason>>,
    pub(crate) clocks: Clocks,
    pub(crate) rng: Rng,
}

/// Why a source is no longer read.
#[derive(Debug)]
enum Ended {
    /// Nothing is to be filmed for now.
    LetGo,
    /// The camera stops, or there is nobody to film for.
    ForGood,
    Failed {
        error: SourceError,
        had_pictures: bool,
    },
}

impl Shoot {
    /// Films until `stop`, or there is nobody to film for, or a source that is played once has
    /// ended. Whatever else ends it, it is begun again.
    pub(crate) async fn run(mut self, stop: &Shutdown) {
        let mut pauses = Pauses::new();
        loop {
            let reason = *self.off.borrow_and_update();
            if let Some(reason) = reason
                && self.source.can_be_let_go()
            {
                tracing::info!(?reason, "nothing is filmed");
                self.stats.change(|now| now.troubles.picture = None);
                if self.heard.send(Heard::Off(reason)).await.is_err() {
                    return;
                }
                tokio::select! {
                    _ = self.off.changed() => continue,
                    () = stop.requested() => return,
                }
            }
            let (error, had_pictures) = match self.film(stop).await {
                Ended::LetGo => continue,
                Ended::ForGood => return,
                Ended::Failed { error, had_pictures } => (error, had_pictures),
            };
            self.say_trouble(&error);
            if self.heard.send(Heard::Lost).await.is_err() || !self.source.begins_again_after(&error) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.after(&error, had_pictures, &mut self.rng)) => {}
                ended = self.until_released(stop) => if let Ended::ForGood = ended { return },
            }
        }
    }

    /// Reads the source once, from its start to its end.
    async fn film(&self, stop: &Shutdown) -> Ended {
        let started = tokio::select! {
            started = Capture::start(&self.source) => started,
            ended = self.until_released(stop) => return ended,
        };
        let mut capture = match started {
            Ok(capture) => capture,
            Err(error) => return Ended::Failed { error, had_pictures: false },
        };
        let ended = tokio::select! {
            Err(ended) = self.tell(&mut capture) => ended,
            ended = self.until_released(stop) => ended,
        };
        capture.end().await;
        ended
    }

    /// Tells what is captured. Cancel-safe, as far as a source goes that is not read any further.
    async fn tell(&self, capture: &mut Capture) -> Result<Infallible, Ended> {
        let mut measuring = Measuring::start(self.heard.clone(), self.clocks.clone());
        let (mut rests, mut had_pictures) = (None, false);
        loop {
            let piece = match capture.next().await {
                Ok(piece) => piece,
                // What feeds it may only pause, and it cannot be begun again: it is waited for.
                Err(error @ SourceError::Frozen) if !self.source.can_be_let_go() => {
                    self.say_trouble(&error);
                    measuring.rest();
                    self.say(Heard::Lost).await?;
                    continue;
                }
                Err(error) => return Err(Ended::Failed { error, had_pictures }),
            };
            let now = self.clocks.now();
            if let Piece::Fragment(fragment) = &piece {
                // What cannot be let go is read, and its pictures are thrown away.
                let reason = *self.off.borrow();
                let is_new = std::mem::replace(&mut rests, reason) != reason;
                if let Some(reason) = reason {
                    if is_new {
                        measuring.rest();
                        self.say(Heard::Off(reason)).await?;
                    }
                    continue;
                }
                had_pictures = true;
                if self.source.is_live() {
                    tell_clock(producer::ahead_ms(fragment, now.wall_us), &self.stats);
                }
            }
            measuring.see(&piece);
            self.say(Heard::Piece(piece, now)).await?;
        }
    }

    async fn say(&self, heard: Heard) -> Result<(), Ended> {
        self.heard.send(heard).await.map_err(|_| Ended::ForGood)
    }

    fn say_trouble(&self, error: &SourceError) {
        tracing::warn!(%error, "no picture");
        self.stats.change(|now| now.troubles.picture = Some(error.to_string()));
    }

    /// Waits until the source is to be let go, for now or for good.
    async fn until_released(&self, stop: &Shutdown) -> Ended {
        let mut off = self.off.clone();
        let let_go = async {
            if !self.source.can_be_let_go() || off.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = let_go => Ended::LetGo,
            () = stop.requested() => Ended::ForGood,
        }
    }
}

/// Says that a camera's clock went wrong, or right, once.
fn tell_clock(ahead_ms: Option<i64>, stats: &Stats) {
    let Some(ahead_ms) = ahead_ms else { return };
    let fault = producer::fault(ahead_ms);
    match (&fault, stats.now().troubles.clock) {
        (Some(fault), None) => tracing::warn!(
            ahead_ms,
            "{fault}: a time that it draws into its pictures is wrong, recordings bear this machine's; have it set its clock by NTP"
        ),
        (None, Some(_)) => tracing::info!(ahead_ms, "the camera's clock is right again"),
        (None, None) | (Some(_), Some(_)) => {}
    }
    stats.change(|now| now.troubles.clock = fault);
}

/// How long to wait before a source is begun again.
struct Pauses {
    away: Backoff,
    refusals: u32,
}

impl Pauses {
    fn new() -> Self {
        let [first, longest] = AWAY;
        Self { away: Backoff::new(first, longest), refusals: 0 }
    }

    fn after(&mut self, error: &SourceError, had_pictures: bool, rng: &mut Rng) -> Duration {
        if had_pictures {
            self.away.worked();
        }
        if let SourceError::Unauthorized = error {
            self.refusals += 1;
            return pause_after_refusal(self.refusals);
        }
        self.refusals = 0;
        let [first, _] = AWAY;
        self.away.failed(rng).max(first)
    }
}

/// Never shortened by chance, unlike other pauses: it keeps an account from being locked.
fn pause_after_refusal(refusals: u32) -> Duration {
    let [first, longest] = REFUSED;
    first.saturating_mul(1 << refusals.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
mod tests;
