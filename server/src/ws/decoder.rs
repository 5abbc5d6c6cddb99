//! Turns a client's bytes into messages, to the letter of RFC 6455. Pure: bytes in, messages out.

use std::mem;

use xmeet_shared::CloseCode;

use super::frame::{BINARY, CLOSE, CONTINUATION, CONTROL_BYTES_MAX, FIN, PING, PONG, TEXT};
use super::outbox::Ending;

const OPCODE: u8 = 0x0f;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message, of so many bytes. Its content means nothing here and is not kept.
    Binary(usize),
    /// A ping, to be answered with this payload.
    Ping(Vec<u8>),
    /// A pong: the client lives.
    Pong,
    /// A Close frame, with its code where it has one.
    Close(Option<u16>),
}

/// A message of which fragments have come.
#[derive(Debug)]
struct Begun {
    is_text: bool,
    bytes: usize,
    text: Vec<u8>,
}

/// The decoder of one connection. It holds memory only while a message is incomplete.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes that are not decoded yet; what stands before `start` is.
    buffer: Vec<u8>,
    start: usize,
    begun: Option<Box<Begun>>,
    message_bytes_max: usize,
}

/// A frame's header.
struct Header {
    is_last: bool,
    opcode: u8,
    /// Where the payload starts, counted from the frame's first byte; the mask stands before it.
    payload_at: usize,
    length: usize,
}

impl Decoder {
    /// A decoder that takes messages of up to `message_bytes_max` bytes.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, begun: None, message_bytes_max }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message that is complete, if there is one.
    ///
    /// # Errors
    /// What to close the connection with. There is nothing to be had after it.
    pub fn decode(&mut self) -> Result<Option<Received>, Ending> {
        loop {
            let frame = &self.buffer[self.start..];
            let header = match Header::read(frame)? {
                Some(header) => header,
                None => return Ok(self.wait()),
            };
            // Before its bytes have come: what a header claims is not waited for.
            if header.opcode & CLOSE == 0 {
                let begun_bytes = self.begun.as_ref().map_or(0, |begun| begun.bytes);
                if header.length > self.message_bytes_max.saturating_sub(begun_bytes) {
                    return Err(TOO_LARGE);
                }
            }
            let end = header.payload_at + header.length;
            if frame.len() < end {
                return Ok(self.wait());
            }
            let mut payload = frame[header.payload_at..end].to_vec();
            let mask = &frame[header.payload_at - MASK_BYTES..header.payload_at];
            unmask(&mut payload, [mask[0], mask[1], mask[2], mask[3]]);
            self.start += end;
            if let Some(received) = self.take(&header, payload)? {
                return Ok(Some(received));
            }
        }
    }

    /// Bytes that are held because what they belong to is incomplete.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let begun_bytes = self.begun.as_ref().map_or(0, |begun| begun.text.len());
        self.buffer.len() - self.start + begun_bytes
    }

    /// Whether nothing has come of a message, or of another frame, whose end has not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == self.start && !self.is_mid_message()
    }

    /// The largest message that is taken, in bytes.
    #[must_use]
    pub fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// Whether fragments have come of a message whose end has not.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.begun.is_some()
    }

    /// Lets go of the memory when nothing is left in it.
    fn wait(&mut self) -> Option<Received> {
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
        None
    }

    fn take(&mut self, header: &Header, payload: Vec<u8>) -> Result<Option<Received>, Ending> {
        match header.opcode {
            PING => return Ok(Some(Received::Ping(payload))),
            PONG => return Ok(Some(Received::Pong)),
            CLOSE => return close_code(&payload).map(|code| Some(Received::Close(code))),
            _ => {}
        }
        let goes_on = header.opcode == CONTINUATION;
        if goes_on != self.begun.is_some() {
            return Err(BROKEN);
        }
        if header.is_last && !goes_on {
            return whole(header.opcode == TEXT, payload.len(), payload).map(Some);
        }
        let mut begun = self.begun.take().unwrap_or_else(|| {
            Box::new(Begun { is_text: header.opcode == TEXT, bytes: 0, text: Vec::new() })
        });
        begun.bytes += payload.len();
        if begun.is_text {
            begun.text.extend(payload);
        }
        if header.is_last {
            return whole(begun.is_text, begun.bytes, mem::take(&mut begun.text)).map(Some);
        }
        self.begun = Some(begun);
        Ok(None)
    }
}

impl Header {
    /// Reads a header. `None` when there is not enough of it.
    fn read(frame: &[u8]) -> Result<Option<Self>, Ending> {
        let &[first, second, ref rest @ ..] = frame else { return Ok(None) };
        let (is_last, opcode) = (first & FIN != 0, first & OPCODE);
        let is_control = matches!(opcode, CLOSE | PING | PONG);
        let is_known = is_control || matches!(opcode, CONTINUATION | TEXT | BINARY);
        if first & RESERVED != 0 || !is_known || second & MASKED == 0 {
            return Err(BROKEN);
        }
        let (length, length_bytes) = match second & !MASKED {
            126 => match rest.first_chunk() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let is_shortest = match length_bytes {
            2 => length > 125,
            8 => (0x1_0000..1 << 63).contains(&length),
            _ => true,
        };
        let is_long = length > CONTROL_BYTES_MAX as u64;
        if !is_shortest || (is_control && (is_long || !is_last)) {
            return Err(BROKEN);
        }
        let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        let payload_at = 2 + length_bytes + MASK_BYTES;
        Ok(Some(Self { is_last, opcode, payload_at, length }))
    }
}

/// A message of so many bytes; `text` is not kept where it is none.
fn whole(is_text: bool, bytes: usize, text: Vec<u8>) -> Result<Received, Ending> {
    if !is_text {
        return Ok(Received::Binary(bytes));
    }
    String::from_utf8(text).map(Received::Text).map_err(|_| INVALID_UTF8)
}

/// The code of a Close frame (RFC 6455 section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Ending> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(BROKEN) };
    };
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 are never sent; 1016 to 2999 mean nothing yet.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(BROKEN);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(INVALID_UTF8);
    }
    Ok(Some(code))
}

fn unmask(payload: &mut [u8], mask: [u8; MASK_BYTES]) {
    let word = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

const TOO_LARGE: Ending =
    Ending { code: CloseCode::TooLarge, reason: "the message is larger than this server takes" };
const INVALID_UTF8: Ending =
    Ending { code: CloseCode::InvalidText, reason: "the text is not UTF-8" };
const BROKEN: Ending = Ending { code: CloseCode::Protocol, reason: "the frame breaks RFC 6455" };

#[cfg(test)]
#[path = "decoder_test.rs"]
mod tests;
