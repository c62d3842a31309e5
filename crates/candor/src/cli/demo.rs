//! `candor demo`.

use super::camera::checked;
use super::{Ended, Outcome, Terminal};
use crate::cast::{Approval, Cast, CastError, Plan, Progress, prepared_footage};
use crate::demo::{Line, Report, StoryError, tell};
use anyhow::anyhow;
use clap::Args;
use host::shutdown::Shutdown;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Tell the story once and end, in under two minutes. Without this everybody goes on until
    /// Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Film this video file (H.264 or H.265) instead of the prepared footage; repeat it for more
    /// cameras.
    #[arg(long, value_name = "FILE")]
    source: Vec<PathBuf>,
    /// How long an epoch is, the unit of release, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..=600), value_name = "SECONDS")]
    epoch: u16,
    /// Keep all state, clips and evidence in this folder, which must be empty or new.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The folder where deploy/footage.sh prepared real footage.
    #[arg(long, env = "CANDOR_FOOTAGE", value_name = "FOLDER", default_value = "target/footage")]
    footage: PathBuf,
}

/// The folder of a run, removed at its end unless it is to be kept.
struct Place {
    dir: PathBuf,
    is_kept: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is in the temporary folder, which the system clears.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

impl Demo {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let place = self.place();
        let plan = self.plan(&place).await?;
        let say = |text: String| terminal.step(&serde_json::json!({ "says": text }), |_| text.clone());
        say(terminal.bold("\n# The cast gathers on loopback"));
        say("trustees approve without a person here: for the demo only".to_owned());
        let mut gathered = |progress| match progress {
            Progress::Started(what) => say(format!("  started  {what}")),
            Progress::Paired(name) => say(format!("  paired   {name}, by a one-time invite")),
        };
        let cast = tokio::select! {
            cast = Cast::start(plan, &shutdown, &mut gathered) => cast.map_err(not_gathered)?,
            () = shutdown.requested() => return Ok(()),
        };
        let mut narrate = |line| match line {
            Line::Chapter(title) => say(terminal.bold(&format!("\n# {title}"))),
            Line::Says(text) => say(text),
        };
        let told = tell(&cast, &shutdown, &mut narrate).await;
        let outcome = match told {
            Ok(report) => {
                terminal.result(&report, summary);
                if !self.once && !shutdown.is_requested() {
                    linger(terminal, &cast, &shutdown).await;
                }
                let promised = report.is_as_promised();
                let broken = || Ended::no(anyhow!("the story did not go as promised; see above"));
                promised.then_some(()).ok_or_else(broken)
            }
            Err(StoryError::Stopped) => Ok(()),
            Err(error) => Err(error.into()),
        };
        cast.stop().await;
        drop(place);
        outcome
    }

    fn place(&self) -> Place {
        match &self.keep {
            Some(dir) => Place { dir: dir.clone(), is_kept: true },
            None => {
                let name = format!("candor-demo-{}-{}", std::process::id(), host::clock::now());
                Place { dir: std::env::temp_dir().join(name), is_kept: false }
            }
        }
    }

    async fn plan(&self, place: &Place) -> Result<Plan, Ended> {
        let footage = match self.source.is_empty() {
            false => self.source.clone(),
            true => prepared_footage(&self.footage),
        };
        if footage.is_empty() {
            let folder = self.footage.display();
            return Err(Ended::wrong(anyhow!(
                "no footage in {folder}; run ./demo, which prepares it, or deploy/footage.sh {folder}, or \
                 name your own with --source"
            )));
        }
        for path in &footage {
            checked(&camera::SourceConfig::file(path, true)).await?;
        }
        Ok(Plan {
            dir: place.dir.clone(),
            footage,
            epoch_seconds: self.epoch,
            trustees: 5,
            away: 1,
            threshold: 3,
            approval: Approval::Automatic,
        })
    }
}

/// The cast goes on; here is where to look.
async fn linger(terminal: &Terminal, cast: &Cast, shutdown: &Shutdown) {
    let mut lines = vec!["\nThe cast goes on filming. Look at it while it does:".to_owned()];
    let app = owner::app::start(cast.people.owner.clone(), None, shutdown.child()).await;
    match &app {
        Ok(app) => lines.push(format!("  the owner's page    {}", app.at().url)),
        Err(error) => lines.push(format!("  the owner's page    {error}")),
    }
    for monitor in &cast.monitors {
        lines.push(format!("  a monitor's page    http://{}/", monitor.config.listen));
    }
    lines.push(format!("  the log's head      http://{}/checkpoint", cast.records.log.config.listen));
    lines.push(format!("  all files           {}", cast.plan.dir.display()));
    lines.push("Ctrl-C stops everybody.".to_owned());
    terminal.step(&serde_json::json!({ "says": lines }), |_| lines.join("\n"));
    shutdown.requested().await;
    if let Ok(app) = app {
        // It ends as everybody does.
        let _ = app.join().await;
    }
}

fn summary(report: &Report) -> String {
    format!(
        "\n{} of {} segments are durable at a relay that cannot open them; {} played back.\n\
         Unlogged: {}. Logged before its footage: {}. Logged as leaf {} under {} witnesses: {} of {} epochs opened, the next one {}.\n\
         The owner's audit {}; anyone counts {} emergency release(s); the monitors {}. {:.0} s in all.",
        report.segments_acked,
        report.segments_sent,
        report.segments_played,
        report.unlogged_refused.name,
        report.prelogged_refused.name,
        report.leaf_index,
        report.witness_cosignatures,
        report.epochs_opened,
        report.epochs_requested,
        report.neighbour_epoch_refused.name,
        if report.audit_found { "names it" } else { "DOES NOT NAME IT" },
        report.public_emergency_count,
        if report.monitors_agree { "agree" } else { "DO NOT AGREE" },
        report.seconds
    )
}

fn not_gathered(error: CastError) -> Ended {
    match error {
        CastError::NotEmpty(_) => Ended::wrong(error),
        error => error.into(),
    }
}
