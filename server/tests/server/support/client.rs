//! A client that checks its greeting and reads events.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, CloseCode, Message, WebSocketStream};
use xmeet_shared::{Envelope, ErrorCode, Member, Pid, Record, ServerMessage};

use super::{raw, soon};

/// A client's stream: TCP, TLS or a Unix socket.
pub(crate) trait Line: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Line for T {}

/// A member of a room.
pub(crate) struct Client<L = TcpStream> {
    pub(crate) pid: Pid,
    pub(crate) members: Vec<Member>,
    pub(crate) page: Vec<Record>,
    /// The epoch, if the client requested the extensions.
    pub(crate) epoch: Option<String>,
    socket: WebSocketStream<L>,
}

/// Returns the path of a room with a nickname.
pub(crate) fn path(room: &str, nickname: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("/xgate/websocket/{}?nickname={}", encode(room), encode(nickname))
}

/// Returns the path of a room with a nickname and a resume token.
pub(crate) fn resumable_path(room: &str, nickname: &str, token: &str) -> String {
    format!("{}&session={token}", path(room, nickname))
}

/// Connects a member that reads its greeting and nothing more.
pub(crate) async fn stalled_member(address: SocketAddr, room: &str) -> TcpStream {
    let (response, mut stream) = raw::upgrade(address, &path(room, "stalled"), &[]).await;
    assert_eq!(response.status, 101);
    raw::skip_greeting(&mut stream).await;
    stream
}

impl Client {
    /// Joins a room and checks the greeting.
    pub(crate) async fn enter(address: SocketAddr, room: &str, nickname: &str) -> Self {
        Self::enter_by(address, &path(room, nickname), &[]).await
    }

    /// Joins with any path and headers.
    pub(crate) async fn enter_by(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let (response, stream) = raw::upgrade(address, path, headers).await;
        assert_eq!(response.status, 101, "{}", response.text());
        Self::greeted(stream).await
    }

    /// Joins with a resume token.
    pub(crate) async fn enter_with(
        address: SocketAddr,
        room: &str,
        nickname: &str,
        token: &str,
    ) -> Self {
        Self::enter_resumable(address, &resumable_path(room, nickname, token)).await
    }

    /// Joins with any path that contains a resume token.
    pub(crate) async fn enter_resumable(address: SocketAddr, path: &str) -> Self {
        let (response, stream) = raw::upgrade(address, path, &[]).await;
        assert_eq!(response.status, 101, "{}", response.text());
        Self::welcomed(stream).await
    }

    /// Reads the greeting of a client that did not request the extensions.
    pub(crate) async fn greeted(stream: TcpStream) -> Self {
        let client = Self::welcomed(stream).await;
        assert_eq!(client.epoch, None, "the client did not request the epoch");
        client
    }
}

impl<L: Line> Client<L> {
    /// Joins a room over an open stream.
    pub(crate) async fn enter_over(mut line: L, path: &str) -> Self {
        let response = raw::request_over(&mut line, "GET", path, &raw::UPGRADE).await;
        assert_eq!(response.status, 101, "{}", response.text());
        Self::welcomed(line).await
    }

    async fn welcomed(stream: L) -> Self {
        let mut socket = ClientBuilder::new().take_over(stream);
        let first = receive(&mut socket).await;
        let ServerMessage::SelfId { pid, epoch, greeting_bytes } = first.message else {
            panic!("self comes first: {first:?}")
        };
        // Without a history there is no epoch.
        assert!(
            epoch.is_none() || greeting_bytes.is_some(),
            "an epoch comes with a greeting length"
        );
        let count = receive(&mut socket).await;
        let members = receive(&mut socket).await;
        let history = receive(&mut socket).await;
        for greeting in [&first.from, &count.from, &members.from, &history.from] {
            assert_eq!(greeting, &pid, "a greeting is from its receiver");
        }
        let ServerMessage::MemberCount(count) = count.message else { panic!("{count:?}") };
        let ServerMessage::Members(members) = members.message else { panic!("{members:?}") };
        let ServerMessage::History(page) = history.message else { panic!("{history:?}") };
        assert_eq!(count, members.len() as u64);
        assert!(members.iter().any(|member| member.pid == pid), "the receiver is a member");
        Self { pid, members, page, epoch, socket }
    }

    /// Returns the member's nickname in its greeting.
    pub(crate) fn nickname(&self) -> &str {
        let own = self.members.iter().find(|member| member.pid == self.pid).unwrap();
        own.nickname.as_str()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text.to_owned())).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// Waits until the server has read everything that was sent.
    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::ping("x")).await.unwrap();
        let next = soon("a pong", self.socket.next()).await;
        assert!(next.unwrap().unwrap().is_pong());
    }

    /// Reads the next frame.
    pub(crate) async fn next(&mut self) -> Envelope {
        receive(&mut self.socket).await
    }

    /// Reads the next frame, or the code of the server's Close frame.
    pub(crate) async fn next_or_close(&mut self) -> Result<Envelope, u16> {
        let next = soon("a frame", self.socket.next()).await;
        let message = next.expect("a Close comes before the end").unwrap();
        if let Some((code, reason)) = message.as_close() {
            assert!(!reason.is_empty(), "every close has a reason");
            return Err(u16::from(code));
        }
        let text = message.as_text().unwrap_or_else(|| panic!("not a text: {message:?}"));
        Ok(Envelope::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    /// Reads the text of the next frame.
    pub(crate) async fn next_text(&mut self) -> String {
        receive_text(&mut self.socket).await
    }

    /// Reads a `normal` frame. Returns its author, text and id.
    pub(crate) async fn next_said(&mut self) -> (Pid, String, u64) {
        let envelope = self.next().await;
        match envelope.message {
            ServerMessage::Normal { text, id, .. } => {
                (envelope.from, text, id.expect("it has an id"))
            }
            other => panic!("not a normal: {other:?}"),
        }
    }

    /// Reads a `history` frame.
    pub(crate) async fn next_page(&mut self) -> Vec<Record> {
        match self.next().await.message {
            ServerMessage::History(page) => page,
            other => panic!("not a page: {other:?}"),
        }
    }

    /// Reads an `error` frame. Returns its code.
    pub(crate) async fn next_error(&mut self) -> ErrorCode {
        let envelope = self.next().await;
        assert_eq!(envelope.from, self.pid, "an error is from its receiver");
        match envelope.message {
            ServerMessage::Error { words, code, .. } => {
                assert!(!words.is_empty());
                code.expect("it has a code")
            }
            other => panic!("not an error: {other:?}"),
        }
    }

    /// Requests a page and waits for it.
    pub(crate) async fn ask_page(&mut self, cursor: u64) -> Vec<Record> {
        self.send(&format!("@history:{cursor}")).await;
        self.next_page().await
    }

    /// Sends a text and waits until it comes back. Returns its id.
    pub(crate) async fn say(&mut self, text: &str) -> u64 {
        self.send(text).await;
        let (from, said, id) = self.next_said().await;
        assert_eq!((from, said.as_str()), (self.pid.clone(), text));
        id
    }

    /// Sends the text repeatedly until a member has left.
    pub(crate) async fn say_until_a_member_leaves(&mut self, text: &str) {
        let mut kind = "";
        while kind != "leave" {
            self.send(text).await;
            kind = "";
            while !matches!(kind, "normal" | "leave") {
                kind = self.next().await.message.kind();
            }
        }
    }

    /// Closes with code 1000 and waits for the server's answer.
    pub(crate) async fn leave(mut self) {
        let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        self.socket.send(close).await.unwrap();
        let rest = async { while let Some(Ok(_)) = self.socket.next().await {} };
        soon("the server's answer to a close", rest).await;
    }

    /// Sends these bytes, ends the stream, and waits until the server has closed it.
    pub(crate) async fn end_with(self, bytes: &[u8]) {
        let mut stream = self.into_stream();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        soon("the server's end", stream.read_to_end(&mut rest)).await.unwrap();
    }

    /// Loses the connection.
    pub(crate) async fn lose(self) {
        self.end_with(&[]).await;
    }

    /// Reads up to the server's Close frame. Returns its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        let reading = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Some((code, reason)) = message.as_close() {
                    assert!(!reason.is_empty(), "every close has a reason");
                    let code = u16::from(code);
                    // Further reads answer the Close frame.
                    while let Some(Ok(_)) = self.socket.next().await {}
                    // The server waits for the end of the stream. The stream may have ended already.
                    let _ = self.socket.close().await;
                    return code;
                }
            }
            panic!("the connection ended without a Close frame")
        };
        soon("a Close frame", reading).await
    }

    /// Returns the stream, for tests that break the protocol.
    pub(crate) fn into_stream(self) -> L {
        self.socket.into_inner()
    }
}

async fn receive(socket: &mut WebSocketStream<impl Line>) -> Envelope {
    let text = receive_text(socket).await;
    Envelope::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn receive_text(socket: &mut WebSocketStream<impl Line>) -> String {
    let message = soon("a frame", socket.next()).await.expect("the connection is open").unwrap();
    message.as_text().unwrap_or_else(|| panic!("not a text: {message:?}")).to_owned()
}
