//! Reads the headers of a client's frames (RFC 6455 section 5.2).

use super::{PROTOCOL_ERROR, TOO_LARGE};
use crate::wire::frame::{
    BINARY, CLOSE, CONTINUATION, CONTROL_BYTES_MAX, FIN, LENGTH_IN_16_BITS, LENGTH_IN_64_BITS,
    PING, PONG, TEXT,
};
use crate::wire::outbox::CloseReason;

/// The opcode's bits in a header's first byte.
const OPCODE: u8 = 0x0f;
/// The bit that is set in the opcodes of control frames only.
const CONTROL: u8 = 0x08;
/// The reserved bits in a header's first byte.
const RESERVED: u8 = 0x70;

/// The bit of a header's second byte that marks a masked payload. The other bits hold the length.
pub(super) const MASKED: u8 = 0x80;
pub(super) const MASK_BYTES: usize = 4;

/// A frame's header.
pub(super) struct Header {
    pub(super) is_last: bool,
    pub(super) opcode: u8,
    /// The offset of the payload in the frame. The mask is directly before the payload.
    pub(super) payload_offset: usize,
    pub(super) payload_length: usize,
}

impl Header {
    /// Reads the header at the beginning of `frame`, up to the mask. Returns `None` if a part of it has
    /// not arrived.
    ///
    /// # Errors
    /// The close reason, if the header breaks RFC 6455.
    pub(super) fn read(frame: &[u8]) -> Result<Option<Self>, CloseReason> {
        // 1. FIN, opcode and mask bit.
        let &[first, second, ref rest @ ..] = frame else { return Ok(None) };
        let (is_last, opcode) = (first & FIN != 0, first & OPCODE);
        let is_control = matches!(opcode, CLOSE | PING | PONG);
        let is_known = is_control || matches!(opcode, CONTINUATION | TEXT | BINARY);
        if first & RESERVED != 0 || !is_known || second & MASKED == 0 {
            return Err(PROTOCOL_ERROR);
        }

        // 2. The payload length, in the second byte or in the bytes after it.
        let (length, length_bytes) = match second & !MASKED {
            LENGTH_IN_16_BITS => match rest.first_chunk() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            LENGTH_IN_64_BITS => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short_length => (u64::from(short_length), 0),
        };
        // RFC 6455 allows only the shortest form of a length, and lengths below 2^63.
        let is_valid_length = match length_bytes {
            2 => length > 125,
            8 => length > u64::from(u16::MAX) && length < 1 << 63,
            _ => true,
        };
        let is_long = length > CONTROL_BYTES_MAX as u64;
        if !is_valid_length || (is_control && (is_long || !is_last)) {
            return Err(PROTOCOL_ERROR);
        }
        let payload_length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        let payload_offset = 2 + length_bytes + MASK_BYTES;
        Ok(Some(Self { is_last, opcode, payload_offset, payload_length }))
    }

    /// Returns whether the frame is a control frame.
    pub(super) fn is_control(&self) -> bool {
        self.opcode & CONTROL != 0
    }

    /// Returns the mask of the frame with this header, or `None` if the mask has not arrived.
    pub(super) fn mask(&self, frame: &[u8]) -> Option<[u8; MASK_BYTES]> {
        frame.get(..self.payload_offset)?.last_chunk().copied()
    }
}
