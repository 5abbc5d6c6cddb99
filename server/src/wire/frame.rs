//! Encodes the server's frames (RFC 6455 section 5.2): unfragmented, unmasked, without extensions.

use bytes::{BufMut, Bytes, BytesMut};
use xmeet_shared::CloseCode;

/// Opcodes (RFC 6455 section 11.8).
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// The bit of a message's last frame.
pub(crate) const FIN: u8 = 0x80;

/// Largest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

/// The longest header of the server's frames, in bytes.
const HEADER_BYTES_MAX: usize = 10;

/// The second byte of a header holds a payload length up to 125 itself. These values mean that a length
/// of 16 or 64 bits follows.
pub(crate) const LENGTH_IN_16_BITS: u8 = 126;
pub(crate) const LENGTH_IN_64_BITS: u8 = 127;

/// Appends a text frame.
pub(crate) fn put_text(out: &mut BytesMut, text: &[u8]) {
    out.reserve(HEADER_BYTES_MAX + text.len());
    put_header(out, TEXT, text.len());
    out.put_slice(text);
}

/// Appends the header of a text frame whose payload of `length` bytes follows in pieces.
pub(crate) fn put_text_header(out: &mut BytesMut, length: usize) {
    put_header(out, TEXT, length);
}

/// Returns the payload length of a frame that is `frame_bytes` long, with its header. Returns 0 for a
/// length that no frame has.
pub(crate) fn payload_bytes(frame_bytes: usize) -> usize {
    // A header has one of three lengths. The right length is the one that fits the remaining payload.
    for header_length in [2, 4, HEADER_BYTES_MAX] {
        let payload_length = frame_bytes.saturating_sub(header_length);
        if header_bytes(payload_length) + payload_length == frame_bytes {
            return payload_length;
        }
    }
    0
}

/// Returns the length of the header for a payload of this length.
fn header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        ..=125 => 2,
        126..=0xffff => 4,
        _ => HEADER_BYTES_MAX,
    }
}

/// Returns a text frame.
#[must_use]
pub(crate) fn text(text: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_text(&mut out, text);
    out.freeze()
}

/// Returns a binary frame.
pub(crate) fn binary(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    put_header(&mut out, BINARY, payload.len());
    out.put_slice(payload);
    out.freeze()
}

pub(crate) fn ping() -> Bytes {
    Bytes::from_static(&[FIN | PING, 0])
}

/// Returns a pong with the payload of the ping that it answers.
pub(crate) fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload)
}

/// Returns a Close frame. Without a code its payload is empty.
pub(crate) fn close(code: Option<u16>, reason: &str) -> Bytes {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.extend(code.to_be_bytes());
        payload.extend(reason.as_bytes());
    }
    control(CLOSE, &payload)
}

/// Returns a Close frame with a code and a reason.
pub(crate) fn close_with(code: CloseCode, reason: &str) -> Bytes {
    close(Some(code.as_u16()), reason)
}

/// Returns a control frame. The payload must not be longer than [`CONTROL_BYTES_MAX`].
fn control(opcode: u8, payload: &[u8]) -> Bytes {
    debug_assert!(payload.len() <= CONTROL_BYTES_MAX);
    let mut out = BytesMut::with_capacity(2 + payload.len());
    put_header(&mut out, opcode, payload.len());
    out.put_slice(payload);
    out.freeze()
}

/// Appends the header of an unfragmented frame.
fn put_header(out: &mut BytesMut, opcode: u8, length: usize) {
    out.put_u8(FIN | opcode);
    // RFC 6455 allows only the shortest form of a length.
    if let Ok(length @ 0..=125) = u8::try_from(length) {
        out.put_u8(length);
    } else if let Ok(length) = u16::try_from(length) {
        out.put_u8(LENGTH_IN_16_BITS);
        out.put_u16(length);
    } else {
        out.put_u8(LENGTH_IN_64_BITS);
        out.put_u64(length as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_length_is_encoded_in_the_shortest_form() {
        let header = |length| {
            let mut out = BytesMut::new();
            put_text_header(&mut out, length);
            out.to_vec()
        };
        // 0x81 is FIN and the opcode of a text.
        assert_eq!(header(0), [0x81, 0]);
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(header(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn payload_length_follows_from_the_frame_length() {
        for payload in [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_000] {
            assert_eq!(payload_bytes(text(&vec![b'x'; payload]).len()), payload);
        }
    }

    #[test]
    fn close_frame_has_code_and_reason() {
        assert_eq!(&close(Some(1000), "x")[..], [0x88, 3, 0x03, 0xe8, b'x']);
        assert_eq!(&close(None, "")[..], [0x88, 0]);
    }
}
