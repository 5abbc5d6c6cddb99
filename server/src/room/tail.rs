//! A room's newest page in memory: the id and the time of every message, and the newest texts up to a
//! bound. Other texts are read from the store when they are needed, because there are many rooms and a
//! page of the longest texts takes megabytes.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{MessageId, UnixMillis};

use super::message::{Message, StoredMessage};

/// The default bound of a room's texts in memory, in bytes. An ordinary page has a few thousand bytes.
pub const HELD_TEXT_BYTES_MAX_DEFAULT: usize = 128 * 1024;

/// The newest page.
#[derive(Debug)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    /// How many entries have lost their messages. These are the first.
    evicted: usize,
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
    pub(super) fn new(messages: Vec<StoredMessage>, text_bytes_max: usize) -> Self {
        let mut tail = Self { entries: VecDeque::new(), evicted: 0, text_bytes: 0, text_bytes_max };
        messages.into_iter().for_each(|kept| tail.push(kept));
        tail
    }

    pub(super) fn push(&mut self, StoredMessage { id, message }: StoredMessage) {
        self.text_bytes += message.text.len();
        self.entries.push_back(Entry { id, ts: message.ts, message: Some(message) });
        // The newest message always stays, so that a greeting has it even if the store cannot be read.
        while self.text_bytes > self.text_bytes_max && self.evicted + 1 < self.entries.len() {
            self.text_bytes -= self.entries[self.evicted].evict();
            self.evicted += 1;
        }
    }

    /// Removes the oldest message and returns its time.
    pub(super) fn pop(&mut self) -> Option<UnixMillis> {
        let mut entry = self.entries.pop_front()?;
        self.evicted = self.evicted.saturating_sub(1);
        self.text_bytes -= entry.evict();
        Some(entry.ts)
    }

    /// Returns the id of the oldest message.
    pub(super) fn first_id(&self) -> Option<MessageId> {
        self.entries.front().map(|entry| entry.id)
    }

    /// Returns the times of all messages, oldest first.
    pub(super) fn times(&self) -> impl Iterator<Item = UnixMillis> {
        self.entries.iter().map(|entry| entry.ts)
    }

    /// Returns the messages in memory, oldest first.
    pub(super) fn messages(&self) -> Vec<StoredMessage> {
        let whole = self.entries.range(self.evicted..);
        let kept = whole.filter_map(|Entry { id, message, .. }| {
            Some(StoredMessage { id: *id, message: Arc::clone(message.as_ref()?) })
        });
        kept.collect()
    }

    /// Returns the ids of the messages that are not in memory. They precede the others.
    pub(super) fn absent(&self) -> Option<RangeInclusive<MessageId>> {
        let last = self.entries.get(self.evicted.checked_sub(1)?)?;
        Some(self.first_id()?..=last.id)
    }
}

impl Entry {
    /// Drops the message and returns the length of its text in bytes.
    fn evict(&mut self) -> usize {
        self.message.take().map_or(0, |message| message.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmeet_shared::{Nickname, Pid};

    fn kept(id: MessageId, text: &str) -> StoredMessage {
        let (from, nickname) = (Pid::new(0, 1, 1), Nickname::new("n").unwrap());
        let message = Message { from, nickname, text: text.to_owned(), ts: id as i64 };
        StoredMessage { id, message: Arc::new(message) }
    }

    fn ids(tail: &Tail) -> (Option<RangeInclusive<MessageId>>, Vec<MessageId>) {
        (tail.absent(), tail.messages().iter().map(|kept| kept.id).collect())
    }

    #[test]
    fn evicted_texts_keep_their_ids_and_times() {
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
    fn newest_text_stays_in_memory() {
        let mut tail = Tail::new(vec![kept(1, "aaaa"), kept(2, "bbbbbbbbbbb")], 10);
        assert_eq!(ids(&tail), (Some(1..=1), vec![2]));
        tail.push(kept(3, ""));
        assert_eq!(ids(&tail), (Some(1..=2), vec![3]));
    }
}
