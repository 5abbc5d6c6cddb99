//! The WebSocket of one client. This is the only file that names the WebSocket library.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_websockets::proto::ProtocolError;
use tokio_websockets::{Config, Error, Limits, Message, Payload, ServerBuilder, WebSocketStream};
use xmeet_shared::CloseCode;

use super::outbox::{Ending, Frame};
use super::transport::{Transport, Written};

/// How long a client has to take the Close frame and answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of what a client still sends after the end is read and thrown away, in bytes. Closing
/// with unread data resets the connection, and the reset can overtake the Close frame.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are gathered at most before they are written.
const FLUSH_THRESHOLD_BYTES: usize = 1024 * 1024;

type Stream = WebSocketStream<Transport>;

/// The receiving half.
#[derive(Debug)]
pub struct Reader {
    stream: SplitStream<Stream>,
    written: Written,
}

/// The sending half.
#[derive(Debug)]
pub struct Writer(SplitSink<Stream, Message>);

/// What came from the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary,
    /// A ping of that many bytes, which the library answers by itself.
    Ping(usize),
    /// A pong: the client lives.
    Pong,
    /// The client closed, or the connection was lost.
    Gone,
    /// The client broke the rules, and the connection must end so.
    Broken(Ending),
}

/// Takes over an upgraded connection. A message of more than `message_bytes_max` ends it.
#[must_use]
pub fn open(upgraded: Upgraded, message_bytes_max: usize) -> (Reader, Writer) {
    let config = Config::default().frame_size(usize::MAX).flush_threshold(FLUSH_THRESHOLD_BYTES);
    let limits = Limits::default().max_payload_len(Some(message_bytes_max));
    let transport = Transport::new(upgraded);
    let written = transport.written();
    let stream = ServerBuilder::new().config(config).limits(limits).serve(transport);
    let (writer, stream) = stream.split();
    (Reader { stream, written }, Writer(writer))
}

impl Reader {
    /// Waits for the next thing from the client.
    ///
    /// # Cancel safety
    /// Safe: a message that is not complete stays in the stream.
    pub async fn next(&mut self) -> Received {
        match self.stream.next().await {
            None | Some(Err(Error::Io(_) | Error::AlreadyClosed)) => Received::Gone,
            Some(Err(error)) => Received::Broken(ending_for(&error)),
            Some(Ok(message)) if message.is_close() => Received::Gone,
            Some(Ok(message)) if message.is_binary() => Received::Binary,
            // The library lets a text end in the middle of a character when its last fragment is
            // empty, so the text is checked here.
            Some(Ok(message)) if message.is_text() => {
                match std::str::from_utf8(message.as_payload()) {
                    Ok(text) => Received::Text(text.to_owned()),
                    Err(_) => Received::Broken(INVALID_UTF8),
                }
            }
            Some(Ok(message)) if message.is_ping() => Received::Ping(message.as_payload().len()),
            Some(Ok(_)) => Received::Pong,
        }
    }

    /// Bytes that the client's side has taken in so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written.bytes()
    }
}

impl Writer {
    /// Writes frames, together where the system takes them together, and waits until it has.
    ///
    /// # Errors
    /// When the connection is lost or closed.
    pub async fn write(&mut self, frames: Vec<Frame>) -> Result<(), Lost> {
        for frame in frames {
            let message = match frame {
                Frame::Text(bytes) => Message::text(Payload::from(bytes)),
                Frame::Ping => Message::ping(Bytes::new()),
                // The library has queued it; flushing below writes it.
                Frame::Pong { .. } => continue,
            };
            self.0.feed(message).await.map_err(|_| Lost)?;
        }
        self.0.flush().await.map_err(|_| Lost)
    }
}

/// The connection cannot be written to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is lost")]
pub struct Lost;

const INVALID_UTF8: Ending =
    Ending { code: CloseCode::InvalidText, reason: "the text is not UTF-8" };

fn ending_for(error: &Error) -> Ending {
    match error {
        Error::PayloadTooLong { .. } => Ending {
            code: CloseCode::TooLarge,
            reason: "the message is larger than this server takes",
        },
        Error::Protocol(ProtocolError::InvalidUtf8) => INVALID_UTF8,
        _ => Ending { code: CloseCode::Protocol, reason: "the frame breaks RFC 6455" },
    }
}

/// Ends the connection: with a Close frame when the server wants it ended, or with the answer to
/// the client's. Takes [`CLOSE_TIMEOUT`] at most, whatever the client does.
pub async fn close(reader: Reader, writer: Writer, ending: Option<Ending>) {
    // What does not succeed in time ends when the connection is dropped.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, close_in_order(reader, writer, ending)).await;
}

async fn close_in_order(mut reader: Reader, mut writer: Writer, ending: Option<Ending>) {
    if let Some(Ending { code, reason }) = ending
        && let Ok(code) = code.as_u16().try_into()
    {
        // Fails where the library has closed by itself, over a broken frame.
        let _ = writer.0.send(Message::close(Some(code), reason)).await;
    }
    // Reading on sends what the library still has to say and waits for the client's answer.
    while let Some(Ok(_)) = reader.stream.next().await {}
    let Ok(stream) = reader.stream.reunite(writer.0) else { return };
    let mut io = stream.into_inner();
    let _ = io.shutdown().await;
    let mut discarded = 0;
    let mut buffer = [0; 4096];
    while let Ok(bytes @ 1..) = io.read(&mut buffer).await {
        discarded += bytes;
        if discarded > DISCARDED_BYTES_MAX {
            return;
        }
    }
}
