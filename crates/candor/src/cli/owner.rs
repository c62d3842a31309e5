//! `candor owner`.

mod address;
mod alarm;
mod bridge;
mod camera;
mod cameras;
mod picture;
mod policy;
mod token;
mod watch;

use super::browser;
use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use crate::words::audit_text;
use anyhow::Context as _;
use clap::Subcommand;
use host::running::Running;
use host::shutdown::Shutdown;
use owner::app::{AppError, At};
use owner::audit::{AuditError, Since};
use owner::book::BookError;
use owner::pair::{Invitation, PairError};
use owner::policy::LeafError;
use owner::{Config, Owner};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use watch::{Between, Excerpt, Watch};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the owner's keys, once; prints the root key that the relay's operator lists.
    #[command(after_help = "Example: candor owner init --config owner.toml")]
    Init(ConfigFile),
    /// Invite one camera: print a one-time URL and its QR code, wait, and pair.
    #[command(after_help = "Example: candor owner invite --config owner.toml front-door")]
    Invite {
        #[command(flatten)]
        file: ConfigFile,
        /// What you call the camera; the name stays on this device.
        name: String,
    },
    /// List your cameras, and what the relay says of each.
    #[command(after_help = "\
A camera that films a second picture has a line for it, `sub`, that says what is stored of it.
rate: the newest minute's bytes over its filmed time.
waiting: how many segments the camera still held back when its newest one began.
clock: the relay's clock minus the camera's.
shares: how many trustees hold a share of the key under which it films, of how many; and how many of them
must grant before anything is released.
Example: candor owner cameras --config owner.toml")]
    Cameras(ConfigFile),
    /// Rename a camera, give it a new key, or retire it.
    #[command(
        subcommand,
        after_help = "In order: rename at any time; rekey when somebody else may have its key; retire when it is gone."
    )]
    Camera(camera::Verb),
    /// Watch live, until Ctrl-C: fragmented MP4 on standard output (for ffplay -) or into a file.
    #[command(after_help = "Example: candor owner live --config owner.toml front-door | ffplay -")]
    Live(Watch),
    /// Play a recorded span: fragmented MP4 on standard output or into a file.
    #[command(
        after_help = "Example: candor owner play --config owner.toml front-door --from 10m --to 5m -o past.mp4"
    )]
    Play {
        #[command(flatten)]
        watch: Watch,
        #[command(flatten)]
        between: Between,
    },
    /// Export a recorded span as a plain MP4; the same span always gives the same bytes.
    #[command(
        after_help = "Example: candor owner export --config owner.toml front-door --from 2h --to 1h -o clip.mp4"
    )]
    Export(Excerpt),
    /// Write a recorded span as evidence for others: whole epochs with their keys, signed by this
    /// device.
    #[command(after_help = "\
Whoever has the file can watch these epochs, and no others. Strangers check it, and make the film of
it, with `candor verify`. A name that ends in .zip makes a court file: films, a page in plain words and
the evidence in one. A span over a change of the policy takes two files.
Example: candor owner evidence --config owner.toml front-door --from 2h --to 1h -o door.zip")]
    Evidence(Excerpt),
    /// Serve your own page on this device, until Ctrl-C: live, timeline, releases, export, audit.
    #[command(after_help = "\
Its address is the same at each start, with the token that opens it: keep it as a bookmark, and pass it to
nobody (`candor owner address` makes others, and revokes them). Where other people have accounts on this
device, use --once: whoever listens on the page's port while it is away is told the token by a browser
that opens the bookmark.
Example: candor owner app --config owner.toml --open")]
    App {
        #[command(flatten)]
        file: ConfigFile,
        /// Listen on this port of 127.0.0.1; else on that of the last start.
        #[arg(long)]
        port: Option<u16>,
        /// Under a new address, which ends with it; the kept ones open nothing.
        #[arg(long)]
        once: bool,
        /// Open the page in this device's browser.
        #[arg(long)]
        open: bool,
    },
    /// Say from which other devices the page may be opened.
    #[command(subcommand, after_help = "In order: add, then list or revoke at any time.")]
    Address(address::AddressVerb),
    /// Tell when a camera goes offline or has no picture, and when that is over, until Ctrl-C; also
    /// by a command or a webhook.
    #[command(after_help = "\
Of the cameras that [alarm] of the configuration names it also tells that something moved, once in its pause of
ten minutes and not in quiet hours. A command is given a picture, as a file (CANDOR_ALARM_PICTURE) that is gone
when it ends; a webhook is given it sealed, for `candor owner picture open`.
Example: candor owner alarm --config owner.toml --after 60s --webhook-file door.webhook")]
    Alarm(alarm::Alarm),
    /// Open a picture that the alarm sent, or print the key for pictures to be sealed to.
    #[command(subcommand, after_help = "In order: key (on the device that opens pictures), then open.")]
    Picture(picture::PictureVerb),
    /// Serve your cameras to programs of the house, until Ctrl-C: JSON, pictures, streams.
    #[command(after_help = "\
Who may ask has a token (`candor owner token add`). It listens on 127.0.0.1:8620, or where [bridge] of
the configuration says; what it says is not encrypted. deploy/bridge.md is its manual.
Example: candor owner bridge --config owner.toml")]
    Bridge(ConfigFile),
    /// Say which programs may ask the bridge, and what each sees.
    #[command(subcommand, after_help = "In order: add, then list or remove at any time.")]
    Token(token::TokenVerb),
    /// Show each camera's policy; with --apply, make it what the configuration says.
    #[command(after_help = "\
A policy says who holds shares of the keys, how many of them open an epoch, for what kinds of
request, and how long footage is kept ([escrow] and [footage] of the configuration). A change is
signed here, logged like everything else, and taken by the camera within one epoch. Footage keeps
the policy that it was filmed under: a later one neither opens it more easily nor takes back what
was allowed.
Example: candor owner policy --config owner.toml --apply")]
    Policy(policy::Policy),
    /// Read the log and list every record about your cameras; exit code 1 if you did not make them
    /// all, 4 if what the relay has could not be checked now.
    #[command(after_help = "Example: candor owner audit --config owner.toml")]
    Audit {
        #[command(flatten)]
        file: ConfigFile,
        /// Read from the first leaf again, not from where the last audit ended.
        #[arg(long)]
        all: bool,
    },
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file),
            Self::Invite { file, name } => invite(terminal, shutdown, &open(&file)?, &name).await,
            Self::Camera(verb) => verb.run(terminal, shutdown).await,
            Self::Cameras(file) => cameras::cameras(terminal, &open(&file)?).await,
            Self::Live(watch) => watch.live(terminal, shutdown).await,
            Self::Play { watch, between } => watch.play(terminal, shutdown, between).await,
            Self::Export(excerpt) => excerpt.export(terminal, shutdown).await,
            Self::Evidence(excerpt) => excerpt.evidence(terminal, shutdown).await,
            Self::App { file, port, once, open: opens } => {
                let (config, owner): (Config, _) = (file.load()?, open(&file)?);
                let stop = shutdown.clone();
                let running = match once {
                    true => owner::app::start(owner, port, stop).await?,
                    false => owner::app::start_kept(owner, port, stop).await?,
                };
                app(terminal, running, opens.then_some(config.keybook)).await
            }
            Self::Address(verb) => verb.run(terminal).await,
            Self::Alarm(alarm) => alarm.run(terminal, shutdown).await,
            Self::Picture(verb) => verb.run(terminal),
            Self::Bridge(file) => bridge::bridge(terminal, shutdown, open(&file)?).await,
            Self::Token(verb) => verb.run(terminal).await,
            Self::Policy(policy) => policy.run(terminal).await,
            Self::Audit { file, all } => audit(terminal, &open(&file)?, all).await,
        }
    }
}

fn open(file: &ConfigFile) -> Result<Owner, Ended> {
    let config = file.load_made("owner", |config: &Config| &config.keybook)?;
    Owner::open(config).map_err(Ended::wrong)
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let created = owner::keys::init(&file.load::<Config>()?).map_err(Ended::wrong)?;
    terminal.done(&created, |created| {
        format!(
            "root key    {}\ndevice key  {}\n\
             Give the root key to the relay's operator. Back the keybook up: whoever loses it loses the \
             footage.",
            created.root_key, created.device_key
        )
    })
}

async fn invite(terminal: &Terminal, shutdown: Shutdown, owner: &Owner, name: &str) -> Outcome {
    let invitation = owner::pair::invite(owner, name).await.map_err(not_paired)?;
    invited(terminal, shutdown, invitation).await
}

/// Shows an invite, and waits for the camera.
async fn invited(terminal: &Terminal, shutdown: Shutdown, invitation: Invitation) -> Outcome {
    if terminal.is_json() {
        terminal.line(&serde_json::json!({ "invite": invitation.url() }).to_string());
    } else {
        invitation.qr_lines().iter().for_each(|line| terminal.line(line));
        terminal.line(&format!(
            "\n{}\n\nLeave this running until the camera is paired. On the camera: candor camera pair --config camera.toml \
             '<the line above>'. It works once, and only while this runs.",
            invitation.url()
        ));
    }
    let has_answered = AtomicBool::new(false);
    let on = &mut |step| {
        has_answered.store(true, Ordering::Relaxed);
        terminal.step(&step, steps::pairing_owner);
    };
    let camera = tokio::select! {
        camera = invitation.wait(on) => camera.map_err(not_paired)?,
        () = shutdown.requested() => {
            if has_answered.load(Ordering::Relaxed) {
                let text = "stopped after the camera had answered: `candor owner cameras` says what is to be done";
                return Err(Ended::no(anyhow::anyhow!(text)));
            }
            return Ok(());
        }
    };
    terminal.done(&camera, |camera| format!("{} is paired: camera {}", camera.name, camera.camera_id))
}

async fn audit(terminal: &Terminal, owner: &Owner, all: bool) -> Outcome {
    let since = if all { Since::Beginning } else { Since::LastHead };
    let on = &mut |step| terminal.step(&step, steps::auditing);
    let report = match owner::audit::audit(owner, since, on).await {
        Ok(report) => report,
        Err(error @ AuditError::Fork { .. }) => return Err(Ended::alarm(error)),
        Err(error) => return Err(error.into()),
    };
    terminal.result(&report, audit_text);
    match &report.unchecked[..] {
        _ if report.has_alarm() || report.lacks_trustees() || !report.unreleasable.is_empty() => {
            Err(Ended::NO)
        }
        [] => Ok(()),
        _ => {
            Err(anyhow::anyhow!("not everything could be checked; audit again when the relay answers").into())
        }
    }
}

/// Says where the page is, and serves it. `open_from` is the folder from which the browser is sent
/// to it.
async fn app(terminal: &Terminal, running: Running<At, AppError>, open_from: Option<PathBuf>) -> Outcome {
    let url = running.at().url.clone();
    terminal.result(&serde_json::json!({ "url": url }), |_| {
        format!(
            "Your page is at\n\n  {url}\n\nfor a browser on this device. Whoever has this address may watch: do not pass it on. Ctrl-C ends it."
        )
    });
    let opened = open_from.map(|folder| browser::open(&folder, &url)).transpose();
    let _door =
        opened.context("no browser could be opened; open the address by hand").map_err(Ended::from)?;
    Ok(running.join().await?)
}

fn not_paired(error: PairError) -> Ended {
    match error {
        PairError::Call(_) | PairError::Leaf(LeafError::Call(_)) => error.into(),
        PairError::Book(BookError::NameTaken { .. } | BookError::BadName { .. }) => Ended::wrong(error),
        PairError::Compose(_) | PairError::Leaf(LeafError::Sponsor(_)) => Ended::wrong(error),
        PairError::TooLong => Ended::wrong(error),
        PairError::Book(_) | PairError::NotRetired { .. } => error.into(),
        error => Ended::no(error),
    }
}
