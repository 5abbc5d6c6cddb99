//! The texts of the bench: each contains its room, its sender, its number and its due time.

/// Hexadecimal digits of room, sender, sequence number and due time.
const DIGITS: [usize; 4] = [8, 8, 8, 16];

/// The four numbers, each with a space behind it, in bytes.
pub(crate) const TEXT_BYTES_MIN: usize = 8 + 8 + 8 + 16 + 4;

/// The byte that fills a text up to its size.
const FILLING: u8 = b'x';

/// The content of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The number of the room.
    pub(crate) room: u32,
    /// The number of the sender's connection.
    pub(crate) sender: u32,
    /// The number of the message among those of its sender, from 0.
    pub(crate) sequence: u32,
    /// The due time, in nanoseconds on the client's clock.
    pub(crate) due_ns: u64,
}

impl Marked {
    /// Replaces `out` by a text of `size` bytes.
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

    /// Reads a text of `size` bytes. Returns `None` if any byte has changed.
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
        // Without an early end, the compiler compares whole words.
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
    fn any_changed_byte_is_noticed() {
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
