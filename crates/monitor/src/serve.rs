//! The monitor's pages: gossip, counts and status for programs, and one for people.

use crate::gossip::{Gossip, GossipError, MAX_GOSSIP_BYTES};
use crate::page::{ASSETS, Page};
use crate::state::Monitor;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use host::http::Failure;
use page::dress::Dress;
use std::sync::Arc;

pub(crate) fn router(monitor: Arc<Monitor>) -> Router {
    let for_people = Router::new()
        .route("/", get(page))
        .route("/base.css", get(async || style("base.css")))
        .route("/page.css", get(async || style("page.css")));
    Dress::of_text()
        .over(for_people)
        .route("/gossip", get(ours).post(swap))
        .route("/counts", get(counts))
        .route("/status", get(status))
        .with_state(monitor)
}

async fn ours(State(monitor): State<Arc<Monitor>>) -> Response {
    monitor.on_disk(|monitor| Json(Gossip::ours(&monitor.book())).into_response()).await
}

async fn swap(State(monitor): State<Arc<Monitor>>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejected) if rejected.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let advice = format!("a gossip object has at most {MAX_GOSSIP_BYTES} bytes");
            return Failure::new(413, "gossip-too-large", advice).into_response();
        }
        Err(rejected) => return Failure::new(400, "not-gossip", rejected.to_string()).into_response(),
    };
    let work = move |monitor: &Monitor| {
        let heard = match Gossip::parse(&body).and_then(|gossip| gossip.verify(monitor.policy())) {
            Ok(heard) => heard,
            Err(error) => return refusal(&error).into_response(),
        };
        let mut book = monitor.book();
        match heard.enter(&mut book, monitor.policy()) {
            Ok(()) => Json(Gossip::ours(&book)).into_response(),
            Err(error) => {
                tracing::error!(%error, "gossip could not be kept");
                Failure::new(500, "store", "this monitor's operator must look").into_response()
            }
        }
    };
    monitor.on_disk(work).await
}

fn refusal(error: &GossipError) -> Failure {
    let (status, name) = match error {
        GossipError::Malformed(_) => (400, "not-gossip"),
        GossipError::TooMuch => (400, "too-much-gossip"),
        GossipError::Head(_) => (403, "foreign-head"),
    };
    Failure::new(status, name, error.to_string())
}

async fn counts(State(monitor): State<Arc<Monitor>>) -> Response {
    let work = move |monitor: &Monitor| {
        let book = monitor.book();
        let mut json = serde_json::Value::clone(&book.counts_json());
        json["head"] = book.head().map_or(serde_json::Value::Null, |head| {
            serde_json::json!({
                "size": head.checkpoint().size(),
                "root": head.checkpoint().root().to_base64(),
                "cosigned_at": head.cosigned_at(),
            })
        });
        drop(book);
        Json(json).into_response()
    };
    monitor.on_disk(work).await
}

async fn status(State(monitor): State<Arc<Monitor>>) -> Response {
    let work = move |monitor: &Monitor| {
        let status = monitor.status();
        let code = if status.is_red() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        (code, Json(status)).into_response()
    };
    monitor.on_disk(work).await
}

/// The count for people. While an alarm stands the page says so first; its status is 200 all the
/// same, so that browsers show it.
async fn page(State(monitor): State<Arc<Monitor>>) -> Response {
    let work = move |monitor: &Monitor| {
        let status = monitor.status();
        let book = monitor.book();
        let rows = book.rows();
        let head = book.head().map(|head| (head.checkpoint().root().to_base64(), head.witness_names()));
        let page = Page {
            rows: &rows,
            rules: book.rules(),
            counts: &book.counts_json(),
            head,
            log: &monitor.config.log,
            status: &status,
            now: monitor.clock.seconds(),
        };
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.to_string()).into_response()
    };
    monitor.on_disk(work).await
}

fn style(name: &str) -> Result<Response, StatusCode> {
    ASSETS.answer(name).ok_or(StatusCode::NOT_FOUND)
}
