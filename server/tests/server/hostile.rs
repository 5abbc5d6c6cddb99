//! Hostile input, and clients that vanish.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::{Envelope, ErrorCode, ServerMessage};

use crate::support::client::path;
use crate::support::raw::{self, frame, read_frame};
use crate::support::{Client, TestServer, soon};

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[tokio::test]
async fn text_that_looks_like_code_is_delivered_unchanged() {
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
async fn history_cursor_rejects_non_numbers_and_saturates() {
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

/// A member that answers pings and counts them.
struct Answering {
    stream: TcpStream,
    pings: u32,
}

impl Answering {
    async fn enter(server: &TestServer, nickname: &str) -> Self {
        let (response, stream) = raw::upgrade(server.address, &path("r", nickname), &[]).await;
        assert_eq!(response.status, 101);
        let mut member = Self { stream, pings: 0 };
        for kind in ["self", "member_count", "members", "history"] {
            assert_eq!(member.next().await.message.kind(), kind);
        }
        member
    }

    async fn next(&mut self) -> Envelope {
        loop {
            if let Some(event) = self.next_frame().await {
                return event;
            }
        }
    }

    /// Reads a frame. Answers a ping and returns `None`; returns any other frame as an event.
    async fn next_frame(&mut self) -> Option<Envelope> {
        let read = soon("a frame", read_frame(&mut self.stream)).await;
        let (first, payload) = read.expect("the connection stays");
        if first == PING {
            self.pings += 1;
            self.stream.write_all(&frame(PONG, &payload)).await.unwrap();
            return None;
        }
        assert_eq!(first, TEXT);
        Some(Envelope::parse(std::str::from_utf8(&payload).unwrap()).unwrap())
    }
}

/// The client vanishes without closing its connection.
#[tokio::test]
async fn vanished_clients_are_found_by_pings_and_leave_once() {
    let server = TestServer::with(&["--ping-seconds", "1", "--pong-seconds", "5"]).await;
    let mut watcher = Answering::enter(&server, "watcher").await;
    let dead = Client::enter(server.address, "r", "dead").await;
    let dead_pid = dead.pid.clone();
    // It neither reads nor writes from now on.
    let dead = dead.into_stream();
    assert_eq!(watcher.next().await.message.kind(), "join");
    let left = watcher.next().await;
    assert_eq!((left.message, left.from), (ServerMessage::Leave, dead_pid));
    // Its own text is the next event, so there was only one leave.
    watcher.stream.write_all(&frame(TEXT, b"still here")).await.unwrap();
    assert_eq!(watcher.next().await.message.kind(), "normal");
    drop(dead);
}

#[tokio::test]
async fn silent_client_that_answers_pings_stays() {
    let server = TestServer::with(&["--ping-seconds", "1", "--pong-seconds", "5"]).await;
    let mut quiet = Answering::enter(&server, "quiet").await;
    while quiet.pings < 3 {
        assert!(quiet.next_frame().await.is_none(), "the member is alone");
    }
    let late = Client::enter(server.address, "r", "late").await;
    assert_eq!(late.members.len(), 2);
}
