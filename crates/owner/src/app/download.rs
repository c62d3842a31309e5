//! Export for the page: progress over a WebSocket, then the finished MP4s to fetch.
//!
//! A finished file is opened and loses its name at once: what nobody fetches, and what a crash leaves, is gone with the process. It is
//! let go once it was fetched, when further exports need its place, or when the app ends.

use super::socket::{Stretch, Upgrade, admit, send, text};
use super::{App, nothing};
use crate::Span;
use crate::export::{ExportError, Exported, export as export_to};
use crate::live::Event;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use host::http::Failure;
use http_body_util::channel::Channel;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Finished exports that wait to be fetched.
const MAX_WAITING: usize = 8;
/// Bytes that are read of a file at once.
const PIECE: usize = 256 << 10;
/// Between two reports of progress.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Finished exports.
#[derive(Debug, Default)]
pub(super) struct Downloads(Mutex<VecDeque<Finished>>);

#[derive(Debug)]
struct Finished {
    id: String,
    file: File,
    name: String,
    bytes: u64,
}

impl Downloads {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Finished>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, finished: Finished) {
        let mut waiting = self.waiting();
        waiting.push_back(finished);
        while waiting.len() > MAX_WAITING {
            waiting.pop_front();
        }
    }

    /// Each is fetched once.
    fn take(&self, id: &str) -> Option<Finished> {
        let mut waiting = self.waiting();
        let place = waiting.iter().position(|finished| finished.id == id)?;
        waiting.remove(place)
    }
}

/// The folder of one export's unfinished files, inside the keybook: nobody but the owner may enter it. Removed with this.
struct Folder(PathBuf);

impl Folder {
    fn create(app: &App) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!("export-{}", hex::encode(host::rng::bytes::<8>()));
        let path = app.owner.folder().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
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
    let (name, span) = (app.camera_name(&stretch.camera)?, stretch.span()?);
    let (permit, upgrade) = admit(&app, upgrade)?;
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let last = match exported(&app, &mut socket, &name, span).await {
            Some(Ok(ready)) => ready,
            Some(Err(reason)) => serde_json::json!({ "event": "failed", "reason": reason }),
            // The page went, or the app stops.
            None => return,
        };
        send(&mut socket, text(&last)).await;
        send(&mut socket, Message::Close(None)).await;
        drop(permit);
    }))
}

/// Exports, telling how far it is. `None` when nobody waits for it any more: what was begun goes with its folder.
async fn exported(
    app: &App,
    socket: &mut WebSocket,
    name: &str,
    span: Span,
) -> Option<Result<serde_json::Value, String>> {
    let folder = match Folder::create(app) {
        Ok(folder) => folder,
        Err(error) => return Some(Err(format!("the keybook's folder cannot be written: {error}"))),
    };
    let to = folder.0.join("clip.mp4");
    let (reached, mut progress) = watch::channel(span.from_us());
    let mut on = |event| {
        if let Event::Segment { start_us, .. } = event {
            reached.send_replace(start_us);
        }
    };
    let mut exporting = std::pin::pin!(export_to(&app.owner, name, span, &to, &mut on));
    let outcome = loop {
        tokio::select! {
            () = app.shutdown.requested() => return None,
            outcome = &mut exporting => break outcome,
            said = socket.recv() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => return None,
            },
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
        if progress.has_changed().unwrap_or(false) {
            let reached_us = *progress.borrow_and_update();
            let done = reached_us.saturating_sub(span.from_us()) as f64;
            let share = done / (span.to_us() - span.from_us()) as f64;
            let told = serde_json::json!({ "event": "progress", "share": share.clamp(0.0, 1.0) });
            if !send(socket, text(&told)).await {
                return None;
            }
        }
    };
    Some(ready(app, name, outcome).map_err(|error| error.to_string()))
}

/// Takes the finished files in, and says where to fetch them.
fn ready(
    app: &App,
    name: &str,
    outcome: Result<Exported, ExportError>,
) -> Result<serde_json::Value, ExportError> {
    let exported = outcome?;
    let mut files = Vec::new();
    for file in exported.files {
        let at = |error| host::durable::DurableError::at(&file.path, error);
        let opened = File::open(&file.path).map_err(at)?;
        std::fs::remove_file(&file.path).map_err(at)?;
        let id = hex::encode(host::rng::bytes::<16>());
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let called = format!("{plain}-{}.mp4", file.from_us / 1_000_000);
        files.push(serde_json::json!({
            "url": format!("api/download/{id}/{called}"),
            "name": called,
            "bytes": file.bytes,
            "from": file.from_us,
            "to": file.to_us,
            "sha256": file.sha256,
        }));
        app.downloads.add(Finished { id, file: opened, name: called, bytes: file.bytes });
    }
    Ok(serde_json::json!({ "event": "ready", "files": files, "gaps": exported.gaps }))
}

pub(super) async fn download(
    State(app): State<Arc<App>>,
    Path((_token, id, _name)): Path<(String, String, String)>,
) -> Response {
    let Some(finished) = app.downloads.take(&id) else { return nothing().await };
    let headers = [
        (header::CONTENT_TYPE, "video/mp4".to_owned()),
        (header::CONTENT_LENGTH, finished.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", finished.name)),
    ];
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(2);
    let mut file = finished.file;
    tokio::spawn(async move {
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece);
                (
                    file,
                    read.map(|length| {
                        piece.truncate(length);
                        Bytes::from(piece)
                    }),
                )
            });
            let piece = match read.await {
                Ok((back, Ok(piece))) => {
                    file = back;
                    piece
                }
                Ok((_, Err(error))) => return sender.abort(error),
                Err(failed) => std::panic::resume_unwind(failed.into_panic()),
            };
            // Whoever fetches may go away.
            if piece.is_empty() || sender.send_data(piece).await.is_err() {
                return;
            }
        }
    });
    (headers, Body::new(body)).into_response()
}
