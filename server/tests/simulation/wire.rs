//! WebSocket messages of clients and of the server, in memory.

use xmeet_testframes::{self as frames, BINARY, CLOSE, PING, PONG, TEXT, frame};

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

pub(crate) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(BINARY, payload)
}

pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PONG, payload)
}

pub(crate) fn close(code: Option<u16>) -> Vec<u8> {
    frame(CLOSE, &code.map(u16::to_be_bytes).map_or(Vec::new(), Vec::from))
}

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping(Vec<u8>),
    Close(Option<u16>),
}

/// Reads frames from the server's bytes, which may arrive in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    bytes: Vec<u8>,
    /// Length of all earlier frames.
    parsed: u64,
}

impl Parser {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Returns the next complete frame and its position in the stream.
    ///
    /// # Errors
    /// If the frame is one that a server must not send.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Frame)>, String> {
        let (start, before) = (self.parsed, self.bytes.len());
        let Some(frames::Frame { first, payload }) = frames::take(&mut self.bytes)? else {
            return Ok(None);
        };
        self.parsed += (before - self.bytes.len()) as u64;
        let frame = match first {
            TEXT => Frame::Text(String::from_utf8(payload).map_err(|e| e.to_string())?),
            PING => Frame::Ping(payload),
            CLOSE => Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            other => return Err(format!("a frame begins with {other:#04x}")),
        };
        Ok(Some((start, frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_in_pieces_is_read_once_it_is_complete() {
        let mut parser = Parser::default();
        let stream = [&[0x81, 2, b'h', b'i', 0x88, 2, 0x03, 0xe8][..], &[0x89, 0]].concat();
        let mut frames = Vec::new();
        for byte in stream {
            parser.feed(&[byte]);
            frames.extend(parser.next().unwrap());
        }
        let expected =
            [Frame::Text("hi".to_owned()), Frame::Close(Some(1000)), Frame::Ping(Vec::new())];
        assert_eq!(frames, [0, 4, 8].into_iter().zip(expected).collect::<Vec<_>>());
    }

    #[test]
    fn frames_that_a_server_must_not_send_are_errors() {
        for bytes in [[0x81, 0x81], [0x01, 0], [0xc1, 0]] {
            let mut parser = Parser::default();
            parser.feed(&bytes);
            assert!(parser.next().is_err(), "{bytes:?}");
        }
    }
}
