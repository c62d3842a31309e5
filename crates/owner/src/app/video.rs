//! Video for the page: one WebSocket, one live view or one recorded span.
//!
//! What the page says back, each a text: `more` on a played span, for a few segments more. A live
//! view is never asked for: it comes, and a page that cannot keep up meets the relay's rule for
//! slow viewers. Closing the socket ends the session with the relay.

use super::App;
use super::asked::{Stretch, Which};
use super::feed::{Feed, Item};
use crate::live::{self, Event, WatchError, Watched};
use crate::play;
use crate::span::{Picture, Span};
use axum::extract::{Query, State};
use axum::response::Response;
use host::http::Failure;
use host::shutdown::Shutdown;
use media::id::TrackId;
use page::socket::{Socket, Upgrade};
use serde::Serialize;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Segments of a recorded span that are sent before the page asks, and at each asking.
const AHEAD: u32 = 4;
/// Segments of a recorded span that wait to be sent.
const SEGMENTS: usize = 1;
/// Pieces of a live view that wait to be sent: of 64 KiB, or of one fragment.
const PIECES: usize = 64;

/// How it ended: the last thing that is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
enum End {
    /// Everything there was is sent.
    Ended,
    Failed {
        reason: String,
    },
    /// The app stops.
    Stopped,
}

pub(super) async fn show_live(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
    upgrade: Upgrade,
) -> Result<Response, Failure> {
    let (camera, shown) = (app.camera(&which.camera)?, app.clone());
    app.sockets.open(upgrade, move |socket| show(shown, socket, camera.name, TrackId(which.track), None))
}

pub(super) async fn show_span(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
    upgrade: Upgrade,
) -> Result<Response, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let (shown, track) = (app.clone(), TrackId(stretch.track));
    app.sockets.open(upgrade, move |socket| show(shown, socket, camera.name, track, Some(span)))
}

/// Shows a span of the past, or what is filmed now.
async fn show(app: Arc<App>, socket: Socket, name: String, track: TrackId, span: Option<Span>) {
    // Stops with the app, or when the page goes.
    let stop = app.shutdown.child();
    let picture = Picture { camera: &name, track };
    match span {
        None => {
            let (mut feed, items) = Feed::new(PIECES);
            serve(socket, live::watch(&app.owner, picture, &stop, &mut feed), items, None, &stop).await;
        }
        Some(span) => {
            let (mut feed, items) = Feed::new(SEGMENTS);
            let playing = play::watch(&app.owner, picture, span, &mut feed);
            serve(socket, playing, items, Some(AHEAD), &stop).await;
        }
    }
}

/// Sends what `watching` gives, until it ends, the page goes or the app stops. `credit` counts
/// segments, where the page asks for them.
async fn serve(
    mut socket: Socket,
    watching: impl Future<Output = Result<Watched, WatchError>>,
    mut items: mpsc::Receiver<Vec<Item>>,
    mut credit: Option<u32>,
    stop: &Shutdown,
) {
    let mut watching = pin!(watching);
    let mut ended = None;
    loop {
        let may_send = credit != Some(0);
        let piece = tokio::select! {
            biased;
            () = stop.requested() => break,
            said = socket.heard() => match said {
                Some(text) if text.as_str() == "more" => {
                    credit = credit.map(|credit| credit.saturating_add(AHEAD));
                    continue;
                }
                _ => break,
            },
            Some(piece) = items.recv(), if may_send => piece,
            outcome = &mut watching, if ended.is_none() => {
                ended = Some(outcome);
                continue;
            }
            // Everything there was is sent.
            () = std::future::ready(()), if may_send && ended.is_some() => break,
        };
        for item in piece {
            if matches!(item, Item::Event(Event::SegmentVerified { .. })) {
                credit = credit.map(|credit| credit.saturating_sub(1));
            }
            let taken = match item {
                Item::Event(event) => socket.tell(&event).await,
                Item::Media(bytes) => socket.hand(bytes).await,
            };
            if !taken {
                return;
            }
        }
    }
    let end = match ended {
        Some(Ok(_)) => End::Ended,
        Some(Err(error)) => End::Failed { reason: error.to_string() },
        None => End::Stopped,
    };
    socket.close(&end).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::assets::tests::cases;
    use crate::live::Outlet as _;
    use crate::live::viewer::Output;
    use std::collections::BTreeSet;

    /// Each event once: a new one does not compile until it stands here.
    fn every_event() -> Vec<Event> {
        let text = String::new;
        let mut all = vec![Event::Run { codec: text() }];
        loop {
            let next = match all.last() {
                None => return all,
                Some(Event::Run { .. }) => Event::Segment { epoch: 0, sequence: 0, start_us: 0 },
                Some(Event::Segment { .. }) => Event::Fragment { captured_us: 0, latency_us: 0 },
                Some(Event::Fragment { .. }) => Event::SegmentVerified { sequence: 0, duration_us: 0 },
                Some(Event::SegmentVerified { .. }) => Event::Gap { from_us: 0, to_us: 0, reason: text() },
                Some(Event::Gap { .. }) => Event::PolicyAlarm { epoch: 0, expected: text(), found: text() },
                Some(Event::PolicyAlarm { .. }) => Event::Refused { sequence: 0, reason: text() },
                Some(Event::Refused { .. }) => return all,
            };
            all.push(next);
        }
    }

    fn word(told: &impl Serialize) -> String {
        serde_json::to_value(told).unwrap()["event"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_script_knows_every_word_that_is_told_and_waits_for_no_other() {
        let (mut feed, mut items) = Feed::new(1);
        feed.take(every_event().into_iter().map(Output::Event).collect()).await.unwrap();
        let mut told = BTreeSet::new();
        for item in items.try_recv().unwrap() {
            if let Item::Event(event) = item {
                told.insert(word(&event));
            }
        }
        for end in [End::Ended, End::Failed { reason: String::new() }, End::Stopped] {
            told.insert(word(&end));
        }
        assert_eq!(told, cases("feed.js").into_iter().map(str::to_owned).collect());
    }
}
