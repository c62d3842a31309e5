//! `candor camera`.

mod probed;
mod source;

use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use anyhow::anyhow;
use camera::{Config, Error, Mode, PairError, SpoolError};
use clap::Subcommand;
use host::shutdown::Shutdown;
use media::epoch::GapReason;
use quic::LinkError;
use seal::pair::InviteError;
use source::Access;
use std::time::Duration;

pub(super) use source::checked;

/// How often a running camera says how it is.
const TELL: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the camera's identity and its empty spool, once.
    #[command(after_help = "Example: candor camera init --config camera.toml")]
    Init(ConfigFile),
    /// Pair with the owner who made this invite. It works once.
    #[command(after_help = "Example: candor camera pair --config camera.toml 'candor://pair?relay=...'")]
    Pair {
        #[command(flatten)]
        file: ConfigFile,
        /// The owner's invite: candor://pair?...
        invite: String,
    },
    /// Film: seal, sign, deal and send, until Ctrl-C.
    #[command(
        after_help = "Example: candor camera run --config camera.toml --source door.mp4 --loop\nExample: candor camera run --config camera.toml --source rtsp://10.0.0.20/1 --user viewer\nExample: candor camera run --config camera.toml --source rtsp://10.0.0.20/1 --sub rtsp://10.0.0.20/2"
    )]
    Run {
        #[command(flatten)]
        file: ConfigFile,
        /// Another source than the configuration's: a video file, rtsp://... or rtsps://..., or - for fragmented MP4 on standard input.
        #[arg(long, value_name = "FILE|URL")]
        source: Option<String>,
        /// Another second picture than the configuration's, such as the camera's substream: a video file, rtsp://... or rtsps://...
        #[arg(long, value_name = "FILE|URL")]
        sub: Option<String>,
        /// Begin the file anew when it ends.
        #[arg(long, requires = "source")]
        r#loop: bool,
        /// Film everything, or only what moves, whatever `mode` under [filming] says.
        #[arg(long, value_name = "continuous|events", value_parser = mode)]
        mode: Option<Mode>,
        #[command(flatten)]
        access: Access,
    },
    /// The privacy switch. While it is on, nothing is captured: the source is let go, and the gap is signed as privacy.
    #[command(after_help = "\
The switch stays as it is over restarts, and a running camera obeys within about a second.
On standard input nothing can be let go: what comes is read and thrown away.
`status` prints on or off, and with --json {\"privacy\": true|false}.

Example: candor camera privacy --config camera.toml on")]
    Privacy {
        #[command(flatten)]
        file: ConfigFile,
        /// Film nothing, film again, or say how it stands.
        #[arg(value_enum)]
        switch: Switch,
    },
    /// Look at a camera for some seconds: what it sends, and what to change in its settings.
    #[command(after_help = "\
Exit code 0: it can be filmed, whatever is advised; 1: it sends no H.264 or H.265;
2: the address or the password is wrong; 4: it does not answer.

Example: candor camera probe rtsp://10.0.0.20/1 --user viewer --password-file door.password")]
    Probe {
        /// rtsp://HOST/PATH or rtsps://HOST/PATH, without a password; or a video file.
        #[arg(value_name = "URL|FILE")]
        source: String,
        #[command(flatten)]
        access: Access,
    },
}

/// What to do with the privacy switch.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Switch {
    /// Film nothing.
    On,
    /// Film again.
    Off,
    /// Say how it stands.
    Status,
}

#[derive(serde::Serialize)]
struct Privacy {
    privacy: bool,
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "continuous" => Ok(Mode::Continuous),
        "events" => Ok(Mode::Events),
        _ => Err("it is continuous or events".to_owned()),
    }
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = camera::init(&file.load()?).map_err(Ended::wrong)?;
                terminal.result(&created, |created| {
                    format!("camera {}\nNext: the owner runs `candor owner invite`, then `candor camera pair` here.", created.camera_id)
                });
            }
            Self::Pair { file, invite } => {
                let config: Config = file.load()?;
                file.made("camera", &config.data)?;
                let on = &mut |step| terminal.step(&step, steps::pairing_camera);
                let paired = tokio::select! {
                    paired = camera::pair::pair(&config, &invite, on) => paired.map_err(not_paired)?,
                    () = shutdown.requested() => return Err(Ended::no(anyhow!("stopped before the owner answered; the invite may be spent"))),
                };
                terminal.result(&paired, |paired| {
                    format!("paired as camera {}, with relay {}", paired.camera_id, paired.relay)
                });
            }
            Self::Probe { source, access } => {
                let source = access.source(&source, false)?;
                let found = tokio::select! {
                    found = camera::probe::probe(&source) => found.map_err(|error| source::unusable(&source, error))?,
                    () = shutdown.requested() => return Err(Ended::no(anyhow!("stopped before it was seen"))),
                };
                terminal.result(&found, probed::text);
            }
            Self::Privacy { file, switch } => {
                let config: Config = file.load()?;
                file.made("camera", &config.data)?;
                // Thrown in another folder it would switch nothing off, and say that it had.
                if !camera::is_made(&config) {
                    let (folder, config) = (config.data.display(), file.config.display());
                    return Err(Ended::wrong(anyhow!(
                        "{folder}: no camera lives there; name in `data` the folder that `candor camera init --config {config}` made"
                    )));
                }
                match switch {
                    Switch::On => camera::duty::set_privacy(&config, true)?,
                    Switch::Off => camera::duty::set_privacy(&config, false)?,
                    Switch::Status => {}
                }
                let now = Privacy { privacy: camera::duty::is_private(&config) };
                terminal.result(&now, |now| match now.privacy {
                    true => "on: nothing is filmed until `candor camera privacy off`".to_owned(),
                    false => "off: the camera films as it is configured to".to_owned(),
                });
            }
            Self::Run { file, source, sub, r#loop, mode, access } => {
                let mut config: Config = file.load()?;
                config.filming.mode = mode.unwrap_or(config.filming.mode);
                let [source, sub] = access.sources(source.as_deref(), sub.as_deref(), r#loop)?;
                config.source = source.unwrap_or(config.source);
                config.sub = sub.or(config.sub);
                for source in std::iter::once(&config.source).chain(&config.sub) {
                    source::is_private(&file.config, source)?;
                }
                file.made("camera", &config.data)?;
                // A source that is to be left alone is not even looked at.
                if camera::duty::is_filming(&config) {
                    checked(&config.source).await?;
                    if let Some(sub) = &config.sub {
                        source::checked_second(sub).await;
                    }
                }
                let running = camera::start(config, shutdown.child()).await.map_err(not_started)?;
                let (stats, sub) = (running.at().stats.clone(), running.at().sub.clone());
                let telling = async {
                    loop {
                        tokio::time::sleep(TELL).await;
                        let (waiting, bytes) = stats.spooled();
                        tracing::info!(
                            sent = stats.segments_sent(),
                            acked = stats.segments_acked(),
                            waiting,
                            waiting_bytes = bytes,
                            rests = stats.rests().map(GapReason::word),
                            trouble = stats.trouble().or_else(|| stats.link_trouble()),
                            clock = stats.clock_trouble(),
                            "filming"
                        );
                        if let Some(sub) = &sub {
                            let (waiting, bytes) = sub.spooled();
                            tracing::info!(
                                sent = sub.segments_sent(),
                                acked = sub.segments_acked(),
                                dropped = sub.segments_dropped(),
                                waiting,
                                waiting_bytes = bytes,
                                trouble = sub.trouble().or_else(|| sub.link_trouble()),
                                "filming the second picture"
                            );
                        }
                    }
                };
                tokio::select! {
                    ended = running.join() => ended?,
                    () = telling => {}
                }
            }
        }
        Ok(())
    }
}

fn not_started(error: Error) -> Ended {
    match error {
        Error::NoSource(_) | Error::OneInput | Error::Identity(_) | Error::Secret(_) => Ended::wrong(error),
        Error::Spool(SpoolError::Missing(_) | SpoolError::NotPaired) => Ended::wrong(error),
        error => error.into(),
    }
}

fn not_paired(error: Error) -> Ended {
    match &error {
        Error::Pair(pair) => match pair {
            PairError::Invite(InviteError::Malformed(_)) => Ended::wrong(error),
            PairError::Link(LinkError::Address { .. }) => Ended::wrong(error),
            PairError::Link(LinkError::WrongKey) => Ended::no(error),
            PairError::Link(_) | PairError::Call(_) | PairError::NoAnswer | PairError::Spool(_) => {
                error.into()
            }
            _ => Ended::no(error),
        },
        Error::Spool(SpoolError::Paired | SpoolError::Missing(_)) => Ended::wrong(error),
        _ => not_started(error),
    }
}
