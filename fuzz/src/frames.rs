//! A client's bytes, decoded by RFC 6455.
//!
//! The target compares the server's decoder with a simple one that reads whole conversations. Both must
//! agree, in any pieces of the input.

use xmeet_server::wire::{Decoder, Received};

/// The largest message, in bytes. Small, so that the fuzzer meets it.
const MESSAGE_BYTES_MAX: usize = 300;

/// Maximum memory of a partial header or control frame, in bytes.
const WAITING_BYTES_MAX: usize = 500;

/// The result of a conversation: its messages, and the close code if it broke a rule.
type Outcome = (Vec<Received>, Option<u16>);

/// The first byte is the size of the pieces in which the others arrive.
pub(crate) fn holds(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let expected = naive(bytes);
    assert_eq!(decoded(bytes, bytes.len().max(1)), expected, "whole");
    assert_eq!(decoded(bytes, usize::from(*cut) + 1), expected, "in pieces");
}

fn decoded(bytes: &[u8], piece_bytes: usize) -> Outcome {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        decoder.feed(piece);
        loop {
            match decoder.decode() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(ending) => return (messages, Some(ending.code.as_u16())),
            }
        }
        // A partial message, and a partial frame inside it.
        let held = decoder.memory_bytes();
        assert!(held <= MESSAGE_BYTES_MAX + WAITING_BYTES_MAX, "{held} bytes are held");
    }
    (messages, None)
}

/// A simple decoder that reads all bytes at once and copies everything.
fn naive(bytes: &[u8]) -> Outcome {
    let (mut messages, mut begun, mut at) = (Vec::new(), None, 0);
    loop {
        match naive_frame(&bytes[at..], &mut begun) {
            Step::Wait => return (messages, None),
            Step::Refuse(code) => return (messages, Some(code)),
            Step::Frame { bytes, message } => {
                at += bytes;
                messages.extend(message);
            }
        }
    }
}

enum Step {
    Wait,
    Refuse(u16),
    Frame { bytes: usize, message: Option<Received> },
}

/// A message in fragments: whether it is a text, and its bytes so far.
type Begun = Option<(bool, Vec<u8>)>;

fn naive_frame(bytes: &[u8], begun: &mut Begun) -> Step {
    let [first, second, rest @ ..] = bytes else { return Step::Wait };
    let (is_last, opcode, is_masked) = (first >= &0x80, first & 0x0f, second >= &0x80);
    if first & 0x70 != 0 || !is_masked || ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Step::Refuse(1002);
    }
    let extended_bytes = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(extended) = rest.get(..extended_bytes) else { return Step::Wait };
    let number = extended.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let length = if extended_bytes == 0 { u64::from(second & 0x7f) } else { number };
    let is_too_long_a_form = match extended_bytes {
        2 => length < 126,
        8 => !(65_536..1 << 63).contains(&length),
        _ => false,
    };
    if is_too_long_a_form || (opcode >= 8 && (length > 125 || !is_last)) {
        return Step::Refuse(1002);
    }
    let so_far = begun.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
    if opcode < 8 && so_far + length > MESSAGE_BYTES_MAX as u64 {
        return Step::Refuse(1009);
    }
    if opcode < 8 && (opcode == 0) != begun.is_some() {
        return Step::Refuse(1002);
    }
    let length = usize::try_from(length).expect("it is within the limit");
    let Some((mask, payload)) = rest[extended_bytes..].split_at_checked(4) else {
        return Step::Wait;
    };
    let come = payload.iter().take(length).enumerate();
    let payload: Vec<u8> = come.map(|(at, byte)| byte ^ mask[at % 4]).collect();
    if payload.len() < length {
        return if opcode < 8 { naive_part(opcode, payload, begun) } else { Step::Wait };
    }
    match naive_message(opcode, is_last, payload, begun) {
        Ok(message) => Step::Frame { bytes: 2 + extended_bytes + 4 + length, message },
        Err(code) => Step::Refuse(code),
    }
}

/// Checks a partial frame. Text that cannot become UTF-8 is refused at once.
fn naive_part(opcode: u8, payload: Vec<u8>, begun: &mut Begun) -> Step {
    match naive_message(opcode, false, payload, begun) {
        Ok(_) => Step::Wait,
        Err(code) => Step::Refuse(code),
    }
}

fn naive_message(
    opcode: u8,
    is_last: bool,
    payload: Vec<u8>,
    begun: &mut Begun,
) -> Result<Option<Received>, u16> {
    match opcode {
        8 => return naive_close(&payload).map(Some),
        9 => return Ok(Some(Received::Ping(payload))),
        10 => return Ok(Some(Received::Pong)),
        _ => {}
    }
    let (is_text, mut message) = match (opcode, begun.take()) {
        (0, Some(message)) => message,
        (1 | 2, None) => (opcode == 1, Vec::new()),
        _ => return Err(1002),
    };
    message.extend(payload);
    if !is_last {
        let is_broken = std::str::from_utf8(&message).is_err_and(|e| e.error_len().is_some());
        if is_text && is_broken {
            return Err(1007);
        }
        *begun = Some((is_text, message));
        return Ok(None);
    }
    if !is_text {
        return Ok(Some(Received::Binary(message.len())));
    }
    String::from_utf8(message).map(|text| Some(Received::Text(text))).map_err(|_| 1007)
}

fn naive_close(payload: &[u8]) -> Result<Received, u16> {
    let [high, low, reason @ ..] = payload else {
        return if payload.is_empty() { Ok(Received::Close(None)) } else { Err(1002) };
    };
    let code = u16::from(*high) << 8 | u16::from(*low);
    let may_be_sent = (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code);
    if !may_be_sent && !(3000..5000).contains(&code) {
        return Err(1002);
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Received::Close(Some(code))),
        Err(_) => Err(1007),
    }
}
