//! Decodes a client's bytes into messages, strictly by RFC 6455. Pure: bytes go in, messages come out.

mod header;

use xmeet_shared::CloseCode;

use super::frame::{CONTINUATION, PING, PONG, TEXT};
use super::outbox::CloseReason;
use header::{Header, MASK_BYTES};

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
    /// A Close frame, with the frame's code if there is one.
    Close(Option<u16>),
}

impl Received {
    /// Returns the memory that the message allocates, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Ping(payload) => payload.capacity(),
            Self::Binary(_) | Self::Pong | Self::Close(_) => 0,
        }
    }
}

/// A full buffer of an incomplete text grows by the text's length divided by this number, and at least
/// by [`SPARE_BYTES_MIN`] bytes. Less would copy the text too often, and more would waste memory.
const SPARE_DIVISOR: usize = 8;
const SPARE_BYTES_MIN: usize = 256;

/// A message whose end has not arrived yet.
#[derive(Debug)]
struct PartialMessage {
    is_text: bool,
    /// The length of the payload so far. The payload of a binary message is not kept.
    bytes: usize,
    text: Vec<u8>,
    /// This many bytes at the beginning of the text are known to be valid UTF-8.
    checked_bytes: usize,
    /// The frame that is arriving. `None` between two fragments.
    frame: Option<Frame>,
}

/// A frame that is arriving: its header is complete, and its payload is not.
#[derive(Debug)]
struct Frame {
    is_last: bool,
    /// The bytes of the payload that have not arrived.
    missing_bytes: usize,
    /// The mask, rotated so that its first byte applies to the next byte of the payload.
    mask: [u8; MASK_BYTES],
}

/// The decoder of one connection. It needs memory only for an incomplete message: the bytes that have
/// arrived and an eighth more, whatever length the headers claim.
#[derive(Debug)]
pub struct Decoder {
    /// Received bytes. The bytes before `start` are already decoded.
    buffer: Vec<u8>,
    start: usize,
    partial: Option<Box<PartialMessage>>,
    message_bytes_max: usize,
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
        // No spare capacity is needed: these bytes are decoded before the next bytes arrive.
        self.buffer.reserve_exact(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next message or control frame. Returns `None` if it is incomplete.
    ///
    /// # Errors
    /// The close reason for a violation of RFC 6455 or of the maximum length. After an error, nothing
    /// can be decoded any more.
    pub fn decode(&mut self) -> Result<Option<Received>, CloseReason> {
        loop {
            // 1. Take the payload of a frame whose header was decoded before.
            if self.is_mid_frame() {
                let received = self.take_payload()?;
                if received.is_some() || self.is_mid_frame() {
                    return Ok(received);
                }
            }

            // 2. Decode the header of the next frame.
            let frame = &self.buffer[self.start..];
            let Some(header) = Header::read(frame)? else {
                self.shrink_buffer();
                return Ok(None);
            };
            if header.is_control() {
                return self.take_control_frame(&header);
            }

            // 3. Check the header before the payload arrives: the server must not wait for the payload
            //    of an invalid frame.
            self.check_order_and_length(&header)?;
            let Some(mask) = header.mask(frame) else {
                self.shrink_buffer();
                return Ok(None);
            };
            self.begin_frame(&header, mask);
        }
    }

    /// Decodes a control frame, or returns `None` if the frame is incomplete.
    fn take_control_frame(&mut self, header: &Header) -> Result<Option<Received>, CloseReason> {
        let frame = &self.buffer[self.start..];
        let end = header.payload_offset + header.payload_length;
        let payload = frame.get(header.payload_offset..end);
        let (Some(mask), Some(payload)) = (header.mask(frame), payload) else {
            self.shrink_buffer();
            return Ok(None);
        };
        let mut payload = payload.to_vec();
        unmask(&mut payload, mask);
        self.consume(end);
        decode_control(header.opcode, payload).map(Some)
    }

    /// Returns the memory of undecoded bytes and of the incomplete message, in bytes.
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

    /// Returns how many bytes of the incomplete message's payload have arrived.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes)
    }

    /// Returns whether there is an incomplete message.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.partial.is_some()
    }

    /// Returns whether a frame's header is decoded and a part of its payload is missing.
    fn is_mid_frame(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.frame.is_some())
    }

    /// Frees the memory of decoded bytes, while an incomplete header or control frame waits for more
    /// bytes.
    fn shrink_buffer(&mut self) {
        let undecoded_bytes = self.buffer.len() - self.start;
        if self.buffer.capacity() > undecoded_bytes + SPARE_BYTES_MIN {
            self.buffer = self.buffer[self.start..].to_vec();
            self.start = 0;
        }
    }

    /// Marks this many bytes as decoded. Frees the buffer once all its bytes are decoded.
    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
    }

    /// Checks that the message does not get too long. Also checks that the frame continues a message if,
    /// and only if, a message is incomplete.
    fn check_order_and_length(&self, header: &Header) -> Result<(), CloseReason> {
        let remaining_bytes = self.message_bytes_max.saturating_sub(self.payload_bytes());
        if header.payload_length > remaining_bytes {
            return Err(TOO_LARGE);
        }
        let is_continuation = header.opcode == CONTINUATION;
        if is_continuation == self.is_mid_message() { Ok(()) } else { Err(PROTOCOL_ERROR) }
    }

    /// Begins the payload of a frame, and a new message unless the frame continues one.
    fn begin_frame(&mut self, header: &Header, mask: [u8; MASK_BYTES]) {
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
        partial.frame =
            Some(Frame { is_last: header.is_last, missing_bytes: header.payload_length, mask });
        self.consume(header.payload_offset);
    }

    /// Moves the received part of the current frame's payload into the message. Returns the message if
    /// it is now complete.
    fn take_payload(&mut self) -> Result<Option<Received>, CloseReason> {
        let Some(mut partial) = self.partial.take() else { return Ok(None) };
        let received = &self.buffer[self.start..];
        let (taken_bytes, progress) = partial.take(received, self.message_bytes_max);
        self.consume(taken_bytes);
        if let Progress::MessageComplete = progress {
            return decode_message(partial.is_text, partial.bytes, partial.text).map(Some);
        }
        partial.check_text()?;
        self.partial = Some(partial);
        Ok(None)
    }
}

impl PartialMessage {
    /// Takes the bytes of the current frame's payload from `received`. Returns how many bytes were
    /// taken, and what is complete now.
    fn take(&mut self, received: &[u8], message_bytes_max: usize) -> (usize, Progress) {
        let Some(frame) = &mut self.frame else { return (0, Progress::FrameComplete) };
        let bytes = frame.missing_bytes.min(received.len());
        if self.is_text {
            // The text ends with the last frame. Before that, only the maximum length bounds the text.
            let remaining_bytes = match frame.is_last {
                true => frame.missing_bytes,
                false => message_bytes_max - self.bytes,
            };
            reserve(&mut self.text, bytes, remaining_bytes);
            let old_length = self.text.len();
            self.text.extend_from_slice(&received[..bytes]);
            unmask(&mut self.text[old_length..], frame.mask);
        }
        self.bytes += bytes;
        frame.missing_bytes -= bytes;
        frame.mask.rotate_left(bytes % MASK_BYTES);
        if frame.missing_bytes > 0 {
            return (bytes, Progress::FrameIncomplete);
        }
        if frame.is_last {
            return (bytes, Progress::MessageComplete);
        }
        self.frame = None;
        (bytes, Progress::FrameComplete)
    }

    /// Checks the bytes of an incomplete text that have arrived since the last check. Only the bytes of
    /// an incomplete character, three at most, are checked again later.
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
enum Progress {
    /// A part of the payload.
    FrameIncomplete,
    /// The whole payload. The message continues in another frame.
    FrameComplete,
    /// The whole payload. The message is complete.
    MessageComplete,
}

/// Reserves capacity for `bytes` more of a text. At most `remaining_bytes` of the text can still arrive,
/// so no more capacity than that is reserved ahead.
fn reserve(text: &mut Vec<u8>, bytes: usize, remaining_bytes: usize) {
    if text.capacity() - text.len() < bytes {
        let spare_bytes = (text.len() / SPARE_DIVISOR).max(SPARE_BYTES_MIN).min(remaining_bytes);
        text.reserve_exact(bytes.max(spare_bytes));
    }
}

/// Decodes the payload of a control frame.
fn decode_control(opcode: u8, payload: Vec<u8>) -> Result<Received, CloseReason> {
    match opcode {
        PING => Ok(Received::Ping(payload)),
        PONG => Ok(Received::Pong),
        _ => close_code(&payload).map(Received::Close),
    }
}

/// Decodes a complete message: a text, or a binary message of this many bytes.
fn decode_message(is_text: bool, bytes: usize, text: Vec<u8>) -> Result<Received, CloseReason> {
    if !is_text {
        return Ok(Received::Binary(bytes));
    }
    String::from_utf8(text).map(Received::Text).map_err(|_| INVALID_UTF8)
}

/// Decodes the payload of a Close frame (RFC 6455 section 7.4). Returns the frame's code, or `None` if
/// the payload is empty.
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseReason> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(PROTOCOL_ERROR) };
    };
    let code = u16::from_be_bytes(*code);
    // Clients must not send 1004 to 1006 and 1015. The codes from 1016 to 2999 are unassigned.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(PROTOCOL_ERROR);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(INVALID_UTF8);
    }
    Ok(Some(code))
}

/// Removes the mask from a payload, eight bytes at a time. The payload's first byte is masked with the
/// mask's first byte.
fn unmask(payload: &mut [u8], mask: [u8; MASK_BYTES]) {
    let double_mask = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, last_bytes) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ double_mask).to_ne_bytes();
    }
    for (byte, mask_byte) in last_bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask_byte;
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
