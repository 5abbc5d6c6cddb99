//! The byte stream below a WebSocket, as its two halves are used here: reading waits, writing never
//! does. A transport is added by an implementation of [`WriteHalf`].

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use tokio::io::AsyncRead;
use tokio::net::tcp::OwnedWriteHalf;

/// The receiving half.
pub type ReadHalf = Box<dyn AsyncRead + Send + Sync + Unpin>;

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

impl WriteHalf for OwnedWriteHalf {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            // The plain call is the cheaper one.
            [slice] => OwnedWriteHalf::try_write(self, slice),
            _ => self.try_write_vectored(slices),
        }
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error here comes again from the next write, which deals with it.
        self.as_ref().poll_write_ready(cx).map(drop)
    }
}
