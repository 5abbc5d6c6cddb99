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

/// Bytes of one read call.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Memory of messages that are read ahead, in bytes. One message more is read beyond it.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// How many times its maximum length a message may take on the wire. Fragments of one byte take seven
/// times; empty fragments could go on for ever.
const FRAGMENTS_FACTOR: usize = 8;

const TOO_MANY_FRAGMENTS: CloseReason =
    CloseReason { code: CloseCode::TooLarge, reason: "the message has too many fragments" };

const MESSAGE_TIMED_OUT: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "a message took too long to come: come back",
};

thread_local! {
    /// The read buffer, one for all connections of a thread: an idle connection holds none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// The slowest rate at which a message may arrive, in bytes of its payload per second. A slower client
/// would hold memory for almost no data.
const PAYLOAD_BYTES_PER_SECOND_MIN: u64 = 1024;

/// The time in which a message must be complete, in seconds, unless it arrives at [`PAYLOAD_BYTES_PER_SECOND_MIN`].
const MESSAGE_SECONDS_MAX: u64 = 60;

/// The limits of one message.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// The largest message, in bytes.
    pub bytes_max: usize,
    /// A message must be complete within this time of its first byte, or have arrived at
    /// [`PAYLOAD_BYTES_PER_SECOND_MIN`]; the same then holds for the next such time.
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
    /// The charge for the memory of the decoder and of `beside_bytes`.
    incoming: IncomingCharge,
    beside_bytes: usize,
    /// Boxed, because only a session that waits to join reads ahead.
    ahead: Option<Box<Ahead>>,
    /// Whether everything that arrives is discarded.
    is_abandoned: bool,
    time_max: Duration,
    /// Bytes since the start of an incomplete message.
    unfinished_bytes: usize,
    /// The deadline of an incomplete message. Boxed, because most messages arrive whole.
    due: Option<Box<Due>>,
    read_bytes: u64,
}

/// Messages that were read ahead, and the end of the connection behind them.
#[derive(Debug, Default)]
struct Ahead {
    messages: VecDeque<Received>,
    bytes: usize,
    end: Option<ReadError>,
}

/// A deadline for a part of a message's payload.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
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
            beside_bytes: 0,
            ahead: None,
            is_abandoned: false,
            time_max,
            unfinished_bytes: 0,
            due: None,
            read_bytes: early.len() as u64,
        }
    }

    /// Charges for a message of so many bytes that is decoded and that the room has not taken yet.
    pub(super) fn charge_pending_input(&mut self, bytes: usize) {
        self.beside_bytes = bytes;
        self.update_charge();
    }

    /// Frees the memory of incomplete messages, and decodes nothing from here on.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
        self.ahead = None;
        self.decoder = Decoder::new(0);
        self.update_charge();
    }

    fn update_charge(&mut self) {
        let ahead_bytes = self.ahead.as_ref().map_or(0, |ahead| ahead.bytes);
        self.incoming.set(self.decoder.memory_bytes() + ahead_bytes + self.beside_bytes);
    }

    /// Returns the bytes received so far.
    #[must_use]
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Waits for the next message. Returns `None` when a part of it has arrived: the client is alive,
    /// and the caller calls again.
    ///
    /// # Errors
    /// [`ReadError`] if there is no further message.
    ///
    /// # Cancel safety
    /// Safe: a part of a message stays in the decoder.
    pub(super) async fn next(&mut self) -> Result<Option<Received>, ReadError> {
        match self.take_ahead() {
            Some(outcome) => outcome.map(Some),
            None => self.receive().await,
        }
    }

    /// Waits for the next message and keeps it for [`Self::next`]. Returns `None` when a part of a
    /// message has arrived.
    ///
    /// # Errors
    /// [`ReadError`], which [`Self::next`] returns again behind the messages read ahead. An incomplete
    /// message is dropped.
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
            Err(end) => {
                ahead.end = Some(end);
                self.decoder = Decoder::new(0);
                self.update_charge();
                Err(end)
            }
        }
    }

    /// Returns whether [`AHEAD_BYTES_MAX`] is reached.
    pub(super) fn is_ahead_full(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.bytes >= AHEAD_BYTES_MAX)
    }

    /// Returns the next message that was read ahead, or the error behind the last one.
    fn take_ahead(&mut self) -> Option<Result<Received, ReadError>> {
        let ahead = self.ahead.as_mut()?;
        if let Some(received) = ahead.messages.pop_front() {
            ahead.bytes -= ahead_bytes(&received);
            self.update_charge();
            return Some(Ok(received));
        }
        let end = ahead.end;
        if end.is_none() {
            self.ahead = None;
        }
        end.map(Err)
    }

    async fn receive(&mut self) -> Result<Option<Received>, ReadError> {
        if let Some(received) = self.decode()? {
            return Ok(Some(received));
        }
        if self.decoder.is_empty() {
            poll_fn(|cx| self.poll_fill(cx)).await?;
        } else {
            Box::pin(self.more()).await?;
        }
        self.decode()
    }

    fn decode(&mut self) -> Result<Option<Received>, ReadError> {
        if self.is_abandoned {
            return Err(ReadError::Disconnected);
        }
        let received = self.decoder.decode().map_err(ReadError::Violation)?;
        self.update_charge();
        if received.is_some() && !self.decoder.is_mid_message() {
            self.incoming.complete();
            self.unfinished_bytes = 0;
            self.due = None;
        } else if self.due.as_ref().is_some_and(|due| due.at <= Instant::now()) {
            // Control frames between the fragments do not extend the deadline.
            self.check_progress()?;
        }
        Ok(received)
    }

    /// Extends the deadline of a message if enough of it has arrived.
    fn check_progress(&mut self) -> Result<(), ReadError> {
        let is_enough =
            self.due.as_ref().is_none_or(|due| self.decoder.payload_bytes() >= due.payload_bytes);
        if !is_enough {
            return Err(ReadError::Violation(MESSAGE_TIMED_OUT));
        }
        self.due = Some(Box::new(self.next_due()));
        Ok(())
    }

    fn next_due(&self) -> Due {
        let time_ms = u64::try_from(self.time_max.as_millis()).unwrap_or(u64::MAX);
        let more = time_ms.saturating_mul(PAYLOAD_BYTES_PER_SECOND_MIN) / 1000;
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        // At least one byte, for a time of less than a second.
        let payload_bytes = self.decoder.payload_bytes().saturating_add(more.max(1));
        Due { at: Instant::now() + self.time_max, payload_bytes }
    }

    /// Waits for more bytes of an incomplete message.
    async fn more(&mut self) -> Result<(), ReadError> {
        if self.unfinished_bytes > self.decoder.message_bytes_max().saturating_mul(FRAGMENTS_FACTOR)
        {
            return Err(ReadError::Violation(TOO_MANY_FRAGMENTS));
        }
        if self.due.is_none() {
            self.due = Some(Box::new(self.next_due()));
        }
        loop {
            let at = self.due.as_ref().map_or_else(Instant::now, |due| due.at);
            match timeout_at(at, poll_fn(|cx| self.poll_fill(cx))).await {
                Ok(filled) => return filled,
                Err(_) => self.check_progress()?,
            }
        }
    }

    /// Returns the next message if it has arrived, without waiting.
    pub(super) fn next_now(&mut self) -> Option<Received> {
        if let Some(outcome) = self.take_ahead() {
            return outcome.ok();
        }
        loop {
            match self.decode() {
                Ok(None) if self.fill_now() => {}
                outcome => return outcome.ok().flatten(),
            }
        }
    }

    /// Reads and discards up to `bytes_max`, until the end of the stream.
    pub(super) async fn discard(&mut self, bytes_max: usize) {
        let mut discarded = 0;
        while discarded <= bytes_max {
            match poll_fn(|cx| self.poll_read(cx, |_, _| {})).await {
                Ok(bytes @ 1..) => discarded += bytes,
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Reads without waiting. Returns whether anything was there.
    fn fill_now(&mut self) -> bool {
        SCRATCH.with_borrow_mut(|scratch| {
            let read = loop {
                match self.io.read_now(scratch) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let Ok(bytes @ 1..) = read else { return false };
            self.read_bytes += bytes as u64;
            self.feed(&scratch[..bytes]);
            true
        })
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.unfinished_bytes += bytes.len();
        self.decoder.feed(bytes);
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        let read = ready!(self.poll_read(cx, Self::feed));
        Poll::Ready(if matches!(read, Ok(1..)) { Ok(()) } else { Err(ReadError::Disconnected) })
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Self, &[u8]),
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            self.read_bytes += bytes.len() as u64;
            take(self, bytes);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

/// Returns the memory of a message that is read ahead, in bytes.
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
