//! The two halves of a TLS connection. Reading may wait; writing never waits.
//!
//! Both halves share one state of encryption, behind a lock. If the socket does not take all encrypted
//! bytes, the state keeps them, because encryption cannot be undone. The sending half then reports the
//! last plaintext byte as unwritten, so that the outbox tries again. The sending half encrypts no
//! further bytes until the socket has taken all encrypted bytes.

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

/// At most this many pieces are encrypted in one call.
const SLICES_MAX: usize = 16;

/// At most this many bytes are encrypted in one call: a few TLS records. So the state never keeps more.
const ENCRYPTED_BYTES_MAX: usize = 64 * 1024;

/// A call takes at least this many bytes of a piece. If the last of these bytes is reported as
/// unwritten, the outbox still sees that the piece is partly written, and does not drop it.
const PART_BYTES_MIN: usize = 2;

/// Splits a connection after its handshake into its halves.
#[must_use]
pub fn split(stream: TlsStream<TcpStream>) -> (Reading, Writing) {
    let (tcp, mut tls) = stream.into_inner();
    // `ENCRYPTED_BYTES_MAX` limits the bytes instead. The limit of rustls could take a single byte of a
    // piece, and `PART_BYTES_MIN` must hold.
    tls.set_buffer_limit(None);
    let shared = Arc::new(Mutex::new(Shared { tcp, tls, is_ending: false }));
    let reader = TlsReader(Arc::clone(&shared));
    (
        Reading::Other(Box::new(reader)),
        Writing::Other(Box::new(TlsWriter { shared, deferred_bytes: 0 })),
    )
}

/// The state of both halves.
struct Shared {
    tcp: TcpStream,
    tls: ServerConnection,
    /// Whether the sending half was dropped. The receiving half then writes the remaining encrypted
    /// bytes.
    is_ending: bool,
}

/// The socket as rustls reads and writes it.
struct Socket<'a>(&'a TcpStream);

struct TlsReader(Arc<Mutex<Shared>>);

struct TlsWriter {
    shared: Arc<Mutex<Shared>>,
    /// 1 if the next byte was reported as unwritten although it is already encrypted, otherwise 0.
    deferred_bytes: usize,
}

impl Shared {
    /// Writes the encrypted bytes to the socket. Returns whether the socket took all of them. If it did
    /// and the sending half was dropped, also ends the stream to the client.
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

    /// Writes the records that TLS itself sends, for example the answer to a key update. If the socket
    /// does not take them all, registers for a wake-up. Ignores errors, because the connection may still
    /// be readable.
    fn write_tls_records(&mut self, cx: &mut Context<'_>) {
        while let Ok(false) = self.flush() {
            if self.tcp.poll_write_ready(cx).is_pending() {
                return;
            }
        }
    }

    /// Reads decrypted bytes into `buffer`.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // 1. Return decrypted bytes, if there are any.
            match self.tls.reader().read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }

            // 2. Receive more encrypted bytes.
            self.write_tls_records(cx);
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tls.read_tls(&mut Socket(&self.tcp)) {
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }

            // 3. Decrypt them.
            if let Err(error) = self.tls.process_new_packets() {
                // Tells the client the cause, with a TLS alert.
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

        // 1. Collect the bytes to encrypt. A deferred byte is skipped, because it is already encrypted.
        let (mut plaintext, mut count) = ([IoSlice::new(&[]); SLICES_MAX], 0);
        let (mut skip_bytes, mut capacity_bytes) = (self.deferred_bytes, ENCRYPTED_BYTES_MAX);
        for slice in slices.iter().take(SLICES_MAX) {
            if capacity_bytes < PART_BYTES_MIN {
                break;
            }
            let begin = skip_bytes.min(slice.len());
            let end = slice.len().min(begin + capacity_bytes);
            skip_bytes -= begin;
            capacity_bytes -= end - begin;
            plaintext[count] = IoSlice::new(&slice[begin..end]);
            count += 1;
        }

        // 2. Encrypt them, and write the encrypted bytes to the socket.
        let encrypted_bytes = shared.tls.writer().write_vectored(&plaintext[..count])?;
        let mut written_bytes = self.deferred_bytes + encrypted_bytes;

        // 3. If the socket is full, report the last byte as unwritten.
        self.deferred_bytes = usize::from(!shared.flush()?);
        written_bytes -= self.deferred_bytes;
        if written_bytes == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(written_bytes) }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error is dropped, because the next write returns it again.
        lock(&self.shared).tcp.poll_write_ready(cx).map(drop)
    }
}

/// Ends the stream to the client, in TLS (RFC 8446 section 6.1) and in TCP.
impl Drop for TlsWriter {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.tls.send_close_notify();
        shared.is_ending = true;
        // If the socket is full, the receiving half writes the remaining bytes.
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
