//! Daily budgets of stored bytes per address and per room: over its budget a client is rejected, and
//! others are not affected.

use std::time::Duration;

use xmeet_shared::{ErrorCode, ServerMessage};

use crate::support::client::path;
use crate::support::{Client, TestServer};

/// Length of a text. Slightly more than ten of them fit into [`BUDGET_BYTES`].
const TEXT_BYTES: usize = 10_000;
const BUDGET_BYTES: &str = "105000";

/// Connects a client behind the trusted proxy on this machine.
async fn enter_from(server: &TestServer, room: &str, name: &str, address: &str) -> Client {
    let headers = [("X-Forwarded-For", address)];
    Client::enter_by(server.address, &path(room, name), &headers).await
}

/// Sends a long text. Returns its refusal, if any.
async fn send_long(client: &mut Client) -> Option<(String, Duration)> {
    client.send(&"x".repeat(TEXT_BYTES)).await;
    loop {
        match client.next().await.message {
            ServerMessage::Normal { .. } => return None,
            ServerMessage::Error { words, code: Some(ErrorCode::RateLimited), retry_after_ms } => {
                return Some((words, Duration::from_millis(retry_after_ms.unwrap())));
            }
            ServerMessage::Join(_) | ServerMessage::Leave => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn address_over_its_budget_is_rejected_in_every_room() {
    let setting =
        ["--trusted-proxies", "127.0.0.1", "--store-bytes-per-address-per-day", BUDGET_BYTES];
    let server = TestServer::limited(&setting).await;
    let mut filler = enter_from(&server, "a", "filler", "192.0.2.1").await;
    for _ in 0..10 {
        assert_eq!(send_long(&mut filler).await, None);
    }
    let (words, retry_after) = send_long(&mut filler).await.expect("the budget is spent");
    assert!(words.starts_with("your network has stored as much as it may today: wait"), "{words}");
    // A tenth of the budget is refilled in a tenth of a day.
    let hours = retry_after.as_secs_f64() / 3600.0;
    assert!(hours > 0.5 && hours < 2.5, "{hours}");
    let mut elsewhere = enter_from(&server, "b", "filler", "192.0.2.1").await;
    assert!(send_long(&mut elsewhere).await.is_some());
    let mut other = enter_from(&server, "a", "other", "192.0.2.2").await;
    assert_eq!(send_long(&mut other).await, None);
    // Short messages still fit. Messages that are not stored are not limited.
    elsewhere.send("hi").await;
    assert_eq!(elsewhere.next_said().await.1, "hi");
    elsewhere.send("@changename:renamed").await;
    assert!(matches!(elsewhere.next().await.message, ServerMessage::ChangeName(_)));
}

#[tokio::test]
async fn room_over_its_budget_rejects_every_address() {
    let setting =
        ["--trusted-proxies", "127.0.0.1", "--store-bytes-per-room-per-day", BUDGET_BYTES];
    let server = TestServer::limited(&setting).await;
    let mut filler = enter_from(&server, "a", "filler", "192.0.2.1").await;
    for _ in 0..10 {
        assert_eq!(send_long(&mut filler).await, None);
    }
    let mut other = enter_from(&server, "a", "other", "192.0.2.2").await;
    for client in [&mut filler, &mut other] {
        let (words, _) = send_long(client).await.expect("the budget is spent");
        assert!(words.starts_with("this room has stored as much as it may today"), "{words}");
    }
    // The budget is kept after the room has left memory.
    filler.leave().await;
    other.leave().await;
    let mut back = enter_from(&server, "a", "back", "192.0.2.3").await;
    assert!(send_long(&mut back).await.is_some());
    let mut elsewhere = enter_from(&server, "b", "filler", "192.0.2.1").await;
    assert_eq!(send_long(&mut elsewhere).await, None);
}

#[tokio::test]
async fn no_budgets_apply_without_limits_or_without_history() {
    let budget = ["--store-bytes-per-address-per-day", "1", "--store-bytes-per-room-per-day", "1"];
    let unlimited = TestServer::with(&budget).await;
    let unstored = [&budget[..], &["--history-messages", "0"]].concat();
    for server in [unlimited, TestServer::limited(&unstored).await] {
        let mut client = Client::enter(server.address, "a", "n").await;
        for _ in 0..5 {
            assert_eq!(send_long(&mut client).await, None);
        }
    }
}
