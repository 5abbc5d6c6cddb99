//! The memory of incomplete incoming messages, and which connections are closed when it exceeds its
//! share of the memory budget.
//!
//! The address that holds most memory loses a connection first, compared in steps of 80 KiB: an
//! address with twenty incomplete messages before one with ten. Among equal addresses, and within one,
//! the connection with the oldest message is closed. So a person with one message on a slow line is
//! never closed while any address holds two.

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

/// Bytes that a connection may hold without a charge: far less than the connection itself takes.
const UNCOUNTED_BYTES_MAX: usize = 512;

/// The step in which addresses are compared, in bytes: the memory of the largest message at the default
/// settings.
const STEP_BYTES: usize = 80 * 1024;

/// The incomplete messages of all connections. Shared by them.
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
    /// The number of its message, if that is charged for.
    number: Option<u64>,
    bytes: usize,
    /// Whether that message is complete, so that the next bytes belong to another one.
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

    /// Creates the charge of a connection, which holds nothing yet.
    #[must_use]
    pub fn new_charge(
        self: &Arc<Self>,
        outbox: &Arc<Outbox>,
        origin: Option<AddressKey>,
    ) -> IncomingCharge {
        let (incoming, outbox) = (Arc::clone(self), Arc::clone(outbox));
        IncomingCharge { incoming, outbox, origin, number: None, bytes: 0, is_complete: false }
    }

    /// Closes connections until the rest holds no more than the share of the budget.
    pub fn enforce_share(&self) {
        let mut closed = Vec::new();
        {
            let mut state = self.lock();
            while state.charge.bytes() > self.budget.share_bytes() {
                let Some(outbox) = state.close_first() else { break };
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
    /// Creates a table without a bound.
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl State {
    /// Removes the message that goes first, and returns its connection.
    fn close_first(&mut self) -> Option<Arc<Outbox>> {
        let &(_, Reverse(number), origin) = self.order.last()?;
        self.set(origin, number, 0, None)
    }

    /// Sets the memory of a message, and removes the message at 0 bytes. `outbox` is `Some` for a new
    /// message; a message that is neither new nor known was removed before. Returns the connection of a
    /// message that is removed now.
    fn set(
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
        if let Some(rank) = address.rank(origin) {
            self.order.remove(&rank);
        }
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
        match address.rank(origin) {
            Some(rank) => _ = self.order.insert(rank),
            None => _ = self.addresses.remove(&origin),
        }
        removed
    }
}

impl Address {
    /// Returns the address's place in the order, or `None` if it holds nothing.
    fn rank(&self, origin: Origin) -> Option<Rank> {
        let (oldest, _) = self.messages.first_key_value()?;
        Some((self.bytes.div_ceil(STEP_BYTES), Reverse(*oldest), origin))
    }
}

impl IncomingCharge {
    /// Sets the memory that the connection holds, in bytes. May close this connection, or others.
    pub fn set(&mut self, bytes: usize) {
        let bytes = if bytes > UNCOUNTED_BYTES_MAX { bytes } else { 0 };
        if bytes == self.bytes {
            return;
        }
        let has_grown = bytes > self.bytes;
        if has_grown && mem::take(&mut self.is_complete) {
            self.put(0);
        }
        self.put(bytes);
        if has_grown {
            self.incoming.enforce_share();
        }
    }

    fn put(&mut self, bytes: usize) {
        {
            let mut state = self.incoming.lock();
            let new = self.number.is_none().then_some(&self.outbox);
            let number = *self.number.get_or_insert_with(|| {
                state.next_number += 1;
                state.next_number
            });
            state.set(self.origin, number, bytes, new);
        }
        self.bytes = bytes;
        if bytes == 0 {
            self.number = None;
            self.is_complete = false;
        }
    }

    /// Notes that the message is complete. Later bytes belong to another one.
    pub fn complete(&mut self) {
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
