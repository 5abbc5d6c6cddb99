//! A server whose numbers a test reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{TestServer, raw};

/// A server and where its metrics are.
pub(crate) async fn observed(arguments: &[&str]) -> (TestServer, SocketAddr) {
    // The port is free in a moment, and nobody else asks for one by number.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = listener.local_addr().unwrap();
    drop(listener);
    let text = metrics.to_string();
    let arguments: Vec<_> = ["--metrics-listen", &text].iter().chain(arguments).copied().collect();
    let server = TestServer::with(&arguments).await;
    // Whoever gets an answer knows that the other listener is there too.
    assert_eq!(raw::get(server.address, "/healthz", &[]).await.status, 200);
    (server, metrics)
}

/// The series with their values.
pub(crate) async fn series(metrics: SocketAddr) -> BTreeMap<String, f64> {
    let response = raw::get(metrics, "/metrics", &[]).await;
    assert_eq!(response.status, 200);
    let kind = response.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let lines = response.text().lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}
