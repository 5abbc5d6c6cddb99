//! Everything that is served over HTTP: the rooms' sockets, the page and its files, QR codes, and
//! how the server is.

mod assets;
pub(crate) mod health;
pub mod listener;
mod opening;
mod qr;
pub mod quality;
pub mod refusal;
mod serve;
mod site;

pub use listener::Listener;
pub use opening::{Opener, Rooms};
pub use serve::{HttpLimits, serve};
pub use site::Site;

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

use crate::limits::gate::{Denial, Gate, Place};
use crate::limits::network::Peer;
use crate::metrics::{Metrics, RefusedLabels};
use crate::readiness::Readiness;
use crate::tls;
use crate::ws::account::ConnectionId;
use crate::ws::connection::Connection;
use crate::ws::handshake::Handshake;
use crate::ws::origins::Origins;
use crate::ws::session::Sessions;
use crate::ws::stream;
use refusal::Refusal;

/// What the routes need.
#[derive(Debug, Clone)]
pub struct App {
    /// Where sessions go.
    pub rooms: Rooms,
    /// Whether the server can be sent anybody.
    pub readiness: Arc<Readiness>,
    /// Origins that may connect; all when empty.
    pub origins: Arc<Origins>,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// The sessions that run.
    pub tasks: TaskTracker,
    /// Where it is counted what happens.
    pub metrics: Metrics,
}

/// Who sent a request; an extension of each.
#[derive(Debug, Clone)]
struct Caller {
    /// What its connection is called in the log.
    id: ConnectionId,
    peer: Peer,
    /// The place of its connection.
    place: Arc<Place>,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/xgate/websocket/", any(upgrade))
        .route("/xgate/websocket/{*room}", any(upgrade))
        .route("/", get(assets::page))
        .route("/room/{room}", get(assets::room_page))
        .route("/qr.svg", get(qr::picture))
        .fallback(get(assets::file).fallback(async || Refusal::method().into_response()))
        .method_not_allowed_fallback(async || Refusal::method().into_response())
        .layer(from_fn_with_state(app.metrics.clone(), turn_away))
        .merge(health::routes(Arc::clone(&app.readiness)))
        .with_state(app)
}

/// Refuses what came on a connection past a limit, whatever it asks for but how the server is.
pub(crate) async fn turn_away(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let Some(denial) = request.extensions().get::<Denial>().copied() else {
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

async fn upgrade(State(app): State<App>, request: Request) -> Response<Body> {
    let metrics = app.metrics.clone();
    let answer = try_upgrade(app, request).await;
    answer.unwrap_or_else(|refusal| {
        metrics.connections.count_refused(RefusedLabels { code: refusal.code() });
        refusal.into_response()
    })
}

async fn try_upgrade(app: App, mut request: Request) -> Result<Response<Body>, Refusal> {
    let handshake = Handshake::check(&request, &app.origins)?;
    // There is nothing to upgrade where the request did not come in over HTTP/1.1.
    if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none() {
        return Err(Refusal::not_an_upgrade());
    }
    if app.readiness.is_draining() {
        return Err(Refusal::going_away());
    }
    let refusal =
        || if app.readiness.is_draining() { Refusal::going_away() } else { Refusal::starting() };
    let sessions = app.rooms.opened().await.ok_or_else(refusal)?;
    let caller = request.extensions_mut().remove::<Caller>();
    let id = caller.as_ref().map_or_else(ConnectionId::next, |caller| caller.id);
    let address =
        caller.as_ref().and_then(|caller| app.gate.address_for_log(caller.peer, request.headers()));
    let place = admit(&app.gate, caller, request.headers(), &sessions, &handshake);
    let place = place.map_err(Refusal::denied)?;
    let response = handshake.response();
    let upgraded = hyper::upgrade::on(&mut request);
    let tasks = app.tasks.clone();
    app.tasks.spawn(async move {
        match upgraded.await.map(|upgraded| connection(id, upgraded)) {
            // In a task of its own: it lives long, and needs nothing of what stands here.
            Ok(Some(connection)) => {
                let connection = Connection { address, place, ..connection };
                tasks.spawn(sessions.session(connection, handshake.into_visitor()));
            }
            Ok(None) => {
                tracing::error!(connection = id.number(), "an upgrade of an unknown transport");
            }
            Err(error) => {
                tracing::debug!(connection = id.number(), %error, "a client left its handshake");
            }
        }
    });
    Ok(response)
}

/// Finds a place for a session. `None` where the request came from no connection.
fn admit(
    gate: &Arc<Gate>,
    caller: Option<Caller>,
    headers: &HeaderMap,
    sessions: &Sessions,
    handshake: &Handshake,
) -> Result<Option<Arc<Place>>, Denial> {
    let Some(Caller { peer, place, .. }) = caller else { return Ok(None) };
    let place = gate.admit_socket(peer, headers, &place)?;
    if !sessions.hub.is_in_memory(&handshake.room) {
        gate.admit_room(&place, sessions.hub.rooms_in_memory())?;
    }
    Ok(Some(place))
}

/// An answer for programs.
fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Takes the connection out of what HTTP leaves around it; `None` where it is none of the kinds
/// that are served.
fn connection(id: ConnectionId, upgraded: Upgraded) -> Option<Connection> {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(Parts { io, read_buf, .. }) => {
            return Some(Connection::tcp(id, io.into_inner(), read_buf.to_vec()));
        }
        Err(upgraded) => upgraded,
    };
    let (halves, read_buf) = match upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>() {
        Ok(Parts { io, read_buf, .. }) => (tls::split(io.into_inner()), read_buf),
        Err(upgraded) => {
            let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<UnixStream>>().ok()?;
            (stream::split_unix(io.into_inner()), read_buf)
        }
    };
    let ((reading, writing), early) = (halves, read_buf.to_vec());
    Some(Connection { id, address: None, reading, writing, early, place: None })
}
