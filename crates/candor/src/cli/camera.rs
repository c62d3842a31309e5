//! `candor camera`.

use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use anyhow::anyhow;
use camera::{Config, SourceConfig};
use clap::Subcommand;
use host::shutdown::Shutdown;
use std::path::PathBuf;
use std::time::Duration;

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
    #[command(after_help = "Example: candor camera run --config camera.toml --source door.mp4 --loop")]
    Run {
        #[command(flatten)]
        file: ConfigFile,
        /// Another source than the configuration's: a video file, or - for fragmented MP4 on standard input.
        #[arg(long, value_name = "FILE")]
        source: Option<PathBuf>,
        /// Begin the file anew when it ends.
        #[arg(long, requires = "source")]
        r#loop: bool,
    },
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = camera::init(&file.load()?)?;
                terminal.result(&created, |created| {
                    format!("camera {}\nNext: the owner runs `candor owner invite`, then `candor camera pair` here.", created.camera_id)
                });
            }
            Self::Pair { file, invite } => {
                let config = file.load()?;
                let on = &mut |step| terminal.step(&step, steps::pairing_camera);
                let paired = tokio::select! {
                    paired = camera::pair::pair(&config, &invite, on) => paired?,
                    () = shutdown.requested() => return Err(Ended::no(anyhow!("stopped before the owner answered; the invite may be spent"))),
                };
                terminal.result(&paired, |paired| {
                    format!("paired as camera {}, with relay {}", paired.camera_id, paired.relay)
                });
            }
            Self::Run { file, source, r#loop } => {
                let mut config: Config = file.load()?;
                if let Some(path) = source {
                    config.source = SourceConfig { path, looped: r#loop };
                }
                let running = camera::start(config, shutdown.child()).await?;
                let stats = running.at().stats.clone();
                let telling = async {
                    loop {
                        tokio::time::sleep(TELL).await;
                        let (waiting, bytes) = stats.spooled();
                        tracing::info!(
                            sent = stats.segments_sent(),
                            acked = stats.segments_acked(),
                            waiting,
                            waiting_bytes = bytes,
                            trouble = stats.trouble().or_else(|| stats.link_trouble()),
                            "filming"
                        );
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
