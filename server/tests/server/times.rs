//! What a connection may take before it is a WebSocket: time for a request, time between two, the
//! size of a head; and how long silence lasts on one that is.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::crowds::connect_from;
use crate::support::client::path;
use crate::support::raw::{self, read_close, read_frame};
use crate::support::{Client, Process, TestServer, soon};

/// Waits until the server has ended a connection that it says nothing on.
async fn cut(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = soon("the end", stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn whoever_sends_no_request_is_cut_and_so_is_whoever_sends_it_too_slowly() {
    let server = TestServer::limited(&["--request-seconds", "1"]).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let slow = TcpStream::connect(server.address).await.unwrap();
    let (mut reading, mut writing) = slow.into_split();
    let dripping = tokio::spawn(async move {
        let mut due = interval(Duration::from_millis(50));
        writing.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        // A head without an end.
        while writing.write_all(b"x").await.is_ok() {
            due.tick().await;
        }
    });
    cut(&mut silent).await;
    let mut rest = Vec::new();
    let _ = soon("the end", reading.read_to_end(&mut rest)).await;
    soon("the drip ends", dripping).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let limits = ["--request-seconds", "1", "--keep-alive-seconds", "2"];
    let server = TestServer::limited(&limits).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let response = raw::request_over(&mut idle, "GET", "/healthz", &[]).await;
    assert_eq!(response.status, 200);
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let mut due = interval(Duration::from_millis(400));
    for _ in 0..8 {
        due.tick().await;
        let response = raw::request_over(&mut busy, "GET", "/healthz", &[]).await;
        assert_eq!(response.status, 200);
    }
    cut(&mut idle).await;
}

#[tokio::test]
async fn a_head_has_a_size() {
    let server = TestServer::limited(&["--request-head-bytes-max", "8192"]).await;
    let fits = "x".repeat(6000);
    let (response, _) = raw::request(server.address, "GET", "/healthz", &[("X", &fits)]).await;
    assert_eq!(response.status, 200);
    let huge = "x".repeat(20_000);
    let (response, _) = raw::request(server.address, "GET", "/healthz", &[("X", &huge)]).await;
    assert_eq!(response.status, 431);
}

/// Connections that do not come to an end of their request.
const HALF_OPEN: usize = 10_000;

/// Lets this process have so many descriptors.
fn raise_descriptors(descriptors: usize) {
    let arguments = ["--pid", &process::id().to_string(), &format!("--nofile={descriptors}:")];
    let output = Command::new("prlimit").args(arguments).output();
    let output = output.expect("this test needs prlimit, of util-linux");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs ulimit -Hn {descriptors} or more: {said}");
}

/// Ten thousand of five addresses, half of which say nothing and half the beginning of a request:
/// somebody who talks is answered meanwhile, and their places are free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_half_open_connections_are_cut_and_nobody_else_notices() {
    raise_descriptors(HALF_OPEN + 1000);
    let folder = TempDir::new().unwrap();
    // With the limits that an operator gets.
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
            // It is cut while this is sent where the machine is very slow.
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
    // Had they their places still, these would not all find one.
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
async fn whoever_is_in_the_midst_of_a_message_is_not_silent() {
    const TEXT: &str = "a long message over a slow line";
    let server = TestServer::limited(&["--ping-seconds", "2", "--pong-seconds", "2"]).await;
    let client = Client::enter(server.address, "r", "a").await;
    let mut stream = client.into_stream();
    // Longer than silence may last, in one frame, into which no pong fits.
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
