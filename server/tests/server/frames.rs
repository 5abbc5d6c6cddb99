//! Frames as XMeet takes them, beside what RFC 6455 says of all (that is in `rfc6455`): sizes, binary
//! messages, and what becomes of those that are under way at either end of a connection.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::ErrorCode;

use crate::support::client::path;
use crate::support::raw::{frame, read_close, read_frame, skip_greeting, upgrade};
use crate::support::{Client, TestServer, soon};

const TEXT: u8 = 0x81;

/// A connection past its greeting.
async fn connection(server: &TestServer) -> TcpStream {
    let (response, mut stream) = upgrade(server.address, &path("r", "raw"), &[]).await;
    assert_eq!(response.status, 101);
    skip_greeting(&mut stream).await;
    stream
}

/// Sends bytes and reads how the server closes over them.
async fn closed_over(server: &TestServer, bytes: &[u8]) -> u16 {
    let mut stream = connection(server).await;
    stream.write_all(bytes).await.unwrap();
    let (code, reason) = read_close(&mut stream).await;
    assert!(!reason.is_empty(), "every close has a reason: {code}");
    code
}

/// Sends bytes and reads the text that comes back.
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
async fn a_binary_frame_is_an_error_and_the_connection_stays() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send_binary(b"\x00\xff").await;
    assert_eq!(client.next_error().await, ErrorCode::Unsupported);
    client.say("x").await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009() {
    let server = TestServer::with(&["--frame-bytes-max", "1000"]).await;
    assert!(said_by(&server, &frame(TEXT, &[b'x'; 1000])).await.contains("normal"));
    assert_eq!(closed_over(&server, &frame(TEXT, &[b'x'; 1001])).await, 1009);
    // A header alone that claims a gibibyte is enough.
    let claim = [TEXT, 0x80 | 127, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(closed_over(&server, &claim).await, 1009);
    // Two fragments, each below the limit.
    let fragments = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600])].concat();
    assert_eq!(closed_over(&server, &fragments).await, 1009);
    // More than the client can have sent before it reads the answer.
    let server = TestServer::start().await;
    assert_eq!(closed_over(&server, &frame(TEXT, &vec![b'x'; 2_000_000])).await, 1009);
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_not_lost() {
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

/// The answers to pings wait like everything else: whoever does not read them is closed.
#[tokio::test]
async fn a_client_that_pings_and_does_not_read_is_closed() {
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

/// What a client sent before it went is said, even when it never read what came back.
#[tokio::test]
async fn what_was_sent_before_the_end_is_said() {
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
    // It goes without having read: the kernel resets the connection.
    drop(stream);
    assert_eq!(watcher.next().await.message.kind(), "join");
    for number in 1..=COUNT {
        assert_eq!(watcher.next_said().await.1, number.to_string());
    }
    assert_eq!(watcher.next().await.message.kind(), "leave");
}
