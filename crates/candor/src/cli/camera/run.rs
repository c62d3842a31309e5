//! `candor camera run`.

use super::source::{self, Access, checked};
use super::{made, not_started};
use crate::cli::{ConfigFile, Ended, Outcome};
use camera::stats::Figures;
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
        let source = config.source.to_string();
        let running = camera::start(config, shutdown.child()).await.map_err(not_started)?;
        let (main, sub) = (running.at().stats.clone(), running.at().sub.clone());
        tokio::select! {
            ended = running.join() => ended?,
            never = tell(&main, sub.as_ref()) => match never {},
        }
        match nothing_of(&source, &main.now()) {
            Some(nothing) if !shutdown.is_requested() => Err(Ended::wrong(nothing)),
            Some(_) | None => Ok(()),
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

/// Why nothing at all was filmed of a source that ended.
fn nothing_of(source: &str, now: &Figures) -> Option<anyhow::Error> {
    let none = "it ended before its first picture".to_owned();
    let why = now.troubles.picture.clone().unwrap_or(none);
    (now.sent == 0).then(|| {
        anyhow::anyhow!(
            "nothing was filmed of {source}: {why}; standard input takes fragmented MP4 (H.264 or H.265), as deploy/README.md shows"
        )
    })
}

/// What it does, in a word: not that it films, where it does not.
fn doing(now: &Figures) -> &'static str {
    match now {
        now if now.is_retired => "retired: nothing is filmed",
        Figures { rests: Some(_), .. } => "resting",
        now if now.troubles.picture.is_some() => "NOT filming",
        _ => "filming",
    }
}

/// Says how both pictures are, again and again.
async fn tell(main: &Stats, sub: Option<&Stats>) -> std::convert::Infallible {
    let pictures = [Some((main, "")), sub.map(|sub| (sub, ", the second picture"))];
    loop {
        tokio::time::sleep(TELL).await;
        for (stats, which) in pictures.into_iter().flatten() {
            let now = stats.now();
            let doing = doing(&now);
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
                "{doing}{which}"
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut Figures)) -> Figures {
        let mut now = Figures::default();
        change(&mut now);
        now
    }

    #[test]
    fn a_source_of_which_nothing_was_filmed_ends_with_why() {
        assert!(nothing_of("door.mp4", &told(|now| now.sent = 1)).is_none());
        let none = nothing_of("standard input", &told(|_| ())).unwrap().to_string();
        assert!(
            none.contains("standard input: it ended before") && none.contains("fragmented MP4"),
            "{none}"
        );
        let trouble = told(|now| now.troubles.picture = Some("no box".to_owned()));
        assert!(nothing_of("x", &trouble).unwrap().to_string().contains("of x: no box;"));
    }

    #[test]
    fn what_does_not_film_is_not_said_to() {
        assert_eq!(doing(&told(|_| ())), "filming");
        assert_eq!(doing(&told(|now| now.troubles.picture = Some("no route".to_owned()))), "NOT filming");
        assert_eq!(doing(&told(|now| now.rests = Some(GapReason::Privacy))), "resting");
        assert_eq!(doing(&told(|now| now.is_retired = true)), "retired: nothing is filmed");
    }
}
