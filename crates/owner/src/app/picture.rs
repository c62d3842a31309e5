//! One key picture of a moment, for a page to draw small: the run's init segment and the fragment
//! with the key frame, an MP4 of a tenth of a second.
//!
//! Of a head, so that it costs a picture and not a segment. It helps to find a moment; what is then
//! played is opened whole.

use super::App;
use super::asked::Which;
use crate::book::StoredCamera;
use crate::heads::{self, Head, Wanted};
use crate::span::Span;
use crate::state::Owner;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::http::Failure;
use media::id::{Sequence, TrackId};
use media::segment::{SegmentQuery, Start};
use media::time::Micros;
use quic::CallError;
use relay_client::Session;
use std::sync::Arc;
use std::time::Duration;

/// How much earlier than the moment a key frame is looked for, where its segment continues another.
const LEAD: Duration = Duration::from_secs(30);
/// The header that says for which times the picture stands: two Unix microseconds.
const STANDS_FOR: HeaderName = HeaderName::from_static("candor-times");

#[derive(Debug, serde::Deserialize)]
pub(super) struct Moment {
    #[serde(flatten)]
    which: Which,
    /// Unix microseconds.
    at: u64,
}

pub(super) async fn picture(
    State(app): State<Arc<App>>,
    Query(moment): Query<Moment>,
) -> Result<Response, Failure> {
    let camera = app.camera(&moment.which.camera)?;
    let at_us = Micros(moment.at);
    let span = Span::new(at_us, at_us.after(Duration::from_micros(1)));
    let span = span.map_err(|error| Failure::new(400, "wrong-moment", error.to_string()))?;
    let (stored, mut session, mut found) = (app.owner.stored(), app.pictures.borrow(&app.owner), None);
    // Under whichever key it was filmed, the newest first; of one that has no picture of it, the other's.
    for (of, _) in stored.parts(&camera.name, span).into_iter().rev() {
        if found.is_none() {
            let seen = find(&app.owner, &mut session, of, at_us).await;
            let seen = seen.map_err(|error| Failure::new(502, "relay", error.to_string()))?;
            found = seen.filter(|(head, _)| head.picture.is_some());
        }
    }
    app.pictures.give_back(session);
    let with_picture = found.and_then(|(mut head, to_us)| Some((head.picture.take()?, head, to_us)));
    // Nothing stored of the moment is no fault of whoever points at it.
    let Some((picture, head, to_us)) = with_picture else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let kind = format!("video/mp4; codecs=\"{}\"", head.sealed.codecs.replace(['"', '\n'], ""));
    let times = format!("{} {to_us}", head.header.start_us);
    let headers = [(header::CONTENT_TYPE, kind), (STANDS_FOR, times)];
    Ok((headers, [head.sealed.init, picture].concat()).into_response())
}

/// The head with the last key picture at or before a moment, and the end of the segment that holds
/// the moment.
async fn find(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    at_us: Micros,
) -> Result<Option<(Head, Micros)>, CallError> {
    let mut keys = heads::keyring(camera)?;
    let mut wanted = Wanted {
        from_us: at_us,
        to_us: at_us.after(Duration::from_micros(1)),
        cursor: Sequence(0),
        pictures: true,
    };
    let Some(here) = heads::fetch(owner, session, camera, &mut keys, wanted).await?.heads.pop() else {
        return Ok(None);
    };
    let end_us = here.end_us();
    if here.header.start == Start::KeyFrame {
        return Ok(Some((here, end_us)));
    }
    let (camera_id, track, cursor) = (camera.camera_id, TrackId::MAIN, Sequence(0));
    let before = SegmentQuery { camera_id, track, from_us: at_us.before(LEAD), to_us: wanted.to_us, cursor };
    let link = session.link().await?;
    let Some(key) = heads::last_key_frame(&link, before).await? else { return Ok(None) };
    (wanted.from_us, wanted.cursor) = (key.start_us, key.sequence);
    wanted.to_us = key.start_us.after(Duration::from_micros(1));
    let picture = heads::fetch(owner, session, camera, &mut keys, wanted).await?.heads.pop();
    Ok(picture.map(|head| (head, end_us)))
}
