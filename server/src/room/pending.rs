//! Inputs that have a place in the room's order and are not applied yet, because they wait for the
//! store or behind a message that does.

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

/// The queue of pending inputs. The store has at most one batch of its messages at a time; messages
/// that arrive meanwhile form the next batch.
#[derive(Debug, Default)]
pub(super) struct PendingQueue {
    inputs: VecDeque<Pending>,
    text_bytes: usize,
    /// How many of the queue's first stored messages the store has now.
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

    /// Removes and returns the first input, unless it is a message of a later batch. To be called
    /// until it returns `None` when the store has answered.
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

    /// Returns the messages that the store gets now: all that wait for it, or `None` while it has a
    /// batch or nothing waits.
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
