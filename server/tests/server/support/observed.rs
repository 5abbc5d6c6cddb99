//! A server whose metrics a test reads.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::{TestServer, raw};

/// Starts a server and returns it with the address of its metrics.
pub(crate) async fn observed(arguments: &[&str]) -> (TestServer, SocketAddr) {
    let metrics = free_address();
    let text = metrics.to_string();
    let arguments: Vec<_> = ["--metrics-listen", &text].iter().chain(arguments).copied().collect();
    let server = TestServer::with(&arguments).await;
    // The server listens for the operator before it serves requests.
    assert_eq!(raw::get(server.address, "/healthz", &[]).await.status, 200);
    (server, metrics)
}

/// Returns an address that a server can listen on and that the system gives to no other program for
/// a minute.
///
/// The accepting side closes a connection first, so the port is in the state TIME_WAIT. The system does
/// not choose such a port for another socket, but a listener may bind it by its number.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut connected = TcpStream::connect(address).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(connected.read(&mut [0]).unwrap(), 0, "the accepting side has closed");
    address
}

/// Reads all series with their values.
pub(crate) async fn series(metrics: SocketAddr) -> BTreeMap<String, f64> {
    let response = raw::get(metrics, "/metrics", &[]).await;
    assert_eq!(response.status, 200);
    let kind = response.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let lines = response.text().lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}
