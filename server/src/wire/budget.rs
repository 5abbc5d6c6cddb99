//! The memory budget of all messages on their way in or out, over all connections.
//!
//! Three parts share it. *Outgoing* are frames in outboxes; a frame that waits for a thousand clients
//! counts once. *Incoming* are the bytes of incomplete messages, and of messages that the room has not
//! taken yet; over these, `session/incoming.rs` chooses the connections to close. *Accepted* are
//! messages between their room's inbox and the store.
//!
//! No part has a fixed size. One client's frames, all incoming bytes together, and all accepted messages
//! together may each take half of the free memory. So the budget is never full, a few slow clients get
//! much of it, and the more there are, the smaller their shares become (Choudhury and Hahne, "Dynamic
//! queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking
//! 6 (2), 1998). Under pressure, the keepalive enforces shrunken shares once a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::memory_queue::{MemoryQueue, Ticket};

/// A share is the free memory divided by this number.
const FREE_PER_SHARE: usize = 2;

/// Messages up to this size, in bytes, are accepted even if the accepted messages exceed their share:
/// while the disk is slow, short texts do not wait behind long texts.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 2048;

/// When memory is released, at most this many waiting messages are accepted at once. When the session of
/// an accepted message runs, it accepts further messages.
const GRANTS_MAX: usize = 16;

/// A part of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Bytes from clients that no room has taken yet.
    Incoming,
    /// Messages that a room has taken and that are not stored yet.
    Accepted,
    /// Frames for clients.
    Outgoing,
}

impl Part {
    /// All parts with their names in metrics.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Incoming, "incoming"), (Self::Accepted, "accepted"), (Self::Outgoing, "outgoing")];
}

/// The memory budget. All charges share it.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: usize,
    /// Indexed by [`Part`].
    held_bytes: [AtomicUsize; Part::ALL.len()],
    queue: Mutex<MemoryQueue>,
    /// The length of `queue`. While it is 0, a release of memory takes no lock.
    queue_len: AtomicUsize,
}

/// A charge for memory. Dropping it releases the memory.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<MemoryBudget>,
    part: Part,
    bytes: usize,
}

impl MemoryBudget {
    /// Creates a budget of this many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            held_bytes: Default::default(),
            queue: Mutex::default(),
            queue_len: AtomicUsize::new(0),
        }
    }

    /// Returns the sum of the charges of one part, in bytes.
    #[must_use]
    pub fn part_bytes(&self, part: Part) -> usize {
        self.held_bytes[part as usize].load(Ordering::SeqCst)
    }

    /// Returns the sum of all charges, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        Part::ALL.iter().map(|(part, _)| self.part_bytes(*part)).sum()
    }

    /// Returns the current share in bytes. One client's frames, all incoming bytes together, and all
    /// accepted messages together may each take one share.
    #[must_use]
    pub fn share_bytes(&self) -> usize {
        self.bytes_max.saturating_sub(self.held_bytes()) / FREE_PER_SHARE
    }

    /// Returns whether more than half of the budget is in use, so that shares must be enforced.
    #[must_use]
    pub fn is_under_pressure(&self) -> bool {
        self.held_bytes() > self.bytes_max / 2
    }

    /// Returns whether the accepted messages exceed their share.
    #[must_use]
    pub fn is_accepted_over_share(&self) -> bool {
        self.part_bytes(Part::Accepted) > self.share_bytes()
    }

    /// Charges for an accepted message of this many bytes. Returns `None` if the message must wait.
    #[must_use]
    pub fn try_accept(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        if self.queue_len.load(Ordering::SeqCst) == 0 {
            return self.may_accept(bytes).then(|| self.charge(Part::Accepted, bytes));
        }
        // Other messages wait, and this message would be accepted ahead of them.
        let mut queue = self.lock_queue();
        if !queue.may_pass() || !self.may_accept(bytes) {
            return None;
        }
        queue.note_pass();
        Some(self.charge(Part::Accepted, bytes))
    }

    /// Waits until a message of this many bytes can be accepted, and charges for it.
    ///
    /// A message that fits does not wait behind a larger message that does not fit. Still a large
    /// message waits for a limited time: at most [`PASSES_MAX`](super::memory_queue::PASSES_MAX)
    /// messages are accepted ahead of the oldest waiting message. Then all others wait until the oldest
    /// is accepted, at the latest when all accepted messages are stored.
    ///
    /// # Cancel safety
    /// Safe: the memory goes to other messages that wait.
    pub async fn accept(self: &Arc<Self>, bytes: usize) -> Charge {
        let (ticket, granted) = {
            let mut queue = self.lock_queue();
            let (ticket, granted) = queue.push(bytes);
            self.queue_len.store(queue.len(), Ordering::SeqCst);
            (ticket, granted)
        };
        let mut wait = Wait { budget: Arc::clone(self), ticket, bytes, is_charged: false };
        // Memory may have been released before the message was in the queue.
        self.accept_waiting();
        // This cannot fail: the queue keeps the sender until the message is accepted.
        let _ = granted.await;
        wait.is_charged = true;
        // One call accepts a limited number of messages, so further messages may fit.
        self.accept_waiting();
        Charge { budget: Arc::clone(self), part: Part::Accepted, bytes }
    }

    /// Returns whether a message of this many bytes fits now. Any message fits while no other is
    /// accepted: otherwise a very large message would wait forever.
    fn may_accept(&self, bytes: usize) -> bool {
        let accepted_bytes = self.part_bytes(Part::Accepted);
        if accepted_bytes == 0 {
            return true;
        }
        if self.held_bytes() + bytes > self.bytes_max {
            return false;
        }
        bytes <= SMALL_MESSAGE_BYTES_MAX || accepted_bytes + bytes <= self.share_bytes()
    }

    /// Accepts waiting messages that fit, [`GRANTS_MAX`] at most, and wakes their sessions.
    fn accept_waiting(&self) {
        if self.queue_len.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut senders = Vec::new();
        let mut queue = self.lock_queue();
        while senders.len() < GRANTS_MAX
            && let Some(waiting) = queue.pop(|bytes| self.may_accept(bytes))
        {
            self.held_bytes[Part::Accepted as usize].fetch_add(waiting.bytes, Ordering::SeqCst);
            senders.push(waiting.granted);
        }
        self.queue_len.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        for sender in senders {
            // If the session has ended, the drop of its `Wait` releases the memory.
            let _ = sender.send(());
        }
    }

    fn lock_queue(&self) -> MutexGuard<'_, MemoryQueue> {
        // A poisoned queue is still consistent: no operation under the lock panics in the middle.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges a part for this many bytes, whether or not they fit.
    #[must_use]
    pub fn charge(self: &Arc<Self>, part: Part, bytes: usize) -> Charge {
        let mut charge = Charge { budget: Arc::clone(self), part, bytes: 0 };
        charge.set(bytes);
        charge
    }

    /// Returns `frames` as shared bytes that are charged for, until the last clone is dropped.
    /// `memory_bytes` is the memory that the frames take.
    pub(crate) fn with_charge<B>(self: &Arc<Self>, frames: B, memory_bytes: usize) -> Bytes
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let charge = self.charge(Part::Outgoing, memory_bytes);
        Bytes::from_owner(ChargedBytes { bytes: frames, _charge: charge })
    }
}

impl Default for MemoryBudget {
    /// Creates a budget without a bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Charge {
    /// Changes the charge to this many bytes.
    pub fn set(&mut self, bytes: usize) {
        let held_bytes = &self.budget.held_bytes[self.part as usize];
        if bytes > self.bytes {
            held_bytes.fetch_add(bytes - self.bytes, Ordering::SeqCst);
        } else if bytes < self.bytes {
            held_bytes.fetch_sub(self.bytes - bytes, Ordering::SeqCst);
            self.budget.accept_waiting();
        }
        self.bytes = bytes;
    }

    /// Returns the charge in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The wait of a message that has no [`Charge`] yet: the message is in the queue, or was just accepted.
/// If the wait is cancelled, its drop takes the message out of the queue or releases the memory.
struct Wait {
    budget: Arc<MemoryBudget>,
    ticket: Ticket,
    bytes: usize,
    is_charged: bool,
}

impl Drop for Wait {
    /// Cancels the wait, unless the message has its [`Charge`].
    fn drop(&mut self) {
        if self.is_charged {
            return;
        }
        let mut queue = self.budget.lock_queue();
        let was_waiting = queue.remove(self.ticket).is_some();
        self.budget.queue_len.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        if was_waiting {
            // Other messages may have waited behind this message.
            self.budget.accept_waiting();
        } else {
            // The message was accepted: dropping a charge of its size releases the memory.
            let budget = Arc::clone(&self.budget);
            drop(Charge { budget, part: Part::Accepted, bytes: self.bytes });
        }
    }
}

/// Bytes with their charge.
struct ChargedBytes<B> {
    bytes: B,
    _charge: Charge,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for ChargedBytes<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
#[path = "budget_test.rs"]
mod tests;
