//! Limits of connections before the upgrade: time of a request, idle time, size of a head. Timeouts of
//! silent WebSockets.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::crowds::connect_from;
use crate::support::client::path;
use crate::support::raw::{self, read_close, read_frame, read_rest};
use crate::support::{Client, Process, TestServer, soon};

/// Waits until the server closes the connection without sending anything.
async fn cut(stream: &mut TcpStream) {
    let rest = read_rest(stream).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn silent_and_slow_requests_are_closed_after_the_timeout() {
    let server = TestServer::limited(&["--request-seconds", "1"]).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let slow = TcpStream::connect(server.address).await.unwrap();
    let (mut reading, mut writing) = slow.into_split();
    let dripping = tokio::spawn(async move {
        let mut due = interval(Duration::from_millis(50));
        writing.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        // The head never ends.
        while writing.write_all(b"x").await.is_ok() {
            due.tick().await;
        }
    });
    cut(&mut silent).await;
    let rest = read_rest(&mut reading).await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    soon("the drip ends", dripping).await.unwrap();
}

#[tokio::test]
async fn idle_connection_is_closed_and_a_busy_one_is_not() {
    // A connection may be idle for three times as long.
    let server = TestServer::limited(&["--request-seconds", "2"]).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let response = raw::request_over(&mut idle, "GET", "/healthz", &[]).await;
    assert_eq!(response.status, 200);
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let closed = tokio::spawn(async move { cut(&mut idle).await });
    let mut due = interval(Duration::from_millis(200));
    loop {
        // One more request follows the close of the idle connection.
        let is_last = closed.is_finished();
        due.tick().await;
        let response = raw::request_over(&mut busy, "GET", "/healthz", &[]).await;
        assert_eq!(response.status, 200);
        if is_last {
            break;
        }
    }
    closed.await.unwrap();
}

#[tokio::test]
async fn too_long_request_head_is_refused() {
    let server = TestServer::limited(&[]).await;
    let fits = "x".repeat(15_000);
    let (response, _) = raw::request(server.address, "GET", "/healthz", &[("X", &fits)]).await;
    assert_eq!(response.status, 200);
    let huge = "x".repeat(20_000);
    let (response, _) = raw::request(server.address, "GET", "/healthz", &[("X", &huge)]).await;
    assert_eq!(response.status, 431);
}

/// Connections without a complete request.
const HALF_OPEN: usize = 10_000;

/// Raises the limit of file descriptors of this process.
fn raise_descriptors(descriptors: usize) {
    let arguments = ["--pid", &process::id().to_string(), &format!("--nofile={descriptors}:")];
    let output = Command::new("prlimit").args(arguments).output();
    let output = output.expect("this test needs prlimit, of util-linux");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs ulimit -Hn {descriptors} or more: {said}");
}

/// Ten thousand connections from five addresses send nothing or a partial request. Meanwhile a member's
/// messages are answered, and afterwards all permits are free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_half_open_connections_do_not_affect_members() {
    raise_descriptors(HALF_OPEN + 1000);
    let folder = TempDir::new().unwrap();
    // With the default limits.
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let places = (HALF_OPEN + 50).to_string();
    command.args(["--request-seconds", "5", "--connections-max", &places]);
    let server = Process::spawn(command);
    let mut member = Client::enter(server.address, "r", "a").await;
    let mut half_open = Vec::new();
    for number in 0..HALF_OPEN {
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % 5).unwrap()).into();
        let mut stream = connect_from(source, server.address).await;
        if number % 2 == 1 {
            // On a slow machine the server may have closed the connection before.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ").await;
        }
        half_open.push(stream);
        if number % 100 == 0 {
            member.say(&number.to_string()).await;
        }
    }
    for stream in &mut half_open {
        cut(stream).await;
    }
    // These connections need the permits of the half-open ones.
    let mut others = Vec::new();
    for number in 0..100 {
        others.push(Client::enter(server.address, &format!("room {number}"), "b").await);
    }
    member.say("still here").await;
}

#[tokio::test]
async fn silent_member_is_pinged_and_closed_after_the_configured_times() {
    let long_times = TestServer::with(&["--ping-seconds", "600", "--pong-seconds", "600"]).await;
    let (_, mut patient) = raw::upgrade(long_times.address, &path("r", "silent"), &[]).await;
    raw::skip_greeting(&mut patient).await;
    let server = TestServer::limited(&["--ping-seconds", "1", "--pong-seconds", "1"]).await;
    let (response, mut stream) = raw::upgrade(server.address, &path("r", "silent"), &[]).await;
    assert_eq!(response.status, 101);
    loop {
        let (first, _) = soon("a ping", read_frame(&mut stream)).await.unwrap();
        if first == 0x89 {
            break;
        }
    }
    let (code, reason) = read_close(&mut stream).await;
    assert_eq!((code, reason.as_str()), (1013, "no answer to a ping: come back"));
    let mut byte = [0];
    let unread = patient.try_read(&mut byte).unwrap_err();
    assert_eq!(unread.kind(), ErrorKind::WouldBlock, "no ping is due");
}

#[tokio::test]
async fn partial_message_counts_as_a_sign_of_life() {
    const TEXT: &str = "a long message over a slow line";
    let server = TestServer::limited(&["--ping-seconds", "2", "--pong-seconds", "2"]).await;
    let client = Client::enter(server.address, "r", "a").await;
    let mut stream = client.into_stream();
    // The frame takes longer than the timeouts, and no pong fits into it.
    let mut due = interval(Duration::from_millis(150));
    for byte in raw::frame(0x81, TEXT.as_bytes()) {
        stream.write_all(&[byte]).await.unwrap();
        due.tick().await;
    }
    loop {
        let (first, payload) = soon("a frame", read_frame(&mut stream)).await.unwrap();
        match first {
            0x89 => {}
            0x81 => {
                assert!(String::from_utf8(payload).unwrap().contains(TEXT));
                break;
            }
            _ => panic!("{first:x} {}", String::from_utf8_lossy(&payload)),
        }
    }
}
