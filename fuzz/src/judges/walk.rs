//! The frames of a conversation, read without judging them: what the rules are asked about.

/// One frame, and the message that it stands in.
#[derive(Debug)]
pub(super) struct Frame {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    pub(super) is_last: bool,
    /// The three reserved bits.
    pub(super) reserved: u8,
    pub(super) opcode: u8,
    pub(super) is_masked: bool,
    /// The payload's length as claimed, in bytes.
    pub(super) length: u64,
    /// Bytes in which the length is written behind the first two: 0, 2 or 8.
    pub(super) length_bytes: usize,
    /// The payload without its mask; cut where the bytes end.
    pub(super) payload: Vec<u8>,
    /// The fragments before it of a message that has not ended.
    pub(super) begun: Option<Begun>,
}

/// A message of which fragments have come.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) is_text: bool,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn is_control(&self) -> bool {
        self.opcode >= 8
    }

    /// Whether the bytes end before its payload does.
    pub(super) fn is_cut(&self) -> bool {
        (self.payload.len() as u64) < self.length
    }

    /// Where the frame behind it begins, in bytes; past the end where it is cut, and the largest
    /// number where its claim is beyond all numbers.
    pub(super) fn end(&self) -> u64 {
        let mask_bytes = if self.is_masked { 4 } else { 0 };
        let payload_at = self.at + 2 + self.length_bytes + mask_bytes;
        (payload_at as u64).saturating_add(self.length)
    }

    /// The message's bytes up to the end of this frame.
    pub(super) fn message(&self) -> Vec<u8> {
        let begun = self.begun.as_ref().map_or(&[][..], |begun| &begun.bytes);
        [begun, &self.payload].concat()
    }

    /// Whether it is a frame of a text message.
    pub(super) fn is_of_text(&self) -> bool {
        match self.opcode {
            0 => self.begun.as_ref().is_some_and(|begun| begun.is_text),
            opcode => opcode == 1,
        }
    }
}

/// The frames of these bytes, the last of which may be cut behind its header.
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
