//! The owner's side of the story: live, until there is enough to ask for, and the recordings.

use super::{Chosen, PATIENCE, Story, StoryError, at};
use crate::demo::frames;
use host::shutdown::Shutdown;
use media::time::Micros;
use owner::Span;
use owner::live::Watched;
use std::time::Duration;
use tokio::time::Instant;

/// How long the owner watches live.
const LIVE: Duration = Duration::from_secs(8);
/// Epochs that the emergency asks for.
const ASKED: u64 = 2;

impl Story<'_> {
    /// The owner watches for a while.
    pub(super) async fn live(&mut self) -> Result<Watched, StoryError> {
        self.chapter("The owner watches live");
        let stop = Shutdown::new();
        let timer = stop.clone();
        let ended = tokio::spawn(async move {
            tokio::time::sleep(LIVE).await;
            timer.request();
        });
        let path = self.cast.plan.dir.join("live.mp4");
        let sink = host::durable::private().write(true).create_new(true).open(&path).map_err(at("live"))?;
        let mut sink = tokio::fs::File::from_std(sink);
        let camera = self.camera()?.name.clone();
        let owner = &self.cast.people.owner;
        let watched =
            owner::live::live(owner, &camera, &mut sink, &stop, &mut |_| {}).await.map_err(at("live"))?;
        ended.abort();
        let latency = watched.latency_us_p50.unwrap_or_default() as f64 / 1000.0;
        self.says(format!(
            "{} fragments in {} s, {latency:.1} ms from the camera's fragment to the owner's screen (median), all opened with the owner's key",
            watched.fragments,
            LIVE.as_secs()
        ));
        Ok(watched)
    }

    /// Waits until there are whole epochs to ask for, and one after them.
    pub(super) async fn chosen(&mut self) -> Result<Chosen, StoryError> {
        self.chapter("Time passes");
        let length_us = u64::from(self.cast.plan.epoch_seconds) * 1_000_000;
        // Epochs begin at round times; the first whole one after the cameras were paired is the
        // first to ask for.
        let paired = self.cast.video.filming_since_us;
        let from_us = paired.div_ceil(length_us) * length_us;
        let to_us = from_us + ASKED * length_us;
        let enough_us = to_us + length_us;
        self.says(format!(
            "Epochs of {} s, each with a key of its own. Waiting for three whole ones.",
            self.cast.plan.epoch_seconds
        ));
        let wait = enough_us.saturating_sub(host::clock::now_us());
        tokio::time::sleep(Duration::from_micros(wait)).await;
        // The last segment of an epoch may still be on its way.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let cameras = owner::status::status(&self.cast.people.owner).await.map_err(at("cameras"))?;
            if cameras.iter().all(|camera| camera.newest_us >= enough_us) {
                return Ok(Chosen { from_us, to_us });
            }
            if Instant::now() > deadline {
                return Err(StoryError::Never("a stored segment of each camera after the third epoch"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The owner plays everything back and exports the chosen minutes.
    pub(super) async fn clip(&mut self, chosen: &Chosen) -> Result<(Watched, Option<bool>), StoryError> {
        self.chapter("The owner's recordings");
        let owner = &self.cast.people.owner;
        let mut played = Watched::default();
        let stored = owner::status::status(owner).await.map_err(at("cameras"))?;
        for camera in &stored {
            // From a moment that all of them filmed to what is durable: the segment that is being
            // filmed is no gap.
            let span = Span::new(Micros(chosen.from_us), Micros(camera.newest_us)).map_err(at("play"))?;
            let mut nowhere = tokio::io::sink();
            let watched = owner::play::play(owner, &camera.name, span, &mut nowhere, &mut |_| {}).await;
            let watched = watched.map_err(at("play"))?;
            played.segments += watched.segments;
            played.refused += watched.refused;
            played.gaps += watched.gaps;
        }
        let text = format!(
            "{} segments played back from the relay, {} gaps, {} refused: each one signed, in its chain",
            played.segments, played.gaps, played.refused
        );
        self.says(text);
        let span = Span::new(Micros(chosen.from_us), Micros(chosen.to_us)).map_err(at("export"))?;
        let clip = self.cast.plan.dir.join("clip.mp4");
        let exported = owner::export::export(owner, &self.camera()?.name, span, &clip, &mut |_| {})
            .await
            .map_err(at("export"))?;
        let source = self.cast.plan.footage.first().cloned().unwrap_or_default();
        let first = exported.files.first().map_or(clip, |file| file.path.clone());
        let plays = frames::are_the_sources(&first, &source).await;
        self.says(format!(
            "exported {} ({}); its decoded frames are {}",
            first.display(),
            exported.files.first().map_or_else(String::new, |file| format!("{} bytes", file.bytes)),
            match plays {
                Some(true) => "the source's, every one",
                Some(false) => "NOT the source's",
                None => "not compared: ffmpeg is not installed",
            }
        ));
        Ok((played, plays))
    }
}
