//! What the filmed camera itself says of motion, over ONVIF: one more trigger for events.
//!
//! ```text
//! pull point -> moves, still, moves, ...   each is told to the films, and told again as long as it holds
//! no answer, or no word of motion yet
//!            -> nobody speaks: the picture decides, the owner is told once, and it is asked again after a pause
//! ```
//! It is asked on the host of the source and nowhere else, with the source's user and password, which
//! are proven and never sent. Its clock plays no part: what it says counts from when it is heard. In
//! scope: asking, and asking again. Out of scope: what becomes of it (`film`, `occasion`).

use crate::clock::Clocks;
use crate::error::Error;
use crate::filming::Filming;
use crate::heard::{Heard, Sensed};
use crate::source::{SourceConfig, SourceError, Stream};
use crate::stats::Stats;
use host::backoff::Backoff;
use host::machine::Machine;
use media::epoch::GapReason;
use onvif::{Access, Device, OnvifError, PullPoint, host_of};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// Between two tries. A password that is refused is not tried often: many cameras lock an account.
const AWAY: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(120));
const REFUSED: Duration = Duration::from_secs(600);
/// A device holds a question for some seconds; one that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// A device that answers at once instead of holding the question is not asked more often.
const LEAST: Duration = Duration::from_millis(500);

/// Asks one device for as long as it is run.
pub(crate) struct Sensor {
    stream: Stream,
    /// HOST, HOST:PORT, or the address of its device service.
    address: String,
    /// Of each track; they end by their sources.
    films: Vec<mpsc::WeakSender<Heard>>,
    stats: Stats,
    /// Why nothing is to be filmed now.
    off: watch::Receiver<Option<GapReason>>,
    machine: Machine,
}

/// Why the device is not heard.
#[derive(Debug, thiserror::Error)]
enum SensorError {
    #[error(transparent)]
    Device(#[from] OnvifError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("it answers nothing within {} s", PATIENCE.as_secs())]
    Silent,
}

impl Sensor {
    /// None where the picture alone decides.
    pub(crate) fn new(
        source: &SourceConfig,
        filming: &Filming,
        films: Vec<mpsc::WeakSender<Heard>>,
        stats: Stats,
        off: watch::Receiver<Option<GapReason>>,
        machine: Machine,
    ) -> Result<Option<Self>, Error> {
        if !filming.trigger.asks_the_camera() {
            return Ok(None);
        }
        let SourceConfig::Stream(stream) = source else { return Err(Error::NoDevice) };
        let host = host_of(&stream.url.to_string()).ok_or(Error::NoDevice)?;
        let address = filming.onvif.clone().unwrap_or_else(|| host.clone());
        let named = address.strip_prefix("http://").unwrap_or(&address);
        // A password is proven to nobody else.
        if host_of(&format!("rtsp://{named}")).is_none_or(|named| !named.eq_ignore_ascii_case(&host)) {
            return Err(Error::OtherDevice { address, host });
        }
        Ok(Some(Self { stream: stream.clone(), address, films, stats, off, machine }))
    }

    /// Asks until it is dropped.
    pub(crate) async fn run(self) {
        let (mut pauses, mut rng) = (AWAY, self.machine.rng.clone());
        loop {
            let Err(error) = self.listen(&mut pauses).await;
            self.tell_unheard(&error.to_string()).await;
            let is_refused = matches!(error, SensorError::Device(OnvifError::Unauthorized));
            sleep(if is_refused { REFUSED } else { pauses.failed(&mut rng).max(LEAST) }).await;
        }
    }

    async fn listen(&self, pauses: &mut Backoff) -> Result<std::convert::Infallible, SensorError> {
        let access = self.stream.credentials()?;
        let access = access.map(|(user, password)| Access { user: user.to_string(), password });
        let device = Device::at(&self.address, access, self.machine.clock.clone(), self.machine.rng.clone());
        let mut point: PullPoint = timeout(PATIENCE, async { device.await?.pull_point().await })
            .await
            .map_err(|_| SensorError::Silent)??;
        // One that never says a word of motion does not say that nothing moves.
        let mut moves = None;
        loop {
            let heard = timeout(PATIENCE, point.moves()).await.map_err(|_| SensorError::Silent)??;
            moves = heard.or(moves);
            pauses.worked();
            match moves {
                None => self.tell_unheard("it answers, and has said nothing of motion yet").await,
                Some(moves) => {
                    self.stats.change(|now| now.troubles.sensor = None);
                    self.tell(if moves { Sensed::Moves } else { Sensed::Still }).await;
                }
            }
            sleep(LEAST).await;
        }
    }

    async fn tell_unheard(&self, why: &str) {
        let text = format!("what the camera itself says of motion is not heard, its picture decides: {why}");
        if self.stats.now().troubles.sensor.as_ref() != Some(&text) {
            tracing::warn!("{text}");
        }
        self.stats.change(|now| now.troubles.sensor = Some(text));
        self.tell(Sensed::Nothing).await;
    }

    /// To every film, unless nothing is to be filmed.
    async fn tell(&self, sensed: Sensed) {
        if self.off.borrow().is_some() {
            return;
        }
        let clocks = Clocks::new(self.machine.clock.clone());
        for film in self.films.iter().filter_map(mpsc::WeakSender::upgrade) {
            let _ = film.send(Heard::Sensed(sensed, clocks.now())).await;
        }
    }
}

#[cfg(test)]
mod tests;
