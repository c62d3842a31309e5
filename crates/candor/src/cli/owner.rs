//! `candor owner`.

mod alarm;
mod cameras;
mod policy;

use super::browser;
use super::terminal::table;
use super::when::{When, show_us, span};
use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use host::shutdown::Shutdown;
use media::id::TrackId;
use owner::audit::{AuditError, Report, Since};
use owner::book::BookError;
use owner::export::ExportError;
use owner::live::{Event, WatchError, Watched};
use owner::pair::PairError;
use owner::policy::LeafError;
use owner::{Config, Owner, Picture};
use std::path::PathBuf;
use tokio::io::AsyncWrite;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the owner's keys, once; prints the root key that the relay's operator lists.
    #[command(after_help = "Example: candor owner init --config owner.toml")]
    Init(ConfigFile),
    /// Invite one camera: prints a one-time URL and its QR code, waits, and pairs.
    #[command(after_help = "Example: candor owner invite --config owner.toml front-door")]
    Invite {
        #[command(flatten)]
        file: ConfigFile,
        /// What you call the camera; the name never leaves this device.
        name: String,
    },
    /// The cameras in the book, and what the relay says of them.
    #[command(after_help = "\
A camera that films a second picture has a line for it, `sub`: what is stored of that one.
rate: bytes of the newest minute over its filmed time; waiting: segments that the camera still kept when its newest one began;
clock: the relay's clock minus the camera's.
Example: candor owner cameras --config owner.toml")]
    Cameras(ConfigFile),
    /// Watch live: fragmented MP4 to standard output (pipe it into ffplay -) or a file, until Ctrl-C.
    #[command(after_help = "Example: candor owner live --config owner.toml front-door | ffplay -")]
    Live {
        #[command(flatten)]
        watch: Watch,
    },
    /// Play a recorded span: fragmented MP4 to standard output or a file.
    #[command(
        after_help = "Example: candor owner play --config owner.toml front-door --from 10m --to 5m -o past.mp4"
    )]
    Play {
        #[command(flatten)]
        watch: Watch,
        #[command(flatten)]
        between: Between,
    },
    /// Export a recorded span as a plain MP4 that plays everywhere; the same span twice gives the same bytes.
    #[command(
        after_help = "Example: candor owner export --config owner.toml front-door --from 2h --to 1h -o clip.mp4"
    )]
    Export {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        between: Between,
        /// The MP4 to write. A span with a change of codec gets a further file for each run.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Serve your own page on this device, until Ctrl-C: cameras live, a timeline with releases, export, audit.
    #[command(after_help = "Example: candor owner app --config owner.toml --open")]
    App {
        #[command(flatten)]
        file: ConfigFile,
        /// Listen on this port of 127.0.0.1 instead of one that the system chooses.
        #[arg(long)]
        port: Option<u16>,
        /// Open the page in this device's browser.
        #[arg(long)]
        open: bool,
    },
    /// Tell when a camera is offline and when it is back, until Ctrl-C: one line each, and a command or a webhook.
    #[command(
        after_help = "Example: candor owner alarm --config owner.toml --after 60s --webhook-file door.webhook"
    )]
    Alarm(alarm::Alarm),
    /// What each camera's policy says; with --apply, make it what the configuration says.
    #[command(after_help = "\
The policy is what a camera films under: who holds shares and how many of them open an epoch, for what they may, how long
footage is kept ([escrow] and [footage] of the configuration). A change is signed here, logged like everything else, and
taken by the camera within one epoch. Footage that was filmed before keeps the policy it was filmed under: nothing opens it
more easily afterwards, and nothing takes back what was allowed.
Example: candor owner policy --config owner.toml --apply")]
    Policy(policy::Policy),
    /// Read the log, verified, and list every record about your cameras; exit code 1 if you did not make them all.
    #[command(after_help = "Example: candor owner audit --config owner.toml")]
    Audit {
        #[command(flatten)]
        file: ConfigFile,
        /// Read from the first leaf again, instead of from where the last audit ended.
        #[arg(long)]
        all: bool,
    },
}

/// Which picture of which camera.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The camera's name in the book.
    camera: String,
    /// Its second picture, at a lower rate, if it films one.
    #[arg(long)]
    sub: bool,
}

impl Which {
    fn picture(&self) -> Picture<'_> {
        let track = if self.sub { TrackId::SUB } else { TrackId::MAIN };
        Picture { camera: &self.camera, track }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    which: Which,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Between {
    /// From: 2026-11-25T14:03:00Z, Unix seconds, or how long ago, such as 10m.
    #[arg(long)]
    from: When,
    /// To, in the same forms.
    #[arg(long, default_value = "now")]
    to: When,
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = owner::keys::init(&file.load::<Config>()?).map_err(Ended::wrong)?;
                terminal.result(&created, |created| {
                    format!(
                        "root key    {}\ndevice key  {}\nGive the root key to the relay's operator. Back the keybook up: whoever loses it loses the footage.",
                        created.root_key, created.device_key
                    )
                });
            }
            Self::Invite { file, name } => invite(terminal, shutdown, &open(&file)?, &name).await?,
            Self::Cameras(file) => cameras::cameras(terminal, &open(&file)?).await?,
            Self::Live { watch } => {
                let owner = open(&watch.file)?;
                let mut sink = sink(watch.output.as_ref()).await?;
                let on = &mut |event| report(terminal, event);
                let watched =
                    owner::live::live(&owner, watch.which.picture(), &mut sink, &shutdown, on).await;
                let watched = watched.map_err(not_watched)?;
                told(terminal, &watched);
            }
            Self::Play { watch, between } => {
                let owner = open(&watch.file)?;
                let span = span(between.from, between.to)?;
                let mut sink = sink(watch.output.as_ref()).await?;
                let on = &mut |event| report(terminal, event);
                let watched = tokio::select! {
                    watched = owner::play::play(&owner, watch.which.picture(), span, &mut sink, on) => watched.map_err(not_watched)?,
                    () = shutdown.requested() => return Ok(()),
                };
                told(terminal, &watched);
            }
            Self::Export { file, which, between, output } => {
                let owner = open(&file)?;
                let span = span(between.from, between.to)?;
                let bar = bar(terminal, between);
                let on = &mut |event| {
                    if let Event::Segment { start_us, .. } = event {
                        bar.set_position(start_us.saturating_sub(between.from.0) / 1_000_000);
                    } else {
                        report(terminal, event);
                    }
                };
                let exported = tokio::select! {
                    exported = owner::export::export(&owner, which.picture(), span, &output, on) => exported.map_err(not_exported)?,
                    // What was begun has a temporary name, and goes with the process.
                    () = shutdown.requested() => return Ok(()),
                };
                bar.finish_and_clear();
                terminal.result(&exported, |exported| {
                    let mut lines = Vec::new();
                    for file in &exported.files {
                        let (from, to) = (show_us(file.from_us), show_us(file.to_us));
                        lines.push(format!(
                            "{}  {from} to {to}, {} segments",
                            file.path.display(),
                            file.segments
                        ));
                    }
                    for gap in &exported.gaps {
                        lines.push(format!(
                            "missing  {} to {}: {}",
                            show_us(gap.from_us),
                            show_us(gap.to_us),
                            gap.reason
                        ));
                    }
                    lines.join("\n")
                });
            }
            Self::App { file, port, open: opens } => {
                let config: Config = file.load()?;
                let keybook = config.keybook.clone();
                app(terminal, shutdown, open(&file)?, port, opens.then_some(keybook)).await?;
            }
            Self::Alarm(alarm) => alarm.run(terminal, shutdown).await?,
            Self::Policy(policy) => policy.run(terminal).await?,
            Self::Audit { file, all } => audit(terminal, &open(&file)?, all).await?,
        }
        Ok(())
    }
}

fn open(file: &ConfigFile) -> Result<Owner, Ended> {
    let config: Config = file.load()?;
    file.made("owner", &config.keybook)?;
    Owner::open(config).map_err(Ended::wrong)
}

async fn invite(terminal: &Terminal, shutdown: Shutdown, owner: &Owner, name: &str) -> Outcome {
    let invitation = owner::pair::invite(owner, name).await.map_err(not_paired)?;
    if terminal.is_json() {
        terminal.line(&serde_json::json!({ "invite": invitation.url() }).to_string());
    } else {
        invitation.qr_lines().iter().for_each(|line| terminal.line(line));
        terminal.line(&format!(
            "\n{}\n\nOn the camera: candor camera pair --config camera.toml '<the line above>'. It works once.",
            invitation.url()
        ));
    }
    let on = &mut |step| terminal.step(&step, steps::pairing_owner);
    let camera = tokio::select! {
        camera = invitation.wait(on) => camera.map_err(not_paired)?,
        () = shutdown.requested() => return Ok(()),
    };
    terminal.result(&camera, |camera| format!("{} is paired: camera {}", camera.name, camera.camera_id));
    Ok(())
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
    if report.is_clean() { Ok(()) } else { Err(Ended::NO) }
}

/// What an audit found, as a table and a sentence.
pub(crate) fn audit_text(report: &Report) -> String {
    let heading =
        ["leaf", "camera", "kind", "by", "epochs", "grants", "state", "yours", "reason"].map(str::to_owned);
    let mut rows = vec![heading.to_vec()];
    for row in &report.rows {
        rows.push(vec![
            row.leaf_index.to_string(),
            row.camera.clone(),
            row.kind.clone(),
            row.agency.clone().unwrap_or_else(|| "-".to_owned()),
            row.epochs.map_or_else(
                || "-".to_owned(),
                |(first, last)| format!("{first}-{last}{}", if row.track == 0 { "" } else { " (sub)" }),
            ),
            row.grants.to_string(),
            row.state.map_or_else(|| "-".to_owned(), |state| format!("{state:?}").to_lowercase()),
            if row.expected { "yes".to_owned() } else { "NO".to_owned() },
            row.reason.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    let found = if report.rows.is_empty() { "no record about your cameras".to_owned() } else { table(&rows) };
    let alarms: String =
        report.policy_alarms.iter().map(|alarm| format!("\nPOLICY ALARM: {alarm}")).collect();
    format!(
        "{found}{alarms}\nlog head {} ({} witnesses), {} leaves read, {} camera-days tried, {} epochs checked",
        report.head_size,
        report.witnesses.len(),
        report.leaves_read,
        report.camera_days,
        report.epochs_checked
    )
}

/// Serves the page. `open_from` is the folder from which the browser is sent to it.
async fn app(
    terminal: &Terminal,
    shutdown: Shutdown,
    owner: Owner,
    port: Option<u16>,
    open_from: Option<PathBuf>,
) -> Outcome {
    let running = owner::app::start(owner, port, shutdown).await?;
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

async fn sink(output: Option<&PathBuf>) -> Result<Box<dyn AsyncWrite + Unpin + Send>, Ended> {
    match output {
        Some(path) => {
            let file = tokio::fs::File::create(path).await;
            let file = file.with_context(|| format!("{}: cannot be written", path.display()));
            Ok(Box::new(file.map_err(Ended::wrong)?))
        }
        None => Ok(Box::new(tokio::io::stdout())),
    }
}

fn not_watched(error: WatchError) -> Ended {
    match error {
        WatchError::UnknownCamera { .. } | WatchError::Book(_) => Ended::wrong(error),
        error => error.into(),
    }
}

fn not_exported(error: ExportError) -> Ended {
    match error {
        ExportError::Watch(error) => not_watched(error),
        ExportError::Nothing => Ended::no(error),
        ExportError::NoName(_) => Ended::wrong(error),
        error => error.into(),
    }
}

fn not_paired(error: PairError) -> Ended {
    match error {
        PairError::Link(_) | PairError::Call(_) | PairError::Leaf(LeafError::Call(_)) => error.into(),
        PairError::Book(BookError::NameTaken { .. } | BookError::BadName { .. }) => Ended::wrong(error),
        PairError::Compose(_) | PairError::Leaf(LeafError::Sponsor(_)) => Ended::wrong(error),
        PairError::TooLong => Ended::wrong(error),
        PairError::Book(_) => error.into(),
        error => Ended::no(error),
    }
}

/// Progress goes to standard error: standard output may be the footage.
fn report(terminal: &Terminal, event: Event) {
    match &event {
        Event::Fragment { .. } | Event::Segment { .. } | Event::SegmentVerified { .. } => {}
        other => terminal.step(other, steps::watching),
    }
}

fn told(terminal: &Terminal, watched: &Watched) {
    terminal.step(watched, |watched| {
        let latency = watched
            .latency_us_p50
            .map_or_else(String::new, |p50| format!(", {} ms from camera to here (median)", p50 / 1000));
        format!(
            "{} segments verified, {} gaps, {} refused{latency}",
            watched.segments, watched.gaps, watched.refused
        )
    });
}

fn bar(terminal: &Terminal, between: Between) -> indicatif::ProgressBar {
    if terminal.is_json() {
        return indicatif::ProgressBar::hidden();
    }
    indicatif::ProgressBar::new(between.to.0.saturating_sub(between.from.0) / 1_000_000)
}
