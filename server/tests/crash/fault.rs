//! The faults that a history can have after a crash.

use std::fmt;

use xmeet_shared::{MessageId, Pid};

/// A fault in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    PidReused { pid: Pid },
    NotRead { room: String },
    WrongId { room: String, expected: MessageId, found: MessageId },
    PageLength { room: String, page: usize, length: usize },
    GreetingDiffers { room: String },
    Shrunk { room: String, known: usize, held: usize },
    Changed { room: String, id: MessageId },
    Foreign { room: String, id: MessageId },
    Doubled { room: String, id: MessageId },
    OutOfTurn { room: String, id: MessageId },
    DeliveryOrder { room: String, pid: Pid, expected: MessageId, found: MessageId },
    Lost { room: String, pid: Pid, id: MessageId },
    NotAsReceived { room: String, pid: Pid, id: MessageId },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PidReused { pid } => write!(f, "the pid {pid} was given out twice"),
            Self::NotRead { room } => write!(f, "{room}: its history was not read"),
            Self::WrongId { room, expected, found } => {
                write!(f, "{room}: the history has the id {found} where {expected} must be")
            }
            Self::PageLength { room, page, length } => {
                write!(f, "{room}: page {page} holds {length} messages")
            }
            Self::GreetingDiffers { room } => {
                write!(f, "{room}: the greeting's page is not the newest page")
            }
            Self::Shrunk { room, known, held } => {
                write!(f, "{room}: {known} messages were kept in earlier rounds, {held} are there")
            }
            Self::Changed { room, id } => {
                write!(f, "{room}: message {id} was kept in earlier rounds and is different now")
            }
            Self::Foreign { room, id } => write!(f, "{room}: no client sent message {id}"),
            Self::Doubled { room, id } => {
                write!(f, "{room}: message {id} is kept a second time, it was sent once")
            }
            Self::OutOfTurn { room, id } => {
                write!(f, "{room}: message {id} is kept before what its author sent earlier")
            }
            Self::DeliveryOrder { room, pid, expected, found } => {
                write!(f, "{room}: {pid} received message {found} where {expected} was next")
            }
            Self::Lost { room, pid, id } => {
                write!(f, "{room}: {pid} received message {id}, which is not kept")
            }
            Self::NotAsReceived { room, pid, id } => {
                write!(f, "{room}: {pid} received message {id} with another author or text")
            }
        }
    }
}
