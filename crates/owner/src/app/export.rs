//! Export for the page: progress over a WebSocket, then where to fetch the finished MP4s
//! ([`super::downloads`]).

use super::App;
use super::asked::Stretch;
use super::downloads::Finished;
use crate::export::{ExportError, Exported, ExportedFile, ExportedGap, export as export_to};
use crate::live::Event;
use crate::span::Span;
use axum::extract::{Query, State};
use axum::response::Response;
use host::durable::DurableError;
use host::http::Failure;
use page::socket::{Socket, Upgrade};
use serde::Serialize;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Between two reports of progress.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// What the page is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
enum Told {
    /// How much of the span is done, 0 to 1.
    Progress {
        share: f64,
    },
    Ready {
        files: Vec<Ready>,
        gaps: Vec<ExportedGap>,
    },
    Failed {
        reason: String,
    },
}

/// A finished file, whose path is the name that it has for the browser.
#[derive(Debug, Serialize)]
struct Ready {
    url: String,
    #[serde(flatten)]
    file: ExportedFile,
}

/// The folder of one export's unfinished files, inside the keybook: nobody but the owner may enter
/// it. Removed with this.
struct Folder(PathBuf);

impl Folder {
    fn create(app: &App) -> Result<Self, DurableError> {
        let name = format!("export-{}", hex::encode(app.owner.rng().bytes::<8>()));
        let path = app.owner.folder().join(name);
        host::durable::create_dirs(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the keybook, which is as secret as the footage.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn export(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
    upgrade: Upgrade,
) -> Result<Response, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let exporting = app.clone();
    app.sockets.open(upgrade, async move |mut socket| {
        // Else the page went, or the app stops.
        if let Some(last) = exported(&exporting, &mut socket, &camera.name, span).await {
            socket.close(&last).await;
        }
    })
}

/// Exports, telling how far it is. `None` when nobody waits for it any more: what was begun goes
/// with its folder.
async fn exported(app: &App, socket: &mut Socket, name: &str, span: Span) -> Option<Told> {
    let folder = match Folder::create(app) {
        Ok(folder) => folder,
        Err(error) => {
            return Some(Told::Failed { reason: format!("the keybook's folder cannot be written: {error}") });
        }
    };
    let clip = folder.0.join("clip.mp4");
    let (from, to) = (span.from_us().0, span.to_us().0);
    let (reached, mut told) = (AtomicU64::new(from), from);
    let mut on = |event| {
        if let Event::Segment { start_us, .. } = event {
            reached.store(start_us, Relaxed);
        }
    };
    let mut exporting = std::pin::pin!(export_to(&app.owner, name, span, &clip, &mut on));
    let outcome = loop {
        tokio::select! {
            () = app.shutdown.requested() => return None,
            outcome = &mut exporting => break outcome,
            _ = socket.heard() => return None,
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
        let reached_us = reached.load(Relaxed);
        if std::mem::replace(&mut told, reached_us) != reached_us {
            let done = reached_us.saturating_sub(from) as f64;
            let share = (done / (to - from) as f64).clamp(0.0, 1.0);
            if !socket.tell(&Told::Progress { share }).await {
                return None;
            }
        }
    };
    let ready = outcome.and_then(|exported| ready(app, name, exported));
    Some(ready.unwrap_or_else(|error| Told::Failed { reason: error.to_string() }))
}

/// Takes the finished files in, and says where to fetch them.
fn ready(app: &App, name: &str, exported: Exported) -> Result<Told, ExportError> {
    let mut files = Vec::new();
    for file in exported.files {
        let at = |error| DurableError::at(&file.path, error);
        let opened = File::open(&file.path).map_err(at)?;
        std::fs::remove_file(&file.path).map_err(at)?;
        let id = hex::encode(app.owner.rng().bytes::<16>());
        let name = file_name(name, file.from_us);
        // The name stands in the answer's head: an address would have to spell it otherwise.
        let url = format!("api/download/{id}/clip.mp4");
        let path = name.clone().into();
        app.downloads.add(Finished { id, file: opened, name, bytes: file.bytes });
        files.push(Ready { url, file: ExportedFile { path, ..file } });
    }
    Ok(Told::Ready { files, gaps: exported.gaps })
}

/// The longest of a camera's name in a file's name, bytes: file systems take 255 in all.
const NAME_BYTES: usize = 200;

/// What a clip is called: its camera as the family calls it, but for what a file system takes for
/// something else.
fn file_name(camera: &str, from_us: u64) -> String {
    let special = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let mut name = String::new();
    for c in camera.chars().map(|c| if special(c) { '-' } else { c }) {
        let hides = name.is_empty() && c == '.';
        if name.len() + c.len_utf8() <= NAME_BYTES {
            name.push(if hides { '-' } else { c });
        }
    }
    format!("{name}-{}.mp4", from_us / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::assets::tests::cases;
    use std::collections::BTreeSet;

    #[test]
    fn a_clip_is_called_as_its_camera_is_wherever_a_file_may_be() {
        for (camera, file) in [
            ("front door", "front door-7.mp4"),
            ("Anna's & Tom's [2]", "Anna's & Tom's [2]-7.mp4"),
            ("मुख्य द्वार", "मुख्य द्वार-7.mp4"),
            ("\"the\" <gate>: a|b?*", "-the- -gate-- a-b---7.mp4"),
            ("..", "-.-7.mp4"),
        ] {
            assert_eq!(file_name(camera, 7_999_999), file);
        }
        let long = file_name(&"門".repeat(64), u64::MAX);
        assert!(long.len() <= 255 && long.ends_with("門-18446744073709.mp4"), "{long}");
    }

    #[test]
    fn the_script_knows_every_word_of_an_export_and_waits_for_no_other() {
        let mut told = vec![Told::Progress { share: 0.5 }];
        // Each once: a new one does not compile until it stands here.
        while let Some(next) = match told[told.len() - 1] {
            Told::Progress { .. } => Some(Told::Ready { files: Vec::new(), gaps: Vec::new() }),
            Told::Ready { .. } => Some(Told::Failed { reason: String::new() }),
            Told::Failed { .. } => None,
        } {
            told.push(next);
        }
        let word = |told: &Told| serde_json::to_value(told).unwrap()["event"].as_str().unwrap().to_owned();
        let words: BTreeSet<String> = told.iter().map(word).collect();
        assert_eq!(words, cases("export.js").into_iter().map(str::to_owned).collect());
    }
}
