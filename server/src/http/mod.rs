//! Everything that is served over HTTP: the rooms' sockets, the page and its files.

mod assets;
pub mod quality;
pub mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::{any, get};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hub::Hub;
use crate::ws::handshake::Handshake;
use crate::ws::session::{self, SessionLimits};
use refusal::Refusal;

/// What the routes need.
#[derive(Debug, Clone)]
pub struct App {
    /// The rooms.
    pub hub: Arc<Hub>,
    /// Origins that may connect; all when empty.
    pub allowed_origins: Arc<[String]>,
    /// What a session may take and hold.
    pub limits: SessionLimits,
    /// The sessions that run.
    pub sessions: TaskTracker,
    /// Says that the server is going away.
    pub shutdown: CancellationToken,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/xgate/websocket/", any(upgrade))
        .route("/xgate/websocket/{*room}", any(upgrade))
        .route("/", get(assets::page))
        .route("/room/{room}", get(assets::page))
        .fallback(get(assets::file))
        .with_state(app)
}

async fn upgrade(State(app): State<App>, mut request: Request) -> Response<Body> {
    let handshake = match Handshake::check(&request, &app.allowed_origins) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    // There is nothing to upgrade where the request did not come in over HTTP/1.1.
    if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none() {
        return Refusal::not_an_upgrade().into_response();
    }
    let response = handshake.response();
    let upgraded = hyper::upgrade::on(&mut request);
    let App { hub, limits, sessions, shutdown, .. } = app;
    sessions.spawn(async move {
        match upgraded.await {
            Ok(upgraded) => session::run(upgraded, handshake, hub, limits, shutdown).await,
            Err(error) => tracing::debug!(%error, "a client went away during its handshake"),
        }
    });
    response
}
