//! Reads the parts of a frame without parsing JSON: the keys of an envelope have a known order, and no
//! text or room id of the bench has an escape.

use memchr::memchr;

/// The parts of a frame that the bench needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// `xnest`.
    pub(crate) room: &'a [u8],
    /// `type`.
    pub(crate) kind: &'a [u8],
    /// The text of a `normal`; empty for every other type.
    pub(crate) text: &'a [u8],
    /// The `id` of a `normal`.
    pub(crate) id: Option<u64>,
}

/// Finds the parts. Returns `None` if the frame is not as the protocol requires.
pub(crate) fn parts_of(frame: &[u8]) -> Option<Parts<'_>> {
    let rest = frame.strip_prefix(b"{\"from\":\"")?;
    let (_, rest) = string(rest)?;
    let (room, rest) = string(rest.strip_prefix(b",\"xnest\":\"")?)?;
    let (kind, rest) = string(rest.strip_prefix(b",\"type\":\"")?)?;
    if kind != b"normal" {
        return Some(Parts { room, kind, text: &[], id: None });
    }
    let (text, rest) = string(rest.strip_prefix(b",\"payload\":\"")?)?;
    let (_, rest) = string(rest.strip_prefix(b",\"send_time\":\"")?)?;
    let id = rest.strip_prefix(b",\"id\":").and_then(number);
    Some(Parts { room, kind, text, id })
}

/// Returns the bytes before the closing quote, and those behind it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'"', bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let mut digits = digits.map(|byte| u64::from(byte - b'0')).peekable();
    digits.peek()?;
    digits.try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
}

#[cfg(test)]
mod tests {
    use xmeet_shared::{Envelope, Pid, RoomId, SendTime, ServerMessage};

    use super::*;

    #[test]
    fn parts_are_those_that_parsing_finds() {
        let envelope = Envelope {
            from: Pid::new(0, 7, 2),
            xnest: RoomId::new("room").unwrap(),
            message: ServerMessage::Normal { text: "a text".into(), id: Some(120), nickname: None },
            send_time: SendTime::from_wire("2026-1-2 3:4:5"),
            ts: Some(1),
        };
        let frame = envelope.encode();
        let expected = Parts { room: b"room", kind: b"normal", text: b"a text", id: Some(120) };
        assert_eq!(parts_of(frame.as_bytes()), Some(expected));
        let leave = Envelope { message: ServerMessage::Leave, ..envelope }.encode();
        assert_eq!(parts_of(leave.as_bytes()).unwrap().kind, b"leave");
    }

    #[test]
    fn other_frames_have_no_parts() {
        for frame in ["", "{}", "{\"from\":\"x", "{\"type\":\"normal\"}"] {
            assert_eq!(parts_of(frame.as_bytes()), None, "{frame}");
        }
    }
}
