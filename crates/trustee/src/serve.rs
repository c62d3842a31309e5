//! The URLs. A package's body is read only once there is a seat for it, so that memory is bounded by seats and not by connections.

use crate::answer::{Answer, State};
use crate::daykeys::DayState;
use crate::decide::{Trustee, busy};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Path, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use escrow::package::PACKAGE_MAX_BYTES;
use escrow::record::EntryId;
use host::http::Failure;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long a body may take while it holds a seat.
const BODY_WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn router(trustee: Arc<Trustee>) -> Router {
    Router::new()
        .route("/package", post(package))
        .route("/release/{id}", get(release))
        .route("/day-keys/{day}", get(day_keys))
        .route("/status", get(status))
        .with_state(trustee)
}

async fn package(Shared(trustee): Shared<Arc<Trustee>>, request: Request) -> Response {
    if let Err(limited) = rate(&trustee) {
        return limited.into_response();
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: u64| length > PACKAGE_MAX_BYTES as u64) {
        return too_large();
    }
    let Ok(seat) = trustee.seats.clone().try_acquire_owned() else { return busy().into_response() };
    let body = match tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejected)) if rejected.status() == StatusCode::PAYLOAD_TOO_LARGE => return too_large(),
        Ok(Err(rejected)) => {
            let advice = "send the whole package, with its length";
            return Failure::new(400, rejected.body_text(), advice).into_response();
        }
        Err(_) => {
            return Failure::new(408, "request-timeout", "send the whole package without pause")
                .into_response();
        }
    };
    trustee.answer_seated(&body, host::clock::now(), seat).await.into_response()
}

async fn release(Shared(trustee): Shared<Arc<Trustee>>, Path(id): Path<String>) -> Response {
    if let Err(limited) = rate(&trustee) {
        return limited.into_response();
    }
    match EntryId::from_hex(&id) {
        Some(id) => trustee.answer_again(&id, host::clock::now()).await.into_response(),
        None => Answer::Unknown.into_response(),
    }
}

async fn day_keys(Shared(trustee): Shared<Arc<Trustee>>, Path(day): Path<String>) -> Response {
    if let Err(unavailable) = trustee.ready() {
        return unavailable.into_response();
    }
    let none = || Failure::new(404, "no-day-key", "this trustee publishes no key of that day, or not yet");
    // One spelling of a day.
    let Some(day) = day.parse::<u32>().ok().filter(|number| number.to_string() == day) else {
        return none().into_response();
    };
    match trustee.disk.clone().run(move || trustee.days.note(day)).await {
        Ok(Some(note)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response(),
        Ok(None) => none().into_response(),
        Err(error) => {
            tracing::error!(%error, "a day key cannot be read");
            Answer::Failed.into_response()
        }
    }
}

fn rate(trustee: &Trustee) -> Result<(), Answer> {
    let taken = trustee.rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
    taken.map_err(|pause| {
        let what_to_do = format!("too many requests; ask again after {} ms", pause.as_millis());
        Answer::Busy { error: "rate", what_to_do }
    })
}

fn too_large() -> Response {
    let advice = format!(
        "a package has at most {PACKAGE_MAX_BYTES} bytes: ask for a shorter span, in several requests"
    );
    Failure::new(413, "package-too-large", advice).into_response()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Bundle(bundle) => {
                ([(header::CONTENT_TYPE, "application/octet-stream")], bundle).into_response()
            }
            Self::Pending(state) => {
                let mut json = serde_json::json!({ "state": state.word() });
                if let State::Waiting(until) = state {
                    json["wait_until"] = until.into();
                }
                (StatusCode::ACCEPTED, Json(json)).into_response()
            }
            Self::Refused(refused) => (StatusCode::FORBIDDEN, Json(refused)).into_response(),
            Self::Unavailable { error, what_to_do } => Failure::new(503, error, what_to_do).into_response(),
            Self::Busy { error, what_to_do } => Failure::new(429, error, what_to_do).into_response(),
            Self::Malformed(refused) => (StatusCode::BAD_REQUEST, Json(refused)).into_response(),
            Self::Unknown => {
                Failure::new(404, "no-package", "no package with this id was given here; POST it to /package")
                    .into_response()
            }
            Self::Failed => {
                Failure::new(500, "trustee-failure", "the trustee's operator must look; ask the others")
                    .into_response()
            }
        }
    }
}

/// What `GET /status` tells.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    pub name: String,
    pub vkey: String,
    /// `catching-up`, `following`, `log-unreachable` or `forked`.
    pub state: &'static str,
    /// `true` where no human decides: for tests and the demo only.
    pub auto_approve: bool,
    /// The same as a sentence, where it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// Leaves read and verified.
    pub size: u64,
    /// When a quorum had cosigned that head, Unix seconds.
    pub cosigned_at: Option<u64>,
    pub last_good_look_secs: Option<u64>,
    /// Why the last look brought nothing, if so.
    pub error: Option<String>,
    pub approvers: Vec<String>,
    /// Requests that wait for a human or for their time.
    pub pending: usize,
    pub granted: u64,
    /// Granted, and the grant is not in the log yet.
    pub appending: u64,
    /// Refusals that became leaves.
    pub refused: u64,
    /// Leaves on their way into the log.
    pub outbox: u64,
    pub day_keys: BTreeMap<u32, DayState>,
    /// What an operator must look at.
    pub alarms: Vec<String>,
}

const AUTO_WARNING: &str = "AUTO-APPROVE IS ON: no human decides here; for tests and the demo only";

impl Trustee {
    /// What an operator asks.
    pub fn status(&self) -> Status {
        let progress = self.follower.progress();
        let mut alarms = Vec::new();
        let totals = self.ledger.totals().map_err(|error| alarms.push(error.to_string())).ok();
        let pending = self.waiting.count().map_err(|error| alarms.push(error.to_string())).unwrap_or(0);
        let day_keys = self.days.states();
        if progress.forked {
            alarms.push("fork".to_owned());
        }
        let lost = day_keys.iter().filter(|(_, state)| **state == DayState::Lost);
        alarms.extend(lost.map(|(day, _)| format!("day-key-lost {day}")));
        Status {
            name: self.config.name.clone(),
            vkey: self.vkey().vkey(),
            state: match (&progress.error, progress.caught_up) {
                _ if progress.forked => "forked",
                (_, false) => "catching-up",
                (Some(_), true) => "log-unreachable",
                (None, true) => "following",
            },
            auto_approve: self.config.auto_approve,
            warning: self.config.auto_approve.then_some(AUTO_WARNING),
            size: self.follower.view().head.size,
            cosigned_at: progress.cosigned_at,
            last_good_look_secs: progress.good_look.map(|at| at.elapsed().as_secs()),
            error: progress.error,
            approvers: self.approvers().iter().map(|key| key.vkey()).collect(),
            pending,
            granted: totals.map_or(0, |totals| totals.granted),
            appending: totals.map_or(0, |totals| totals.appending),
            refused: totals.map_or(0, |totals| totals.refused),
            outbox: totals.map_or(0, |totals| totals.outbox),
            day_keys,
            alarms,
        }
    }
}

async fn status(Shared(trustee): Shared<Arc<Trustee>>) -> Response {
    let status = trustee.disk.clone().run(move || trustee.status()).await;
    let code = if status.alarms.is_empty() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (code, Json(status)).into_response()
}
