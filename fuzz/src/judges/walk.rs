//! The frames of a conversation, parsed without checks. The rules are applied to them.

/// A frame, and the message to which it belongs.
#[derive(Debug)]
pub(super) struct Frame {
    /// The position of its first byte.
    pub(super) at: usize,
    pub(super) is_last: bool,
    /// The three reserved bits.
    pub(super) reserved: u8,
    pub(super) opcode: u8,
    pub(super) is_masked: bool,
    /// The payload length in the header, in bytes.
    pub(super) length: u64,
    /// Bytes of the extended length: 0, 2 or 8.
    pub(super) length_bytes: usize,
    /// The unmasked payload, or the part of it that has arrived.
    pub(super) payload: Vec<u8>,
    /// The earlier fragments of an unfinished message.
    pub(super) begun: Option<Begun>,
}

/// An unfinished message.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) is_text: bool,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn is_control(&self) -> bool {
        self.opcode >= 8
    }

    /// Returns whether the payload is incomplete.
    pub(super) fn is_cut(&self) -> bool {
        (self.payload.len() as u64) < self.length
    }

    /// Returns the position of the next frame. It is beyond the end if this frame is incomplete, and
    /// saturates at the largest number.
    pub(super) fn end(&self) -> u64 {
        let mask_bytes = if self.is_masked { 4 } else { 0 };
        let payload_at = self.at + 2 + self.length_bytes + mask_bytes;
        (payload_at as u64).saturating_add(self.length)
    }

    /// Returns the message's bytes up to the end of this frame.
    pub(super) fn message(&self) -> Vec<u8> {
        let begun = self.begun.as_ref().map_or(&[][..], |begun| &begun.bytes);
        [begun, &self.payload].concat()
    }

    /// Returns whether the frame belongs to a text message.
    pub(super) fn is_of_text(&self) -> bool {
        match self.opcode {
            0 => self.begun.as_ref().is_some_and(|begun| begun.is_text),
            opcode => opcode == 1,
        }
    }
}

/// Parses the frames of these bytes. The payload of the last one may be incomplete.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame> {
    let (mut at, mut begun) = (0, None);
    std::iter::from_fn(move || {
        let frame = frame(bytes, at, begun.clone())?;
        at = usize::try_from(frame.end()).unwrap_or(usize::MAX);
        if !frame.is_control() {
            let is_text = frame.is_of_text();
            begun = (!frame.is_last).then(|| Begun { is_text, bytes: frame.message() });
        }
        Some(frame)
    })
}

fn frame(bytes: &[u8], at: usize, begun: Option<Begun>) -> Option<Frame> {
    let [first, second, rest @ ..] = bytes.get(at..)? else { return None };
    let (short, is_masked) = (second & 0x7f, second & 0x80 != 0);
    let length_bytes = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let (long, rest) = rest.split_at_checked(length_bytes)?;
    let length = match length_bytes {
        0 => u64::from(short),
        _ => long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let (mask, rest) = rest.split_at_checked(if is_masked { 4 } else { 0 })?;
    let payload = &rest[..rest.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
    let unmask = |(at, byte): (usize, &u8)| byte ^ mask.get(at % 4).unwrap_or(&0);
    Some(Frame {
        at,
        is_last: first & 0x80 != 0,
        reserved: first & 0x70,
        opcode: first & 0x0f,
        is_masked,
        length,
        length_bytes,
        payload: payload.iter().enumerate().map(unmask).collect(),
        begun,
    })
}
