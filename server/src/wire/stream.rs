//! The two halves of the byte stream below a WebSocket. Reading waits, writing never does. A new
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
    /// Reads received bytes without waiting. On TCP it asks the socket itself: the runtime may not have
    /// polled it yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there are none; any other error ends the connection.
    pub fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
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
    /// [`io::ErrorKind::WouldBlock`] if the socket takes nothing now; any other error ends the
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
            // The next write returns the same error.
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx).map(drop),
            Self::Other(half) => half.poll_writable(cx),
        }
    }
}

/// Writes without asking the runtime first whether the socket is writable. It nearly always is, and the
/// runtime's state of the socket is not in the cache.
fn write_tcp(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    let written = match slices {
        // Cheaper than a vectored send.
        [slice] => socket.send(slice),
        _ => socket.send_vectored(slices),
    };
    match written {
        // A second attempt by the runtime, which then knows that the socket is full.
        Err(error) if error.kind() == ErrorKind::WouldBlock => stream.try_write_vectored(slices),
        written => written,
    }
}

/// Splits a Unix socket into its halves.
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
