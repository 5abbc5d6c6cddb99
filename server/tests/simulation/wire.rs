//! A WebSocket client's frames, written for this test: nothing of the server's own coding is used,
//! so that a fault there cannot hide itself.

use std::collections::VecDeque;

const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
const FIN_CLOSE: u8 = 0x88;
const FIN_PING: u8 = 0x89;
const FIN_PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

/// The key of every frame. A constant one keeps runs alike.
const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x33];

/// What a client sends.
pub(crate) fn text(text: &str) -> Vec<u8> {
    masked(FIN_TEXT, text.as_bytes())
}

pub(crate) fn binary(payload: &[u8]) -> Vec<u8> {
    masked(FIN_BINARY, payload)
}

pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(FIN_PONG, payload)
}

pub(crate) fn close(code: Option<u16>) -> Vec<u8> {
    masked(FIN_CLOSE, &code.map(u16::to_be_bytes).map_or(Vec::new(), Vec::from))
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping(Vec<u8>),
    Close(Option<u16>),
}

/// Reads the server's bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    bytes: VecDeque<u8>,
    /// Bytes of the frames before.
    parsed: u64,
}

impl Parser {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next whole frame, and where in the stream it begins.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Frame)>, String> {
        let bytes = self.bytes.make_contiguous();
        let &[first, short, ref rest @ ..] = &*bytes else { return Ok(None) };
        let (length, length_bytes) = match (short, rest) {
            (0..=125, _) => (u64::from(short), 0),
            (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 2),
            (127, _) if rest.len() >= 8 => (u64::from_be_bytes(rest[..8].try_into().unwrap()), 8),
            (126 | 127, _) => return Ok(None),
            _ => return Err("the server masks a frame".to_owned()),
        };
        let header_bytes = 2 + length_bytes;
        let end = header_bytes + usize::try_from(length).map_err(|error| error.to_string())?;
        if bytes.len() < end {
            return Ok(None);
        }
        let payload = bytes[header_bytes..end].to_vec();
        let start = self.parsed;
        self.bytes.drain(..end);
        self.parsed += end as u64;
        let frame = match first {
            FIN_TEXT => Frame::Text(String::from_utf8(payload).map_err(|e| e.to_string())?),
            FIN_PING => Frame::Ping(payload),
            FIN_CLOSE => Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            other => return Err(format!("a frame begins with {other:#04x}")),
        };
        Ok(Some((start, frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_comes_in_pieces_is_read_once_it_is_whole() {
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
    fn what_a_server_must_not_send_is_a_fault() {
        for bytes in [[0x81, 0x81], [0x01, 0], [0xc1, 0]] {
            let mut parser = Parser::default();
            parser.feed(&bytes);
            assert!(parser.next().is_err(), "{bytes:?}");
        }
    }
}
