//! A room's newest page, as far as it is in memory: of all messages the id and the time, of the
//! newest the text as well. There are many rooms, and a page of the largest texts takes megabytes:
//! what goes over a bound is read from the store again when somebody needs it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{MessageId, UnixMillis};

use super::message::{Kept, Message};

/// Texts that a room holds, in bytes. Those of an ordinary page are some thousand bytes.
pub(super) const TAIL_TEXT_BYTES_MAX: usize = 128 * 1024;

/// The newest page.
#[derive(Debug)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    /// How many entries are without their messages; they are the first.
    bare: usize,
    text_bytes: usize,
    text_bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    id: MessageId,
    ts: UnixMillis,
    message: Option<Arc<Message>>,
}

impl Tail {
    pub(super) fn new(messages: Vec<Kept>, text_bytes_max: usize) -> Self {
        let mut tail = Self { entries: VecDeque::new(), bare: 0, text_bytes: 0, text_bytes_max };
        messages.into_iter().for_each(|kept| tail.push(kept));
        tail
    }

    pub(super) fn push(&mut self, Kept { id, message }: Kept) {
        self.text_bytes += message.text.len();
        self.entries.push_back(Entry { id, ts: message.ts, message: Some(message) });
        while self.text_bytes > self.text_bytes_max {
            self.text_bytes -= self.entries[self.bare].strip();
            self.bare += 1;
        }
    }

    /// Takes the oldest message out, and answers with its time.
    pub(super) fn pop(&mut self) -> Option<UnixMillis> {
        let mut entry = self.entries.pop_front()?;
        self.bare = self.bare.saturating_sub(1);
        self.text_bytes -= entry.strip();
        Some(entry.ts)
    }

    /// The id of the oldest message.
    pub(super) fn first_id(&self) -> Option<MessageId> {
        self.entries.front().map(|entry| entry.id)
    }

    /// The times of its messages, oldest message first.
    pub(super) fn times(&self) -> impl Iterator<Item = UnixMillis> {
        self.entries.iter().map(|entry| entry.ts)
    }

    /// The messages that are in memory, oldest first.
    pub(super) fn messages(&self) -> Vec<Kept> {
        let whole = self.entries.range(self.bare..);
        let kept = whole.filter_map(|Entry { id, message, .. }| {
            Some(Kept { id: *id, message: Arc::clone(message.as_ref()?) })
        });
        kept.collect()
    }

    /// The messages that are not, which stand before them.
    pub(super) fn absent(&self) -> Option<RangeInclusive<MessageId>> {
        let last = self.entries.get(self.bare.checked_sub(1)?)?;
        Some(self.first_id()?..=last.id)
    }
}

impl Entry {
    /// Lets the message go; the bytes of its text.
    fn strip(&mut self) -> usize {
        self.message.take().map_or(0, |message| message.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmeet_shared::{Nickname, Pid};

    fn kept(id: MessageId, text: &str) -> Kept {
        let (from, nickname) = (Pid::new(0, 1, 1), Nickname::new("n").unwrap());
        let message = Message { from, nickname, text: text.to_owned(), ts: id as i64 };
        Kept { id, message: Arc::new(message) }
    }

    fn ids(tail: &Tail) -> (Option<RangeInclusive<MessageId>>, Vec<MessageId>) {
        (tail.absent(), tail.messages().iter().map(|kept| kept.id).collect())
    }

    #[test]
    fn the_oldest_texts_go_and_their_places_and_times_stay() {
        let mut tail = Tail::new(vec![kept(7, "aaaa"), kept(8, "bb"), kept(9, "cccc")], 10);
        assert_eq!(ids(&tail), (None, vec![7, 8, 9]));
        tail.push(kept(10, "d"));
        assert_eq!(ids(&tail), (Some(7..=7), vec![8, 9, 10]));
        tail.push(kept(11, "eeeeeeee"));
        assert_eq!(ids(&tail), (Some(7..=9), vec![10, 11]));
        assert_eq!(tail.times().collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
        assert_eq!((tail.pop(), tail.first_id()), (Some(7), Some(8)));
        assert_eq!(ids(&tail), (Some(8..=9), vec![10, 11]));
        assert_eq!([tail.pop(), tail.pop(), tail.pop()], [Some(8), Some(9), Some(10)]);
        assert_eq!(ids(&tail), (None, vec![11]));
        tail.push(kept(12, "gg"));
        assert_eq!(ids(&tail), (None, vec![11, 12]));
    }

    #[test]
    fn a_text_that_is_too_large_by_itself_is_read_each_time() {
        let mut tail = Tail::new(vec![kept(1, "aaaa"), kept(2, "bbbbbbbbbbb")], 10);
        assert_eq!(ids(&tail), (Some(1..=2), vec![]));
        tail.push(kept(3, ""));
        assert_eq!(ids(&tail), (Some(1..=2), vec![3]));
    }
}
