//! What a reader of live pictures is told: one film that goes on, or a playlist of its newest
//! segments.
//!
//! ```text
//! live.mp4          init, moof + mdat, ... until another run begins, nothing came for a while, or the reader is too slow
//! live/index.m3u8   #EXT-X-MAP i7.mp4, s9.m4s, s10.m4s, ... whole segments alone; another run is a discontinuity
//! ```

use super::Bridge;
use super::door::Guest;
use super::hub::{Channel, Next, Place, Run, Segment};
use super::refused::Refused;
use crate::book::StoredCamera;
use crate::status::CameraState;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::channel::{Channel as Pipe, Sender};
use media::id::TrackId;
use serde::Deserialize;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the first picture may take to come.
const FIRST: Duration = Duration::from_secs(10);
/// How long a film goes on in which nothing comes, and a reader may take for one piece.
const STALL: Duration = Duration::from_secs(30);
/// Segments of a playlist.
const LISTED: usize = 6;
/// A relay that was heard so long ago says nothing of now, microseconds.
const HEARD_US: u64 = 30_000_000;

#[derive(Debug, Deserialize)]
pub(super) struct Track {
    #[serde(default)]
    track: String,
}

impl Track {
    /// 0 the main picture, 1 the second one.
    fn id(&self) -> Result<TrackId, Refused> {
        match self.track.as_str() {
            "" | "0" => Ok(TrackId::MAIN),
            "1" => Ok(TrackId::SUB),
            _ => Err(Refused::WrongTrack),
        }
    }
}

impl Bridge {
    /// Whether a picture of this camera can be expected now.
    fn is_filming(&self, camera: &StoredCamera) -> Result<(), Refused> {
        if camera.is_retired() {
            return Err(Refused::CameraRetired);
        }
        let (told, now_us) = (self.known.cameras(), self.owner.now_us().0);
        if let Some(problem) = told.problem.filter(|_| now_us.saturating_sub(told.heard_us) > HEARD_US) {
            return Err(Refused::Relay(problem));
        }
        let id = camera.camera_id.to_string();
        let Some(status) = told.status.iter().find(|status| status.camera_id == id) else { return Ok(()) };
        let text = || status.condition.text.clone();
        match status.condition.state {
            CameraState::Offline => Err(Refused::CameraOffline(text())),
            CameraState::NoPicture | CameraState::Resting | CameraState::NothingMoves => {
                Err(Refused::NoPicture(text()))
            }
            CameraState::Filming | CameraState::NotStored | CameraState::Silent => Ok(()),
        }
    }

    fn view(&self, guest: &Guest, which: &str, track: &Track) -> Result<(String, Arc<Channel>), Refused> {
        let (camera, track) = (self.camera(guest, which)?, track.id()?);
        self.is_filming(&camera)?;
        let channel = self.hub.channel(&camera.name, track).map_err(|_| Refused::TooManyReaders)?;
        Ok((camera.name, channel))
    }
}

/// What is waited for, or why it does not come.
async fn first<T>(found: impl Future<Output = Result<T, Option<String>>>) -> Result<T, Refused> {
    let none = || Refused::NoPicture(format!("no picture came within {} s", FIRST.as_secs()));
    match timeout(FIRST, found).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(Some(error))) => Err(Refused::Relay(error)),
        Ok(Err(None)) | Err(_) => Err(none()),
    }
}

pub(super) async fn mp4(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(track): Query<Track>,
) -> Result<Response, Refused> {
    let (camera, channel) = bridge.view(&guest, &which, &track)?;
    let seat = bridge.hub.seat().map_err(|_| Refused::TooManyReaders)?;
    let reading = channel.reading();
    let (init, place) = first(channel.newest()).await?;
    let (sender, body) = Pipe::new(1);
    let stop = bridge.shutdown.clone();
    tokio::spawn(async move {
        let _held = (seat, reading);
        let why = tokio::select! {
            why = hand_out(&channel, init, place, sender) => why,
            () = guest.turned_away() => Some("its token is not good any more"),
            () = stop.requested() => None,
        };
        if let Some(why) = why {
            tracing::warn!(reader = guest.name(), camera, why, "a reader was cut off");
        }
    });
    Ok(([(header::CONTENT_TYPE, "video/mp4")], Body::new(body)).into_response())
}

/// Hands out a film from a place on; returns why its reader was cut off, if it was.
async fn hand_out(
    channel: &Channel,
    init: Bytes,
    mut place: Place,
    mut to: Sender<Bytes, io::Error>,
) -> Option<&'static str> {
    let mut piece = init;
    loop {
        match timeout(STALL, to.send_data(piece)).await {
            Ok(Ok(())) => {}
            // It went by itself.
            Ok(Err(_)) => return None,
            Err(_) => return Some("it takes nothing"),
        }
        piece = match timeout(STALL, channel.next(&mut place)).await {
            Ok(Next::Piece(bytes)) => bytes,
            // Whoever asks again gets what there is then.
            Ok(Next::End) | Err(_) => return None,
            Ok(Next::Behind) => {
                to.abort(io::Error::other("too slow"));
                return Some("it is too slow");
            }
        };
    }
}

pub(super) async fn playlist(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(track): Query<Track>,
) -> Result<Response, Refused> {
    let (_, channel) = bridge.view(&guest, &which, &track)?;
    let (segments, longest, breaks) = first(channel.whole()).await?;
    // A player that can send nothing else sends it with each address that it is told.
    let mut query: Vec<String> = guest.query.iter().map(|token| format!("token={token}")).collect();
    query.extend((track.id()? == TrackId::SUB).then(|| "track=1".to_owned()));
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let text = listed(&segments, longest, breaks, &query);
    Ok(([(header::CONTENT_TYPE, "application/vnd.apple.mpegurl")], text).into_response())
}

pub(super) async fn file(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path((which, file)): Path<(String, String)>,
    Query(track): Query<Track>,
) -> Result<Response, Refused> {
    let number = |prefix: &str, suffix: &str| -> Option<u64> {
        file.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
    };
    let (kind, bytes) = match (number("i", ".mp4"), number("s", ".m4s")) {
        (Some(run), _) => {
            let (_, channel) = bridge.view(&guest, &which, &track)?;
            let run: Arc<Run> = channel.run(run).ok_or(Refused::SegmentGone)?;
            ("video/mp4", run.init.clone())
        }
        (None, Some(number)) => {
            let (_, channel) = bridge.view(&guest, &which, &track)?;
            let segment = channel.segment(number).ok_or(Refused::SegmentGone)?;
            ("video/iso.segment", segment.parts.concat().into())
        }
        (None, None) => return Err(Refused::NotFound),
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

fn listed(segments: &[Segment], longest: Duration, mut breaks: u64, query: &str) -> String {
    let from = segments.len().saturating_sub(LISTED);
    breaks += segments[..from].iter().filter(|it| !it.joins).count() as u64;
    let longest = longest.as_millis().div_ceil(1000).max(1);
    let first = segments.get(from).and_then(|it| it.whole).map_or(0, |(number, _)| number);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:{breaks}\n"
    );
    let mut run = None;
    for segment in &segments[from..] {
        let Some((number, length)) = segment.whole else { continue };
        if !segment.joins {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if run != Some(segment.run.number) {
            run = Some(segment.run.number);
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"i{}.mp4{query}\"", segment.run.number);
        }
        let _ = writeln!(text, "#EXTINF:{:.3},\ns{number}.m4s{query}", length.as_secs_f64());
    }
    text
}
