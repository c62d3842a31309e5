//! `candor camera run`.

use super::source::{self, Access, checked};
use super::{made, not_started};
use crate::cli::{ConfigFile, Ended, Outcome};
use camera::{Config, Mode, SoundMode, Stats};
use clap::Args;
use host::shutdown::Shutdown;
use media::epoch::GapReason;
use std::time::Duration;

/// How often a running camera says how it is.
const TELL: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    file: ConfigFile,
    /// Film this instead of the configuration's source: a video file, rtsp://... or rtsps://...,
    /// or - for fragmented MP4 on standard input.
    #[arg(long, value_name = "FILE|URL")]
    source: Option<String>,
    /// Film this as the second picture instead of the configuration's, such as the camera's
    /// substream: a video file, rtsp://... or rtsps://...
    #[arg(long, value_name = "FILE|URL")]
    sub: Option<String>,
    /// Start the file again when it ends.
    #[arg(long, requires = "source")]
    r#loop: bool,
    /// Film everything, or only what moves, whatever `mode` says under [filming] of the
    /// configuration.
    #[arg(long, value_name = "continuous|events", value_parser = mode)]
    mode: Option<Mode>,
    /// Leave the sound out, whatever `mode` says under [sound] of the configuration. The owner is
    /// told.
    #[arg(long)]
    no_audio: bool,
    #[command(flatten)]
    access: Access,
}

impl Run {
    pub(super) async fn run(self, shutdown: Shutdown) -> Outcome {
        let config = self.config()?;
        // A source that is to be left alone is not even looked at.
        if camera::duty::is_filming(&config) {
            checked(&config.source).await?;
            if let Some(sub) = &config.sub {
                source::checked_second(sub).await;
            }
        }
        let running = camera::start(config, shutdown.child()).await.map_err(not_started)?;
        let (main, sub) = (running.at().stats.clone(), running.at().sub.clone());
        tokio::select! {
            ended = running.join() => Ok(ended?),
            never = tell(&main, sub.as_ref()) => match never {},
        }
    }

    /// The configuration as the command line changes it.
    fn config(self) -> Result<Config, Ended> {
        let mut config: Config = self.file.load()?;
        config.filming.mode = self.mode.unwrap_or(config.filming.mode);
        if self.no_audio {
            config.sound.mode = SoundMode::Off;
        }
        let [source, sub] = self.access.sources(self.source.as_deref(), self.sub.as_deref(), self.r#loop)?;
        config.source = source.unwrap_or(config.source);
        config.sub = sub.or(config.sub);
        for source in std::iter::once(&config.source).chain(&config.sub) {
            source::is_private(&self.file.config, source)?;
        }
        made(&self.file)?;
        Ok(config)
    }
}

/// Says how both pictures are, again and again.
async fn tell(main: &Stats, sub: Option<&Stats>) -> std::convert::Infallible {
    let pictures = [Some((main, "filming")), sub.map(|sub| (sub, "filming the second picture"))];
    loop {
        tokio::time::sleep(TELL).await;
        for (stats, what) in pictures.into_iter().flatten() {
            let now = stats.now();
            let (waiting, bytes) = now.spooled;
            tracing::info!(
                sent = now.sent,
                acked = now.acked,
                dropped = now.dropped,
                waiting,
                waiting_bytes = bytes,
                rests = now.rests.map(GapReason::word),
                trouble = now.troubles.picture.or(now.troubles.link),
                clock = now.troubles.time.or(now.troubles.clock),
                escrow = now.troubles.escrow,
                identity = now.troubles.identity,
                "{what}"
            );
        }
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "continuous" => Ok(Mode::Continuous),
        "events" => Ok(Mode::Events),
        _ => Err("it is continuous or events".to_owned()),
    }
}
