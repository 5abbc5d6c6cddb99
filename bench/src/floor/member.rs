//! A member of the floor: a socket, and its buffers in both directions.

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;

pub(super) struct Member {
    stream: TcpStream,
    /// The room, after the handshake.
    pub(super) room: Option<usize>,
    /// The start of an unfinished frame.
    pub(super) rest: Vec<u8>,
    out: Vec<u8>,
}

impl Member {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, room: None, rest: Vec::new(), out: Vec::new() }
    }

    /// Reads from the socket. Returns `None` if it is empty, and 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            match self.stream.read(buffer) {
                Ok(bytes) => return Some(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(0),
            }
        }
    }

    /// Writes at once, and buffers what the socket does not take.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let mut taken = 0;
        if self.out.is_empty() {
            // Reading finds a broken socket.
            taken = self.stream.write(bytes).unwrap_or(0);
        }
        self.out.extend_from_slice(&bytes[taken..]);
    }

    /// Buffers bytes for [`Member::flush`]. Returns true if the buffer was empty.
    pub(super) fn queue(&mut self, bytes: &[u8]) -> bool {
        let first = self.out.is_empty();
        self.out.extend_from_slice(bytes);
        first
    }

    pub(super) fn flush(&mut self) {
        if !self.out.is_empty() {
            let taken = self.stream.write(&self.out).unwrap_or(0);
            self.out.drain(..taken);
        }
    }
}
