//! The queue of messages that wait for the memory budget.
//!
//! The oldest message is next if it fits, else the smallest: if the smallest does not fit, none does.
//! So no message waits while there is memory for it, without a search. After [`PASSES_MAX`] messages
//! were accepted ahead of the oldest, only the oldest is next.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

/// Messages that may be accepted ahead of the oldest one.
pub(super) const PASSES_MAX: usize = 1024;

/// The place of a message in the order of arrival.
pub(super) type Ticket = u64;

/// The queue. Adding and removing take logarithmic time.
#[derive(Debug, Default)]
pub(super) struct MemoryQueue {
    waiting: BTreeMap<Ticket, Waiting>,
    /// The same messages, smallest first, and oldest first among equal sizes.
    by_bytes: BTreeSet<(usize, Ticket)>,
    next_ticket: Ticket,
    /// Messages that were accepted ahead of the oldest since it became the oldest.
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

    /// Adds a message of so many bytes behind the others.
    pub(super) fn push(&mut self, bytes: usize) -> (Ticket, oneshot::Receiver<()>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (granted, receiver) = oneshot::channel();
        self.waiting.insert(ticket, Waiting { bytes, granted });
        self.by_bytes.insert((bytes, ticket));
        (ticket, receiver)
    }

    /// Removes the next message that `fits`, if there is one. `fits` must hold for each smaller
    /// number of bytes too.
    pub(super) fn pop(&mut self, fits: impl Fn(usize) -> bool) -> Option<Waiting> {
        let (&oldest, Waiting { bytes, .. }) = self.waiting.first_key_value()?;
        if fits(*bytes) {
            return self.remove(oldest);
        }
        let &(bytes, smallest) = self.by_bytes.first()?;
        if !self.may_pass() || !fits(bytes) {
            return None;
        }
        self.note_pass();
        self.remove(smallest)
    }

    /// Removes a message, if it is still in the queue.
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

    fn filled(bytes: &[usize]) -> MemoryQueue {
        let mut queue = MemoryQueue::default();
        for bytes in bytes {
            queue.push(*bytes);
        }
        queue
    }

    fn pop(queue: &mut MemoryQueue, free_bytes: usize) -> Option<usize> {
        queue.pop(|bytes| bytes <= free_bytes).map(|waiting| waiting.bytes)
    }

    #[test]
    fn oldest_is_next_or_the_smallest_if_it_does_not_fit() {
        let mut queue = filled(&[5, 3, 9, 1, 3]);
        assert_eq!(pop(&mut queue, 5), Some(5));
        assert_eq!(pop(&mut queue, 2), Some(1));
        assert_eq!(pop(&mut queue, 2), None);
        assert_eq!(pop(&mut queue, 9), Some(3));
        assert_eq!(pop(&mut queue, 3), Some(3));
        assert_eq!((pop(&mut queue, 8), queue.len()), (None, 1));
        assert_eq!((pop(&mut queue, 9), queue.len()), (Some(9), 0));
    }

    #[test]
    fn messages_pass_the_oldest_a_bounded_number_of_times() {
        let mut queue = filled(&[100, 50]);
        for _ in 0..PASSES_MAX {
            queue.push(1);
            assert_eq!(pop(&mut queue, 60), Some(1));
        }
        queue.push(1);
        assert_eq!((pop(&mut queue, 60), queue.may_pass()), (None, false));
        assert_eq!(pop(&mut queue, 100), Some(100));
        assert_eq!(pop(&mut queue, 49), Some(1), "the count begins anew for the next oldest");
    }

    #[test]
    fn removal_of_the_oldest_lets_others_pass_again() {
        let mut queue = MemoryQueue::default();
        let (oldest, _receiver) = queue.push(100);
        queue.push(50);
        queue.push(1);
        (0..PASSES_MAX).for_each(|_| queue.note_pass());
        assert_eq!(pop(&mut queue, 60), None);
        assert!(queue.remove(oldest).is_some() && queue.remove(oldest).is_none());
        assert_eq!(pop(&mut queue, 60), Some(50));
    }
}
