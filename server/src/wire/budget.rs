//! The memory budget of all messages on their way in or out, over all connections.
//!
//! Three parts share it. *Outgoing* are frames in outboxes; a frame that waits for a thousand clients
//! counts once. *Incoming* are the bytes of incomplete messages, and of messages that the room has not
//! taken yet (`session/incoming.rs` chooses which connection is closed over these). *Accepted* are
//! messages between their room's inbox and the store.
//!
//! No part is fixed. One client's frames, all incoming bytes together, and all accepted messages
//! together may each hold half of the free memory. So the budget is never full, a few slow clients get
//! much of it, and the more there are, the smaller their shares become (Choudhury and Hahne, "Dynamic
//! queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking
//! 6 (2), 1998). Under pressure, the keepalive enforces shrunken shares once a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::memory_queue::{MemoryQueue, Ticket};

/// The divisor of the free memory for a share.
const FREE_PER_SHARE: usize = 2;

/// Messages up to this size are accepted although the accepted ones exceed their share, in bytes: short
/// texts do not wait for long ones on a slow disk.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 2048;

/// Waiting messages that one release of memory accepts. Each of them accepts as many further ones when
/// its session runs.
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

/// The budget. Shared by everything that is charged for.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: usize,
    /// Indexed by [`Part`].
    held_bytes: [AtomicUsize; Part::ALL.len()],
    queue: Mutex<MemoryQueue>,
    /// The length of `queue`, so that a release without waiting messages takes no lock.
    queued: AtomicUsize,
}

/// A charge for memory, until it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<MemoryBudget>,
    part: Part,
    bytes: usize,
}

impl MemoryBudget {
    /// Creates a budget of so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            held_bytes: Default::default(),
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
        }
    }

    /// Returns the charges of one part in bytes.
    #[must_use]
    pub fn part_bytes(&self, part: Part) -> usize {
        self.held_bytes[part as usize].load(Ordering::SeqCst)
    }

    /// Returns all charges in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        Part::ALL.iter().map(|(part, _)| self.part_bytes(*part)).sum()
    }

    /// Returns the current share of one client's frames, of all incoming bytes, and of all accepted
    /// messages, in bytes.
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

    /// Charges for a message of so many bytes, or returns `None` if it must wait.
    #[must_use]
    pub fn try_accept(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        let charge = || self.charge(Part::Accepted, bytes);
        if self.queued.load(Ordering::SeqCst) == 0 {
            return self.accepts(bytes).then(charge);
        }
        let mut queue = self.queue();
        let is_accepted = queue.may_pass() && self.accepts(bytes);
        is_accepted.then(|| {
            queue.note_pass();
            charge()
        })
    }

    /// Waits until a message of so many bytes can be accepted, and charges for it.
    ///
    /// A message that fits does not wait behind a larger one that does not. A large message does not
    /// wait for ever: at most [`PASSES_MAX`](super::memory_queue::PASSES_MAX) messages, new ones
    /// included, are accepted ahead of the oldest waiting one. Then all others wait until it is
    /// accepted, at the latest when all accepted messages are stored.
    ///
    /// # Cancel safety
    /// Safe: the charge is released to other messages that wait.
    pub async fn accept(self: &Arc<Self>, bytes: usize) -> Charge {
        let (ticket, granted) = {
            let mut queue = self.queue();
            let pushed = queue.push(bytes);
            self.queued.store(queue.len(), Ordering::SeqCst);
            pushed
        };
        let mut turn = Turn { budget: Arc::clone(self), ticket, bytes, is_charged: false };
        // Memory may have been freed before the message was in the queue.
        self.grant();
        // The sender is not dropped before it grants.
        let _ = granted.await;
        turn.is_charged = true;
        // One release grants a bounded number, and further messages may fit.
        self.grant();
        Charge { budget: Arc::clone(self), part: Part::Accepted, bytes }
    }

    /// Returns whether a message of so many bytes can be accepted now. While none is accepted, any size
    /// can.
    fn accepts(&self, bytes: usize) -> bool {
        let accepted_bytes = self.part_bytes(Part::Accepted);
        let is_within_share =
            || bytes <= SMALL_MESSAGE_BYTES_MAX || accepted_bytes + bytes <= self.share_bytes();
        accepted_bytes == 0 || (self.held_bytes() + bytes <= self.bytes_max && is_within_share())
    }

    /// Accepts waiting messages that fit, [`GRANTS_MAX`] at most.
    fn grant(&self) {
        if self.queued.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut granted = Vec::new();
        let mut queue = self.queue();
        while granted.len() < GRANTS_MAX
            && let Some(waiting) = queue.pop(|bytes| self.accepts(bytes))
        {
            self.held_bytes[Part::Accepted as usize].fetch_add(waiting.bytes, Ordering::SeqCst);
            granted.push(waiting.granted);
        }
        self.queued.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        for session in granted {
            // A session that has ended releases the charge itself.
            let _ = session.send(());
        }
    }

    fn queue(&self) -> MutexGuard<'_, MemoryQueue> {
        // No operation under the lock can panic half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges for so many bytes, whether or not they fit.
    #[must_use]
    pub fn charge(self: &Arc<Self>, part: Part, bytes: usize) -> Charge {
        let mut charge = Charge { budget: Arc::clone(self), part, bytes: 0 };
        charge.set(bytes);
        charge
    }

    /// Charges for frames that take so many bytes of memory, until the last reference is dropped.
    pub(crate) fn with_charge<B>(self: &Arc<Self>, bytes: B, counted_bytes: usize) -> Bytes
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        Bytes::from_owner(Held { bytes, _charge: self.charge(Part::Outgoing, counted_bytes) })
    }
}

impl Default for MemoryBudget {
    /// Creates a budget without a bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Charge {
    /// Changes the charge to so many bytes.
    pub fn set(&mut self, bytes: usize) {
        let held_bytes = &self.budget.held_bytes[self.part as usize];
        if bytes > self.bytes {
            held_bytes.fetch_add(bytes - self.bytes, Ordering::SeqCst);
        } else if bytes < self.bytes {
            held_bytes.fetch_sub(self.bytes - bytes, Ordering::SeqCst);
            self.budget.grant();
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

/// A message that waits, or was accepted and has no [`Charge`] yet.
struct Turn {
    budget: Arc<MemoryBudget>,
    ticket: Ticket,
    bytes: usize,
    is_charged: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_charged {
            return;
        }
        let mut queue = self.budget.queue();
        let was_waiting = queue.remove(self.ticket).is_some();
        self.budget.queued.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        if was_waiting {
            // Other messages may have waited behind it.
            self.budget.grant();
        } else {
            let budget = Arc::clone(&self.budget);
            drop(Charge { budget, part: Part::Accepted, bytes: self.bytes });
        }
    }
}

/// Bytes that are counted until no part of them is needed any more.
struct Held<B> {
    bytes: B,
    _charge: Charge,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
#[path = "budget_test.rs"]
mod tests;
