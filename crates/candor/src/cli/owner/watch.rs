//! `candor owner live`, `play`, `export` and `evidence`: one picture of one camera.

use super::open;
use crate::cli::when::{When, span};
use crate::cli::{ConfigFile, Ended, Outcome, Terminal, steps};
use crate::words::show_here_us;
use anyhow::Context as _;
use clap::Args;
use host::shutdown::Shutdown;
use media::id::TrackId;
use owner::evidence::OwnEvidenceError;
use owner::export::{ExportError, Exported};
use owner::live::{Event, WatchError, Watched};
use owner::{Picture, Span};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWrite;

/// Which picture of which camera.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The camera's name, as `cameras` lists it.
    camera: String,
    /// Its second, smaller picture, if it films one.
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
    /// The beginning, by this machine's clock: 14:03, "yesterday 14:03", "2026-11-25 14:03", with
    /// an offset 2026-11-25T14:03:00+01:00, or how long ago, such as 10m.
    #[arg(long)]
    from: When,
    /// The end, in the same forms.
    #[arg(long, default_value = "now")]
    to: When,
}

impl Between {
    fn span(self) -> Result<Span, Ended> {
        span(self.from, self.to)
    }
}

/// A span of a picture, for a file.
#[derive(Debug, Args)]
pub(crate) struct Excerpt {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    between: Between,
    /// The file to write; an export begins another one where the codec changes within the span.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Watch {
    pub(super) async fn live(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let owner = open(&self.file)?;
        let mut sink = sink(self.output.as_deref()).await?;
        let on = &mut |event| report(terminal, event);
        let watched = owner::live::live(&owner, self.which.picture(), &mut sink, &shutdown, on).await;
        told(terminal, &watched.map_err(not_watched)?);
        Ok(())
    }

    pub(super) async fn play(self, terminal: &Terminal, shutdown: Shutdown, between: Between) -> Outcome {
        let owner = open(&self.file)?;
        let span = between.span()?;
        let mut sink = sink(self.output.as_deref()).await?;
        let on = &mut |event| report(terminal, event);
        let watched = tokio::select! {
            watched = owner::play::play(&owner, self.which.picture(), span, &mut sink, on) => watched,
            () = shutdown.requested() => return Ok(()),
        };
        told(terminal, &watched.map_err(not_watched)?);
        Ok(())
    }
}

impl Excerpt {
    pub(super) async fn export(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let (owner, from_us) = (open(&self.file)?, self.between.from.0);
        let span = self.between.span()?;
        let bar = bar(terminal, self.between);
        let on = &mut |event| {
            if let Event::Segment { start_us, .. } = event {
                bar.set_position(start_us.saturating_sub(from_us) / 1_000_000);
            } else {
                report(terminal, event);
            }
        };
        let exported = tokio::select! {
            exported = owner::export::export(&owner, self.which.picture(), span, &self.output, on) => exported,
            // What was begun has a temporary name, and goes with the process.
            () = shutdown.requested() => return Ok(()),
        };
        let exported = exported.map_err(not_exported)?;
        bar.finish_and_clear();
        terminal.done(&exported, exported_text)
    }

    pub(super) async fn evidence(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let (owner, span) = (open(&self.file)?, self.between.span()?);
        // A court file is made of the evidence, which goes when it is in it.
        let is_court_file = self.output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
        let aside = is_court_file.then(|| Aside::beside(&self.output));
        let to = aside.as_ref().map_or_else(|| self.output.clone(), |aside| aside.0.clone());
        let written = tokio::select! {
            written = owner::evidence::export(&owner, self.which.picture(), span, &to) => written,
            () = shutdown.requested() => return Ok(()),
        };
        let written = written.map_err(|error| match error {
            OwnEvidenceError::Watch(error) => not_watched(error),
            OwnEvidenceError::Nothing => Ended::no(error),
            OwnEvidenceError::Hole { .. }
            | OwnEvidenceError::NewKey { .. }
            | OwnEvidenceError::PolicyChanges(_)
            | OwnEvidenceError::TooLong => Ended::wrong(error),
            error => error.into(),
        })?;
        if let Some(Aside(evidence)) = &aside {
            crate::evidence::court::write(evidence, &self.output)?;
        }
        terminal.done(&written, |written| {
            let whole = match (written.missing, written.complete) {
                (0, true) => "complete".to_owned(),
                (0, false) => "its end not proven: write it again when the camera has filmed on".to_owned(),
                (missing, _) => format!("{missing} segments missing"),
            };
            let (from, to) = (show_here_us(written.from_us), show_here_us(written.to_us));
            let path = if is_court_file { &self.output } else { &written.path };
            format!("{}  {from} to {to}, {} segments, {whole}", path.display(), written.segments)
        })
    }
}

/// A file that is gone in the end.
struct Aside(PathBuf);

impl Aside {
    fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!(".{name}.{}.evidence", std::process::id())))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Best effort: it may never have been written.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn exported_text(exported: &Exported) -> String {
    let span = |from_us, to_us| format!("{} to {}", show_here_us(from_us), show_here_us(to_us));
    let files = exported.files.iter().map(|file| {
        let (path, span) = (file.path.display(), span(file.from_us, file.to_us));
        format!("{path}  {span}, {} segments", file.segments)
    });
    let gaps = exported.gaps.iter();
    let gaps = gaps.map(|gap| format!("missing  {}: {}", span(gap.from_us, gap.to_us), gap.reason));
    files.chain(gaps).collect::<Vec<_>>().join("\n")
}

async fn sink(output: Option<&Path>) -> Result<Box<dyn AsyncWrite + Unpin + Send>, Ended> {
    match output {
        Some(path) => {
            let file = host::durable::private().write(true).create(true).truncate(true).open(path);
            let file = file
                .map(tokio::fs::File::from_std)
                .with_context(|| format!("{}: cannot be written", path.display()));
            Ok(Box::new(file.map_err(Ended::wrong)?))
        }
        None => Ok(Box::new(tokio::io::stdout())),
    }
}

fn not_watched(error: WatchError) -> Ended {
    match error {
        WatchError::Book(_) => Ended::wrong(error),
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
