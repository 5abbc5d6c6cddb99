//! The memory of incomplete incoming messages. If these messages exceed their share of the memory
//! budget, this module chooses the connections to close.
//!
//! The address with the most memory loses a connection first: an address with twenty incomplete messages
//! before an address with ten. The memory of addresses is compared in steps of 80 KiB. Among addresses
//! of the same step, and within an address, the connection with the oldest message is closed. So the
//! connection of a person with one message on a slow line stays open while any address has two messages.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xmeet_shared::CloseCode;

use crate::limits::network::AddressKey;
use crate::wire::budget::{Charge, MemoryBudget, Part};
use crate::wire::outbox::{CloseReason, Outbox};

/// Close reason for a connection whose incomplete message is dropped to free memory.
pub const INCOMING_OVER_BUDGET: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "too many messages are on their way to this server: come back and send yours again",
};

/// A connection with at most this many bytes of incomplete message is not charged for them. The
/// connection itself takes far more memory.
const UNCOUNTED_BYTES_MAX: usize = 512;

/// The memory of addresses is compared in steps of this many bytes: the memory of the largest message at
/// the default settings.
const STEP_BYTES: usize = 80 * 1024;

/// The incomplete messages of all connections. All connections share this table.
#[derive(Debug)]
pub struct Incoming {
    budget: Arc<MemoryBudget>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    charge: Charge,
    addresses: HashMap<Origin, Address>,
    /// All addresses. The last one loses a connection first.
    order: BTreeSet<Rank>,
    next_number: u64,
}

/// A client's address. All clients without a known address count as one.
type Origin = Option<AddressKey>;

/// The memory that an address holds in steps, the number of its oldest message, and the address.
type Rank = (usize, Reverse<u64>, Origin);

#[derive(Debug, Default)]
struct Address {
    bytes: usize,
    /// By number. Later messages have larger numbers.
    messages: BTreeMap<u64, Message>,
}

#[derive(Debug)]
struct Message {
    bytes: usize,
    outbox: Arc<Outbox>,
}

/// The charge of one connection for its incomplete message.
#[derive(Debug)]
pub struct IncomingCharge {
    incoming: Arc<Incoming>,
    outbox: Arc<Outbox>,
    origin: Origin,
    /// The number of the connection's message in the table. `None` while the connection is not charged.
    number: Option<u64>,
    bytes: usize,
    /// Whether the numbered message is complete, so that the next bytes belong to another message.
    is_complete: bool,
}

impl Incoming {
    /// Creates a table without messages.
    #[must_use]
    pub fn new(budget: Arc<MemoryBudget>) -> Self {
        let state = State {
            charge: budget.charge(Part::Incoming, 0),
            addresses: HashMap::new(),
            order: BTreeSet::new(),
            next_number: 0,
        };
        Self { budget, state: Mutex::new(state) }
    }

    /// Returns the memory budget.
    #[must_use]
    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.budget
    }

    /// Creates the charge of a connection, with 0 bytes. `outbox` is the connection's sending half, and
    /// `origin` is the client's address.
    #[must_use]
    pub fn new_charge(
        self: &Arc<Self>,
        outbox: &Arc<Outbox>,
        origin: Option<AddressKey>,
    ) -> IncomingCharge {
        let (incoming, outbox) = (Arc::clone(self), Arc::clone(outbox));
        IncomingCharge { incoming, outbox, origin, number: None, bytes: 0, is_complete: false }
    }

    /// Closes connections until all incomplete messages together are within their share of the memory
    /// budget. A closed connection is no longer charged.
    pub fn enforce_share(&self) {
        let mut closed = Vec::new();
        {
            let mut state = self.lock();
            while state.charge.bytes() > self.budget.share_bytes() {
                let Some(outbox) = state.remove_first() else { break };
                closed.push(outbox);
            }
        }
        for outbox in closed {
            outbox.close_with(INCOMING_OVER_BUDGET);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Incoming {
    /// Creates a table whose memory budget has no bound.
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl State {
    /// Removes the message whose connection must be closed first. Returns the outbox of that connection,
    /// or `None` if there is no message.
    fn remove_first(&mut self) -> Option<Arc<Outbox>> {
        let &(_, Reverse(number), origin) = self.order.last()?;
        self.set_message_bytes(origin, number, 0, None)
    }

    /// Sets the memory of a message. At 0 bytes, removes the message and returns its connection's
    /// outbox.
    ///
    /// Pass an `outbox` to add a new message, and `None` for an earlier one. Without an `outbox`, a
    /// message that was already removed stays removed.
    fn set_message_bytes(
        &mut self,
        origin: Origin,
        number: u64,
        bytes: usize,
        outbox: Option<&Arc<Outbox>>,
    ) -> Option<Arc<Outbox>> {
        let address = match outbox {
            Some(_) => self.addresses.entry(origin).or_default(),
            None => self.addresses.get_mut(&origin)?,
        };
        // 1. Take the address out of the order, because its rank changes.
        if let Some(rank) = address.rank(origin) {
            self.order.remove(&rank);
        }

        // 2. Change the message.
        if let Some(outbox) = outbox {
            address.messages.insert(number, Message { bytes: 0, outbox: Arc::clone(outbox) });
        }
        let mut removed = None;
        if let Some(message) = address.messages.get_mut(&number) {
            let before_bytes = message.bytes;
            message.bytes = bytes;
            address.bytes = address.bytes + bytes - before_bytes;
            self.charge.set(self.charge.bytes() + bytes - before_bytes);
            if bytes == 0 {
                removed = address.messages.remove(&number).map(|message| message.outbox);
            }
        }

        // 3. Put the address back at its new place, or forget an address without messages.
        if let Some(rank) = address.rank(origin) {
            self.order.insert(rank);
        } else {
            self.addresses.remove(&origin);
        }
        removed
    }
}

impl Address {
    /// Returns the address's place in the order, or `None` if the address has no message.
    fn rank(&self, origin: Origin) -> Option<Rank> {
        let (oldest_number, _) = self.messages.first_key_value()?;
        let steps = self.bytes.div_ceil(STEP_BYTES);
        Some((steps, Reverse(*oldest_number), origin))
    }
}

impl IncomingCharge {
    /// Sets the memory of the connection's incoming message, in bytes. If all connections together then
    /// exceed their share of the memory budget, closes this connection or others.
    pub fn set(&mut self, memory_bytes: usize) {
        let bytes = if memory_bytes > UNCOUNTED_BYTES_MAX { memory_bytes } else { 0 };
        if bytes == self.bytes {
            return;
        }
        let has_grown = bytes > self.bytes;
        if has_grown && mem::take(&mut self.is_complete) {
            // The new bytes belong to a new message: it gets a number of its own, and so counts as the
            // youngest.
            self.update_table(0);
        }
        self.update_table(bytes);
        if has_grown {
            self.incoming.enforce_share();
        }
    }

    /// Writes the charged bytes into the table. A connection without a numbered message gets a new
    /// number; at 0 bytes the message is removed.
    fn update_table(&mut self, bytes: usize) {
        {
            let mut state = self.incoming.lock();
            let new_outbox = self.number.is_none().then_some(&self.outbox);
            let number = *self.number.get_or_insert_with(|| {
                state.next_number += 1;
                state.next_number
            });
            state.set_message_bytes(self.origin, number, bytes, new_outbox);
        }
        self.bytes = bytes;
        if bytes == 0 {
            self.number = None;
            self.is_complete = false;
        }
    }

    /// Notes that the message is complete. Later bytes belong to another message.
    pub fn note_complete(&mut self) {
        self.is_complete = self.number.is_some();
    }
}

impl Drop for IncomingCharge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
#[path = "incoming_test.rs"]
mod tests;
