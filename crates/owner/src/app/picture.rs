//! One key picture of a moment, for a page to draw small: the run's init segment and the fragment
//! with the key frame, an MP4 of a tenth of a second.
//!
//! Of a head, so that it costs a picture and not a segment. It helps to find a moment; what is then
//! played is opened whole.

use super::asked::Which;
use super::{App, Known};
use crate::book::StoredCamera;
use crate::heads::picture::picture_at;
use crate::span::Span;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::http::Failure;
use media::time::Micros;
use quic::CallError;
use std::sync::Arc;
use std::time::Duration;

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
    let found = still(&app, &camera, Micros(moment.at)).await;
    let found = found.map_err(|error| Failure::new(502, "relay", error.to_string()))?;
    // Nothing stored of the moment is no fault of whoever points at it.
    let Some(picture) = found else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let times = format!("{} {}", picture.from_us, picture.to_us);
    let headers = [(header::CONTENT_TYPE, picture.kind), (STANDS_FOR, times)];
    Ok((headers, picture.mp4).into_response())
}

/// A key picture, and for which times it stands.
pub(crate) struct KeyPicture {
    pub(crate) from_us: Micros,
    pub(crate) to_us: Micros,
    /// Its media type, with the codec.
    pub(crate) kind: String,
    pub(crate) mp4: Vec<u8>,
}

pub(super) async fn still(
    known: &Known,
    camera: &StoredCamera,
    at_us: Micros,
) -> Result<Option<KeyPicture>, CallError> {
    let Ok(span) = Span::new(at_us, at_us.after(Duration::from_micros(1))) else { return Ok(None) };
    let (stored, mut session, mut found) = (known.owner.stored(), known.pictures.borrow(&known.owner), None);
    // Under whichever key it was filmed, the newest first; of one that has no picture of it, the other's.
    for (of, _) in stored.parts(&camera.name, span).into_iter().rev() {
        if found.is_none() {
            let seen = picture_at(&known.owner, &mut session, of, at_us).await?;
            found = seen.filter(|(head, _)| head.picture.is_some());
        }
    }
    known.pictures.give_back(session);
    Ok(found.and_then(|(mut head, to_us)| {
        let picture = head.picture.take()?;
        let kind = format!("video/mp4; codecs=\"{}\"", head.sealed.codecs.replace(['"', '\n'], ""));
        let mp4 = [head.sealed.init, picture].concat();
        Some(KeyPicture { from_us: head.header.start_us, to_us, kind, mp4 })
    }))
}
