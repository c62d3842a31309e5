//! `candor verify`: evidence, offline, by whoever has nothing but the file.

use super::{Ended, Outcome, Terminal};
use crate::words::show_us;
use anyhow::Context as _;
use clap::Args;
use escrow::evidence::Verified;
use media::epoch::GapReason;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The evidence file that came with the clip.
    evidence: PathBuf,
    /// A tlog-policy file from a source you trust: the evidence must have been made under exactly
    /// it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self, terminal: &Terminal) -> Outcome {
        if !self.evidence.is_file() {
            let shown = self.evidence.display();
            return Err(Ended::wrong(anyhow::anyhow!(
                "{shown}: no such file; name the evidence file that came with the clip"
            )));
        }
        let verified = crate::evidence::verify(&self.evidence).map_err(|error| {
            Ended::no(error.context(format!("{} does not hold as evidence", self.evidence.display())))
        })?;
        if let Some(path) = &self.policy {
            let text =
                std::fs::read(path).with_context(|| path.display().to_string()).map_err(Ended::wrong)?;
            if tlog::Hash::of(&[&text]) != verified.log_policy_hash {
                return Err(Ended::no(anyhow::anyhow!(
                    "the evidence was made under another log policy than {}",
                    path.display()
                )));
            }
        }
        terminal.result(&shown(&verified), |_| text(&verified));
        Ok(())
    }
}

fn shown(verified: &Verified) -> serde_json::Value {
    serde_json::json!({
        "verified": true,
        "camera": verified.camera_id.to_string(),
        "track": verified.track.0,
        "first_epoch": verified.first_epoch.0,
        "last_epoch": verified.last_epoch.0,
        "from": show_us(verified.start_us.0),
        "to": show_us(verified.end_us.0),
        "segments": verified.segments,
        "gaps": verified.gaps.iter().map(|gap| serde_json::json!({
            "from": show_us(gap.from_us.0), "to": show_us(gap.to_us.0), "segments": gap.segments,
            "reason": gap.reason.map(GapReason::word),
        })).collect::<Vec<_>>(),
        "log_policy_sha256": verified.log_policy_hash.to_hex(),
        "release": verified.release.as_ref().map(|release| serde_json::json!({
            "id": release.id.to_hex(),
            "leaf": release.index,
            "logged_at": release.logged_at.0,
            "kind": release.kind.word(),
            "agency": release.agency.as_ref().map(ToString::to_string),
            "grants": release.grants.iter().map(|(name, index)| (name.to_string(), *index)).collect::<Vec<_>>(),
        })),
    })
}

fn text(verified: &Verified) -> String {
    let mut lines = vec![
        format!("camera     {}", verified.camera_id),
        format!("footage    {} to {}", show_us(verified.start_us.0), show_us(verified.end_us.0)),
        format!(
            "segments   {}, each signed by the camera and in its place (epochs {} to {})",
            verified.segments, verified.first_epoch, verified.last_epoch
        ),
    ];
    if verified.gaps.is_empty() {
        lines.push("complete   nothing is missing".to_owned());
    }
    for gap in &verified.gaps {
        let reason = gap.reason.map_or("no reason given", GapReason::told);
        lines.push(format!("MISSING    {} to {}: {reason}", show_us(gap.from_us.0), show_us(gap.to_us.0)));
    }
    match &verified.release {
        None => lines.push("release    none: exported by the owner".to_owned()),
        Some(release) => {
            let agency = release.agency.as_ref().map_or_else(|| "the owner".to_owned(), ToString::to_string);
            lines.push(format!("release    {} by {agency}, leaf {} of the log", release.kind, release.index));
            for (name, index) in &release.grants {
                lines.push(format!("granted    {name}, leaf {index}"));
            }
        }
    }
    lines.push(format!(
        "log policy {} (compare it with one from a source you trust: --policy)",
        verified.log_policy_hash.to_hex()
    ));
    lines.join("\n")
}
