//! The memory of incoming messages is bounded, and clients with many partial messages are closed first.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use xmeet_shared::ServerMessage;

use crate::crowds::connect_from;
use crate::support::client::path;
use crate::support::observed::{observed, series};
use crate::support::raw::{self, UPGRADE, read_close, skip_greeting};
use crate::support::{Client, soon, until};

const TEXT: u8 = 0x81;

/// The memory budget, and the share of incoming messages, in bytes.
const BUDGET_BYTES: usize = 6 * 1024 * 1024;
const INCOMING_BYTES_MAX: usize = BUDGET_BYTES / 3;

/// Length of a partial message in bytes.
const HALF_BYTES: usize = 64_000;

/// Steps in which a person's text arrives, and partial messages per step.
const STEPS: usize = 16;
const HALVES_PER_STEP: usize = 10;

/// Memory that each thread may use beyond the bound until it has closed a client, in bytes.
const BEYOND_BYTES: usize = 4 * 80 * 1024;

/// Starts a member that sends a message without its end.
async fn half_sender(source: IpAddr, server: SocketAddr, room: &str) -> TcpStream {
    let mut stream = connect_from(source, server).await;
    let response = raw::request_over(&mut stream, "GET", &path(room, "half"), &UPGRADE).await;
    assert_eq!(response.status, 101, "{}", response.text());
    skip_greeting(&mut stream).await;
    let frame = raw::frame(TEXT, &[b'x'; HALF_BYTES + 1000]);
    stream.write_all(&frame[..HALF_BYTES]).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_message_is_delivered_while_partial_messages_fill_the_budget() {
    let budget = BUDGET_BYTES.to_string();
    let limits = ["--no-limits=false", "--waiting-bytes-max", &budget];
    let (server, metrics) = observed(&limits).await;
    let mut reader = Client::enter(server.address, "r", "reader").await;
    let (_, mut person) = raw::upgrade(server.address, &path("r", "person"), &[]).await;
    skip_greeting(&mut person).await;
    assert_eq!(reader.next().await.message.kind(), "join");

    let text = "小".repeat(64 * 1024 / 3);
    let frame = raw::frame(TEXT, text.as_bytes());
    let mut halves = JoinSet::new();
    let mut most_bytes = 0.0_f64;
    for (step, piece) in frame.chunks(frame.len().div_ceil(STEPS)).enumerate() {
        person.write_all(piece).await.unwrap();
        for number in 0..HALVES_PER_STEP {
            let source = Ipv4Addr::new(127, 0, 1, 1 + number as u8).into();
            let room = format!("half {step} {number}");
            let mut stream = half_sender(source, server.address, &room).await;
            halves.spawn(async move { read_close(&mut stream).await });
        }
        let sent_bytes = ((step + 1) * HALVES_PER_STEP * HALF_BYTES) as f64;
        let have_come = async || {
            let now = series(metrics).await;
            let closed = now["xmeet_limit_hits_total{kind=\"incoming\"}"] * HALF_BYTES as f64;
            let incoming = now["xmeet_waiting_bytes{part=\"incoming\"}"];
            assert!(incoming <= (INCOMING_BYTES_MAX + BEYOND_BYTES) as f64, "{incoming}");
            // Headers take no memory.
            closed + incoming + 10_000.0 >= sent_bytes
        };
        until("the halves have come", have_come).await;
        let held = series(metrics).await["xmeet_waiting_bytes{part=\"incoming\"}"];
        most_bytes = most_bytes.max(held);
    }
    assert!(most_bytes > (INCOMING_BYTES_MAX - 2 * HALF_BYTES) as f64, "{most_bytes}");
    // All members receive the person's whole text.
    let said = soon("the person's text", reader.next()).await;
    assert!(matches!(said.message, ServerMessage::Normal { text: said, .. } if said == text));

    let closed = STEPS * HALVES_PER_STEP - INCOMING_BYTES_MAX / HALF_BYTES;
    for _ in 0..closed - 2 {
        let (code, reason) = soon("a close", halves.join_next()).await.unwrap().unwrap();
        assert_eq!(code, 1013);
        assert!(reason.contains("come back"), "{reason}");
    }
    halves.abort_all();
    while halves.join_next().await.is_some() {}
    let is_free = async || series(metrics).await["xmeet_waiting_bytes{part=\"incoming\"}"] == 0.0;
    until("all of it is free", is_free).await;
}
