//! A WebSocket client's frames (RFC 6455 section 5.2), for tests. The crate shares no code with the
//! server, so a fault in one of them shows as a difference. The first byte of a frame may have any value,
//! because tests also send frames that the standard forbids.

/// The first byte of an unfragmented text message: FIN and opcode.
pub const TEXT: u8 = 0x81;
/// The first byte of an unfragmented binary message.
pub const BINARY: u8 = 0x82;
/// The first byte of a Close frame.
pub const CLOSE: u8 = 0x88;
/// The first byte of a Ping frame.
pub const PING: u8 = 0x89;
/// The first byte of a Pong frame.
pub const PONG: u8 = 0x8a;

/// The mask of [`frame`]. It is constant, so that two runs of a test send the same bytes.
const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x33];

/// The bit of the second byte that marks a masked frame.
const MASKED: u8 = 0x80;

/// Longest header of a frame without a mask, in bytes.
pub const HEADER_BYTES_MAX: usize = 10;

/// Encodes a client's frame. `first` is FIN, RSV and opcode.
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with_mask(first, MASK, payload)
}

/// Encodes a client's frame with a mask.
#[must_use]
pub fn frame_with_mask(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(MASKED | length as u8),
        length @ 126..=0xffff => {
            bytes.push(MASKED | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(MASKED | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The header of a server's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// FIN, RSV and opcode.
    pub first: u8,
    /// Length of the header, in bytes.
    pub bytes: usize,
    /// Length of the payload, in bytes.
    pub payload_bytes: usize,
}

/// Reads the header at the start of `bytes`. Returns `None` while a part of it is missing.
///
/// # Errors
/// If the frame is masked. A server must not mask its frames.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, String> {
    let &[first, short, ref rest @ ..] = bytes else { return Ok(None) };
    let (length, length_bytes) = match short {
        0..=125 => (Some(u64::from(short)), 0),
        126 => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 2),
        127 => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 8),
        _ => return Err("the server masks a frame".to_owned()),
    };
    let Some(length) = length else { return Ok(None) };
    let payload_bytes = usize::try_from(length).map_err(|error| error.to_string())?;
    Ok(Some(Header { first, bytes: 2 + length_bytes, payload_bytes }))
}

/// A server's frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// FIN, RSV and opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Returns the payload as text.
    ///
    /// # Panics
    /// If the frame is not an unfragmented text message, or its payload is not UTF-8.
    #[must_use]
    pub fn text(self) -> String {
        assert_eq!(self.first, TEXT);
        String::from_utf8(self.payload).expect("a text is UTF-8")
    }
}

/// Removes the first frame from `bytes`. Returns `None`, and does not change `bytes`, if the frame is
/// incomplete.
///
/// # Errors
/// As [`header`].
pub fn take(bytes: &mut Vec<u8>) -> Result<Option<Frame>, String> {
    let Some((frame, end)) = first(bytes)? else { return Ok(None) };
    bytes.drain(..end);
    Ok(Some(frame))
}

/// Removes all complete frames from `bytes`.
///
/// # Errors
/// As [`header`].
pub fn take_all(bytes: &mut Vec<u8>) -> Result<Vec<Frame>, String> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some((frame, length)) = first(&bytes[at..])? {
        frames.push(frame);
        at += length;
    }
    bytes.drain(..at);
    Ok(frames)
}

/// Returns the first frame and its length, or `None` if it is incomplete.
fn first(bytes: &[u8]) -> Result<Option<(Frame, usize)>, String> {
    let Some(Header { first, bytes: start, payload_bytes }) = header(bytes)? else {
        return Ok(None);
    };
    let end = start + payload_bytes;
    let payload = bytes.get(start..end).map(<[u8]>::to_vec);
    Ok(payload.map(|payload| (Frame { first, payload }, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_length_takes_one_three_or_nine_bytes() {
        for (length, header_bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let masked = frame_with_mask(TEXT, [0; 4], &vec![b'x'; length]);
            let mut bytes = masked.clone();
            bytes[1] &= !MASKED;
            bytes.drain(header_bytes..header_bytes + 4);
            let found = header(&bytes).unwrap().unwrap();
            let expected = Header { first: TEXT, bytes: header_bytes, payload_bytes: length };
            assert_eq!(found, expected);
            assert!((0..header_bytes).all(|cut| header(&bytes[..cut]) == Ok(None)));
            assert!(header(&masked).is_err());
        }
    }

    #[test]
    fn payload_is_masked() {
        let bytes = frame_with_mask(TEXT, [1, 2, 3, 4], b"abcde");
        assert_eq!(bytes, b"\x81\x85\x01\x02\x03\x04````d");
    }

    #[test]
    fn partial_frame_stays() {
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x88, 2, 3];
        let text = Frame { first: TEXT, payload: b"hi".to_vec() };
        assert_eq!(take_all(&mut bytes).unwrap(), [text]);
        assert_eq!(bytes, [0x88, 2, 3]);
        bytes.push(0xe8);
        let close = Frame { first: CLOSE, payload: vec![3, 0xe8] };
        assert_eq!(take(&mut bytes), Ok(Some(close)));
        assert!(bytes.is_empty());
    }
}
