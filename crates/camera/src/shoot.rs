//! A source at work: let go while nothing is to be filmed, begun again when it breaks off or
//! freezes.
//!
//! Between two tries there are pauses; a camera that refuses the password is asked again rarely,
//! because many lock an account after a few tries. In scope: when a source is read. Out of scope:
//! how (`capture`), what becomes of its pictures (`film`).

use crate::capture::keyframes::Measuring;
use crate::capture::masked::Masked;
use crate::capture::montage::{Remark, Shot};
use crate::capture::producer;
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::heard::Heard;
use crate::mask::Mask;
use crate::source::{SourceConfig, SourceError};
use crate::stats::Stats;
use crate::timing::Oddity;
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
/// A source that ended sooner than this was not well, and the pauses go on growing.
const WELL: Duration = Duration::from_secs(60);
/// Before a camera that serves no further client is asked again, at least.
const BUSY: Duration = Duration::from_secs(15);
/// Between two tries with a password that was refused, doubling from the first to the last.
const REFUSED: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];

/// A source, and who hears of it.
pub(crate) struct Shoot {
    pub(crate) source: SourceConfig,
    pub(crate) sound: SoundMode,
    pub(crate) mask: Mask,
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
        /// From the first picture on.
        filmed: Duration,
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
            let (error, filmed) = match self.film(stop).await {
                Ended::LetGo => continue,
                Ended::ForGood => return,
                Ended::Failed { error, filmed } => (error, filmed),
            };
            self.say_trouble(&error);
            if self.heard.send(Heard::Lost).await.is_err() || !self.source.begins_again_after(&error) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.after(&error, filmed, &mut self.rng)) => {}
                ended = self.until_released(stop) => if let Ended::ForGood = ended { return },
            }
        }
    }

    /// Reads the source once, from its start to its end.
    async fn film(&self, stop: &Shutdown) -> Ended {
        let started = tokio::select! {
            started = Masked::start(&self.source, self.sound, &self.mask, &self.clocks) => started,
            ended = self.until_released(stop) => return ended,
        };
        let mut capture = match started {
            Ok(capture) => capture,
            Err(error) => return Ended::Failed { error, filmed: Duration::ZERO },
        };
        let ended = tokio::select! {
            Err(ended) = self.tell(&mut capture) => ended,
            ended = self.until_released(stop) => ended,
        };
        capture.end().await;
        ended
    }

    /// Tells what is captured. Cancel-safe, as far as a source goes that is not read any further.
    async fn tell(&self, capture: &mut Masked) -> Result<Infallible, Ended> {
        let mut measuring = Measuring::start(self.heard.clone(), self.clocks.clone());
        let (mut rests, mut since_us, mut left_out) = (None, None, None);
        loop {
            let shot = match capture.next().await {
                Ok(shot) => shot,
                // What feeds it may only pause, and it cannot be begun again: it is waited for.
                Err(error @ SourceError::Frozen(_)) if !self.source.can_be_let_go() => {
                    self.say_trouble(&error);
                    measuring.rest();
                    self.say(Heard::Lost).await?;
                    continue;
                }
                // What follows it hangs on it: until the next key frame something is missing.
                Err(error @ SourceError::LeftOut(_)) => {
                    let text = Some(error.to_string());
                    if std::mem::replace(&mut left_out, text.clone()).is_none() {
                        tracing::warn!(%error, "a picture is not filmed; this is said once");
                    }
                    self.stats.change(|now| now.troubles.picture = text);
                    self.say(Heard::Lost).await?;
                    continue;
                }
                Err(error) => {
                    let since = since_us.map_or(0, |since| self.clocks.steady_us().saturating_sub(since));
                    return Err(Ended::Failed { error, filmed: Duration::from_micros(since) });
                }
            };
            let (piece, made_us) = match shot {
                Shot::Piece(piece, made_us) => (piece, made_us),
                Shot::Hole => {
                    tracing::warn!("the camera left pictures out");
                    self.say(Heard::Lost).await?;
                    continue;
                }
                Shot::Remark(said) => {
                    self.hear(&said);
                    continue;
                }
            };
            let mut now = self.clocks.now();
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
                since_us.get_or_insert(now.steady_us);
                if let Some(made_us) = made_us {
                    // As if it had been complete when its last picture was made.
                    now = now.at(made_us.saturating_add(fragment.duration_us));
                }
            }
            measuring.see(&piece, now);
            self.say(Heard::Piece(piece, now)).await?;
        }
    }

    /// What is odd about the camera, for its owner.
    fn hear(&self, said: &Remark) {
        match said {
            Remark::AwaitsKey(secs) => self.stats.change(|now| {
                now.troubles.picture = secs.map(|secs| format!("waiting for the first key frame ({secs} s)"));
            }),
            Remark::AwaitsSets(secs) => self.stats.change(|now| {
                let text = format!("key frames come without parameter sets that can be read ({secs} s)");
                now.troubles.picture = Some(text);
            }),
            Remark::Sound(trouble) => {
                if let Some(trouble) = trouble {
                    tracing::warn!("{trouble}");
                }
                self.stats.change(|now| now.troubles.sound.clone_from(trouble));
            }
            Remark::Clock { theirs_us, at_us } => {
                tell_clock(producer::said_ms(&self.clocks, *theirs_us, *at_us), &self.stats);
            }
            Remark::Odd(Oddity::Stepped(us)) => tracing::warn!(
                seconds = *us as f64 / 1e6,
                "the camera's time stamps stepped; its pictures are filmed on, by when they come"
            ),
            Remark::Odd(Oddity::OffPace) => tracing::warn!(
                "the camera's time stamps do not go at the pace of time; its pictures bear the time at which they come"
            ),
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
fn tell_clock(ahead_ms: i64, stats: &Stats) {
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

    fn after(&mut self, error: &SourceError, filmed: Duration, rng: &mut Rng) -> Duration {
        if filmed >= WELL {
            self.away.worked();
        }
        if let SourceError::Unauthorized = error {
            self.refusals += 1;
            return pause_after_refusal(self.refusals);
        }
        self.refusals = 0;
        let [first, _] = AWAY;
        let least = if let SourceError::Busy = error { BUSY } else { first };
        self.away.failed(rng).max(least)
    }
}

/// Never shortened by chance, unlike other pauses: it keeps an account from being locked.
fn pause_after_refusal(refusals: u32) -> Duration {
    let [first, longest] = REFUSED;
    first.saturating_mul(1 << refusals.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
mod tests;
