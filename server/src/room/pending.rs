//! What has taken its place in the room's order and is not applied yet.

use std::collections::VecDeque;
use std::sync::Arc;

use xmeet_shared::{Cursor, ErrorCode, Nickname, Pid, UnixMillis};

use super::interface::MemberKey;
use super::message::Message;

/// One place in the order.
#[derive(Debug)]
pub(super) enum Entry {
    Join {
        member: MemberKey,
        pid: Pid,
        nickname: Nickname,
    },
    Leave {
        member: MemberKey,
    },
    Lose {
        member: MemberKey,
    },
    Return {
        member: MemberKey,
        nickname: Nickname,
    },
    Say {
        member: MemberKey,
        message: Arc<Message>,
    },
    ChangeName {
        member: MemberKey,
        nickname: Nickname,
    },
    History {
        member: MemberKey,
        cursor: Cursor,
    },
    Refuse {
        member: MemberKey,
        code: ErrorCode,
        words: String,
        retry_after_ms: Option<u64>,
        is_awaited: bool,
    },
    Mark {
        member: MemberKey,
    },
    Finish {
        member: MemberKey,
    },
}

/// An entry and the time it took its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) entry: Entry,
    pub(super) ts: UnixMillis,
}

/// The queue of entries that are not applied. Messages at its front may be on their way to the
/// store; one batch at a time, so that what waits meanwhile becomes the next batch by itself.
#[derive(Debug)]
pub(super) struct Pending {
    /// Whether messages wait for the store. They do not where nothing is kept.
    is_storing: bool,
    entries: VecDeque<Placed>,
    text_bytes: usize,
    /// How many of the messages in `entries`, counted from the front, are with the store.
    appending: usize,
}

impl Pending {
    pub(super) fn new(is_storing: bool) -> Self {
        Self { is_storing, entries: VecDeque::new(), text_bytes: 0, appending: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry, ts: UnixMillis) {
        if let Entry::Say { message, .. } = &entry {
            self.text_bytes += message.text.len();
        }
        self.entries.push_back(Placed { entry, ts });
    }

    /// Takes the front entry if it need not wait for the store.
    pub(super) fn pop_ready(&mut self) -> Option<Placed> {
        match &self.entries.front()?.entry {
            Entry::Say { .. } if self.is_storing => None,
            _ => self.pop(),
        }
    }

    /// Takes the front entry if it need not wait, or is a message that the store has answered for.
    pub(super) fn pop_answered(&mut self) -> Option<Placed> {
        match &self.entries.front()?.entry {
            Entry::Say { .. } if self.appending > 0 => {
                self.appending -= 1;
                self.pop()
            }
            _ => self.pop_ready(),
        }
    }

    fn pop(&mut self) -> Option<Placed> {
        let placed = self.entries.pop_front()?;
        if let Entry::Say { message, .. } = &placed.entry {
            self.text_bytes -= message.text.len();
        }
        Some(placed)
    }

    /// The messages to hand to the store now: all that wait, unless a batch is there already.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Arc<Message>>> {
        if self.appending > 0 {
            return None;
        }
        let batch: Vec<_> = self
            .entries
            .iter()
            .filter_map(|placed| match &placed.entry {
                Entry::Say { message, .. } => Some(Arc::clone(message)),
                _ => None,
            })
            .collect();
        self.appending = batch.len();
        (!batch.is_empty()).then_some(batch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
