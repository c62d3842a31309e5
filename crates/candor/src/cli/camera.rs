//! `candor camera`.

mod discover;
mod fix;
mod probed;
mod run;
mod source;

use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use anyhow::anyhow;
use camera::{Config, Error, PairError, SpoolError};
use clap::Subcommand;
use host::shutdown::Shutdown;
use quic::{CallError, LinkError};
use seal::pair::InviteError;
use source::Access;

pub(super) use source::checked;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
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
    /// Film, seal, sign and send, until Ctrl-C.
    #[command(
        after_help = "Example: candor camera run --config camera.toml --source door.mp4 --loop\nExample: candor camera run --config camera.toml --source rtsp://10.0.0.20/1 --user viewer\nExample: candor camera run --config camera.toml --source rtsp://10.0.0.20/1 --sub rtsp://10.0.0.20/2"
    )]
    Run(run::Run),
    /// The privacy switch. While it is on nothing is filmed, and the gap is signed as privacy.
    #[command(after_help = "\
A running camera obeys within about a second; the switch stays as it is over restarts.
The source is closed. Standard input cannot be: what comes there is read and thrown away.
`status` prints on or off, and with --json {\"privacy\": true|false}.

Example: candor camera privacy --config camera.toml on")]
    Privacy {
        #[command(flatten)]
        file: ConfigFile,
        /// Film nothing, film again, or say whether it is on.
        #[arg(value_enum)]
        switch: Switch,
    },
    /// Find the cameras of the local network that speak ONVIF, or list the streams of one.
    Discover(discover::Discover),
    /// Watch a camera for some seconds: what it sends, and what to change in its settings.
    #[command(after_help = "\
Exit code 0: it can be filmed, even if something should be changed; 1: it sends no H.264 or H.265;
2: the address, the password or the certificate is wrong; 4: it does not answer.

--fix sets over ONVIF what can be set there: the distance of key frames, to one second. What a
camera's maker alone can set (smart codecs, sound, the clock) stays advice.

Example: candor camera probe rtsp://10.0.0.20/1 --user viewer --password-file door.password
Example: candor camera probe rtsp://10.0.0.20/1 --user admin --password-file door.password --fix")]
    Probe {
        /// rtsp://HOST/PATH or rtsps://HOST/PATH, without a password; or a video file.
        #[arg(value_name = "URL|FILE")]
        source: String,
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        fix: fix::Fix,
    },
}

/// What to do with the privacy switch.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Switch {
    /// Film nothing.
    On,
    /// Film again.
    Off,
    /// Say whether it is on.
    Status,
}

#[derive(serde::Serialize)]
struct Privacy {
    privacy: bool,
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file),
            Self::Pair { file, invite } => pair(terminal, &file, &invite, &shutdown).await,
            Self::Run(run) => run.run(shutdown).await,
            Self::Privacy { file, switch } => privacy(terminal, &file, switch),
            Self::Discover(discover) => discover.run(terminal, &shutdown).await,
            Self::Probe { source, access, fix } => probe(terminal, &source, access, fix, &shutdown).await,
        }
    }
}

/// The configuration of a camera that was made.
fn made(file: &ConfigFile) -> Result<Config, Ended> {
    file.load_made("camera", |config: &Config| &config.data)
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let created = camera::init(&file.load()?).map_err(Ended::wrong)?;
    terminal.done(&created, |created| {
        let next = "Next: the owner runs `candor owner invite`, then `candor camera pair` here.";
        format!("camera {}\n{next}", created.camera_id)
    })
}

async fn pair(terminal: &Terminal, file: &ConfigFile, invite: &str, shutdown: &Shutdown) -> Outcome {
    let config = made(file)?;
    let on = &mut |step| terminal.step(&step, steps::pairing_camera);
    let paired = tokio::select! {
        paired = camera::pair::pair(&config, invite, on) => paired.map_err(not_paired)?,
        () = shutdown.requested() => {
            return Err(Ended::no(anyhow!("stopped before the owner answered; the invite may be spent")));
        }
    };
    terminal
        .done(&paired, |paired| format!("paired as camera {}, with relay {}", paired.camera_id, paired.relay))
}

async fn probe(
    terminal: &Terminal,
    named: &str,
    access: Access,
    fix: fix::Fix,
    shutdown: &Shutdown,
) -> Outcome {
    let fixing = fix.of(named, &access)?;
    let source = access.source(named, false)?;
    source::is_there(&source)?;
    let probing = async {
        let found = camera::probe::probe(&source).await.map_err(|error| source::unusable(&source, error))?;
        terminal.result(&found, probed::text);
        match fixing {
            Some(fixing) => fixing.run(terminal, &found).await,
            None => Ok(()),
        }
    };
    tokio::select! {
        probed = probing => probed,
        () = shutdown.requested() => Err(Ended::no(anyhow!("stopped before it was seen"))),
    }
}

fn privacy(terminal: &Terminal, file: &ConfigFile, switch: Switch) -> Outcome {
    let config = made(file)?;
    // Thrown in another folder it would switch nothing off, and say that it had.
    if !camera::is_made(&config) {
        let (folder, config) = (config.data.display(), file.config.display());
        return Err(Ended::wrong(anyhow!(
            "{folder}: no camera lives there; name in `data` the folder that `candor camera init --config \
             {config}` made"
        )));
    }
    match switch {
        Switch::On => camera::duty::set_privacy(&config, true)?,
        Switch::Off => camera::duty::set_privacy(&config, false)?,
        Switch::Status => {}
    }
    let now = Privacy { privacy: camera::duty::is_private(&config) };
    terminal.done(&now, |now| match now.privacy {
        true => "on: nothing is filmed until `candor camera privacy off`".to_owned(),
        false => "off: the camera films as it is configured to".to_owned(),
    })
}

fn not_started(error: Error) -> Ended {
    match error {
        Error::NoSource(_) | Error::OneInput | Error::Secret(_) => Ended::wrong(error),
        Error::Spool(SpoolError::Missing(_) | SpoolError::NotPaired) => Ended::wrong(error),
        error => error.into(),
    }
}

fn not_paired(error: PairError) -> Ended {
    match error {
        PairError::Camera(error) => not_started(error),
        PairError::Spool(SpoolError::Paired | SpoolError::Missing(_))
        | PairError::Invite(InviteError::Malformed(_))
        | PairError::Link(LinkError::Address { .. }) => Ended::wrong(error),
        PairError::Link(LinkError::WrongKey)
        | PairError::Call(CallError::Refused(_) | CallError::Unexpected(_)) => Ended::no(error),
        PairError::Link(_) | PairError::Call(_) | PairError::NoAnswer | PairError::Spool(_) => error.into(),
        _ => Ended::no(error),
    }
}
