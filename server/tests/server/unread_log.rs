//! An unread log blocks nothing, and a log that is read loses no line.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use crate::support::observed::{free_address, series};
use crate::support::{Client, Process, raw, soon, until};

/// Requests with one log line each. The lines exceed the capacity of the pipe and the queue.
const REQUESTS: usize = 12_000;

/// Starts a server. Its log is a pipe that the test does not read after the ready line.
fn unread(mut command: Command) -> (Child, BufReader<ChildStderr>, std::net::SocketAddr) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::with_capacity(1, child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("is ready") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server ended before it was ready");
    }
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let address = address.parse().unwrap();
    (child, log, address)
}

#[tokio::test]
async fn unread_log_blocks_no_request_and_counts_dropped_lines() {
    let folder = TempDir::new().unwrap();
    let operator = free_address();
    let mut command = Process::command(folder.path());
    command.args(["--log=debug", "--log-format=json"]);
    command.arg(format!("--metrics-listen={operator}"));
    let (child, mut log, address) = unread(command);
    for _ in 0..REQUESTS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"garbage\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        soon("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    }
    let mut client = Client::enter(address, "r", "a").await;
    client.say("served").await;
    assert_eq!(raw::get(address, "/readyz", &[]).await.status, 200);
    let dropped = async || series(operator).await["xmeet_log_dropped_lines_total"];
    let counted = dropped().await;
    assert!(counted > 0.0, "lines were dropped");

    let reading = spawn_blocking(move || {
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        rest
    });
    // The server dropped lines while the pipe was full. It drops none after that.
    until("the queue is read", async || {
        let before = dropped().await;
        drop(Client::enter(address, "r", "b").await);
        (dropped().await - before).abs() < f64::EPSILON
    })
    .await;
    client.leave().await;
    let total = dropped().await;
    let status = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
    let rest = soon("the log ends", reading).await.unwrap();
    let waited = spawn_blocking(move || child.wait_with_output().unwrap());
    assert_eq!(soon("xmeet ends", waited).await.unwrap().status.code(), Some(0));
    let told = rest.lines().filter(|line| line.contains("log lines were dropped"));
    let told: u64 = told
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["lines"].as_u64().unwrap())
        .sum();
    assert!((told as f64 - total).abs() < f64::EPSILON, "{told} of {total}");
    assert!(rest.lines().last().unwrap().contains("xmeet has ended"));
}

#[tokio::test]
async fn shutdown_waits_a_bounded_time_for_an_unread_log() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(["--log=trace", "--log-format=json"]);
    let (child, log, address) = unread(command);
    // More than the capacity of a pipe.
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"garbage\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        soon("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    }
    let status = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
    let waited = spawn_blocking(move || child.wait_with_output().unwrap());
    assert_eq!(soon("xmeet ends", waited).await.unwrap().status.code(), Some(0));
    drop(log);
}

#[tokio::test]
async fn no_log_line_is_lost_while_stderr_is_read() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut clients = Vec::new();
    for number in 0..300 {
        clients.push(Client::enter(process.address, &format!("r{number}"), "a").await);
    }
    let ends =
        clients.into_iter().map(|mut client| tokio::spawn(async move { client.closed().await }));
    let ends: Vec<_> = ends.collect();
    let log = process.stopped().await;
    for end in ends {
        assert_eq!(end.await.unwrap(), 1001);
    }
    assert_eq!(log.matches("a client connected").count(), 300);
    assert_eq!(log.matches("a client disconnected").count(), 300);
    assert!(log.lines().last().unwrap().contains("xmeet has ended"), "{log}");
}
