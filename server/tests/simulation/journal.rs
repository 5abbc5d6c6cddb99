//! What a run leaves behind for the checker: what the store kept, what each connection sent and was
//! sent, and when.

use std::collections::BTreeMap;

use xmeet_shared::{Pid, ServerMessage};

use crate::timeline::Moment;

/// A whole run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) terms: Terms,
    pub(crate) rooms: BTreeMap<String, RoomRecord>,
    /// In the order in which they were opened.
    pub(crate) journals: Vec<Journal>,
}

/// What the checker must know of how the run was set up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    pub(crate) kept_max: u64,
    pub(crate) grace_ms: u64,
    /// Text of the newest page that a room holds: what is beyond it is read for each greeting.
    pub(crate) held_text_bytes_max: usize,
    /// How much later than the client the server may learn that a connection is lost, or the room
    /// that another has come.
    pub(crate) slack_ms: u64,
}

/// What the store did for one room.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomRecord {
    /// The true history: the message with id 1 comes first.
    pub(crate) log: Vec<KeptRecord>,
    /// Every text that was handed to the store, in that order, and its id if it was kept.
    pub(crate) handed: Vec<(String, Option<u64>)>,
    /// When the store's answer panicked, and the room with it.
    pub(crate) panics: Vec<Moment>,
    /// Pages that panicked or failed, and times that the room could not be opened.
    pub(crate) page_panics: u64,
    pub(crate) page_failures: u64,
    pub(crate) load_failures: u64,
    /// What the room did that a store does not allow.
    pub(crate) offences: Vec<String>,
}

/// A message that the store kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptRecord {
    pub(crate) from: Pid,
    pub(crate) text: String,
    pub(crate) kept: Moment,
    /// When the room was told.
    pub(crate) answered: Option<Moment>,
}

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) room: String,
    pub(crate) token: Option<String>,
    pub(crate) opened: Moment,
    pub(crate) sent: Vec<Sent>,
    pub(crate) received: Vec<Received>,
    /// When the client stopped it.
    pub(crate) hung_up: Option<HungUp>,
    pub(crate) end: End,
    /// Whether the client ever stopped reading.
    pub(crate) has_stalled: bool,
    /// Whether the server was ever told that no more fits.
    pub(crate) was_full: bool,
    /// How much had been received when everything was quiet, at the end of the run.
    pub(crate) settled: Option<usize>,
    /// Bytes that came from the server and are none of its frames.
    pub(crate) garbage: Option<String>,
}

/// How the client stopped a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HungUp {
    pub(crate) at: Moment,
    /// What it had sent can be read by the server.
    pub(crate) is_readable: bool,
}

/// How a connection ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    /// The server sent a Close frame.
    Closed(Option<u16>),
    /// The stream ended without one.
    Cut,
}

/// A frame that the client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) what: Command,
    /// When its last byte was there for the server to read.
    pub(crate) arrived: Option<Moment>,
}

/// What was sent. Texts and names differ from all others of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Say(String),
    Rename(String),
    History(u64),
    BadRename,
    BadCursor,
    Binary,
    /// It says nothing.
    Empty,
    Goodbye(Option<u16>),
}

/// A frame that the client received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// When the server wrote its first byte.
    pub(crate) written: Moment,
    /// Whether the server had never had to wait with writing before.
    pub(crate) is_prompt: bool,
    /// When the client took its last byte.
    pub(crate) taken: Moment,
    /// What it is dated by the server, in virtual milliseconds.
    pub(crate) dated_ms: u64,
    pub(crate) from: Pid,
    pub(crate) message: ServerMessage,
}
