//! Everything that is served over HTTP: the rooms' sockets, the page and its files, QR codes, and
//! how the server is.

mod assets;
pub(crate) mod health;
mod opening;
mod qr;
pub mod quality;
pub mod refusal;
mod serve;

pub use opening::{Opener, Rooms};
pub use serve::{HttpLimits, serve};

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::{any, get};
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::limits::gate::{Denial, Gate, Place};
use crate::limits::network::Peer;
use crate::readiness::Readiness;
use crate::ws::handshake::Handshake;
use crate::ws::session::{Connection, Sessions};
use refusal::Refusal;

/// What the routes need.
#[derive(Debug, Clone)]
pub struct App {
    /// Where sessions go.
    pub rooms: Rooms,
    /// Whether the server can be sent anybody.
    pub readiness: Arc<Readiness>,
    /// Origins that may connect; all when empty.
    pub allowed_origins: Arc<[String]>,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// The sessions that run.
    pub tasks: TaskTracker,
}

/// Who sent a request; an extension of each.
#[derive(Debug, Clone)]
struct Caller {
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
        .route("/room/{room}", get(assets::page))
        .route("/qr.svg", get(qr::picture))
        .merge(health::routes(Arc::clone(&app.readiness)))
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
    if app.readiness.is_draining() {
        return Refusal::going_away().into_response();
    }
    let App { rooms, tasks, gate, .. } = app;
    let Some(sessions) = rooms.opened().await else {
        return Refusal::starting().into_response();
    };
    let place = match admit(&gate, &mut request, &sessions, &handshake) {
        Ok(place) => place,
        Err(denial) => return Refusal::denied(denial).into_response(),
    };
    let response = handshake.response();
    let upgraded = hyper::upgrade::on(&mut request);
    let session_tasks = tasks.clone();
    tasks.spawn(async move {
        match upgraded.await.map(connection) {
            // In a task of its own: it lives long, and needs nothing of what stands here.
            Ok(Some(connection)) => {
                let connection = Connection { place, ..connection };
                session_tasks.spawn(sessions.session(connection, handshake.into_visitor()));
            }
            Ok(None) => tracing::error!("an upgrade from a transport that is not known"),
            Err(error) => tracing::debug!(%error, "a client went away during its handshake"),
        }
    });
    response
}

/// Finds a place for a session. `None` where the request came from no connection.
fn admit(
    gate: &Arc<Gate>,
    request: &mut Request,
    sessions: &Sessions,
    handshake: &Handshake,
) -> Result<Option<Arc<Place>>, Denial> {
    let Some(Caller { peer, place }) = request.extensions_mut().remove() else { return Ok(None) };
    let place = gate.admit_socket(peer, request.headers(), &place)?;
    if !sessions.hub.is_in_memory(&handshake.room) {
        gate.admit_room(&place, sessions.hub.rooms_in_memory())?;
    }
    Ok(Some(place))
}

/// Takes the connection out of what HTTP leaves around it.
fn connection(upgraded: Upgraded) -> Option<Connection> {
    let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some(Connection::tcp(io.into_inner(), read_buf.to_vec()))
}
