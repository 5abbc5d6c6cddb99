//! A room's inputs and effects.

use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{Cursor, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::message::{Message, StoredMessage};
use super::roster::{MemberKey, Roster};

/// A room's history as the store returns it when the room opens.
#[derive(Debug, Clone)]
pub struct RoomHistory {
    /// The oldest message's id, or `newest + 1` if the history is empty.
    pub oldest: MessageId,
    /// The newest message's id, or 0 if no message was ever stored.
    pub newest: MessageId,
    /// The newest page, oldest message first.
    pub tail: Vec<StoredMessage>,
    /// With a retention period: the time of the last message before `tail` that lies within the
    /// period and not in the future.
    pub valid_before: Option<UnixMillis>,
}

impl Default for RoomHistory {
    /// The history of a new room.
    fn default() -> Self {
        Self { oldest: 1, newest: 0, tail: Vec::new(), valid_before: None }
    }
}

/// An input of the room.
#[derive(Debug)]
pub enum Input {
    /// A member sends a text.
    Say {
        member: MemberKey,
        text: String,
        /// Whether the text becomes part of the history. A text that does not has no id, and the
        /// same place among the events.
        is_stored: bool,
    },
    /// A member does anything else.
    Action { member: MemberKey, action: Action },
    /// The store has committed the batch of [`Effect::Append`].
    Appended {
        /// The id of the batch's first message; the others follow.
        first: MessageId,
    },
    /// The store could not commit the batch of [`Effect::Append`].
    AppendFailed,
}

/// What a member, or its session, can do besides sending a text.
#[derive(Debug)]
pub enum Action {
    /// The member joins. Its key is larger than every earlier key.
    Join { pid: Pid, nickname: Nickname },
    /// The member leaves for good.
    Leave,
    /// The member's connection is lost and the grace period starts: it stays a member, and nothing is
    /// sent to it.
    ConnectionLost,
    /// The member resumes on a new connection, perhaps under another name, and is greeted again.
    Resume { nickname: Nickname },
    /// The member changes its name.
    ChangeName { nickname: Nickname },
    /// The member requests a page of the history.
    RequestPage { cursor: Cursor },
    /// The session waits until all earlier inputs of the member are answered.
    Barrier,
    /// The server shuts down: the connection ends once all earlier inputs of the member are answered.
    Finish,
}

impl Action {
    /// Returns the input for a member that does this.
    #[must_use]
    pub fn by(self, member: MemberKey) -> Input {
        Input::Action { member, action: self }
    }
}

/// An instruction to `hub`. Effects are carried out in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append these messages to the history and answer with [`Input::Appended`] or
    /// [`Input::AppendFailed`]. There is at most one unanswered batch.
    Append(Vec<Arc<Message>>),
    /// Greet members who joined one directly after the other, all with the same snapshot.
    Greet { members: Vec<(MemberKey, Pid)>, snapshot: Snapshot },
    /// Send nothing more to this member.
    Detach { member: MemberKey },
    /// Tell the member's session that everything before [`Action::Barrier`] is answered.
    BarrierReached { member: MemberKey },
    /// End the member's connection behind everything sent so far.
    Finish { member: MemberKey },
    /// Send an event to every member that was greeted and not detached.
    Broadcast(Event),
    /// Send an event to one member.
    Reply { member: MemberKey, event: Event },
    /// Send a history page that is in memory, oldest message first.
    Page { member: MemberKey, pid: Pid, messages: Vec<StoredMessage> },
    /// Read a history page from the store and send it.
    ReadPage { member: MemberKey, pid: Pid, ids: RangeInclusive<MessageId> },
}

/// One event, as members receive it.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// The pid of the member that caused it.
    pub from: Pid,
    pub message: ServerMessage,
    pub ts: UnixMillis,
}

/// The state of the room at one place in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub roster: Roster,
    /// The first messages of page 0, if they must be read from the store.
    pub absent: Option<RangeInclusive<MessageId>>,
    /// The other messages of page 0, oldest first.
    pub tail: Vec<StoredMessage>,
    pub ts: UnixMillis,
}
