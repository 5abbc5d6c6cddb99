//! The queue of messages that wait for the memory budget.
//!
//! The oldest message is accepted next if it fits, and otherwise the smallest: if the smallest message
//! does not fit, no message fits. So no message waits while it fits, and no search is needed. Once
//! [`PASSES_MAX`] messages were accepted ahead of the oldest, all others wait for the oldest.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

/// At most this many messages are accepted ahead of the oldest message.
pub(super) const PASSES_MAX: usize = 1024;

/// The place of a message in the order of arrival.
pub(super) type Ticket = u64;

/// The queue. Adding and removing take logarithmic time.
#[derive(Debug, Default)]
pub(super) struct MemoryQueue {
    waiting: BTreeMap<Ticket, Waiting>,
    /// The same messages by size, the smallest first. Among equal sizes, the oldest is first.
    by_bytes: BTreeSet<(usize, Ticket)>,
    next_ticket: Ticket,
    /// How many messages were accepted ahead of the message that is now the oldest.
    passes: usize,
}

/// A message in the queue, or just removed from it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) bytes: usize,
    /// Wakes the message's session.
    pub(super) granted: oneshot::Sender<()>,
}

impl MemoryQueue {
    /// Returns how many messages wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a message of this many bytes as the youngest. The receiver wakes the message's session once
    /// the message is accepted.
    pub(super) fn push(&mut self, bytes: usize) -> (Ticket, oneshot::Receiver<()>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (granted, receiver) = oneshot::channel();
        self.waiting.insert(ticket, Waiting { bytes, granted });
        self.by_bytes.insert((bytes, ticket));
        (ticket, receiver)
    }

    /// Removes and returns the next message to accept, or returns `None` if no message fits. `fits`
    /// returns whether a message of a size in bytes fits now. If a size fits, all smaller sizes must fit
    /// too.
    pub(super) fn pop(&mut self, fits: impl Fn(usize) -> bool) -> Option<Waiting> {
        let (&oldest_ticket, oldest) = self.waiting.first_key_value()?;
        if fits(oldest.bytes) {
            return self.remove(oldest_ticket);
        }
        let &(smallest_bytes, smallest_ticket) = self.by_bytes.first()?;
        if !self.may_pass() || !fits(smallest_bytes) {
            return None;
        }
        self.note_pass();
        self.remove(smallest_ticket)
    }

    /// Removes and returns a message. Returns `None` if the message is no longer in the queue.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let is_oldest = self.waiting.first_key_value().is_some_and(|(oldest, _)| *oldest == ticket);
        let removed = self.waiting.remove(&ticket)?;
        self.by_bytes.remove(&(removed.bytes, ticket));
        if is_oldest {
            self.passes = 0;
        }
        Some(removed)
    }

    /// Returns whether a message may be accepted ahead of the oldest.
    pub(super) fn may_pass(&self) -> bool {
        self.passes < PASSES_MAX
    }

    /// Counts a message that is accepted ahead of the oldest, if any message waits.
    pub(super) fn note_pass(&mut self) {
        if !self.waiting.is_empty() {
            self.passes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a queue with messages of these sizes, the oldest first.
    fn queue_of(sizes: &[usize]) -> MemoryQueue {
        let mut queue = MemoryQueue::default();
        for bytes in sizes {
            queue.push(*bytes);
        }
        queue
    }

    /// Removes the next message while this many bytes are free, and returns its size.
    fn pop(queue: &mut MemoryQueue, free_bytes: usize) -> Option<usize> {
        queue.pop(|bytes| bytes <= free_bytes).map(|waiting| waiting.bytes)
    }

    #[test]
    fn next_is_the_oldest_if_it_fits_or_else_the_smallest() {
        let mut queue = queue_of(&[5, 3, 9, 1, 3]);
        assert_eq!(pop(&mut queue, 5), Some(5));
        assert_eq!(pop(&mut queue, 2), Some(1));
        assert_eq!(pop(&mut queue, 2), None);
        assert_eq!(pop(&mut queue, 9), Some(3));
        assert_eq!(pop(&mut queue, 3), Some(3));
        assert_eq!((pop(&mut queue, 8), queue.len()), (None, 1));
        assert_eq!((pop(&mut queue, 9), queue.len()), (Some(9), 0));
    }

    #[test]
    fn oldest_message_is_passed_a_limited_number_of_times() {
        let mut queue = queue_of(&[100, 50]);
        for _ in 0..PASSES_MAX {
            queue.push(1);
            assert_eq!(pop(&mut queue, 60), Some(1));
        }

        // Now every message waits for the oldest.
        queue.push(1);
        assert_eq!((pop(&mut queue, 60), queue.may_pass()), (None, false));
        assert_eq!(pop(&mut queue, 100), Some(100));
        assert_eq!(pop(&mut queue, 49), Some(1), "the next oldest message may be passed again");
    }

    #[test]
    fn removal_of_the_oldest_lets_others_pass_again() {
        let mut queue = MemoryQueue::default();
        let (oldest, _receiver) = queue.push(100);
        queue.push(50);
        queue.push(1);
        for _ in 0..PASSES_MAX {
            queue.note_pass();
        }
        assert_eq!(pop(&mut queue, 60), None);
        assert!(queue.remove(oldest).is_some() && queue.remove(oldest).is_none());
        assert_eq!(pop(&mut queue, 60), Some(50));
    }
}
