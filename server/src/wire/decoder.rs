//! Decodes a client's bytes into messages, strictly by RFC 6455. Pure: bytes go in, messages come out.

use xmeet_shared::CloseCode;

use super::frame::{BINARY, CLOSE, CONTINUATION, CONTROL_BYTES_MAX, FIN, PING, PONG, TEXT};
use super::outbox::CloseReason;

const OPCODE: u8 = 0x0f;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;

/// A message or control frame from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    /// A binary message, by its length in bytes. The content is not kept, because the protocol has no
    /// binary messages.
    Binary(usize),
    /// A ping with its payload, which the pong must repeat.
    Ping(Vec<u8>),
    Pong,
    /// A Close frame, with its code if it has one.
    Close(Option<u16>),
}

impl Received {
    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Ping(payload) => payload.capacity(),
            Self::Binary(_) | Self::Pong | Self::Close(_) => 0,
        }
    }
}

/// The growth of the buffer of an incomplete text: an eighth of its length, and at least
/// [`SPARE_BYTES_MIN`] bytes. Less would copy the text too often, more would waste memory.
const SPARE_PART: usize = 8;
const SPARE_BYTES_MIN: usize = 256;

/// A message whose end has not arrived yet.
#[derive(Debug)]
struct PartialMessage {
    is_text: bool,
    /// The length of the payload so far. The payload of a binary message is not kept.
    bytes: usize,
    text: Vec<u8>,
    /// The length of the text's prefix that is known to be UTF-8.
    checked_bytes: usize,
    /// The current frame; `None` between two fragments.
    frame: Option<Frame>,
}

/// A frame whose header has arrived, and a part of its payload.
#[derive(Debug)]
struct Frame {
    is_last: bool,
    rest_bytes: usize,
    /// Rotated so that its first byte applies to the next byte of the payload.
    mask: [u8; MASK_BYTES],
}

/// The decoder of one connection. It holds memory only for an incomplete message: the bytes that have
/// arrived and an eighth more, whatever length the frames claim.
#[derive(Debug)]
pub struct Decoder {
    /// Received bytes, of which those before `start` are decoded.
    buffer: Vec<u8>,
    start: usize,
    partial: Option<Box<PartialMessage>>,
    message_bytes_max: usize,
}

/// A frame's header.
struct Header {
    is_last: bool,
    opcode: u8,
    /// The offset of the payload in the frame. The mask is directly before it.
    payload_at: usize,
    length: usize,
}

impl Decoder {
    /// Creates a decoder for messages of up to `message_bytes_max` bytes.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, partial: None, message_bytes_max }
    }

    /// Adds received bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        // No spare capacity, because the next bytes arrive after these are decoded.
        self.buffer.reserve_exact(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next complete message, if there is one.
    ///
    /// # Errors
    /// The close reason for a violation of RFC 6455 or of the maximum length. Nothing can be decoded
    /// after it.
    pub fn decode(&mut self) -> Result<Option<Received>, CloseReason> {
        loop {
            if self.is_mid_frame() {
                let received = self.take_payload()?;
                if received.is_some() || self.is_mid_frame() {
                    return Ok(received);
                }
            }
            let frame = &self.buffer[self.start..];
            let Some(header) = Header::read(frame)? else { return Ok(self.wait()) };
            if header.opcode & CLOSE == 0 {
                // Checked before the payload arrives, so that a client cannot make the server wait for
                // an invalid frame.
                self.check(&header)?;
                let Some(mask) = header.mask(frame) else { return Ok(self.wait()) };
                self.begin(&header, mask);
                continue;
            }
            let end = header.payload_at + header.length;
            let (Some(mask), true) = (header.mask(frame), frame.len() >= end) else {
                return Ok(self.wait());
            };
            let mut payload = frame[header.payload_at..end].to_vec();
            unmask(&mut payload, mask);
            self.consume(end);
            return control(header.opcode, payload).map(Some);
        }
    }

    /// Returns the memory of bytes that are not decoded yet or belong to an incomplete message, in
    /// bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let text_bytes = self.partial.as_ref().map_or(0, |partial| partial.text.capacity());
        self.buffer.capacity() + text_bytes
    }

    /// Returns whether there is neither an undecoded byte nor an incomplete message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == self.start && !self.is_mid_message()
    }

    /// Returns the maximum length of a message in bytes.
    #[must_use]
    pub fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// Returns the received payload of the incomplete message in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes)
    }

    /// Returns whether there is an incomplete message.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.partial.is_some()
    }

    fn is_mid_frame(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.frame.is_some())
    }

    /// Shrinks the buffer to the bytes that wait for more.
    fn wait(&mut self) -> Option<Received> {
        let rest_bytes = self.buffer.len() - self.start;
        if self.buffer.capacity() > rest_bytes + SPARE_BYTES_MIN {
            self.buffer = self.buffer[self.start..].to_vec();
            self.start = 0;
        }
        None
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
    }

    fn check(&self, header: &Header) -> Result<(), CloseReason> {
        let partial_bytes = self.partial.as_ref().map_or(0, |partial| partial.bytes);
        if header.length > self.message_bytes_max.saturating_sub(partial_bytes) {
            return Err(TOO_LARGE);
        }
        let is_continuation = header.opcode == CONTINUATION;
        if is_continuation == self.partial.is_some() { Ok(()) } else { Err(PROTOCOL_ERROR) }
    }

    fn begin(&mut self, header: &Header, mask: [u8; MASK_BYTES]) {
        let partial = self.partial.get_or_insert_with(|| {
            let is_text = header.opcode == TEXT;
            Box::new(PartialMessage {
                is_text,
                bytes: 0,
                text: Vec::new(),
                checked_bytes: 0,
                frame: None,
            })
        });
        partial.frame = Some(Frame { is_last: header.is_last, rest_bytes: header.length, mask });
        self.consume(header.payload_at);
    }

    /// Moves the received part of the current frame's payload into its message. Returns the message if
    /// that completes it.
    fn take_payload(&mut self) -> Result<Option<Received>, CloseReason> {
        let Some(mut partial) = self.partial.take() else { return Ok(None) };
        let received = &self.buffer[self.start..];
        let (bytes, payload) = partial.take(received, self.message_bytes_max);
        self.consume(bytes);
        if let Payload::Whole = payload {
            return complete(partial.is_text, partial.bytes, partial.text).map(Some);
        }
        partial.check_text()?;
        self.partial = Some(partial);
        Ok(None)
    }
}

impl PartialMessage {
    /// Takes the bytes that belong to the current frame, and returns how many those are.
    fn take(&mut self, received: &[u8], message_bytes_max: usize) -> (usize, Payload) {
        let Some(frame) = &mut self.frame else { return (0, Payload::Fragment) };
        let bytes = frame.rest_bytes.min(received.len());
        if self.is_text {
            let remaining_bytes = match frame.is_last {
                true => frame.rest_bytes,
                false => message_bytes_max - self.bytes,
            };
            reserve(&mut self.text, bytes, remaining_bytes);
            let at = self.text.len();
            self.text.extend_from_slice(&received[..bytes]);
            unmask(&mut self.text[at..], frame.mask);
        }
        self.bytes += bytes;
        frame.rest_bytes -= bytes;
        frame.mask.rotate_left(bytes % MASK_BYTES);
        match frame {
            Frame { rest_bytes: 0, is_last: true, .. } => (bytes, Payload::Whole),
            Frame { rest_bytes: 0, .. } => {
                self.frame = None;
                (bytes, Payload::Fragment)
            }
            _ => (bytes, Payload::Part),
        }
    }

    /// Checks the bytes of an incomplete text that have arrived since the last check. Each byte is
    /// checked once, except the up to three bytes of an incomplete character.
    ///
    /// # Errors
    /// [`INVALID_UTF8`] if no further bytes can make the text valid.
    fn check_text(&mut self) -> Result<(), CloseReason> {
        match std::str::from_utf8(&self.text[self.checked_bytes..]) {
            Ok(text) => self.checked_bytes += text.len(),
            Err(error) if error.error_len().is_none() => self.checked_bytes += error.valid_up_to(),
            Err(_) => return Err(INVALID_UTF8),
        }
        Ok(())
    }
}

/// How much of a frame's payload has arrived.
enum Payload {
    /// All of it, and its message is complete.
    Whole,
    /// All of it, and its message continues.
    Fragment,
    /// A part.
    Part,
}

/// Reserves capacity for `bytes` more of a text, of which at most `remaining_bytes` are still to
/// arrive.
fn reserve(text: &mut Vec<u8>, bytes: usize, remaining_bytes: usize) {
    if text.capacity() - text.len() < bytes {
        let spare = (text.len() / SPARE_PART).max(SPARE_BYTES_MIN).min(remaining_bytes);
        text.reserve_exact(bytes.max(spare));
    }
}

impl Header {
    /// Reads a header. Returns `None` if it is incomplete.
    fn read(frame: &[u8]) -> Result<Option<Self>, CloseReason> {
        let &[first, second, ref rest @ ..] = frame else { return Ok(None) };
        let (is_last, opcode) = (first & FIN != 0, first & OPCODE);
        let is_control = matches!(opcode, CLOSE | PING | PONG);
        let is_known = is_control || matches!(opcode, CONTINUATION | TEXT | BINARY);
        if first & RESERVED != 0 || !is_known || second & MASKED == 0 {
            return Err(PROTOCOL_ERROR);
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
            return Err(PROTOCOL_ERROR);
        }
        let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        let payload_at = 2 + length_bytes + MASK_BYTES;
        Ok(Some(Self { is_last, opcode, payload_at, length }))
    }

    /// Returns the mask, or `None` if it has not arrived.
    fn mask(&self, frame: &[u8]) -> Option<[u8; MASK_BYTES]> {
        frame.get(..self.payload_at)?.last_chunk().copied()
    }
}

/// Decodes a control frame.
fn control(opcode: u8, payload: Vec<u8>) -> Result<Received, CloseReason> {
    match opcode {
        PING => Ok(Received::Ping(payload)),
        PONG => Ok(Received::Pong),
        _ => close_code(&payload).map(Received::Close),
    }
}

/// Decodes a complete message.
fn complete(is_text: bool, bytes: usize, text: Vec<u8>) -> Result<Received, CloseReason> {
    if !is_text {
        return Ok(Received::Binary(bytes));
    }
    String::from_utf8(text).map(Received::Text).map_err(|_| INVALID_UTF8)
}

/// Returns the code of a Close frame (RFC 6455 section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseReason> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(PROTOCOL_ERROR) };
    };
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 must not be sent; 1016 to 2999 are unassigned.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(PROTOCOL_ERROR);
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

const TOO_LARGE: CloseReason = CloseReason {
    code: CloseCode::TooLarge,
    reason: "the message is larger than this server takes",
};
const INVALID_UTF8: CloseReason =
    CloseReason { code: CloseCode::InvalidText, reason: "the text is not UTF-8" };
const PROTOCOL_ERROR: CloseReason =
    CloseReason { code: CloseCode::Protocol, reason: "the frame breaks RFC 6455" };

#[cfg(test)]
#[path = "decoder_test.rs"]
mod tests;
