//! XMeet's own rules for frames: sizes, binary messages, and messages in transit when a connection starts
//! or ends. `rfc6455` has the rules of the standard.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::ErrorCode;

use crate::support::client::path;
use crate::support::raw::{frame, read_close, read_frame, skip_greeting, upgrade};
use crate::support::{Client, TestServer, soon};

const TEXT: u8 = 0x81;

/// Connects and reads the greeting.
async fn connection(server: &TestServer) -> TcpStream {
    let (response, mut stream) = upgrade(server.address, &path("r", "raw"), &[]).await;
    assert_eq!(response.status, 101);
    skip_greeting(&mut stream).await;
    stream
}

/// Sends bytes. Returns the code with which the server closes.
async fn closed_over(server: &TestServer, bytes: &[u8]) -> u16 {
    let mut stream = connection(server).await;
    stream.write_all(bytes).await.unwrap();
    let (code, reason) = read_close(&mut stream).await;
    assert!(!reason.is_empty(), "every close has a reason: {code}");
    code
}

/// Sends bytes. Returns the text that comes back.
async fn said_by(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = connection(server).await;
    stream.write_all(bytes).await.unwrap();
    loop {
        let (first, payload) = soon("a text", read_frame(&mut stream)).await.unwrap();
        if first == TEXT {
            return String::from_utf8(payload).unwrap();
        }
    }
}

#[tokio::test]
async fn binary_frame_is_an_error_and_the_connection_stays() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send_binary(b"\x00\xff").await;
    assert_eq!(client.next_error().await, ErrorCode::Unsupported);
    client.say("x").await;
}

#[tokio::test]
async fn message_over_the_limit_is_closed_with_1009() {
    let server = TestServer::with(&["--frame-bytes-max", "1000"]).await;
    assert!(said_by(&server, &frame(TEXT, &[b'x'; 1000])).await.contains("normal"));
    assert_eq!(closed_over(&server, &frame(TEXT, &[b'x'; 1001])).await, 1009);
    // The header alone, with a length of one gibibyte, is enough.
    let claim = [TEXT, 0x80 | 127, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(closed_over(&server, &claim).await, 1009);
    // Two fragments, each below the limit.
    let fragments = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600])].concat();
    assert_eq!(closed_over(&server, &fragments).await, 1009);
    // More than the client can send before it reads the response.
    let server = TestServer::start().await;
    assert_eq!(closed_over(&server, &frame(TEXT, &vec![b'x'; 2_000_000])).await, 1009);
}

#[tokio::test]
async fn frames_sent_with_the_handshake_are_not_lost() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = format!("GET {} HTTP/1.1\r\nHost: x\r\n", path("r", "n")).into_bytes();
    for (name, value) in crate::support::raw::UPGRADE {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(frame(TEXT, b"early"));
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&answer).contains(r#""payload":"early""#) {
            stream.readable().await.unwrap();
            if stream.try_read_buf(&mut answer).is_ok_and(|bytes| bytes == 0) {
                panic!("the connection ended");
            }
        }
    };
    soon("the early message", reading).await;
    assert!(answer.starts_with(b"HTTP/1.1 101"));
}

/// Pongs count against the outbox. A client that does not read them is closed.
#[tokio::test]
async fn client_that_pings_and_does_not_read_is_closed() {
    let server = TestServer::with(&["--outbox-bytes-max", "100000"]).await;
    let mut watcher = Client::enter(server.address, "r", "watcher").await;
    let mut stream = connection(&server).await;
    assert_eq!(watcher.next().await.message.kind(), "join");
    let pings = frame(0x89, &[0; 125]).repeat(100);
    let pinging = async { while stream.write_all(&pings).await.is_ok() {} };
    tokio::select! {
        () = pinging => {}
        left = watcher.next() => assert_eq!(left.message.kind(), "leave"),
    }
}

/// Messages sent before a disconnect are delivered, even if the client never read anything.
#[tokio::test]
async fn messages_sent_before_a_disconnect_are_delivered() {
    const COUNT: u64 = 500;
    let server = TestServer::start().await;
    let mut watcher = Client::enter(server.address, "r", "watcher").await;
    let mut bytes = Vec::new();
    for number in 1..=COUNT {
        bytes.extend(frame(TEXT, number.to_string().as_bytes()));
    }
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    let mut stream = connection(&server).await;
    stream.write_all(&bytes).await.unwrap();
    // The client closes with unread bytes, so the kernel resets the connection.
    drop(stream);
    assert_eq!(watcher.next().await.message.kind(), "join");
    for number in 1..=COUNT {
        assert_eq!(watcher.next_said().await.1, number.to_string());
    }
    assert_eq!(watcher.next().await.message.kind(), "leave");
}
