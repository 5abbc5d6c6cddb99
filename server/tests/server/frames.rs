//! Frames that mean nothing or break the rules, byte by byte (RFC 6455 sections 5 and 7).

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::ErrorCode;

use crate::support::client::path;
use crate::support::raw::{frame, read_close, read_frame, upgrade};
use crate::support::{Client, TestServer, soon};

const TEXT: u8 = 0x81;

/// A connection past its greeting.
async fn connection(server: &TestServer) -> TcpStream {
    let (response, mut stream) = upgrade(server.address, &path("r", "raw"), &[]).await;
    assert_eq!(response.status, 101);
    for _ in 0..4 {
        soon("the greeting", read_frame(&mut stream)).await.unwrap();
    }
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
async fn text_that_is_not_utf8_is_closed_with_1007() {
    let server = TestServer::start().await;
    let half = "汉".as_bytes();
    let cases = [
        frame(TEXT, b"\xff"),
        frame(TEXT, b"\xed\xa0\x80"),
        frame(TEXT, &half[..2]),
        [frame(0x01, &half[..1]), frame(0x80, b"x")].concat(),
        [frame(0x01, &half[..2]), frame(0x80, b"")].concat(),
    ];
    for (number, bytes) in cases.iter().enumerate() {
        assert_eq!(closed_over(&server, bytes).await, 1007, "case {number}");
    }
}

#[tokio::test]
async fn broken_frames_are_closed_with_1002() {
    let server = TestServer::start().await;
    let unmasked = [TEXT, 1, b'x'].to_vec();
    let cases = [
        ("unmasked", unmasked),
        ("RSV1", frame(0xc1, b"x")),
        ("RSV2", frame(0xa1, b"x")),
        ("RSV3", frame(0x91, b"x")),
        ("opcode 3", frame(0x83, b"x")),
        ("opcode 11", frame(0x8b, b"x")),
        ("a fragmented ping", frame(0x09, b"x")),
        ("a ping over 125 bytes", frame(0x89, &[0; 126])),
        ("a continuation of nothing", frame(0x80, b"x")),
        ("a text within a text", [frame(0x01, b"x"), frame(TEXT, b"y")].concat()),
        ("a close of one byte", frame(0x88, &[3])),
        ("a close code that is reserved", frame(0x88, &1005_u16.to_be_bytes())),
        ("a close code that does not exist", frame(0x88, &999_u16.to_be_bytes())),
        ("a length written too long", vec![TEXT, 0x80 | 126, 0, 1, 1, 2, 3, 4, b'x']),
    ];
    for (what, bytes) in cases {
        assert_eq!(closed_over(&server, &bytes).await, 1002, "{what}");
    }
}

#[tokio::test]
async fn fragments_are_one_message_and_pings_may_stand_between() {
    let server = TestServer::start().await;
    let half = "汉".as_bytes();
    let bytes =
        [frame(0x01, &half[..1]), frame(0x89, b"ping"), frame(0x00, b""), frame(0x80, &half[1..])];
    assert!(said_by(&server, &bytes.concat()).await.contains(r#""payload":"汉""#));
}

#[tokio::test]
async fn bytes_may_come_one_at_a_time() {
    let server = TestServer::start().await;
    let mut stream = connection(&server).await;
    for byte in frame(TEXT, "小".as_bytes()) {
        stream.write_all(&[byte]).await.unwrap();
        stream.flush().await.unwrap();
    }
    let (_, payload) = soon("a text", read_frame(&mut stream)).await.unwrap();
    assert!(String::from_utf8(payload).unwrap().contains(r#""payload":"小""#));
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = TestServer::start().await;
    let mut stream = connection(&server).await;
    stream.write_all(&frame(0x89, b"are you there")).await.unwrap();
    let pong = soon("a pong", read_frame(&mut stream)).await.unwrap();
    assert_eq!(pong, (0x8a, b"are you there".to_vec()));
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let server = TestServer::start().await;
    for code in [1000_u16, 1001, 3000, 4999] {
        let mut stream = connection(&server).await;
        stream.write_all(&frame(0x88, &code.to_be_bytes())).await.unwrap();
        let (first, payload) = soon("the answer", read_frame(&mut stream)).await.unwrap();
        assert_eq!((first, payload), (0x88, code.to_be_bytes().to_vec()));
        assert_eq!(soon("the end", read_frame(&mut stream)).await, None);
    }
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
