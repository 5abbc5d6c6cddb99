//! The receiving half of a connection: reads bytes and decodes messages.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, timeout_at};
use xmeet_shared::CloseCode;

use super::incoming::IncomingCharge;
use crate::config::limits::LimitSettings;
use crate::wire::decoder::{Decoder, Received};
use crate::wire::outbox::CloseReason;
use crate::wire::stream::Reading;

/// The most bytes that one read call returns.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Once the messages that are read ahead take this many bytes of memory, no further message is read
/// ahead.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A message on the wire, with the headers of its frames, may be this many times longer than the longest
/// message. In fragments of one byte it is seven times longer. Empty fragments could follow without end.
const FRAGMENTS_FACTOR: usize = 8;

const TOO_MANY_FRAGMENTS: CloseReason =
    CloseReason { code: CloseCode::TooLarge, reason: "the message has too many fragments" };

const MESSAGE_TIMED_OUT: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "a message took too long to come: come back",
};

thread_local! {
    /// The read buffer of all connections of a thread, so that an idle connection needs none.
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// The slowest rate at which a message may arrive, in bytes of its payload per second. A slower client
/// would hold memory for almost no data.
const PAYLOAD_BYTES_PER_SECOND_MIN: u64 = 1024;

/// A message must be complete within this many seconds, or arrive at [`PAYLOAD_BYTES_PER_SECOND_MIN`].
const MESSAGE_SECONDS_MAX: u64 = 60;

/// The limits of one message.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// The largest message, in bytes.
    pub bytes_max: usize,
    /// A message must be complete within this time of its first byte. If it has arrived at
    /// [`PAYLOAD_BYTES_PER_SECOND_MIN`] by then, it gets the same time again.
    pub time_max: Duration,
}

impl From<&LimitSettings> for MessageLimits {
    fn from(settings: &LimitSettings) -> Self {
        Self {
            bytes_max: settings.frame_bytes_max,
            time_max: Duration::from_secs(MESSAGE_SECONDS_MAX),
        }
    }
}

/// The receiving half of a connection.
pub(super) struct Reader {
    io: Reading,
    decoder: Decoder,
    /// The charge for the memory of the decoder, of `ahead` and of the pending input.
    incoming: IncomingCharge,
    pending_input_bytes: usize,
    /// Boxed, because only a session that waits to join reads ahead.
    ahead: Option<Box<Ahead>>,
    /// Whether all later bytes are discarded.
    is_abandoned: bool,
    time_max: Duration,
    /// The bytes received since the start of the incomplete message.
    unfinished_bytes: usize,
    /// The deadline of the incomplete message. Boxed, because most messages arrive whole.
    deadline: Option<Box<Deadline>>,
    read_bytes: u64,
}

/// Messages that were read ahead, and the error that ended the connection after them.
#[derive(Debug, Default)]
struct Ahead {
    messages: VecDeque<Received>,
    bytes: usize,
    error: Option<ReadError>,
}

/// The time by which a message's payload must have a certain length.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    time: Instant,
    payload_bytes: usize,
}

/// Why no further message can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The connection was closed or lost.
    Disconnected,
    /// The client broke a rule of the protocol or a limit.
    Violation(CloseReason),
}

impl Reader {
    /// Creates a reader. `early` are the bytes that arrived together with the handshake.
    #[must_use]
    pub(super) fn new(
        io: Reading,
        early: &[u8],
        limits: MessageLimits,
        incoming: IncomingCharge,
    ) -> Self {
        let MessageLimits { bytes_max, time_max } = limits;
        let mut decoder = Decoder::new(bytes_max);
        decoder.feed(early);
        Self {
            io,
            decoder,
            incoming,
            pending_input_bytes: 0,
            ahead: None,
            is_abandoned: false,
            time_max,
            unfinished_bytes: 0,
            deadline: None,
            read_bytes: early.len() as u64,
        }
    }

    /// Sets the charge for a decoded message that the room has not taken yet, in bytes; 0 ends the
    /// charge.
    pub(super) fn charge_pending_input(&mut self, bytes: usize) {
        self.pending_input_bytes = bytes;
        self.update_charge();
    }

    /// Drops the incomplete message and all messages that were read ahead, to free their memory. Later
    /// bytes are not decoded.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
        self.ahead = None;
        self.decoder = Decoder::new(0);
        self.update_charge();
    }

    /// Sets the charge to the memory that the reader uses now.
    fn update_charge(&mut self) {
        let ahead_bytes = self.ahead.as_ref().map_or(0, |ahead| ahead.bytes);
        self.incoming.set(self.decoder.memory_bytes() + ahead_bytes + self.pending_input_bytes);
    }

    /// Returns how many bytes were received so far.
    #[must_use]
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Waits for the next message. Returns `None` when a part of a message has arrived: the client is
    /// alive, and the caller must call again.
    ///
    /// # Errors
    /// [`ReadError`] if there is no further message.
    ///
    /// # Cancel safety
    /// Safe: a part of a message stays in the decoder.
    pub(super) async fn next(&mut self) -> Result<Option<Received>, ReadError> {
        match self.take_ahead() {
            Some(result) => result.map(Some),
            None => self.receive().await,
        }
    }

    /// Waits for the next message and keeps it for [`Self::next`]. Returns `None` when a part of a
    /// message has arrived.
    ///
    /// # Errors
    /// [`ReadError`] if there is no further message. [`Self::next`] returns the error too, after the
    /// messages that were read ahead. An incomplete message is dropped.
    ///
    /// # Cancel safety
    /// Safe: a part of a message stays in the decoder.
    pub(super) async fn read_ahead(&mut self) -> Result<Option<&Received>, ReadError> {
        let received = self.receive().await;
        let ahead = self.ahead.get_or_insert_default();
        match received {
            Ok(None) => Ok(None),
            Ok(Some(received)) => {
                ahead.bytes += ahead_bytes(&received);
                ahead.messages.push_back(received);
                self.update_charge();
                Ok(self.ahead.as_ref().and_then(|ahead| ahead.messages.back()))
            }
            Err(error) => {
                ahead.error = Some(error);
                self.decoder = Decoder::new(0);
                self.update_charge();
                Err(error)
            }
        }
    }

    /// Returns whether no further message may be read ahead.
    pub(super) fn is_ahead_full(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.bytes >= AHEAD_BYTES_MAX)
    }

    /// Returns the next message that was read ahead, or the error after these messages. Returns `None`
    /// if neither is left.
    fn take_ahead(&mut self) -> Option<Result<Received, ReadError>> {
        let ahead = self.ahead.as_mut()?;
        if let Some(received) = ahead.messages.pop_front() {
            ahead.bytes -= ahead_bytes(&received);
            self.update_charge();
            return Some(Ok(received));
        }
        let error = ahead.error;
        if error.is_none() {
            self.ahead = None;
        }
        error.map(Err)
    }

    /// Returns the next message. If it has not arrived whole, waits for more bytes once, and returns
    /// `None` if it is then still incomplete.
    async fn receive(&mut self) -> Result<Option<Received>, ReadError> {
        if let Some(received) = self.decode()? {
            return Ok(Some(received));
        }
        if self.decoder.is_empty() {
            poll_fn(|cx| self.poll_fill(cx)).await?;
        } else {
            // Boxed, because most messages arrive whole.
            Box::pin(self.wait_for_more()).await?;
        }
        self.decode()
    }

    /// Decodes the next message from the received bytes. Returns `None` if the message is incomplete.
    ///
    /// # Errors
    /// [`ReadError`] for a violation of the protocol, and for a message that has missed its deadline.
    fn decode(&mut self) -> Result<Option<Received>, ReadError> {
        if self.is_abandoned {
            return Err(ReadError::Disconnected);
        }
        let received = self.decoder.decode().map_err(ReadError::Violation)?;
        self.update_charge();
        if received.is_some() && !self.decoder.is_mid_message() {
            self.incoming.note_complete();
            self.unfinished_bytes = 0;
            self.deadline = None;
        } else if self.deadline.as_ref().is_some_and(|deadline| deadline.time <= Instant::now()) {
            // Control frames between the fragments of a message do not extend the message's deadline.
            self.extend_deadline()?;
        }
        Ok(received)
    }

    /// Extends a deadline that has passed. Fails if too little of the message has arrived by then.
    fn extend_deadline(&mut self) -> Result<(), ReadError> {
        if let Some(deadline) = &self.deadline
            && self.decoder.payload_bytes() < deadline.payload_bytes
        {
            return Err(ReadError::Violation(MESSAGE_TIMED_OUT));
        }
        self.deadline = Some(Box::new(self.next_deadline()));
        Ok(())
    }

    /// Returns the next deadline of the incomplete message. By then, more of the payload must have
    /// arrived, at the minimum rate.
    fn next_deadline(&self) -> Deadline {
        let time_ms = u64::try_from(self.time_max.as_millis()).unwrap_or(u64::MAX);
        let due_bytes = time_ms.saturating_mul(PAYLOAD_BYTES_PER_SECOND_MIN) / 1000;
        let due_bytes = usize::try_from(due_bytes).unwrap_or(usize::MAX);
        // The quotient can be 0 for a very short time. The client must send at least one byte.
        let payload_bytes = self.decoder.payload_bytes().saturating_add(due_bytes.max(1));
        Deadline { time: Instant::now() + self.time_max, payload_bytes }
    }

    /// Waits for more bytes of an incomplete message.
    ///
    /// # Errors
    /// [`ReadError`] if the connection ends, or if the message misses its deadline or has too many
    /// fragments.
    async fn wait_for_more(&mut self) -> Result<(), ReadError> {
        let wire_bytes_max = self.decoder.message_bytes_max().saturating_mul(FRAGMENTS_FACTOR);
        if self.unfinished_bytes > wire_bytes_max {
            return Err(ReadError::Violation(TOO_MANY_FRAGMENTS));
        }
        if self.deadline.is_none() {
            self.deadline = Some(Box::new(self.next_deadline()));
        }
        loop {
            let time = self.deadline.as_ref().map_or_else(Instant::now, |deadline| deadline.time);
            match timeout_at(time, poll_fn(|cx| self.poll_fill(cx))).await {
                Ok(result) => return result,
                Err(_) => self.extend_deadline()?,
            }
        }
    }

    /// Returns the next message without waiting. Returns `None` if no further message has arrived whole,
    /// or after an error.
    pub(super) fn next_now(&mut self) -> Option<Received> {
        if let Some(result) = self.take_ahead() {
            return result.ok();
        }
        loop {
            match self.decode() {
                Ok(None) if self.fill_now() => {}
                result => return result.ok().flatten(),
            }
        }
    }

    /// Reads and discards bytes. Returns at the end of the stream, on an error, or after more than
    /// `bytes_max` bytes.
    pub(super) async fn discard(&mut self, bytes_max: usize) {
        let mut discarded_bytes = 0;
        while discarded_bytes <= bytes_max {
            match poll_fn(|cx| self.poll_read(cx, |_, _| {})).await {
                Ok(bytes @ 1..) => discarded_bytes += bytes,
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Reads once without waiting, and passes the bytes to the decoder. Returns whether any bytes had
    /// arrived.
    fn fill_now(&mut self) -> bool {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let result = loop {
                match self.io.read_now(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            };
            let Ok(bytes @ 1..) = result else { return false };
            self.read_bytes += bytes as u64;
            self.feed(&buffer[..bytes]);
            true
        })
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.unfinished_bytes += bytes.len();
        self.decoder.feed(bytes);
    }

    /// Reads once, and passes the bytes to the decoder. Fails at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        match ready!(self.poll_read(cx, Self::feed)) {
            Ok(1..) => Poll::Ready(Ok(())),
            Ok(0) | Err(_) => Poll::Ready(Err(ReadError::Disconnected)),
        }
    }

    /// Reads once, and passes the bytes to `consume`. Returns their number, which is 0 at the end of the
    /// stream.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        consume: impl FnOnce(&mut Self, &[u8]),
    ) -> Poll<io::Result<usize>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            self.read_bytes += bytes.len() as u64;
            consume(self, bytes);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

/// Returns the memory that a message takes while it is read ahead, in bytes.
fn ahead_bytes(received: &Received) -> usize {
    size_of::<Received>() + received.memory_bytes()
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "reader_test.rs"]
mod tests;
