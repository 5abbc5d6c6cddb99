//! HTTP and WebSocket bytes without a client library, so that tests can send invalid ones.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use xmeet_testframes as frames;
pub(crate) use xmeet_testframes::frame;

use super::soon;

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Returns the first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Connects, sends a request, and reads the response.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (Response, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Small frames leave at once; the system does not wait for an acknowledgement of earlier ones.
    stream.set_nodelay(true).unwrap();
    let response = request_over(&mut stream, method, path, headers).await;
    (response, stream)
}

/// Sends a request over an open stream, and reads the response.
pub(crate) async fn request_over(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: xmeet.test\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    soon("a response", read_response(stream, method)).await
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    request(address, "GET", path, headers).await.0
}

/// The headers of an upgrade request (RFC 6455 section 4.1).
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Requests an upgrade with further headers.
pub(crate) async fn upgrade(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (Response, TcpStream) {
    let headers: Vec<_> = UPGRADE.iter().chain(headers).copied().collect();
    request(address, "GET", path, &headers).await
}

async fn read_response(stream: &mut (impl AsyncRead + Unpin), method: &str) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("the response ended in its head"));
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut response = Response { status, headers, body: Vec::new() };
    let length = response.header("content-length").map_or(0, |text| text.parse().unwrap());
    if method != "HEAD" && status != 304 {
        response.body = vec![0; length];
        stream.read_exact(&mut response.body).await.unwrap();
    }
    response
}

/// Reads a frame of the server. Returns its first byte and its payload, or `None` at the end of the
/// connection.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let mut head = Vec::new();
    let header = loop {
        head.push(stream.read_u8().await.ok()?);
        if let Some(header) = frames::header(&head).unwrap() {
            break header;
        }
    };
    let mut payload = vec![0; header.payload_bytes];
    stream.read_exact(&mut payload).await.ok()?;
    Some((header.first, payload))
}

/// Reads to the end of the connection, or to its reset.
pub(crate) async fn read_rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    match soon("the end", stream.read_to_end(&mut rest)).await {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        Ok(_) | Err(_) => rest,
    }
}

/// Reads the greeting, which is four frames.
pub(crate) async fn skip_greeting(stream: &mut (impl AsyncRead + Unpin)) {
    for _ in 0..4 {
        soon("the greeting", read_frame(stream)).await.unwrap();
    }
}

/// Reads up to the server's Close frame. Returns its code and reason.
pub(crate) async fn read_close(stream: &mut (impl AsyncRead + Unpin)) -> (u16, String) {
    let reading = async {
        loop {
            let (first, payload) = read_frame(stream).await.expect("a Close frame before the end");
            if first == frames::CLOSE {
                let (code, reason) = payload.split_at(2);
                let code = u16::from_be_bytes(code.try_into().unwrap());
                return (code, String::from_utf8(reason.to_vec()).unwrap());
            }
        }
    };
    soon("a Close frame", reading).await
}
