//! The URLs. A package is there as a whole before it gets a seat (`host::http`), so that whoever
//! sends slowly keeps out nobody. What is said and where stands in `escrow::answer`.

use crate::error::Trouble;
use crate::state::Trustee;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use escrow::answer::{Answer, Failed, Failure, PACKAGE_PATH, Refused, STATUS_PATH};
use escrow::package::PACKAGE_MAX_BYTES;
use host::http::Caller;
use media::policy::DAY_KEYS_PATH;
use std::sync::Arc;

pub(crate) fn router(trustee: Arc<Trustee>) -> Router {
    Router::new()
        .route(PACKAGE_PATH, post(package))
        .route(&format!("{DAY_KEYS_PATH}{{day}}"), get(day_keys))
        .route(STATUS_PATH, get(status))
        .with_state(trustee)
}

async fn package(State(trustee): State<Arc<Trustee>>, request: Request) -> Response {
    reply(take_package(&trustee, request).await.unwrap_or_else(Answer::from))
}

async fn take_package(trustee: &Trustee, request: Request) -> Result<Answer, Failed> {
    trustee.door.knock(Caller::of(&request))?;
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejected) if rejected.status() == StatusCode::PAYLOAD_TOO_LARGE => return Err(too_large()),
        Err(rejected) => return Ok(Answer::Malformed(Refused::malformed(&rejected.body_text()))),
    };
    Ok(trustee.answer(body, trustee.now()).await)
}

async fn day_keys(State(trustee): State<Arc<Trustee>>, Path(day): Path<String>) -> Response {
    match find_day_key(&trustee, &day).await {
        Ok(published) => ([(header::CONTENT_TYPE, "application/octet-stream")], published).into_response(),
        Err(failed) => reply(failed.into()),
    }
}

async fn find_day_key(trustee: &Trustee, day: &str) -> Result<Vec<u8>, Failed> {
    trustee.ready()?;
    let none = || Failure::NoDayKey.advise("this trustee publishes no key of that day, or not yet");
    // One spelling of a day.
    let number = day.parse::<u32>().ok().filter(|number| number.to_string() == day).ok_or_else(none)?;
    let published = trustee.desk.run(move |papers| papers.days.published(number)).await;
    published.map_err(Trouble::from)?.ok_or_else(none)
}

async fn status(State(trustee): State<Arc<Trustee>>) -> Response {
    let status = trustee.status().await;
    let code = if status.alarms.is_empty() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (code, axum::Json(status)).into_response()
}

fn too_large() -> Failed {
    Failure::PackageTooLarge.advise(format!(
        "a package has at most {PACKAGE_MAX_BYTES} bytes: ask for a shorter span, in several requests"
    ))
}

fn reply(answer: Answer) -> Response {
    let code = StatusCode::from_u16(answer.status()).expect("the statuses of the contract are HTTP's");
    (code, [(header::CONTENT_TYPE, answer.content_type())], answer.into_body()).into_response()
}
