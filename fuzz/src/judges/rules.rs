//! Sentences of RFC 6455 that decide a disagreement between another decoder and the server.

use super::MESSAGE_BYTES_MAX;
use super::walk::Frame;

/// A rule, and the frames whose sender breaks it.
pub(super) struct Rule {
    /// The section and the sentence of RFC 6455.
    pub(super) section: &'static str,
    pub(super) concerns: fn(&Frame) -> bool,
}

/// Exceptions of all decoders.
pub(super) const OF_ALL: &[Rule] = &[
    Rule {
        section: "none: of several faults in one frame, no sentence says which one is reported",
        concerns: |frame| FAULTS.iter().filter(|fault| fault(frame)).count() > 1,
    },
    Rule {
        section: "none: a fault in a header may be reported before the payload has come",
        concerns: Frame::is_cut,
    },
];

/// The violations of a frame.
const FAULTS: [fn(&Frame) -> bool; 13] = [
    |frame| frame.reserved != 0,
    |frame| ![0, 1, 2, 8, 9, 10].contains(&frame.opcode),
    is_unmasked,
    has_longer_form,
    |frame| frame.is_control() && !frame.is_last,
    is_long_control,
    |frame| !frame.is_control() && is_too_large(frame),
    |frame| frame.opcode == 0 && frame.begun.is_none(),
    is_interleaved,
    |frame| frame.is_of_text() && is_broken_text(frame),
    |frame| frame.opcode == 8 && frame.payload.len() == 1,
    |frame| close_code(frame).is_some_and(|code| !is_defined(code)),
    |frame| {
        frame.opcode == 8
            && std::str::from_utf8(frame.payload.get(2..).unwrap_or_default()).is_err()
    },
];

pub(super) const UNMASKED: Rule = Rule {
    section: "5.1: The server MUST close the connection upon receiving a frame that is not masked.",
    concerns: is_unmasked,
};

pub(super) const LONGER_FORM: Rule = Rule {
    section: "5.2: in all cases, the minimal number of bytes MUST be used to encode the length",
    concerns: has_longer_form,
};

pub(super) const INTERLEAVED: Rule = Rule {
    section: "5.4: The fragments of one message MUST NOT be interleaved between the fragments of \
              another message",
    concerns: is_interleaved,
};

pub(super) const PONG_BETWEEN: Rule = Rule {
    section: "5.4: Control frames MAY be injected in the middle of a fragmented message.",
    concerns: |frame| frame.opcode == 10 && frame.begun.is_some(),
};

pub(super) const LONG_CONTROL: Rule = Rule {
    section: "5.5: All control frames MUST have a payload length of 125 bytes or less",
    concerns: is_long_control,
};

pub(super) const CLOSE_OF_ONE_BYTE: Rule = Rule {
    section: "5.5.1: If there is a body, the first two bytes of the body MUST be a 2-byte unsigned \
              integer",
    concerns: |frame| frame.opcode == 8 && frame.payload.len() == 1,
};

/// 1014 (Bad Gateway) has been registered since, as section 7.4.2 provides for.
pub(super) const CODE_1014: Rule = Rule {
    section: "7.4.2: Status codes in the range 1000-2999 are reserved for definition by this \
              protocol, its future revisions, and extensions specified in a permanent and readily \
              available public specification.",
    concerns: |frame| close_code(frame) == Some(1014),
};

pub(super) const CODE_1015: Rule = Rule {
    section: "7.4.1: 1015 is a reserved value and MUST NOT be set as a status code in a Close \
              control frame by an endpoint.",
    concerns: |frame| close_code(frame) == Some(1015),
};

/// The server fails the connection at the first invalid byte, others at the end of the frame or of the
/// message.
pub(super) const BROKEN_FRAGMENT: Rule = Rule {
    section: "8.1: When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte \
              stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket \
              Connection_.",
    concerns: |frame| !frame.is_last && frame.is_of_text() && is_broken_text(frame),
};

pub(super) const CUT_CHARACTER: Rule = Rule {
    section: "8.1: the same, where a text ends inside a character",
    concerns: |frame| {
        frame.is_last && frame.is_of_text() && std::str::from_utf8(&frame.message()).is_err()
    },
};

pub(super) const TOO_LARGE: Rule = Rule {
    section: "10.4: Implementations that have [...] limitations regarding the frame size or total \
              message size after reassembly from multiple frames MUST protect themselves against \
              exceeding those limits.",
    concerns: |frame| !frame.is_control() && is_too_large(frame),
};

fn is_unmasked(frame: &Frame) -> bool {
    !frame.is_masked
}

fn has_longer_form(frame: &Frame) -> bool {
    match frame.length_bytes {
        2 => frame.length < 126,
        8 => !(65_536..1 << 63).contains(&frame.length),
        _ => false,
    }
}

fn is_interleaved(frame: &Frame) -> bool {
    matches!(frame.opcode, 1 | 2) && frame.begun.is_some()
}

fn is_long_control(frame: &Frame) -> bool {
    frame.is_control() && frame.length > 125
}

fn is_too_large(frame: &Frame) -> bool {
    let begun_bytes = frame.begun.as_ref().map_or(0, |begun| begun.bytes.len() as u64);
    begun_bytes.saturating_add(frame.length) > MESSAGE_BYTES_MAX as u64
}

/// Returns whether no continuation can make these bytes UTF-8.
fn is_broken_text(frame: &Frame) -> bool {
    std::str::from_utf8(&frame.message()).is_err_and(|error| error.error_len().is_some())
}

/// Returns whether a Close frame may have this code (section 7.4 and later registrations).
fn is_defined(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn close_code(frame: &Frame) -> Option<u16> {
    let code = frame.payload.first_chunk().filter(|_| frame.opcode == 8);
    code.map(|code| u16::from_be_bytes(*code))
}
