//! Runs cases against a server. Another member of the room receives the delivered texts between the events
//! `join` and `leave`.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::{Envelope, ErrorCode, ServerMessage};

use super::case::{CLOSE, Case, End, PONG, TEXT, close, text};
use crate::support::client::path;
use crate::support::raw::{self, read_frame};
use crate::support::{Client, TestServer, soon};

const ROOM: &str = "rfc6455";

/// The last text of a case whose connection stays open. When it comes back, all earlier frames have been
/// answered.
const LAST: &str = "the last text of the case";

/// A server, and the member that receives the delivered texts.
pub(super) struct Table {
    pub(super) server: TestServer,
    watcher: Client,
}

impl Table {
    pub(super) async fn with(arguments: &[&str]) -> Self {
        let server = TestServer::with(arguments).await;
        let watcher = Client::enter(server.address, ROOM, "watcher").await;
        Self { server, watcher }
    }

    pub(super) async fn run(&mut self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            self.check(&case).await;
        }
    }

    async fn check(&mut self, case: &Case) {
        let name = &case.name;
        let mut side = Side::of(&self.server, name).await;
        side.send(case).await;
        let mut said = case.said.clone();
        if case.end == End::Stays {
            said.push(LAST.to_owned());
            side.stream.write_all(&text(LAST)).await.unwrap();
            while !side.has_received_last {
                assert_eq!(side.next(name).await, None, "{name}: the connection stays");
            }
            let unsupported = vec![Some(ErrorCode::Unsupported); case.binaries];
            assert_eq!(side.errors, unsupported, "{name}: binary messages");
            side.stream.write_all(&close(1000, b"")).await.unwrap();
        }
        let expected = match case.end {
            End::Stays => 1000_u16.to_be_bytes().to_vec(),
            End::Answered(code) => code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec()),
            End::Refused(code) => code.to_be_bytes().to_vec(),
        };
        let closed = loop {
            if let Some(payload) = side.next(name).await {
                break payload;
            }
        };
        assert_eq!(closed[..closed.len().min(2)], expected, "{name}: the Close frame");
        if let End::Refused(_) = case.end {
            assert!(closed.len() > 2, "{name}: a refusal has a reason");
        }
        assert_eq!(side.pongs, case.pongs, "{name}: pongs");
        // The client ends its own half too. It may have been reset already. No frame may follow the Close frame.
        let _ = side.stream.shutdown().await;
        let behind = soon("the end", read_frame(&mut side.stream)).await;
        assert_eq!(behind, None, "{name}: nothing comes behind a Close frame");
        let heard = self.heard(name).await;
        let lengths = |texts: &[String]| texts.iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&heard), lengths(&said), "{name}: lengths of the delivered texts");
        assert!(heard == said, "{name}: delivered texts");
    }

    /// Returns the texts that the watcher receives between `join` and `leave`.
    async fn heard(&mut self, name: &str) -> Vec<String> {
        assert_eq!(self.watcher.next().await.message.kind(), "join", "{name}");
        let mut said = Vec::new();
        loop {
            match self.watcher.next().await.message {
                ServerMessage::Normal { text, .. } => said.push(text),
                ServerMessage::Leave => return said,
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

/// The connection of a case, and the answers received so far.
struct Side {
    stream: TcpStream,
    pongs: Vec<Vec<u8>>,
    errors: Vec<Option<ErrorCode>>,
    texts: usize,
    has_received_last: bool,
}

impl Side {
    async fn of(server: &TestServer, name: &str) -> Self {
        let (response, mut stream) = raw::upgrade(server.address, &path(ROOM, "raw"), &[]).await;
        assert_eq!(response.status, 101, "{name}");
        raw::skip_greeting(&mut stream).await;
        Self { stream, pongs: Vec::new(), errors: Vec::new(), texts: 0, has_received_last: false }
    }

    async fn send(&mut self, case: &Case) {
        for write in case.writes() {
            // The server may have closed after an earlier piece.
            if self.stream.write_all(&write.bytes).await.is_err() {
                return;
            }
            while self.pongs.len() + self.errors.len() + self.texts < write.answers {
                assert_eq!(self.next(&case.name).await, None, "{}: an answer", case.name);
            }
        }
    }

    /// Reads the next frame. Returns the payload if it is a Close frame.
    async fn next(&mut self, name: &str) -> Option<Vec<u8>> {
        let read = soon(name, read_frame(&mut self.stream)).await;
        let (first, payload) =
            read.unwrap_or_else(|| panic!("{name}: the connection ended without a Close frame"));
        match first {
            CLOSE => return Some(payload),
            PONG => self.pongs.push(payload),
            TEXT => {
                match Envelope::parse(std::str::from_utf8(&payload).unwrap()).unwrap().message {
                    ServerMessage::Normal { text, .. } => {
                        self.texts += 1;
                        self.has_received_last |= text == LAST;
                    }
                    ServerMessage::Error { code, .. } => self.errors.push(code),
                    other => panic!("{name}: {other:?}"),
                }
            }
            other => panic!("{name}: a frame that begins with {other:#x}"),
        }
        None
    }
}
