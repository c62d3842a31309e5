//! Video for the page: one WebSocket, one live view or one recorded span.
//!
//! What the page says back, each a text: `more` on a played span, for a few segments more. A live view is never asked for: it comes, and a
//! page that cannot keep up meets the relay's rule for slow viewers. Closing the socket ends the session with the relay.

use super::App;
use super::feed::{self, Item, Outlet};
use crate::live::{Event, WatchError, Watched};
use crate::{Picture, Span, live as watch, play as playback};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use host::http::Failure;
use host::shutdown::Shutdown;
use media::id::TrackId;
use serde::Deserialize;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long the page may take to take one message.
const TAKEN: Duration = Duration::from_secs(30);
/// Segments of a recorded span that are sent before the page asks, and at each asking.
const AHEAD: u32 = 4;
/// The largest message that the page has a reason to send.
const MAX_SAID: usize = 1024;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// Its id, hex.
    pub(super) camera: String,
    #[serde(default)]
    pub(super) track: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stretch {
    pub(super) camera: String,
    #[serde(default)]
    pub(super) track: u32,
    /// Unix microseconds.
    pub(super) from: u64,
    pub(super) to: u64,
}

pub(super) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

impl App {
    /// The name of the camera with this id.
    pub(super) fn camera_name(&self, id: &str) -> Result<String, Failure> {
        let cameras = self.owner.cameras();
        let found = cameras.into_iter().find(|camera| camera.camera_id == id);
        found.map(|camera| camera.name).ok_or_else(|| {
            Failure::new(
                404,
                "unknown-camera",
                "no camera of the book has this id; open the list of cameras again",
            )
        })
    }
}

impl Stretch {
    pub(super) fn span(&self) -> Result<Span, Failure> {
        Span::new(self.from, self.to).map_err(|error| Failure::new(400, "wrong-span", error.to_string()))
    }
}

/// A place among the open sockets, and the socket that is to be.
pub(super) fn admit(
    app: &App,
    upgrade: Upgrade,
) -> Result<(OwnedSemaphorePermit, WebSocketUpgrade), Failure> {
    let upgrade =
        upgrade.map_err(|_| Failure::new(400, "no-websocket", "this address is for the app's own page"))?;
    let permit = app.sockets.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| Failure::new(503, "too-many-views", "close some of the app's open pages"))?;
    Ok((permit, upgrade.max_message_size(MAX_SAID).max_frame_size(MAX_SAID)))
}

pub(super) async fn live(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
    upgrade: Upgrade,
) -> Result<Response, Failure> {
    let name = app.camera_name(&which.camera)?;
    let (permit, upgrade) = admit(&app, upgrade)?;
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let (mut sink, teller, outlet) = feed::feed();
        // Stops with the app, or when the page goes.
        let stop = app.shutdown.child();
        let mut on = |event| teller.tell(event);
        let picture = Picture { camera: &name, track: TrackId(which.track) };
        let watching = watch::live(&app.owner, picture, &mut sink, &stop, &mut on);
        serve(&mut socket, watching, &outlet, None, &stop).await;
        drop(permit);
    }))
}

pub(super) async fn play(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
    upgrade: Upgrade,
) -> Result<Response, Failure> {
    let (name, span) = (app.camera_name(&stretch.camera)?, stretch.span()?);
    let (permit, upgrade) = admit(&app, upgrade)?;
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let (mut sink, teller, outlet) = feed::feed();
        let stop = app.shutdown.child();
        let mut on = |event| teller.tell(event);
        let picture = Picture { camera: &name, track: TrackId(stretch.track) };
        let playing = playback::play(&app.owner, picture, span, &mut sink, &mut on);
        serve(&mut socket, playing, &outlet, Some(AHEAD), &stop).await;
        drop(permit);
    }))
}

/// Sends what `watching` gives, until it ends, the page goes or the app stops. `credit` counts segments, where the page asks for them.
async fn serve(
    socket: &mut WebSocket,
    watching: impl Future<Output = Result<Watched, WatchError>>,
    outlet: &Outlet,
    mut credit: Option<u32>,
    stop: &Shutdown,
) {
    let mut watching = pin!(watching);
    let mut ended = None;
    loop {
        let may_send = credit != Some(0);
        let item = tokio::select! {
            biased;
            () = stop.requested() => break,
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) if text.as_str() == "more" => {
                    credit = credit.map(|credit| credit.saturating_add(AHEAD));
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => break,
            },
            item = outlet.next(), if may_send => item,
            outcome = &mut watching, if ended.is_none() => {
                ended = Some(outcome);
                continue;
            }
            // Everything there was is sent.
            () = std::future::ready(()), if may_send && ended.is_some() => break,
        };
        if matches!(item, Item::Event(Event::SegmentVerified { .. })) {
            credit = credit.map(|credit| credit.saturating_sub(1));
        }
        let message = match item {
            Item::Event(event) => text(&event),
            Item::Media(bytes) => Message::Binary(bytes.into()),
        };
        if !send(socket, message).await {
            return;
        }
    }
    let last = match ended {
        Some(Ok(_)) => serde_json::json!({ "event": "ended" }),
        Some(Err(error)) => serde_json::json!({ "event": "failed", "reason": error.to_string() }),
        None => serde_json::json!({ "event": "stopped" }),
    };
    send(socket, text(&last)).await;
    // The page may be gone already.
    let _ = timeout(TAKEN, socket.send(Message::Close(None))).await;
}

pub(super) fn text(value: &impl serde::Serialize) -> Message {
    // Strings and numbers only: encoding cannot fail.
    Message::Text(Utf8Bytes::from(serde_json::to_string(value).unwrap_or_default()))
}

/// Whether the page took it in time.
pub(super) async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(TAKEN, socket.send(message)).await, Ok(Ok(())))
}
