//! The record of a run for the checker: the stored messages, and what each connection sent and received,
//! with times.

use std::collections::BTreeMap;

use xmeet_shared::{Pid, ServerMessage};

use crate::timeline::Moment;

/// A whole run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) terms: Terms,
    pub(crate) rooms: BTreeMap<String, RoomRecord>,
    /// In the order in which the connections were opened.
    pub(crate) journals: Vec<Journal>,
}

/// The parameters of a run that the checker needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    pub(crate) kept_max: u64,
    pub(crate) grace_ms: u64,
    /// Bytes of text that a room holds. Greetings read older messages from the store.
    pub(crate) held_text_bytes_max: usize,
    /// Maximum delay until the server notices a lost connection, or the room a new one.
    pub(crate) slack_ms: u64,
}

/// The store's record of a room.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomRecord {
    /// The stored messages, from id 1.
    pub(crate) log: Vec<KeptRecord>,
    /// Every text that the store received, in order, with its id if it was stored.
    pub(crate) handed: Vec<(String, Option<u64>)>,
    /// Times of panics of the store's answers, which the room shares.
    pub(crate) panics: Vec<Moment>,
    /// Times of reads and opens that failed or panicked.
    pub(crate) page_panics: u64,
    pub(crate) page_failures: u64,
    pub(crate) load_failures: u64,
    /// Invalid requests of the room.
    pub(crate) offences: Vec<String>,
}

/// A stored message.
#[derive(Debug, Clone)]
pub(crate) struct KeptRecord {
    pub(crate) from: Pid,
    pub(crate) text: String,
    pub(crate) kept: Moment,
    /// Time of the store's answer.
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
    /// How and when the client ended it.
    pub(crate) hung_up: Option<HungUp>,
    pub(crate) end: End,
    /// Whether the client stopped reading at any time.
    pub(crate) has_stalled: bool,
    /// Whether the stream was full at any time.
    pub(crate) was_full: bool,
    /// Number of frames received when the run was quiet.
    pub(crate) settled: Option<usize>,
    /// Received bytes that are not valid frames.
    pub(crate) garbage: Option<String>,
}

/// The end of a connection by its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HungUp {
    pub(crate) at: Moment,
    /// Whether the server can read the bytes sent before.
    pub(crate) is_readable: bool,
}

/// How a connection ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    /// The server sent a Close frame.
    Closed(Option<u16>),
    /// The stream ended without a Close frame.
    Cut,
}

/// A frame that the client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) what: Command,
    /// When the server could read its last byte.
    pub(crate) arrived: Option<Moment>,
}

/// A client's command. Texts and names are unique in the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Say(String),
    Rename(String),
    History(u64),
    BadRename,
    BadCursor,
    Binary,
    /// The empty frame.
    Empty,
    Goodbye(Option<u16>),
}

/// A frame that the client received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// When the server wrote its first byte.
    pub(crate) written: Moment,
    /// Whether the stream had never been full before.
    pub(crate) is_prompt: bool,
    /// When the client read its last byte.
    pub(crate) taken: Moment,
    /// The server's timestamp in virtual milliseconds.
    pub(crate) dated_ms: u64,
    pub(crate) from: Pid,
    pub(crate) message: ServerMessage,
}
