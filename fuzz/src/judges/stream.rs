//! A connection in memory. It provides bytes in pieces, and records and parses the answers.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::walk;
use super::{Answer, Message, Outcome};

/// The decoder's end of the connection. After the last piece it stays open without bytes.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pieces: std::slice::Chunks<'a, u8>,
    piece: &'a [u8],
    written: Written,
}

/// The written bytes. Clones share them.
pub(super) type Written = Rc<RefCell<Vec<u8>>>;

impl<'a> Stream<'a> {
    pub(super) fn new(bytes: &'a [u8], piece_bytes: usize) -> (Self, Written) {
        let written = Written::default();
        let pieces = bytes.chunks(piece_bytes);
        (Self { pieces, piece: &[], written: Rc::clone(&written) }, written)
    }

    /// Reads from one piece. Returns 0 if no bytes are left.
    fn take(&mut self, out: &mut [u8]) -> usize {
        if self.piece.is_empty() {
            self.piece = self.pieces.next().unwrap_or_default();
        }
        let bytes = self.piece.len().min(out.len());
        let (taken, rest) = self.piece.split_at(bytes);
        out[..bytes].copy_from_slice(taken);
        self.piece = rest;
        bytes
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.take(out) {
            0 if !out.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For asynchronous decoders. They are never woken, because the caller polls once.
fn poll(result: io::Result<usize>) -> Poll<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl futures::AsyncRead for Stream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        poll(self.read(out))
    }
}

impl futures::AsyncWrite for Stream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Stream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let unfilled = out.initialize_unfilled();
        let read = poll(self.read(unfilled));
        read.map_ok(|bytes| out.advance(bytes))
    }
}

impl tokio::io::AsyncWrite for Stream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Outcome {
    /// Returns the result of a decoder: its messages, and the pongs and the Close frame in the bytes that it
    /// wrote. If it wrote no Close frame, `refusal` is the code with which its caller closes.
    pub(super) fn of(messages: Vec<Message>, written: &[u8], refusal: Option<u16>) -> Self {
        let mut pongs = Vec::new();
        for frame in walk::frames(written) {
            match frame.opcode {
                8 => {
                    let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Self { messages, pongs, answer: Answer::Close(code) };
                }
                10 => pongs.push(frame.payload),
                _ => {}
            }
        }
        let answer = refusal.map_or(Answer::Open, |code| Answer::Close(Some(code)));
        Self { messages, pongs, answer }
    }
}
