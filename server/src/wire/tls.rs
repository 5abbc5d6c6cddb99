//! The two halves of a TLS connection. Reading waits, writing never does.
//!
//! Both halves share one state of encryption, behind a lock. Encrypted bytes that the socket does not
//! take are kept here, because encryption cannot be undone. The sending half then reports the last
//! plaintext byte as unwritten, so that the outbox tries again. It encrypts nothing further until the
//! socket has taken all encrypted bytes.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream::{Reading, WriteHalf, Writing};

/// Pieces that are encrypted in one call.
const SLICES_MAX: usize = 16;

/// Bytes that are encrypted in one call, and so the most that is kept here: a few TLS records.
const ENCRYPTED_BYTES_MAX: usize = 64 * 1024;

/// The shortest part that is taken of a longer piece. If its last byte is then reported as unwritten,
/// the outbox still sees that the piece is partly written and must not be dropped.
const PART_BYTES_MIN: usize = 2;

/// Splits a connection after its handshake into its halves.
#[must_use]
pub fn split(stream: TlsStream<TcpStream>) -> (Reading, Writing) {
    let (tcp, mut tls) = stream.into_inner();
    // `ENCRYPTED_BYTES_MAX` is the limit instead, which respects the borders of pieces.
    tls.set_buffer_limit(None);
    let shared = Arc::new(Mutex::new(Shared { tcp, tls, is_ending: false }));
    let reader = TlsReader(Arc::clone(&shared));
    (Reading::Other(Box::new(reader)), Writing::Other(Box::new(TlsWriter { shared, deferred: 0 })))
}

struct Shared {
    tcp: TcpStream,
    tls: ServerConnection,
    /// Whether the sending half is dropped. The reader half then flushes what is left.
    is_ending: bool,
}

/// The socket as rustls reads and writes it.
struct Socket<'a>(&'a TcpStream);

struct TlsReader(Arc<Mutex<Shared>>);

struct TlsWriter {
    shared: Arc<Mutex<Shared>>,
    /// How many of the next bytes are encrypted already: the byte that was reported as unwritten, or
    /// none.
    deferred: usize,
}

impl Shared {
    /// Writes the encrypted bytes. Returns whether the socket took all of them.
    fn flush(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Socket(&self.tcp)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_ending {
            SockRef::from(&self.tcp).shutdown(Shutdown::Write)?;
        }
        Ok(true)
    }

    /// Writes frames of TLS itself, for example the answer to a key update. If the socket does not take
    /// them, registers for a wake-up. Ignores errors, because the connection may still be readable.
    fn write_tls_answers(&mut self, cx: &mut Context<'_>) {
        while let Ok(false) = self.flush() {
            if self.tcp.poll_write_ready(cx).is_pending() {
                return;
            }
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.tls.reader().read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.write_tls_answers(cx);
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tls.read_tls(&mut Socket(&self.tcp)) {
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            if let Err(error) = self.tls.process_new_packets() {
                // Sends the alert.
                let _ = self.flush();
                return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
            }
        }
    }
}

impl AsyncRead for TlsReader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        lock(&self.0).poll_read(cx, buffer)
    }
}

impl WriteHalf for TlsWriter {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut shared = lock(&self.shared);
        if !shared.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (mut fresh, mut count) = ([IoSlice::new(&[]); SLICES_MAX], 0);
        let (mut deferred, mut room) = (self.deferred, ENCRYPTED_BYTES_MAX);
        for slice in slices.iter().take(SLICES_MAX) {
            if room < PART_BYTES_MIN {
                break;
            }
            let known = deferred.min(slice.len());
            let bytes = &slice[known..slice.len().min(known + room)];
            deferred -= known;
            room -= bytes.len();
            fresh[count] = IoSlice::new(bytes);
            count += 1;
        }
        let mut taken = self.deferred + shared.tls.writer().write_vectored(&fresh[..count])?;
        self.deferred = usize::from(!shared.flush()?);
        taken -= self.deferred;
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The next write returns the same error.
        lock(&self.shared).tcp.poll_write_ready(cx).map(drop)
    }
}

/// Closes the direction to the client, in TLS (RFC 8446 section 6.1) and in TCP.
impl Drop for TlsWriter {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.tls.send_close_notify();
        shared.is_ending = true;
        let _ = shared.flush();
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "tls_test.rs"]
mod tests;
