//! A connection: its socket, the start of an unfinished frame, and bytes to send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::net::TcpStream;

use super::wire;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By a Close frame with this code.
    Closed(u16),
    /// By an end of the stream, or a reset.
    Lost(String),
    /// The peer broke the protocol.
    Broken(String),
}

#[derive(PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    Over,
}

pub(crate) struct Connection {
    stream: TcpStream,
    phase: Phase,
    /// The start of an unfinished frame.
    rest: Vec<u8>,
    /// Bytes that the socket has not taken yet.
    out: Vec<u8>,
    mask: u32,
    /// False for a stalled member.
    pub(crate) reading: bool,
}

impl Connection {
    pub(super) fn dial(to: SocketAddr, request: String) -> io::Result<Self> {
        Self::over(TcpStream::connect(to)?, request.into_bytes())
    }

    /// Creates a connection that sends `out` with its first flush. `out` need not be a request.
    pub(crate) fn over(stream: TcpStream, out: Vec<u8>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let phase = Phase::Handshake;
        Ok(Self { stream, phase, rest: Vec::new(), out, mask: 0x9e37_79b9, reading: true })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let idle = self.out.is_empty();
        // Any mask but zero makes the server unmask.
        self.mask = self.mask.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        wire::push_masked(&mut self.out, opcode, payload, self.mask.to_ne_bytes());
        if idle { self.flush() } else { Ok(()) }
    }

    /// Sends bytes that need not be a frame.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        self.flush()
    }

    /// Returns the number of bytes that the socket has not taken yet.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.out.len()
    }

    /// Returns whether the handshake has succeeded.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Writes as much as the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.out.len() {
                break Ok(());
            }
            match self.stream.write(&self.out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                // The socket is still connecting.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.out.drain(..written);
        result
    }

    /// Shuts the socket down.
    pub(super) fn shut_down(&mut self) {
        // It fails only if the connection is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Reads from the socket and passes each text on. With `to_end`, it reads until the socket is empty or
    /// has ended. Returns how the connection ended, if it did.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        accept: &str,
        to_end: bool,
        clock: impl Fn() -> u64,
        mut text: impl FnMut(&[u8], u64),
    ) -> Option<End> {
        while self.reading && self.phase != Phase::Over {
            let kept = self.rest.len();
            buffer[..kept].copy_from_slice(&self.rest);
            let end = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) if kept == buffer.len() => End::Broken("a frame over the buffer".into()),
                Ok(0) => End::Lost("end of the stream".into()),
                Ok(bytes) => {
                    let filled = &buffer[..kept + bytes];
                    match self.take(filled, accept, clock(), &mut text) {
                        // The socket is empty, since the read did not fill the buffer. An end of the
                        // stream comes as an event of its own.
                        Ok(()) if filled.len() < buffer.len() && !to_end => return None,
                        Ok(()) => continue,
                        Err(end) => end,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => End::Lost(error.to_string()),
            };
            self.phase = Phase::Over;
            return Some(end);
        }
        None
    }

    /// Handles all whole frames and keeps the rest.
    fn take(
        &mut self,
        bytes: &[u8],
        accept: &str,
        at_ns: u64,
        text: &mut impl FnMut(&[u8], u64),
    ) -> Result<(), End> {
        let broken = |words: &str| End::Broken(words.to_owned());
        let mut at = 0;
        if self.phase == Phase::Handshake {
            match wire::head_end(bytes) {
                Some(end) => at = end,
                None => return self.keep(bytes),
            }
            let head = String::from_utf8_lossy(&bytes[..at]);
            let matches = wire::field(&head, "sec-websocket-accept") == Some(accept);
            if !head.starts_with("HTTP/1.1 101 ") || !matches {
                return Err(broken(head.lines().next().unwrap_or("no status line")));
            }
            self.phase = Phase::Open;
        }
        while let Some(header) = wire::header(&bytes[at..]).map_err(broken)? {
            let Some(payload) = bytes.get(at + header.start..at + header.end) else { break };
            match header.opcode {
                wire::TEXT => text(payload, at_ns),
                wire::CLOSE => {
                    let code = payload
                        .get(..2)
                        .map_or(1005, |two| u16::from(two[0]) << 8 | u16::from(two[1]));
                    // The server waits for the answer.
                    let _ = self.send(wire::CLOSE, payload);
                    return Err(End::Closed(code));
                }
                wire::PING => drop(self.send(wire::PONG, payload)),
                wire::PONG => {}
                _ => return Err(broken("a frame that is neither text nor control")),
            }
            at += header.end;
        }
        self.keep(&bytes[at..])
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), End> {
        self.rest.clear();
        self.rest.extend_from_slice(rest);
        Ok(())
    }
}
