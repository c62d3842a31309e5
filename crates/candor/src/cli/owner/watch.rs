//! `candor owner live`, `play`, `export` and `evidence`: one picture of one camera.

use super::open;
use crate::cli::when::{When, span};
use crate::cli::{ConfigFile, Ended, Outcome, Overwrite, Terminal, steps};
use crate::words::show_here_us;
use clap::Args;
use host::durable::{Target, TargetError};
use host::shutdown::Shutdown;
use media::id::TrackId;
use media::time::{Micros, Seconds};
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
    #[command(flatten)]
    overwrite: Overwrite,
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
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Watch {
    pub(super) async fn live(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let owner = open(&self.file)?;
        let mut sink = self.sink()?;
        let on = &mut |event| report(terminal, event);
        let watched = owner::live::live(&owner, self.which.picture(), &mut sink.to, &shutdown, on).await;
        told(terminal, &watched.map_err(not_watched)?);
        Ok(())
    }

    pub(super) async fn play(self, terminal: &Terminal, shutdown: Shutdown, between: Between) -> Outcome {
        let owner = open(&self.file)?;
        let span = between.span()?;
        let mut sink = self.sink()?;
        let on = &mut |event| report(terminal, event);
        let watched = tokio::select! {
            watched = owner::play::play(&owner, self.which.picture(), span, &mut sink.to, on) => watched,
            () = shutdown.requested() => return Ok(()),
        };
        told(terminal, &watched.map_err(not_watched)?);
        Ok(())
    }

    /// Made before anything is fetched.
    fn sink(&self) -> Result<Sink, Ended> {
        let Some(path) = &self.output else {
            return Ok(Sink { to: Box::new(tokio::io::stdout()), made: None });
        };
        let target: Target = self.overwrite.film(path);
        let file = target.open().map_err(Ended::wrong)?;
        let made = file.metadata().is_ok_and(|made| made.is_file()).then(|| path.clone());
        Ok(Sink { to: Box::new(tokio::fs::File::from_std(file)), made })
    }
}

/// Where a film goes as it comes. A file in which nothing came goes with this: its name is free for the
/// next try.
struct Sink {
    to: Box<dyn AsyncWrite + Unpin + Send>,
    made: Option<PathBuf>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(path) = &self.made
            && path.metadata().is_ok_and(|made| made.len() == 0)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Excerpt {
    pub(super) async fn export(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let (owner, from_us) = (open(&self.file)?, self.between.from.0);
        let span = self.between.span()?;
        let to = self.overwrite.film(&self.output);
        let bar = bar(terminal, self.between);
        let on = &mut |event| {
            if let Event::Segment { start_us, .. } = event {
                bar.set_position(start_us.saturating_sub(from_us) / 1_000_000);
            } else {
                report(terminal, event);
            }
        };
        let exported = tokio::select! {
            exported = owner::export::export(&owner, self.which.picture(), span, to, on) => exported,
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
        let court_file = is_court_file.then(|| self.overwrite.court_file(&self.output));
        court_file.as_ref().map_or(Ok(()), Target::check).map_err(Ended::wrong)?;
        let aside = is_court_file.then(|| Aside::beside(&self.output));
        let evidence = match &aside {
            Some(Aside(path)) => Target::from(path),
            None => self.overwrite.evidence(&self.output),
        };
        let written = tokio::select! {
            written = owner::evidence::export(&owner, self.which.picture(), span, evidence) => written,
            () = shutdown.requested() => return Ok(()),
        };
        let written = written.map_err(no_evidence)?;
        if let (Some(Aside(evidence)), Some(court_file)) = (&aside, &court_file) {
            crate::evidence::court::write(evidence, court_file)?;
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
    let gaps = gaps.map(|gap| match gap.from_us == gap.to_us {
        true => format!("at {}: {}", show_here_us(gap.from_us), gap.reason),
        false => format!("missing  {}: {}", span(gap.from_us, gap.to_us), gap.reason),
    });
    files.chain(gaps).collect::<Vec<_>>().join("\n")
}

fn not_watched(error: WatchError) -> Ended {
    match error {
        WatchError::Book(_) => Ended::wrong(error),
        error => error.into(),
    }
}

fn no_evidence(error: OwnEvidenceError) -> Ended {
    match error {
        OwnEvidenceError::Watch(error) => not_watched(error),
        OwnEvidenceError::Nothing => Ended::no(error),
        // What is said in numbers there is said here as `--from` and `--to` take it.
        OwnEvidenceError::NewKey { at, .. } => {
            two_files("the camera was given a new key", Seconds(at).micros())
        }
        OwnEvidenceError::PolicyChanges { at, .. } => two_files("the policy changes", at),
        OwnEvidenceError::Hole { .. } | OwnEvidenceError::TooLong => Ended::wrong(error),
        OwnEvidenceError::Target(error) => not_written(error),
        error => error.into(),
    }
}

fn two_files(why: &str, at: Micros) -> Ended {
    let (before, after) = (at.seconds(), Micros(at.0.saturating_add(999_999)).seconds());
    let [before, after] = [before, after].map(|at| show_here_us(at.micros().0));
    Ended::wrong(anyhow::anyhow!(
        "{why} at {before}: write two files, one with --to \"{before}\" and one with --from \"{after}\""
    ))
}

fn not_written(error: TargetError) -> Ended {
    match error {
        TargetError::File(error) => error.into(),
        error => Ended::wrong(error),
    }
}

fn not_exported(error: ExportError) -> Ended {
    match error {
        ExportError::Watch(error) => not_watched(error),
        ExportError::Nothing => Ended::no(error),
        ExportError::Target(error) => not_written(error),
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
