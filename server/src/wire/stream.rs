//! The two halves of the byte stream below a WebSocket. Reading may wait; writing never waits. A new
//! transport implements [`WriteHalf`] and `AsyncRead`.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixStream, unix};

/// The receiving half of a connection.
pub enum Reading {
    /// TCP without TLS.
    Tcp(OwnedReadHalf),
    /// Any other transport.
    Other(Box<dyn AsyncRead + Send + Sync + Unpin>),
}

impl Reading {
    /// Reads bytes that have arrived, without waiting. Returns their number, which is 0 at the end of
    /// the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if no bytes have arrived. Any other error ends the connection.
    pub fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            // A direct read: the runtime may not know yet that bytes have arrived.
            Self::Tcp(half) => (&*SockRef::from(half.as_ref())).read(buffer),
            Self::Other(half) => {
                let mut buffer = ReadBuf::new(buffer);
                let mut cx = Context::from_waker(Waker::noop());
                match Pin::new(half).poll_read(&mut cx, &mut buffer) {
                    Poll::Ready(read) => read.map(|()| buffer.filled().len()),
                    Poll::Pending => Err(ErrorKind::WouldBlock.into()),
                }
            }
        }
    }
}

impl AsyncRead for Reading {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Other(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

/// A sending half. Dropping it closes the stream's direction to the client.
pub trait WriteHalf: Send {
    /// Writes as much of `slices` as the socket takes now, and returns the number of bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if the socket takes no bytes now. Any other error ends the
    /// connection.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until [`Self::try_write`] may succeed. Only one task may wait.
    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The sending half of a connection. TCP has its own variant, because a box between outbox and socket
/// would cost a cache miss for each delivery.
pub enum Writing {
    /// TCP without TLS.
    Tcp(OwnedWriteHalf),
    /// Any other transport.
    Other(Box<dyn WriteHalf>),
}

impl WriteHalf for Writing {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => write_tcp(half.as_ref(), slices),
            Self::Other(half) => half.try_write(slices),
        }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            // An error is dropped, because the next write returns it again.
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx).map(drop),
            Self::Other(half) => half.poll_writable(cx),
        }
    }
}

/// Writes to the socket without asking the runtime whether it is writable: it nearly always is, and the
/// question would cost a cache miss. Returns the number of bytes written.
fn write_tcp(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    let written = match slices {
        // A plain send is cheaper than a vectored one.
        [slice] => socket.send(slice),
        _ => socket.send_vectored(slices),
    };
    match written {
        // The runtime tries again, and so learns that the socket is full.
        Err(error) if error.kind() == ErrorKind::WouldBlock => stream.try_write_vectored(slices),
        written => written,
    }
}

/// Splits a Unix socket into a receiving and a sending half.
#[must_use]
pub fn split_unix(stream: UnixStream) -> (Reading, Writing) {
    let (reading, writing) = stream.into_split();
    (Reading::Other(Box::new(reading)), Writing::Other(Box::new(UnixWriting(writing))))
}

/// The sending half of a Unix socket.
struct UnixWriting(unix::OwnedWriteHalf);

impl WriteHalf for UnixWriting {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_ref().poll_write_ready(cx).map(drop)
    }
}
