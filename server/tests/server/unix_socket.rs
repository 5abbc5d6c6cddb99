//! HTTP on a Unix socket, for a proxy on the same machine: the real binary.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::support::client::path;
use crate::support::raw::{read_close, read_frame};
use crate::support::{Client, Process, raw, soon};

fn start(data: &Path, socket: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--listen", &format!("unix:{}", socket.display()), "--socket-mode", "600"]);
    command.args(["--no-limits", "--outbox-bytes-max", "100000", "--data-dir"]).arg(data);
    Process::spawn(command)
}

async fn enter(socket: &Path, nickname: &str) -> Client<UnixStream> {
    let line = UnixStream::connect(socket).await.unwrap();
    Client::enter_over(line, &path("r", nickname)).await
}

#[tokio::test]
async fn rooms_and_pages_are_served_on_a_unix_socket() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let socket = place.path().join("xmeet.sock");
    let process = start(data.path(), &socket);
    assert_eq!(process.url, format!("unix:{}", socket.display()));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut line = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(raw::request_over(&mut line, "GET", "/qr.svg?text=a", &[]).await.status, 200);

    let (mut a, mut b) = (enter(&socket, "a").await, enter(&socket, "b").await);
    assert_eq!(a.next().await.message.kind(), "join");
    b.say("hello").await;
    assert_eq!(a.next_said().await.1, "hello");

    process.signal("TERM");
    assert_eq!((a.closed().await, b.closed().await), (1001, 1001));
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(!socket.exists(), "the socket file is removed");
}

#[tokio::test]
async fn socket_file_of_a_killed_server_is_replaced() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let socket = place.path().join("xmeet.sock");
    let process = start(data.path(), &socket);
    let mut client = enter(&socket, "a").await;
    client.say("kept").await;
    process.kill();
    assert!(socket.exists());
    let _process = start(data.path(), &socket);
    assert_eq!(enter(&socket, "b").await.page.last().unwrap().payload, "kept");
}

#[tokio::test]
async fn stalled_reader_on_a_unix_socket_is_closed_with_1013() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let socket = place.path().join("xmeet.sock");
    let _process = start(data.path(), &socket);
    let mut stalled = enter(&socket, "stalled").await.into_stream();
    let mut writer = enter(&socket, "writer").await;
    writer.say_until_a_member_leaves(&"x".repeat(30_000)).await;
    let (code, reason) = read_close(&mut stalled).await;
    assert_eq!(code, 1013, "{reason}");
    assert_eq!(soon("the end", read_frame(&mut stalled)).await, None);
}

/// The clients of a proxy that sends no address share the limits of one address, and the log says so.
#[tokio::test]
async fn clients_without_an_address_share_one_limit() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let socket = place.path().join("xmeet.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--listen", &format!("unix:{}", socket.display()), "--log-addresses"]);
    command.args(["--connections-per-address", "2", "--data-dir"]).arg(data.path());
    let process = Process::spawn(command);
    let enter = async |headers: &[(&str, &str)]| {
        let mut line = UnixStream::connect(&socket).await.unwrap();
        let headers: Vec<_> = raw::UPGRADE.iter().chain(headers).copied().collect();
        let response = raw::request_over(&mut line, "GET", &path("r", "n"), &headers).await;
        (response.status, line)
    };
    let (_one, _two) = (enter(&[]).await, enter(&[("X-Forwarded-For", "unknown")]).await);
    assert_eq!(enter(&[]).await.0, 429);
    assert_eq!(enter(&[("X-Forwarded-For", "1.2.3.4")]).await.0, 101);
    let log = process.stopped().await;
    assert_eq!(log.matches("a trusted proxy sent no client address").count(), 1, "{log}");
    let refused: Vec<_> = log.lines().filter(|line| line.contains("was refused")).collect();
    assert_eq!(refused.len(), 1, "{log}");
    for part in ["limit=\"address_connections\"", "address=unix"] {
        assert!(refused[0].contains(part), "{log}");
    }
}
