//! Inputs that have a place in the room's order and are not applied yet: messages that wait for the store, and
//! the inputs behind these messages.

use std::collections::VecDeque;
use std::sync::Arc;

use xmeet_shared::UnixMillis;

use super::interface::Action;
use super::message::Message;
use super::roster::MemberKey;

/// An input that has its place in the order.
#[derive(Debug)]
pub(super) enum Pending {
    /// A text, with its author's name at this place.
    Message {
        member: MemberKey,
        message: Arc<Message>,
        is_stored: bool,
    },
    Action {
        member: MemberKey,
        action: Action,
        ts: UnixMillis,
    },
}

impl Pending {
    fn is_stored(&self) -> bool {
        matches!(self, Self::Message { is_stored: true, .. })
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::Message { message, .. } => message.text.len(),
            Self::Action { .. } => 0,
        }
    }
}

/// The queue of pending inputs. The store has at most one batch of the queue's messages at a time. Messages
/// that arrive in that time form the next batch.
#[derive(Debug, Default)]
pub(super) struct PendingQueue {
    inputs: VecDeque<Pending>,
    text_bytes: usize,
    /// The size of the store's present batch, which is the first messages of the queue that are stored.
    appending: usize,
}

impl PendingQueue {
    pub(super) fn push(&mut self, input: Pending) {
        self.text_bytes += input.text_bytes();
        self.inputs.push_back(input);
    }

    /// Removes and returns the first input, unless it waits for the store.
    pub(super) fn pop_ready(&mut self) -> Option<Pending> {
        if self.inputs.front()?.is_stored() { None } else { self.pop() }
    }

    /// Removes and returns the first input, unless it is a message of a later batch. After an answer of the
    /// store, call this until it returns `None`.
    pub(super) fn pop_answered(&mut self) -> Option<Pending> {
        if self.inputs.front()?.is_stored() {
            self.appending = self.appending.checked_sub(1)?;
        }
        self.pop()
    }

    fn pop(&mut self) -> Option<Pending> {
        let input = self.inputs.pop_front()?;
        self.text_bytes -= input.text_bytes();
        Some(input)
    }

    /// Returns the next batch: all messages to store. Returns `None` if the store has a batch already, or if
    /// there is no message to store.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Arc<Message>>> {
        if self.appending > 0 {
            return None;
        }
        let stored = self.inputs.iter().filter_map(|input| match input {
            Pending::Message { message, is_stored: true, .. } => Some(Arc::clone(message)),
            _ => None,
        });
        let batch: Vec<_> = stored.collect();
        self.appending = batch.len();
        (!batch.is_empty()).then_some(batch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.inputs.len()
    }

    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

#[cfg(test)]
#[path = "pending_test.rs"]
mod tests;
