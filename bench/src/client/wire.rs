//! WebSocket bytes (RFC 6455), as far as a load generator and a floor need them: the handshake,
//! frame headers, a writer for each direction.

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

/// Every client sends the same key: the answer is then known beforehand, and checking it costs a
/// comparison.
const KEY_BYTES: &[u8; 16] = b"xmeet-bench-key!";

/// Where the control bits of a frame header stand.
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Where a frame's parts are, from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Text, Close, Ping.
    pub(crate) opcode: u8,
    /// What the payload is masked with; nothing from a server.
    pub(crate) mask: Option<[u8; 4]>,
    /// Where the payload starts, in bytes.
    pub(crate) start: usize,
    /// Where the frame ends, in bytes.
    pub(crate) end: usize,
}

/// Reads a frame header: `None` until all of it is there. The payload may still be missing.
///
/// # Errors
/// On what no peer of the bench sends: fragments and extension bits.
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
    let end = start.checked_add(length).ok_or("a length that no memory holds")?;
    Ok(Some(Header { opcode: first & 0x0f, mask, start, end }))
}

/// Appends a frame as a client sends it.
pub(crate) fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    push_header(out, opcode, payload.len(), MASKED);
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

/// Appends a frame as a server sends it.
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

/// Masks, or takes the mask off.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for part in payload.chunks_mut(4) {
        for (byte, key) in part.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

/// What a client sends first.
pub(crate) fn request(room: &str, nickname: &str) -> String {
    let prefix = xmeet_shared::WEBSOCKET_PATH_PREFIX;
    let key = STANDARD.encode(KEY_BYTES);
    format!(
        "GET {prefix}{room}?nickname={nickname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n"
    )
}

/// The `Sec-WebSocket-Accept` that [`request`] is answered with.
pub(crate) fn expected_accept() -> String {
    accept(&STANDARD.encode(KEY_BYTES))
}

/// The `Sec-WebSocket-Accept` that belongs to a key.
pub(crate) fn accept(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

/// The value of a header in the head of a request or an answer, whatever the name's case.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Where a head ends, behind its empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_is_that_of_the_standard() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_of_every_length_come_back_as_they_were() {
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
