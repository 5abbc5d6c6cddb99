//! The receiving half of one connection: reads bytes when there are some, and decodes them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, timeout_at};
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

const TOO_LONG_ON_ITS_WAY: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "a message took too long to come: come back" };

thread_local! {
    /// Where bytes are read to, one for all connections of a thread: an idle one holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// How much a client may take for one message.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// The largest that is taken, in bytes.
    pub bytes_max: usize,
    /// How long one may be on its way once something of it has come.
    pub time_max: Duration,
}

/// The receiving half.
pub(super) struct Reader {
    io: Reading,
    decoder: Decoder,
    time_max: Duration,
    /// Bytes that have come since a message began that has not ended.
    unfinished_bytes: usize,
    /// When such a message must have ended. In memory of its own: most come whole.
    due: Option<Box<Instant>>,
    read_bytes: u64,
}

/// Why there is no next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing more comes: the client has ended the connection, or it is lost.
    Gone,
    /// The client broke the rules, or took too long.
    Broken(Ending),
}

impl Reader {
    /// A reader that takes messages within these limits. `early` has come already, with the
    /// handshake.
    #[must_use]
    pub(super) fn new(io: Reading, early: &[u8], limits: MessageLimits) -> Self {
        let MessageLimits { bytes_max, time_max } = limits;
        let mut decoder = Decoder::new(bytes_max);
        decoder.feed(early);
        let read_bytes = early.len() as u64;
        Self { io, decoder, time_max, unfinished_bytes: 0, due: None, read_bytes }
    }

    /// Bytes that have come from the client so far.
    #[must_use]
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Waits for the next message. `None` when something more of it has come, and not all: its client
    /// lives, and is to be waited for again.
    ///
    /// # Errors
    /// [`End`], when there is none.
    ///
    /// # Cancel safety
    /// Safe: what has come of a message stays in the decoder.
    pub(super) async fn next(&mut self) -> Result<Option<Received>, End> {
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

    fn decode(&mut self) -> Result<Option<Received>, End> {
        let received = self.decoder.decode().map_err(End::Broken)?;
        if received.is_some() && !self.decoder.is_mid_message() {
            self.unfinished_bytes = 0;
            self.due = None;
        } else if self.due.as_ref().is_some_and(|due| **due <= Instant::now()) {
            // Control frames between its fragments do not stop its clock.
            return Err(End::Broken(TOO_LONG_ON_ITS_WAY));
        }
        Ok(received)
    }

    /// Waits for more of a message that has begun.
    async fn more(&mut self) -> Result<(), End> {
        if self.unfinished_bytes > self.decoder.message_bytes_max().saturating_mul(FRAGMENTS_FACTOR)
        {
            return Err(End::Broken(TOO_MANY_FRAGMENTS));
        }
        let due = **self.due.get_or_insert_with(|| Box::new(Instant::now() + self.time_max));
        match timeout_at(due, poll_fn(|cx| self.poll_fill(cx))).await {
            Ok(filled) => filled,
            Err(_) => Err(End::Broken(TOO_LONG_ON_ITS_WAY)),
        }
    }

    /// The next message, if it has come already.
    pub(super) fn next_now(&mut self) -> Option<Received> {
        loop {
            match self.decode() {
                Ok(None) if self.fill_now() => {}
                outcome => return outcome.ok().flatten(),
            }
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

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let read = ready!(self.poll_read(cx, Self::feed));
        Poll::Ready(if matches!(read, Ok(1..)) { Ok(()) } else { Err(End::Gone) })
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Masked with nothing, so that the bytes are the text's.
    const BEGINNING: &[u8] = b"\x01\x82\0\0\0\0he";
    const MIDDLE: &[u8] = b"\0\x81\0\0\0\0l";
    const END: &[u8] = b"\x80\x82\0\0\0\0lo";
    const PONG: &[u8] = b"\x8a\x80\0\0\0\0";

    const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);

    fn connection() -> (Reader, DuplexStream) {
        let (client, server) = duplex(1024);
        let limits = MessageLimits { bytes_max: 100, time_max: MESSAGE_TIME_MAX };
        (Reader::new(Reading::Other(Box::new(server)), &[], limits), client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_has_its_time_however_lively_its_client_is() {
        let (mut reader, mut client) = connection();
        let begun = Instant::now();
        let dripping = tokio::spawn(async move {
            client.write_all(BEGINNING).await.unwrap();
            for _ in 0..100 {
                sleep(Duration::from_secs(7)).await;
                if client.write_all(&[PONG, MIDDLE].concat()).await.is_err() {
                    return;
                }
            }
        });
        let mut pongs = 0;
        let end = loop {
            match reader.next().await {
                Ok(Some(received)) => {
                    assert_eq!(received, Received::Pong);
                    pongs += 1;
                }
                Ok(None) => {}
                Err(end) => break end,
            }
        };
        assert_eq!((end, pongs), (End::Broken(TOO_LONG_ON_ITS_WAY), 8));
        assert_eq!(begun.elapsed(), MESSAGE_TIME_MAX);
        dripping.abort();
    }

    /// Pongs that never stop leave no moment in which nothing has come.
    #[tokio::test(start_paused = true)]
    async fn a_message_has_its_time_also_under_a_flood_of_pongs() {
        let (mut reader, mut client) = connection();
        client.write_all(BEGINNING).await.unwrap();
        assert_eq!(reader.next().await, Ok(None));
        let nearly = MESSAGE_TIME_MAX - Duration::from_secs(1);
        assert!(timeout(nearly, reader.next()).await.is_err());
        client.write_all(&PONG.repeat(100)).await.unwrap();
        for _ in 0..50 {
            assert_eq!(reader.next().await, Ok(Some(Received::Pong)));
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(reader.next().await, Err(End::Broken(TOO_LONG_ON_ITS_WAY)));
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_has_a_time_of_its_own_and_silence_has_none() {
        let (mut reader, mut client) = connection();
        for _ in 0..3 {
            // In one piece, and then in three that take nearly all of the time.
            let whole = [BEGINNING, END].concat();
            for pieces in [vec![&*whole], vec![BEGINNING, &END[..3], &END[3..]]] {
                let count = pieces.len();
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                    if count > 1 && !piece.ends_with(b"lo") {
                        assert_eq!(reader.next().await, Ok(None));
                        sleep(MESSAGE_TIME_MAX * 2 / 5).await;
                    }
                }
                let received = loop {
                    if let Some(received) = reader.next().await.unwrap() {
                        break received;
                    }
                };
                assert_eq!(received, Received::Text("helo".to_owned()));
                sleep(MESSAGE_TIME_MAX * 2).await;
            }
        }
        drop(client);
        assert_eq!(reader.next().await, Err(End::Gone));
    }
}
