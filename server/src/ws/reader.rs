//! The receiving half of one connection: reads bytes when there are some, and decodes them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use xmeet_shared::CloseCode;

use super::decoder::{Decoder, Received};
use super::outbox::Ending;
use super::stream::Reading;

/// What is read in one call at most, in bytes.
const READ_BYTES_MAX: usize = 64 * 1024;

/// How much more than its text a message may take to come, as a factor: in fragments of one byte
/// each it is seven. Empty fragments could go on for ever.
const FRAGMENTS_FACTOR: usize = 8;

const TOO_MANY_FRAGMENTS: Ending =
    Ending { code: CloseCode::TooLarge, reason: "the message has too many fragments" };

thread_local! {
    /// Where bytes are read to, one for all connections of a thread: an idle one holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// The receiving half.
pub(super) struct Reader {
    io: Reading,
    decoder: Decoder,
    /// Bytes that have come since a message began that has not ended, and how many may.
    unfinished_bytes: usize,
    unfinished_bytes_max: usize,
    read_bytes: u64,
}

/// Nothing more comes: the client has ended the connection, or it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// Why there is no next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing more comes.
    Gone,
    /// The client broke the rules.
    Broken(Ending),
}

impl Reader {
    /// A reader that takes messages of up to `message_bytes_max` bytes. `early` has come already,
    /// with the handshake.
    #[must_use]
    pub(super) fn new(io: Reading, early: &[u8], message_bytes_max: usize) -> Self {
        let mut decoder = Decoder::new(message_bytes_max);
        decoder.feed(early);
        let unfinished_bytes_max = message_bytes_max.saturating_mul(FRAGMENTS_FACTOR);
        let read_bytes = early.len() as u64;
        Self { io, decoder, unfinished_bytes: 0, unfinished_bytes_max, read_bytes }
    }

    /// Bytes that have come from the client so far.
    #[must_use]
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`End`], when there is none.
    ///
    /// # Cancel safety
    /// Safe: what has come of a message stays in the decoder.
    pub(super) async fn next(&mut self) -> Result<Received, End> {
        loop {
            match self.decoder.decode() {
                Ok(Some(received)) => {
                    self.settle();
                    return Ok(received);
                }
                Err(ending) => return Err(End::Broken(ending)),
                Ok(None) if self.unfinished_bytes > self.unfinished_bytes_max => {
                    return Err(End::Broken(TOO_MANY_FRAGMENTS));
                }
                Ok(None) => {
                    poll_fn(|cx| self.poll_fill(cx)).await.map_err(|Gone| End::Gone)?;
                }
            }
        }
    }

    /// The next message, if it has come already.
    pub(super) fn next_now(&mut self) -> Option<Received> {
        loop {
            match self.decoder.decode() {
                Ok(Some(received)) => {
                    self.settle();
                    return Some(received);
                }
                Err(_) => return None,
                Ok(None) if self.fill_now() => {}
                Ok(None) => return None,
            }
        }
    }

    fn settle(&mut self) {
        if !self.decoder.is_mid_message() {
            self.unfinished_bytes = 0;
        }
    }

    /// Reads and throws away until nothing more comes, but not more than `bytes_max`.
    pub(super) async fn discard(&mut self, bytes_max: usize) {
        let mut discarded = 0;
        while discarded <= bytes_max {
            match poll_fn(|cx| self.poll_read(cx, |_, _| {})).await {
                Ok(bytes @ 1..) => discarded += bytes,
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Whether anything had come.
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

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let read = ready!(self.poll_read(cx, Self::feed));
        Poll::Ready(if matches!(read, Ok(1..)) { Ok(()) } else { Err(Gone) })
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

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}
