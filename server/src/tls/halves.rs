//! A TLS connection as a session uses it: reading waits, writing never does.
//!
//! Both halves are one state of encryption, behind a lock. What is encrypted can no longer be taken
//! back, so what the system does not take of it waits here. The half that writes must not call that
//! written, or nobody would wait to write it on: it calls the last byte of it not written until all
//! of it is with the system. Nothing more is encrypted before that.

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

use crate::ws::stream::{Reading, WriteHalf, Writing};

/// Pieces that are encrypted in one call; more of them are for the next one.
const SLICES_MAX: usize = 16;

/// What is encrypted in one call, and so what may wait here, in bytes: some records of TLS.
const ENCRYPTED_BYTES_MAX: usize = 64 * 1024;

/// Less than this is not taken of a piece that is longer. When its last byte is then called not
/// written, the outbox still sees that the piece is begun and must not be dropped.
const BEGUN_BYTES_MIN: usize = 2;

/// The two halves of a connection past its handshake.
#[must_use]
pub fn split(stream: TlsStream<TcpStream>) -> (Reading, Writing) {
    let (tcp, mut tls) = stream.into_inner();
    // There is a limit here (`ENCRYPTED_BYTES_MAX`) that does not cut just anywhere.
    tls.set_buffer_limit(None);
    let line = Arc::new(Mutex::new(Line { tcp, tls, is_ending: false }));
    let receiving = Receiving(Arc::clone(&line));
    (Reading::Other(Box::new(receiving)), Writing::Other(Box::new(Sending { line, owed: 0 })))
}

struct Line {
    tcp: TcpStream,
    tls: ServerConnection,
    /// Whether nothing more will be written. The half that reads sees to what still waits.
    is_ending: bool,
}

/// The socket, for what rustls reads and writes of itself.
struct Socket<'a>(&'a TcpStream);

struct Receiving(Arc<Mutex<Line>>);

struct Sending {
    line: Arc<Mutex<Line>>,
    /// How many of the bytes that come next are encrypted already: none or one.
    owed: usize,
}

impl Line {
    /// Gives the system what is encrypted and waits. Whether nothing does any more.
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

    /// Gives the system what TLS itself has to say, an answer to a new key for example, and asks to
    /// be woken where it does not take all. A connection that cannot be written to may still be
    /// read.
    fn answer(&mut self, cx: &mut Context<'_>) {
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
            self.answer(cx);
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tls.read_tls(&mut Socket(&self.tcp)) {
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            if let Err(error) = self.tls.process_new_packets() {
                // It has an alert to send.
                let _ = self.flush();
                return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
            }
        }
    }
}

impl AsyncRead for Receiving {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        lock(&self.0).poll_read(cx, buffer)
    }
}

impl WriteHalf for Sending {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut line = lock(&self.line);
        if !line.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (mut fresh, mut count) = ([IoSlice::new(&[]); SLICES_MAX], 0);
        let (mut owed, mut room) = (self.owed, ENCRYPTED_BYTES_MAX);
        for slice in slices.iter().take(SLICES_MAX) {
            if room < BEGUN_BYTES_MIN {
                break;
            }
            let known = owed.min(slice.len());
            let bytes = &slice[known..slice.len().min(known + room)];
            owed -= known;
            room -= bytes.len();
            fresh[count] = IoSlice::new(bytes);
            count += 1;
        }
        let mut taken = self.owed + line.tls.writer().write_vectored(&fresh[..count])?;
        self.owed = usize::from(!line.flush()?);
        taken -= self.owed;
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error here comes again from the next write, which deals with it.
        lock(&self.line).tcp.poll_write_ready(cx).map(drop)
    }
}

/// The client is told that nothing more will come, in TLS (RFC 8446 section 6.1) and below it.
impl Drop for Sending {
    fn drop(&mut self) {
        let mut line = lock(&self.line);
        line.tls.send_close_notify();
        line.is_ending = true;
        let _ = line.flush();
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

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "halves_test.rs"]
mod tests;
