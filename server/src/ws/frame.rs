//! Frames from the server (RFC 6455 section 5.2): whole, unmasked, with nothing negotiated.

use bytes::{BufMut, Bytes, BytesMut};
use xmeet_shared::CloseCode;

/// Opcodes (RFC 6455 section 11.8).
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// The bit of a message's last frame.
pub(super) const FIN: u8 = 0x80;

/// Largest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

/// What a frame's header takes at most, in bytes.
const HEADER_BYTES_MAX: usize = 10;

/// Appends a text frame.
pub(crate) fn put_text(out: &mut BytesMut, text: &[u8]) {
    out.reserve(HEADER_BYTES_MAX + text.len());
    put_header(out, TEXT, text.len());
    out.put_slice(text);
}

/// Appends the header of a text frame of `length` bytes, for a text that comes in pieces.
pub(crate) fn put_text_header(out: &mut BytesMut, length: usize) {
    put_header(out, TEXT, length);
}

/// A text frame by itself.
#[must_use]
pub(crate) fn text(text: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_text(&mut out, text);
    out.freeze()
}

pub(super) fn ping() -> Bytes {
    Bytes::from_static(&[FIN | PING, 0])
}

pub(super) fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload)
}

/// A Close frame; without a code it is an empty one.
pub(super) fn close(code: Option<u16>, reason: &str) -> Bytes {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.extend(code.to_be_bytes());
        payload.extend(reason.as_bytes());
    }
    control(CLOSE, &payload)
}

pub(super) fn close_with(code: CloseCode, reason: &str) -> Bytes {
    close(Some(code.as_u16()), reason)
}

fn control(opcode: u8, payload: &[u8]) -> Bytes {
    debug_assert!(payload.len() <= CONTROL_BYTES_MAX);
    let mut out = BytesMut::with_capacity(2 + payload.len());
    put_header(&mut out, opcode, payload.len());
    out.put_slice(payload);
    out.freeze()
}

fn put_header(out: &mut BytesMut, opcode: u8, length: usize) {
    out.put_u8(FIN | opcode);
    // The shortest form that holds the length is the only one allowed.
    if let Ok(length @ 0..=125) = u8::try_from(length) {
        out.put_u8(length);
    } else if let Ok(length) = u16::try_from(length) {
        out.put_u8(126);
        out.put_u16(length);
    } else {
        out.put_u8(127);
        out.put_u64(length as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_in_its_shortest_form() {
        let header = |length| {
            let mut out = BytesMut::new();
            put_text_header(&mut out, length);
            out.to_vec()
        };
        assert_eq!(header(0), [0x81, 0]);
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(header(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_close_frame_carries_its_code_and_reason() {
        assert_eq!(&close(Some(1000), "x")[..], [0x88, 3, 0x03, 0xe8, b'x']);
        assert_eq!(&close(None, "")[..], [0x88, 0]);
    }
}
