//! Everything that HTTP serves: the rooms' WebSockets, the page and its files, QR codes, and health
//! checks.

mod assets;
#[doc(hidden)]
pub mod echo;
pub mod handshake;
pub(crate) mod health;
pub mod listener;
pub mod nicknames;
pub(crate) mod operator;
mod people;
mod qr;
pub mod qvalue;
pub mod refusal;
mod serve;
mod site;
mod startup;
mod words;

pub use listener::Listener;
pub use serve::{HttpLimits, HttpServer};
pub use site::Site;
pub use startup::{SessionsHandle, StartupLatch};

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{any, get};
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use xmeet_shared::WEBSOCKET_PATH_PREFIX;

use crate::config::origins::Origins;
use crate::http::handshake::Handshake;
use crate::limits::admission::{Admission, AdmissionError, ConnectionPermit};
use crate::limits::network::Peer;
use crate::metrics::{Metrics, RefusedLabels};
use crate::readiness::Readiness;
use crate::session::Sessions;
use crate::session::connection::Connection;
use crate::session::stats::ConnectionId;
use crate::wire::{self, stream};
use refusal::Refusal;

/// The state of the routes.
#[derive(Debug, Clone)]
pub struct App {
    pub sessions: SessionsHandle,
    pub readiness: Arc<Readiness>,
    /// The origins that may connect.
    pub origins: Arc<Origins>,
    pub admission: Arc<Admission>,
    /// The running sessions.
    pub tasks: TaskTracker,
    pub metrics: Metrics,
}

/// The sender of a request, as an extension of the request.
#[derive(Debug, Clone)]
struct Caller {
    id: ConnectionId,
    peer: Peer,
    permit: Arc<ConnectionPermit>,
}

/// Returns the routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/xgate/websocket/", any(upgrade))
        .route("/xgate/websocket/{*room}", any(upgrade))
        .route("/", get(assets::page))
        .route("/room/{room}", get(assets::room_page))
        .route("/qr.svg", get(qr::picture))
        .route("/robots.txt", get(people::robots))
        .route(people::STYLE_PATH, get(people::style))
        .fallback(get(assets::file).fallback(async || Refusal::method().into_response()))
        .method_not_allowed_fallback(async || Refusal::method().into_response())
        .layer(from_fn_with_state(app.metrics.clone(), turn_away))
        .merge(health::routes(Arc::clone(&app.readiness)))
        .with_state(app)
}

/// Refuses every request on a connection beyond a limit, except health checks.
pub(crate) async fn turn_away(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let Some(denial) = request.extensions().get::<AdmissionError>().copied() else {
        return next.run(request).await;
    };
    let refusal = Refusal::denied(denial);
    if request.uri().path().starts_with(WEBSOCKET_PATH_PREFIX) {
        metrics.connections.count_refused(RefusedLabels { code: refusal.code() });
    }
    let mut response = refusal.into_response();
    response.extensions_mut().insert(denial);
    response
}

/// Upgrades a request to a WebSocket and starts its session, or counts and returns the refusal.
async fn upgrade(State(app): State<App>, request: Request) -> Response<Body> {
    let metrics = app.metrics.clone();
    let response = try_upgrade(app, request).await;
    response.unwrap_or_else(|refusal| {
        metrics.connections.count_refused(RefusedLabels { code: refusal.code() });
        refusal.into_response()
    })
}

async fn try_upgrade(app: App, mut request: Request) -> Result<Response<Body>, Refusal> {
    let handshake = Handshake::check(&request, &app.origins)?;
    // Only an HTTP/1.1 request can be upgraded.
    if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none() {
        return Err(Refusal::not_an_upgrade());
    }
    if app.readiness.is_draining() {
        return Err(Refusal::going_away());
    }
    let refusal =
        || if app.readiness.is_draining() { Refusal::going_away() } else { Refusal::starting() };
    let sessions = app.sessions.ready().await.ok_or_else(refusal)?;
    let caller = request.extensions_mut().remove::<Caller>();
    let id = caller.as_ref().map_or_else(ConnectionId::next, |caller| caller.id);
    let address = caller
        .as_ref()
        .and_then(|caller| app.admission.address_for_log(caller.peer, request.headers()));
    let permit = admit(&app.admission, caller, request.headers(), &sessions, &handshake);
    let permit = permit.map_err(Refusal::denied)?;
    let response = handshake.response();
    let upgraded = hyper::upgrade::on(&mut request);
    let (tasks, panics) = (app.tasks.clone(), Arc::clone(&app.metrics.panics));
    let start_session = async move {
        match upgraded.await.map(|upgraded| connection(id, upgraded)) {
            // A separate task, because the session outlives this request.
            Ok(Some(connection)) => {
                let connection = Connection { address, permit, ..connection };
                tasks.spawn(sessions.session(connection, handshake.into_join_request()));
            }
            Ok(None) => {
                tracing::error!(connection = id.number(), "upgrade of an unknown transport");
            }
            Err(error) => {
                tracing::debug!(connection = id.number(), %error, "the client disconnected during its handshake");
            }
        }
    };
    app.tasks.spawn(async move { panics.catch(serve::CONNECTION_TASK, start_session).await });
    Ok(response)
}

/// Returns the permit for a session, or `None` for a request without a connection, as in tests.
fn admit(
    admission: &Arc<Admission>,
    caller: Option<Caller>,
    headers: &HeaderMap,
    sessions: &Sessions,
    handshake: &Handshake,
) -> Result<Option<Arc<ConnectionPermit>>, AdmissionError> {
    let Some(Caller { peer, permit, .. }) = caller else { return Ok(None) };
    let permit = admission.admit_socket(peer, headers, &permit)?;
    if !sessions.hub.is_in_memory(&handshake.room) {
        admission.admit_room(&permit, sessions.hub.rooms_in_memory())?;
    }
    Ok(Some(permit))
}

/// Returns a JSON response.
fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns the connection of an upgraded request, or `None` if its transport is unknown.
fn connection(id: ConnectionId, upgraded: Upgraded) -> Option<Connection> {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(Parts { io, read_buf, .. }) => {
            return Some(Connection::tcp(id, io.into_inner(), read_buf.to_vec()));
        }
        Err(upgraded) => upgraded,
    };
    let (halves, read_buf) = match upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>() {
        Ok(Parts { io, read_buf, .. }) => (wire::tls::split(io.into_inner()), read_buf),
        Err(upgraded) => {
            let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<UnixStream>>().ok()?;
            (stream::split_unix(io.into_inner()), read_buf)
        }
    };
    let ((reading, writing), early) = (halves, read_buf.to_vec());
    Some(Connection { id, address: None, reading, writing, early, permit: None })
}
