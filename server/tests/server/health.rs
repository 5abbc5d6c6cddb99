//! `/healthz` and `/readyz`, and responses before the store is open.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xmeet_server::config::Config;
use xmeet_server::history::sqlite::SqliteHistory;
use xmeet_server::http::{self, App, HttpServer, SessionsHandle, Site, StartupLatch};
use xmeet_server::limits::admission::Admission;
use xmeet_server::limits::forwarded::Proxies;
use xmeet_server::metrics::Metrics;
use xmeet_server::readiness::Readiness;

use crate::support::client::path;
use crate::support::{TestServer, raw};

/// Starts a server whose store is not open yet.
async fn unopened() -> (SocketAddr, Arc<Readiness>, StartupLatch) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Arc::new(Readiness::default());
    let (latch, sessions) = SessionsHandle::new();
    let config = Config::parse_from(["xmeet"]);
    let admission =
        Admission::new(config.limits.admission(), Proxies::default(), Arc::default(), false);
    let admission = Arc::new(admission);
    let app = App {
        sessions,
        readiness: Arc::clone(&readiness),
        origins: Arc::default(),
        admission: Arc::clone(&admission),
        tasks: TaskTracker::new(),
        metrics: Metrics::default(),
    };
    let site = Site::new(http::router(app), &config.page, None, 0);
    let server =
        HttpServer { site, admission, limits: (&config.limits).into(), panics: Arc::default() };
    tokio::spawn(server.serve(listener.into(), CancellationToken::new()));
    (address, readiness, latch)
}

/// Returns the HTTP status of `/readyz`, and the status in its body.
pub(crate) async fn ready(address: SocketAddr) -> (u16, String) {
    let response = raw::get(address, "/readyz", &[]).await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert!(!body["reason"].as_str().unwrap().is_empty());
    (response.status, body["status"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn requests_before_the_store_opens_get_going_away_on_shutdown() {
    let (address, readiness, latch) = unopened().await;
    let waiting = tokio::spawn(async move { raw::upgrade(address, &path("r", "a"), &[]).await.0 });
    readiness.drain();
    drop(latch);
    let refused = waiting.await.unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("\"going_away\""), "{}", refused.text());
}

#[tokio::test]
async fn server_without_an_open_store_is_alive_but_not_ready() {
    let (address, readiness, _latch) = unopened().await;
    assert_eq!(raw::get(address, "/healthz", &[]).await.status, 200);
    assert_eq!(ready(address).await, (503, "starting".to_owned()));
    let (refused, _) = raw::upgrade(address, &path("r", "a"), &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("\"starting\""), "{}", refused.text());
    // An invalid request gets its own error in any state.
    let (refused, _) = raw::upgrade(address, "/xgate/websocket/", &[]).await;
    assert_eq!(refused.status, 400);
    let folder = tempfile::TempDir::new().unwrap();
    let store = SqliteHistory::open(folder.path(), 10).unwrap();
    readiness.set_open(store.health);
    assert_eq!(ready(address).await, (200, "ready".to_owned()));
    readiness.drain();
    assert_eq!(ready(address).await, (503, "draining".to_owned()));
    assert_eq!(raw::get(address, "/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn server_with_a_client_is_ready() {
    let server = TestServer::start().await;
    crate::support::Client::enter(server.address, "r", "a").await;
    assert_eq!(ready(server.address).await, (200, "ready".to_owned()));
    assert_eq!(raw::get(server.address, "/healthz", &[]).await.status, 200);
}
