//! The texts the bench sends: each says where it belongs, who sent it and when it was due.

/// How many hexadecimal digits the four numbers have: room, sender, sequence number, due time.
const DIGITS: [usize; 4] = [8, 8, 8, 16];

/// The numbers, a space behind each, in bytes.
pub(crate) const TEXT_BYTES_MIN: usize = 8 + 8 + 8 + 16 + 4;

/// What fills a text up to its size.
const FILLING: u8 = b'x';

/// What a text of the bench says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The number of the room it was sent to.
    pub(crate) room: u32,
    /// The sender, as the number of its connection.
    pub(crate) sender: u32,
    /// The sender's messages, from 0.
    pub(crate) sequence: u32,
    /// When it was due, in nanoseconds on the client's clock.
    pub(crate) due_ns: u64,
}

impl Marked {
    /// Writes a text of `size` bytes over what was in `out`.
    pub(crate) fn write(self, size: usize, out: &mut Vec<u8>) {
        let numbers = [self.room.into(), self.sender.into(), self.sequence.into(), self.due_ns];
        out.clear();
        for (number, digits) in numbers.into_iter().zip(DIGITS) {
            for place in (0..digits).rev() {
                out.push(b"0123456789abcdef"[(number >> (4 * place) & 0xf) as usize]);
            }
            out.push(b' ');
        }
        out.resize(size.max(TEXT_BYTES_MIN), FILLING);
    }

    /// Reads a text that must have `size` bytes: `None` when any of them is not as it was sent.
    pub(crate) fn read(text: &[u8], size: usize) -> Option<Self> {
        if text.len() != size.max(TEXT_BYTES_MIN) {
            return None;
        }
        let mut numbers = [0; 4];
        let mut at = 0;
        for (number, digits) in numbers.iter_mut().zip(DIGITS) {
            for byte in &text[at..at + digits] {
                let value = match byte {
                    b'0'..=b'9' => byte - b'0',
                    b'a'..=b'f' => byte - b'a' + 10,
                    _ => return None,
                };
                *number = *number << 4 | u64::from(value);
            }
            at += digits;
            if text[at] != b' ' {
                return None;
            }
            at += 1;
        }
        // No early end: whole words are then compared at a time.
        let differs = text[at..].iter().fold(0, |sum, byte| sum | (byte ^ FILLING));
        let [room, sender, sequence, due_ns] = numbers;
        let narrow = |number| u32::try_from(number).ok();
        let (room, sender, sequence) = (narrow(room)?, narrow(sender)?, narrow(sequence)?);
        (differs == 0).then_some(Self { room, sender, sequence, due_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_and_any_changed_byte_is_noticed() {
        let marked = Marked { room: 3, sender: 0xabcd, sequence: u32::MAX, due_ns: 1 << 60 };
        let mut text = Vec::new();
        marked.write(128, &mut text);
        assert_eq!(text.len(), 128);
        assert_eq!(Marked::read(&text, 128), Some(marked));
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            assert_ne!(Marked::read(&changed, 128), Some(marked), "byte {at}");
        }
        assert_eq!(Marked::read(&text[..127], 128), None);
    }
}
