//! The parts of RFC 6455 that the load generator and the floor need: handshake, frame headers, and a
//! writer for each direction. It allocates nothing for a frame and copies no payload that it reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A binary frame.
pub(crate) const BINARY: u8 = 0x2;
/// A text frame.
pub(crate) const TEXT: u8 = 0x1;
/// A Close frame.
pub(crate) const CLOSE: u8 = 0x8;
/// A Ping frame.
pub(crate) const PING: u8 = 0x9;
/// A Pong frame.
pub(crate) const PONG: u8 = 0xa;

/// Every client sends the same key, so that checking the answer is a comparison.
const KEY_BYTES: &[u8; 16] = b"xmeet-bench-key!";

/// The bit of the first byte that marks the last frame of a message.
const FIN: u8 = 0x80;
/// The bit of the second byte that marks a masked frame.
const MASKED: u8 = 0x80;

/// The places of a frame's parts, from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The opcode.
    pub(crate) opcode: u8,
    /// The mask; `None` in frames of a server.
    pub(crate) mask: Option<[u8; 4]>,
    /// The start of the payload.
    pub(crate) start: usize,
    /// The end of the frame.
    pub(crate) end: usize,
}

/// Reads the header of a frame. Returns `None` until all of it is there; the payload may be missing.
///
/// # Errors
/// If the frame is a fragment or has a reserved bit, which no peer of the bench sends.
pub(crate) fn header(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0xf0 != FIN {
        return Err("a fragment, or a reserved bit");
    }
    let (length, mut start) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(field) => (usize::from(field[0]) << 8 | usize::from(field[1]), 4),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(field) => (field.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 10),
            None => return Ok(None),
        },
        short => (usize::from(short), 2),
    };
    let mut mask = None;
    if second & MASKED != 0 {
        let Some(&[a, b, c, d]) = bytes.get(start..start + 4) else { return Ok(None) };
        mask = Some([a, b, c, d]);
        start += 4;
    }
    let end = start.checked_add(length).ok_or("a length above the address space")?;
    Ok(Some(Header { opcode: first & 0x0f, mask, start, end }))
}

/// Appends a client's frame.
pub(crate) fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    push_header(out, opcode, payload.len(), MASKED);
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

/// Appends a server's frame.
pub(crate) fn push_plain(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn push_header(out: &mut Vec<u8>, opcode: u8, length: usize, mask_bit: u8) {
    out.push(FIN | opcode);
    if let (Ok(short), true) = (u8::try_from(length), length < 126) {
        out.push(mask_bit | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(mask_bit | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(mask_bit | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Masks or unmasks a payload.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for part in payload.chunks_mut(4) {
        for (byte, key) in part.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

/// Returns the request of a handshake.
pub(crate) fn request(room: &str, nickname: &str) -> String {
    let prefix = xmeet_shared::WEBSOCKET_PATH_PREFIX;
    let key = STANDARD.encode(KEY_BYTES);
    format!(
        "GET {prefix}{room}?nickname={nickname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n"
    )
}

/// Returns the `Sec-WebSocket-Accept` of the answer to [`request`].
pub(crate) fn expected_accept() -> String {
    accept(&STANDARD.encode(KEY_BYTES))
}

/// Returns the `Sec-WebSocket-Accept` for a key.
pub(crate) fn accept(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

/// Returns the value of a header in the head of a request or response, in any case of its name.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Returns the end of a head, behind its empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_that_of_the_standard() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_of_every_length_are_read_as_written() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            push_masked(&mut bytes, TEXT, &payload, [1, 2, 3, 4]);
            for cut in 0..bytes.len().min(14) {
                assert!(header(&bytes[..cut]).unwrap().is_none_or(|header| header.end > cut));
            }
            let header = header(&bytes).unwrap().unwrap();
            assert_eq!((header.opcode, header.end), (TEXT, bytes.len()));
            apply_mask(&mut bytes[header.start..], header.mask.unwrap());
            assert_eq!(bytes[header.start..], payload);
        }
    }

    #[test]
    fn fragments_are_refused() {
        assert!(header(&[0x01, 0x00]).is_err());
        assert!(header(&[0xc1, 0x00]).is_err());
    }
}
