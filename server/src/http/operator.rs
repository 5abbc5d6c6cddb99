//! The routes of the operator's listener, which must not be public.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE as PROMETHEUS_TEXT;
use prometheus_client::registry::Registry;

use crate::http::refusal::Refusal;
use crate::http::{health, turn_away};
use crate::metrics::{Metrics, text};
use crate::readiness::Readiness;
use crate::tasks::run_blocking;

/// Returns the routes: `/metrics`, `/healthz` and `/readyz`.
pub(crate) fn router(metrics: &Metrics, readiness: Arc<Readiness>) -> Router {
    let registry = Arc::new(metrics.registry(Arc::clone(&readiness)));
    Router::new()
        .route("/metrics", get(metrics_text))
        .with_state(registry)
        .fallback(async || Refusal::not_found().into_response())
        .method_not_allowed_fallback(async || Refusal::method().into_response())
        .layer(from_fn_with_state(metrics.clone(), turn_away))
        .merge(health::routes(readiness))
}

/// Serves all metrics as Prometheus text.
async fn metrics_text(State(registry): State<Arc<Registry>>) -> Response<Body> {
    // On a blocking thread, because counting ten thousand open files takes milliseconds.
    let text = run_blocking(move || text(&registry)).await;
    let Some(Ok(text)) = text else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = Response::new(Body::from(text));
    let content_type = HeaderValue::from_static(PROMETHEUS_TEXT);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
