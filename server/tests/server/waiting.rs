//! The backlogs of clients that do not read are bounded in bytes and in time.

use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::sleep;
use xmeet_shared::{ErrorCode, Record, ServerMessage};

use crate::support::client::stalled_member;
use crate::support::observed::{observed, series};
use crate::support::raw::frame;
use crate::support::{Client, TestServer, soon, until};

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// Length of each text of a large page. Each character takes six bytes on the wire.
const LARGE_TEXT_BYTES: usize = 32 * 1024;
const LARGE_PAGE_BYTES: usize = 50 * 6 * LARGE_TEXT_BYTES;

/// Bound of all backlogs.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Pages that may exceed the bound for a moment, because the length of a page is known only after it is
/// encoded.
const UNDER_WAY_BYTES_MAX: usize = 4 * LARGE_PAGE_BYTES;

/// Clients that ask for a large page and do not read it.
const ASKERS: usize = 30;

/// Fills page 1 with large texts and page 0 with small ones.
async fn fill(server: &TestServer, room: &str) {
    let mut writer = Client::enter(server.address, room, "writer").await;
    let large = "\u{1}".repeat(LARGE_TEXT_BYTES);
    for _ in 0..50 {
        writer.say(&large).await;
    }
    for _ in 0..50 {
        writer.say("small").await;
    }
    writer.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unread_pages_stay_within_the_memory_bound() {
    let bound = WAITING_BYTES_MAX.to_string();
    let (server, metrics) =
        observed(&["--waiting-bytes-max", &bound, "--write-seconds", "2"]).await;
    fill(&server, "r").await;
    let mut stalled = Vec::new();
    for _ in 0..ASKERS {
        stalled.push(stalled_member(server.address, "r").await);
    }

    let mut asking = JoinSet::new();
    for mut stream in stalled {
        asking.spawn(async move {
            stream.write_all(&frame(TEXT, b"@history:1")).await.unwrap();
            // The connection stays open, and the client does not read.
            pending::<()>().await;
            drop(stream);
        });
    }
    let mut most_bytes = 0.0_f64;
    let watching = async {
        loop {
            let now = series(metrics).await;
            most_bytes = most_bytes.max(now["xmeet_waiting_bytes{part=\"outgoing\"}"]);
            let count = |series| now.get(series).copied().unwrap_or_default();
            let read = count("xmeet_history_read_seconds_count{kind=\"page\"}");
            let refused = count("xmeet_limit_hits_total{kind=\"waiting\"}");
            if read + refused >= ASKERS as f64 {
                return;
            }
        }
    };
    soon("all of them are answered", watching).await;
    assert!(most_bytes > LARGE_PAGE_BYTES as f64, "{most_bytes}");
    assert!(most_bytes < (WAITING_BYTES_MAX + UNDER_WAY_BYTES_MAX) as f64, "{most_bytes}");

    // A client that reads receives the page, at the latest when the others are closed.
    let page = soon("the page", large_page(&server, "r")).await;
    assert_eq!(page.len(), 50);
    assert!(page.iter().all(|record| record.payload.len() == LARGE_TEXT_BYTES));
}

/// Requests page 1 until it is not refused.
async fn large_page(server: &TestServer, room: &str) -> Vec<Record> {
    loop {
        let mut reader = Client::enter(server.address, room, "reader").await;
        reader.send("@history:1").await;
        loop {
            match reader.next_or_close().await.map(|envelope| envelope.message) {
                Ok(ServerMessage::History(page)) => return page,
                Ok(ServerMessage::Leave) => {}
                Ok(ServerMessage::Error { code: Some(ErrorCode::RateLimited), .. }) | Err(1013) => {
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn client_that_reads_a_few_bytes_at_a_time_is_closed() {
    let (server, metrics) = observed(&["--write-seconds", "1"]).await;
    let mut slow = stalled_member(server.address, "r").await;
    let mut writer = Client::enter(server.address, "r", "writer").await;
    let text = "x".repeat(LARGE_TEXT_BYTES);
    // Until the system's buffers are full, and the backlog is larger than the writer's own can be.
    let backlog_bytes = 10.0 * LARGE_TEXT_BYTES as f64;
    let filling = async {
        while series(metrics).await["xmeet_waiting_bytes{part=\"outgoing\"}"] < backlog_bytes {
            writer.say(&text).await;
        }
    };
    soon("something waits", filling).await;

    // The client sends pings, and reads a few bytes all the time.
    let reading = tokio::spawn(async move {
        let mut few = [0; 16];
        while slow.read_exact(&mut few).await.is_ok() {
            if slow.write_all(&frame(PING, b"")).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    while writer.next().await.message.kind() != "leave" {}
    reading.abort();
    // The server counts this when the connection has ended, which may take some seconds.
    let is_counted = async || series(metrics).await["xmeet_outbox_overflows_total"] >= 1.0;
    until("it is counted", is_counted).await;
}
