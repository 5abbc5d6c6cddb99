//! The health checks: `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::get;
use serde_json::json;

use super::json_response;
use super::refusal::Refusal;
use crate::readiness::{Readiness, State};

/// Returns the two routes, for any listener.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(readiness: Arc<Readiness>) -> Router<S> {
    let alive = || async { uncached(StatusCode::OK, &json!({ "status": "alive" })) };
    let ready = move || {
        let readiness = Arc::clone(&readiness);
        async move { ready(&readiness.check().await) }
    };
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(async || Refusal::method().into_response())
}

/// Returns 200 if the server is ready, otherwise 503 with the reason.
fn ready(state: &State) -> Response<Body> {
    let status = match state {
        State::Ready => StatusCode::OK,
        State::Starting | State::Failing(_) | State::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    uncached(status, &json!({ "status": state.code(), "reason": state.words() }))
}

/// Returns a JSON response that must not be cached.
fn uncached(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = json_response(status, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
