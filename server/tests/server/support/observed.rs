//! A server whose numbers a test reads.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process;

use super::{TestServer, raw};

/// A server and where its metrics are.
pub(crate) async fn observed(arguments: &[&str]) -> (TestServer, SocketAddr) {
    let metrics = free_address();
    let text = metrics.to_string();
    let arguments: Vec<_> = ["--metrics-listen", &text].iter().chain(arguments).copied().collect();
    let server = TestServer::with(&arguments).await;
    // Whoever gets an answer knows that the other listener is there too.
    assert_eq!(raw::get(server.address, "/healthz", &[]).await.status, 200);
    (server, metrics)
}

/// An address that is free, and stays so until the server takes it: below the ports that the system
/// gives to whoever asks for any, and other for each process, which is for each test.
pub(crate) fn free_address() -> SocketAddr {
    const PORTS: std::ops::Range<u32> = 20_000..32_000;
    const PORTS_PER_PROCESS: u32 = 16;
    let first = process::id() * PORTS_PER_PROCESS % (PORTS.end - PORTS.start);
    let ports = (0..PORTS_PER_PROCESS).map(|number| PORTS.start + first + number);
    let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port as u16)));
    let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    addresses.into_iter().find(is_free).expect("a free port")
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
