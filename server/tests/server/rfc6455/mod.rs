//! RFC 6455 to the letter, as the Autobahn test suite divides it: tables of cases, each some bytes on
//! a TCP connection and what must come of them.
//!
//! Another member of the room watches: what it hears between `join` and `leave` is what was said.
//! The numbers in front of the names are those of the suite's sections. Where the suite's server
//! says a message back to its author, this one says it in the room.

mod closing;
mod control;
mod extensions;
mod fragments;
mod lengths;
mod reserved;
mod utf8;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use xmeet_shared::{Envelope, ErrorCode, ServerMessage};

use crate::support::client::path;
use crate::support::raw::{self, frame, read_frame};
use crate::support::{Client, TestServer, soon};

const ROOM: &str = "rfc6455";

/// First bytes of frames: FIN and opcode, or the opcode alone where more fragments follow.
const TEXT: u8 = 0x81;
const TEXT_BEGUN: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_BEGUN: u8 = 0x02;
const CONTINUED: u8 = 0x00;
const CONTINUED_LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// What is said last where the connection stays: behind it, everything before has been answered.
const LAST: &str = "the last text of the case";

/// How a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The connection is as good as before.
    Stays,
    /// The client closes, and this is the code in the server's answer.
    Answered(Option<u16>),
    /// The server closes over it with this code.
    Refused(u16),
}

/// Some bytes, and what must come of them.
struct Case {
    name: String,
    /// Each is given to the system by itself.
    writes: Vec<Vec<u8>>,
    said: Vec<String>,
    pongs: Vec<Vec<u8>>,
    /// Binary messages, each of which is answered by an `error`.
    binaries: usize,
    end: End,
}

/// A case that sends these frames, of which nothing is said, and after which the connection stays.
fn case(name: impl Into<String>, frames: &[Vec<u8>]) -> Case {
    Case {
        name: name.into(),
        writes: vec![frames.concat()],
        said: Vec::new(),
        pongs: Vec::new(),
        binaries: 0,
        end: End::Stays,
    }
}

impl Case {
    fn says(mut self, text: impl Into<String>) -> Self {
        self.said.push(text.into());
        self
    }

    fn pongs(mut self, payload: &[u8]) -> Self {
        self.pongs.push(payload.to_vec());
        self
    }

    fn binary(mut self) -> Self {
        self.binaries += 1;
        self
    }

    fn answered(mut self, code: impl Into<Option<u16>>) -> Self {
        self.end = End::Answered(code.into());
        self
    }

    fn refused(mut self, code: u16) -> Self {
        self.end = End::Refused(code);
        self
    }

    /// The same bytes, so many at a time.
    fn chopped(mut self, bytes: usize) -> Self {
        self.writes = self.writes.concat().chunks(bytes).map(<[u8]>::to_vec).collect();
        self
    }
}

fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// Fragments of these payloads, as one text.
fn fragments(pieces: &[&[u8]]) -> Vec<u8> {
    let last = pieces.len() - 1;
    let first = |at| match at {
        0 if last == 0 => TEXT,
        0 => TEXT_BEGUN,
        _ if at == last => CONTINUED_LAST,
        _ => CONTINUED,
    };
    pieces.iter().enumerate().flat_map(|(at, piece)| frame(first(at), piece)).collect()
}

/// A server, and the member that watches.
struct Table {
    server: TestServer,
    watcher: Client,
}

impl Table {
    async fn with(arguments: &[&str]) -> Self {
        let server = TestServer::with(arguments).await;
        let watcher = Client::enter(server.address, ROOM, "watcher").await;
        Self { server, watcher }
    }

    async fn run(&mut self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            self.check(&case).await;
        }
    }

    async fn check(&mut self, case: &Case) {
        let name = &case.name;
        let (response, stream) = raw::upgrade(self.server.address, &path(ROOM, "raw"), &[]).await;
        assert_eq!(response.status, 101, "{name}");
        stream.set_nodelay(true).unwrap();
        let mut side = Side { stream, pongs: Vec::new(), errors: Vec::new(), is_last_back: false };
        raw::skip_greeting(&mut side.stream).await;
        for bytes in &case.writes {
            // The server may have closed over the first of it.
            if side.stream.write_all(bytes).await.is_err() {
                break;
            }
        }
        let mut said = case.said.clone();
        if case.end == End::Stays {
            said.push(LAST.to_owned());
            side.stream.write_all(&text(LAST)).await.unwrap();
            while !side.is_last_back {
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
        // It ends its own half as well: nothing may stand behind a Close frame.
        let _ = side.stream.shutdown().await;
        let behind = soon("the end", read_frame(&mut side.stream)).await;
        assert_eq!(behind, None, "{name}: nothing comes behind a Close frame");
        assert_eq!(self.heard(name).await, said, "{name}: what was said");
    }

    /// What the watcher hears of the case: texts between a `join` and a `leave`.
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

/// The connection of a case, and what has come to it.
struct Side {
    stream: TcpStream,
    pongs: Vec<Vec<u8>>,
    errors: Vec<Option<ErrorCode>>,
    is_last_back: bool,
}

impl Side {
    /// Takes in the next frame; the payload of a Close frame, if it is one.
    async fn next(&mut self, name: &str) -> Option<Vec<u8>> {
        let read = soon(name, read_frame(&mut self.stream)).await;
        let (first, payload) =
            read.unwrap_or_else(|| panic!("{name}: the connection ended without a Close frame"));
        match first {
            CLOSE => return Some(payload),
            PONG => self.pongs.push(payload),
            TEXT => {
                match Envelope::parse(std::str::from_utf8(&payload).unwrap()).unwrap().message {
                    ServerMessage::Normal { text, .. } => self.is_last_back |= text == LAST,
                    ServerMessage::Error { code, .. } => self.errors.push(code),
                    other => panic!("{name}: {other:?}"),
                }
            }
            other => panic!("{name}: a frame that begins with {other:#x}"),
        }
        None
    }
}
