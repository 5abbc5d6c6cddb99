//! What goes into a room and what comes out of it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::message::{Kept, Message};
use super::roster::Roster;

/// A member as the room names it. Keys grow, so their order is the order of coming.
pub type MemberKey = u64;

/// What the store holds of a room when the room opens.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The oldest message's id; 1 more than `newest` when there is none.
    pub oldest: MessageId,
    /// The newest message's id; 0 when there was never one.
    pub newest: MessageId,
    /// The newest page, oldest message first.
    pub tail: Vec<Kept>,
    /// Where messages have an age: the time of the last one before that page that is neither too
    /// old nor from the future.
    pub timely_before: Option<UnixMillis>,
}

impl Default for Stored {
    /// What there is of a room that was never seen.
    fn default() -> Self {
        Self { oldest: 1, newest: 0, tail: Vec::new(), timely_before: None }
    }
}

/// Something that came to the room.
#[derive(Debug)]
pub enum Input {
    /// A member came. The key is larger than every key before.
    Join {
        /// Its key.
        member: MemberKey,
        /// Its pid.
        pid: Pid,
        /// Its name.
        nickname: Nickname,
    },
    /// A member is gone for good.
    Leave {
        /// Its key.
        member: MemberKey,
    },
    /// A member's connection is lost, and the member may come back: it stays a member, and nothing
    /// is sent to it.
    Lose {
        /// Its key.
        member: MemberKey,
    },
    /// A member is back on a new connection, perhaps under another name. It is greeted again.
    Return {
        /// Its key.
        member: MemberKey,
        /// Its name.
        nickname: Nickname,
    },
    /// A member said something.
    Say {
        /// Its key.
        member: MemberKey,
        /// The text.
        text: String,
    },
    /// A member wants another name.
    ChangeName {
        /// Its key.
        member: MemberKey,
        /// The new name.
        nickname: Nickname,
    },
    /// A member asks for a page.
    History {
        /// Its key.
        member: MemberKey,
        /// Which page.
        cursor: Cursor,
    },
    /// A member sent what cannot be done. It passes through the room so that the answer comes in
    /// its place among the member's other answers.
    Refuse {
        /// Its key.
        member: MemberKey,
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        words: String,
        /// When it may be tried again, in milliseconds from now, where that is known.
        retry_after_ms: Option<u64>,
        /// Whether the member is not read from until it has been told.
        is_awaited: bool,
    },
    /// A member's session waits until everything that it sent before is done.
    Mark {
        /// Its key.
        member: MemberKey,
    },
    /// Nothing more comes from a member, and it is to be told when everything that came before is
    /// done: when the server ends.
    Finish {
        /// Its key.
        member: MemberKey,
    },
    /// The store has kept the batch of [`Effect::Append`], from this id on.
    Appended {
        /// The id of the batch's first message.
        first: MessageId,
    },
    /// The store could not keep the batch: none of it is in the history.
    AppendFailed,
}

/// Something that `hub` is to do, in the order given.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keep these messages, then answer with [`Input::Appended`] or [`Input::AppendFailed`]. There
    /// is never a second one before the answer.
    Append(Vec<Arc<Message>>),
    /// Greet members who came one right behind the other, all with the same state of the room.
    Greet {
        /// Who.
        members: Vec<(MemberKey, Pid)>,
        /// What the greeting says.
        snapshot: Snapshot,
    },
    /// A member is not here any more: nothing is sent to it from here on.
    Part {
        /// Who.
        member: MemberKey,
    },
    /// Everything that a member sent before [`Input::Mark`] is done.
    Reached {
        /// Who.
        member: MemberKey,
    },
    /// Everything that came from a member is done: its connection may end behind what it has been
    /// sent by now.
    Finish {
        /// Who.
        member: MemberKey,
    },
    /// Send an event.
    Tell {
        /// To whom.
        to: Audience,
        /// What.
        event: Event,
    },
    /// Send a page that the room has at hand.
    Page {
        /// To whom.
        member: MemberKey,
        /// Its pid.
        pid: Pid,
        /// The page, oldest message first.
        messages: Vec<Kept>,
    },
    /// Read a page from the store and send it.
    ReadPage {
        /// To whom.
        member: MemberKey,
        /// Its pid.
        pid: Pid,
        /// Which messages.
        ids: RangeInclusive<MessageId>,
    },
}

/// Who receives an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every member that was greeted and has not parted.
    All,
    /// This one.
    One(MemberKey),
    /// This one, which is not read from until it has been told.
    Waiting(MemberKey),
}

/// What members are told.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose doing it is.
    pub from: Pid,
    /// What happened.
    pub message: ServerMessage,
    /// When.
    pub ts: UnixMillis,
}

/// The room at one place in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Who is there.
    pub roster: Roster,
    /// The first messages of page 0, where they are not in memory: they are to be read.
    pub absent: Option<RangeInclusive<MessageId>>,
    /// Those of page 0 that are, behind them, oldest message first.
    pub tail: Vec<Kept>,
    /// When.
    pub ts: UnixMillis,
}
