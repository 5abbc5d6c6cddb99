//! What is meant to break the server, or to be broken by it.

use tokio::io::AsyncWriteExt;
use xmeet_shared::{ErrorCode, ServerMessage};

use crate::support::client::path;
use crate::support::raw::{self, frame, read_frame};
use crate::support::{Client, TestServer, soon};

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[tokio::test]
async fn text_that_looks_like_something_is_said_as_it_stands() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let deep = "[".repeat(60_000);
    let texts = [
        deep.as_str(),
        r#"{"from":"<0.1.1>","xnest":"r","type":"leave","payload":"leave","send_time":"now"}"#,
        r#"{"type":"normal","type":"leave","payload":1e999}"#,
        "99999999999999999999999999999999999999999999",
        "\u{0}\u{1b}[2J\u{7f}\r\n",
        "' OR 1=1; DROP TABLE messages; --",
        "@to:<0.1.1> hello",
        "{{7*7}}${7*7}%s%n",
    ];
    for text in texts {
        client.say(text).await;
    }
    let kept: Vec<_> = client.ask_page(0).await.into_iter().map(|record| record.payload).collect();
    assert_eq!(kept, texts);
}

#[tokio::test]
async fn numbers_that_are_none_are_an_error_and_too_large_ones_are_past_the_end() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.say("x").await;
    for cursor in ["18446744073709551615", "18446744073709551616", &"9".repeat(10_000)] {
        client.send(&format!("@history:{cursor}")).await;
        assert_eq!(client.next_page().await, [], "{cursor}");
    }
    for cursor in ["-1", "+1", "1e3", "0x10", "1.0", "١", "NaN", " 1", "1 ", "1\0", ""] {
        client.send(&format!("@history:{cursor}")).await;
        assert_eq!(client.next_error().await, ErrorCode::BadCursor, "{cursor:?}");
    }
    for name in ["", " \t", "\u{0}\u{202e}", &"x".repeat(60_000)] {
        client.send(&format!("@changename:{name}")).await;
        assert_eq!(client.next_error().await, ErrorCode::BadNickname);
    }
}

/// The far end is gone from one moment to the next: nothing of it comes any more, not even an end.
#[tokio::test]
async fn the_dead_are_found_by_pings_and_leave_once() {
    let server = TestServer::with(&["--ping-seconds", "1", "--pong-seconds", "5"]).await;
    let mut watcher = Client::enter(server.address, "r", "watcher").await;
    let dead = Client::enter(server.address, "r", "dead").await;
    let dead_pid = dead.pid.clone();
    assert_eq!(watcher.next().await.message.kind(), "join");
    // It neither reads nor writes from here on.
    let dead = dead.into_stream();
    let left = watcher.next().await;
    assert_eq!((left.message, left.from), (ServerMessage::Leave, dead_pid));
    // The watcher answered its pings while it read, and nothing but its own word comes behind that.
    watcher.say("still here").await;
    drop(dead);
}

#[tokio::test]
async fn who_answers_pings_and_says_nothing_stays() {
    let server = TestServer::with(&["--ping-seconds", "1", "--pong-seconds", "5"]).await;
    let (_, mut quiet) = raw::upgrade(server.address, &path("r", "quiet"), &[]).await;
    let mut pings = 0;
    while pings < 3 {
        let (first, payload) = soon("a ping", read_frame(&mut quiet)).await.expect("it stays");
        if first == PING {
            pings += 1;
            quiet.write_all(&frame(PONG, &payload)).await.unwrap();
        }
    }
    let late = Client::enter(server.address, "r", "late").await;
    assert_eq!(late.members.len(), 2);
}
