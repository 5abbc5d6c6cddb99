//! The upgrade of a request to an echo session, for tests of the wire alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::{any, get};

use super::connection;
use crate::config::origins::Origins;
use crate::http::handshake::Handshake;
use crate::session::echo::{self, EchoLimits};
use crate::session::stats::ConnectionId;

/// Returns the routes of an echo server: the WebSocket of any room, and an empty page, so that a test
/// in a browser can open WebSockets of the same origin.
pub fn router(limits: Arc<EchoLimits>) -> Router {
    Router::new()
        .route("/xgate/websocket/{*room}", any(upgrade))
        .route("/", get(async || ()))
        .with_state(limits)
}

async fn upgrade(State(limits): State<Arc<EchoLimits>>, mut request: Request) -> Response<Body> {
    let handshake = match Handshake::check(&request, &Origins::default()) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let connection = upgraded.await.ok().and_then(|io| connection(ConnectionId::next(), io));
        if let Some(connection) = connection {
            echo::run(connection, limits).await;
        }
    });
    handshake.response()
}
