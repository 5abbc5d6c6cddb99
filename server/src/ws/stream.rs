//! The byte stream below a WebSocket, as its two halves are used here: reading waits, writing never
//! does. A transport is added by an implementation of [`WriteHalf`] and of `AsyncRead`.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixStream, unix};

/// The receiving half of one connection.
pub enum Reading {
    /// A plain TCP connection.
    Tcp(OwnedReadHalf),
    /// Anything else.
    Other(Box<dyn AsyncRead + Send + Sync + Unpin>),
}

impl Reading {
    /// Reads what has come, without waiting. From TCP also what the runtime has not heard of yet: it
    /// learns of a socket's news in its own time, and of a signal's perhaps before.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing has come; anything else is the connection's end.
    pub fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => (&*SockRef::from(half.as_ref())).read(buffer),
            Self::Other(half) => {
                let mut buffer = ReadBuf::new(buffer);
                let mut nobody = Context::from_waker(Waker::noop());
                match Pin::new(half).poll_read(&mut nobody, &mut buffer) {
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

/// The sending half. Dropping it tells the client that nothing more will come.
pub trait WriteHalf: Send {
    /// Writes as much of `slices` as the system takes now, and says how many bytes that were.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it takes nothing now; anything else is the connection's
    /// end.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until it may be worth trying again. For one task only.
    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The sending half of one connection. TCP has a variant of its own because a delivery costs what
/// it touches: no box stands between the outbox and the socket.
pub enum Writing {
    /// A plain TCP connection.
    Tcp(OwnedWriteHalf),
    /// Anything else.
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
            // An error here comes again from the next write, which deals with it.
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx).map(drop),
            Self::Other(half) => half.poll_writable(cx),
        }
    }
}

/// Writes without asking first whether the socket is known to be writable: it nearly always is, and
/// what is known of it lies in memory that is cold by the next delivery.
fn write_tcp(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    let written = match slices {
        // The plain call is the cheaper one.
        [slice] => socket.send(slice),
        _ => socket.send_vectored(slices),
    };
    match written {
        // Asked once more in the runtime's own way, which notes that the socket is full.
        Err(error) if error.kind() == ErrorKind::WouldBlock => stream.try_write_vectored(slices),
        written => written,
    }
}

/// The two halves of a Unix socket.
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
