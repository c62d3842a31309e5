//! `candor owner policy`: what is in force, what the configuration would change, and changing it.
//!
//! ```text
//! front-door  version 2, leaf 41 of the log
//!   viewers           this device
//!   trustees          bar.example, press.example, university.example; 2 of 3 must grant
//!   releases allowed  legal, emergency
//!   footage           30 days, in epochs of 60 s
//!   configured        footage kept: 7 days instead of 30 days
//! ```

use crate::cli::{ConfigFile, Ended, Outcome, Terminal, steps};
use crate::words::table;
use clap::Args;
use owner::book::BookError;
use owner::policy::{LeafError, PolicyError, ShownPolicy};

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(flatten)]
    file: ConfigFile,
    /// This camera only.
    camera: Option<String>,
    /// Make the policy what the configuration says.
    #[arg(long)]
    apply: bool,
}

impl Policy {
    pub(super) async fn run(self, terminal: &Terminal) -> Outcome {
        let owner = super::open(&self.file)?;
        let only = self.camera.as_deref();
        if self.apply {
            let on = &mut |step| terminal.step(&step, steps::changing_policy);
            owner::policy::apply(&owner, only, on).await.map_err(not_changed)?;
        }
        let mut shown = owner::policy::shown(&owner).await.map_err(not_changed)?;
        shown.retain(|camera| only.is_none_or(|name| camera.name == name));
        if let (Some(name), true) = (only, shown.is_empty()) {
            return Err(Ended::wrong(BookError::Unknown(name.to_owned())));
        }
        terminal.done(&serde_json::json!({ "cameras": shown }), |_| text(&shown))
    }
}

pub(super) fn not_changed(error: PolicyError) -> Ended {
    match error {
        PolicyError::Book(BookError::Unknown(_)) | PolicyError::Compose(_) | PolicyError::Day(_) => {
            Ended::wrong(error)
        }
        PolicyError::Leaf { error: LeafError::Sponsor(_), .. } => Ended::wrong(error),
        PolicyError::Leaf { error: LeafError::Call(_), .. } | PolicyError::Call { .. } => error.into(),
        PolicyError::Book(_) | PolicyError::Meanwhile(_) => error.into(),
        error => Ended::no(error),
    }
}

fn text(shown: &[ShownPolicy]) -> String {
    if shown.is_empty() {
        return "no camera is paired: candor owner invite".to_owned();
    }
    shown.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(camera: &ShownPolicy) -> String {
    let row = |what: &str, text: String| vec![format!("  {what}"), text];
    let listed = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let viewer = |viewer: &owner::policy::PolicyViewer| match viewer.is_this_device {
        true => "this device".to_owned(),
        false => format!("{} ({})", viewer.device_id, viewer.role),
    };
    let trustees = match camera.threshold {
        0 => "none: nobody but your devices can ever open the footage".to_owned(),
        t => format!("{}; {t} of {} must grant", camera.trustees.join(", "), camera.trustees.len()),
    };
    let footage = match camera.epoch_seconds {
        0 => format!("{} days; the camera is retired", camera.retention_days),
        seconds => format!("{} days, in epochs of {seconds} s", camera.retention_days),
    };
    let mut rows = vec![
        row("viewers", listed(camera.viewers.iter().map(viewer).collect())),
        row("trustees", trustees),
        row("releases allowed", listed(camera.classes.iter().map(|class| (*class).to_owned()).collect())),
        row("footage", footage),
    ];
    for change in &camera.changes {
        let (what, now, then) = (change.what, &change.now, &change.then);
        rows.push(row("configured", format!("{what}: {then} instead of {now} (--apply makes it so)")));
    }
    rows.extend(camera.fault.iter().map(|fault| row("configuration", fault.clone())));
    format!(
        "{}  version {}, leaf {} of the log\n{}",
        camera.name,
        camera.version,
        camera.leaf_index,
        table(&rows)
    )
}
