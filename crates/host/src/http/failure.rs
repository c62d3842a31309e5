//! How every party's HTTP says no: a status, and JSON with a name for programs and a sentence for
//! people.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A refusal or failure as every party's HTTP answers it: a status and JSON `{"error",
/// "what_to_do"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    /// What was wrong, by its name.
    pub error: String,
    pub what_to_do: String,
}

impl Failure {
    pub fn new(status: u16, error: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { status, error: error.into(), what_to_do: what_to_do.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::json!({ "error": self.error, "what_to_do": self.what_to_do });
        (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
    }
}
