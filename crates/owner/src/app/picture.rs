//! One key picture of a moment, for a page to draw small: the run's init segment and the fragment
//! with the key frame, an MP4 of a tenth of a second.
//!
//! Of a head, so that it costs a picture and not a segment. It helps to find a moment; what is then
//! played is opened whole.

use super::App;
use super::asked::Which;
use crate::heads::picture::picture_at;
use crate::span::Span;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::http::Failure;
use media::time::Micros;
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
    let at_us = Micros(moment.at);
    let span = Span::new(at_us, at_us.after(Duration::from_micros(1)));
    let span = span.map_err(|error| Failure::new(400, "wrong-moment", error.to_string()))?;
    let (stored, mut session, mut found) = (app.owner.stored(), app.pictures.borrow(&app.owner), None);
    // Under whichever key it was filmed, the newest first; of one that has no picture of it, the other's.
    for (of, _) in stored.parts(&camera.name, span).into_iter().rev() {
        if found.is_none() {
            let seen = picture_at(&app.owner, &mut session, of, at_us).await;
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
