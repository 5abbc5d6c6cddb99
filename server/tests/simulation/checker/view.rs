//! The events that a greeted connection received.

use xmeet_shared::{Pid, Record, ServerMessage};

use crate::journal::{End, Journal, Received};
use crate::timeline::Moment;

/// The close code of a connection that the server cannot continue.
pub(super) const TRY_AGAIN_LATER: u16 = 1013;

/// A connection that was greeted.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) number: usize,
    pub(super) journal: &'a Journal,
    /// Whether it is the first connection with its token.
    pub(super) is_first: bool,
    pub(super) pid: &'a Pid,
    pub(super) members: Vec<(Pid, String)>,
    pub(super) page: &'a [Record],
    /// When the greeting was written.
    pub(super) greeted: Moment,
    /// Time of the connection's join in virtual milliseconds. The greeting is created then or later.
    pub(super) joined_ms: u64,
    /// Frames after the greeting.
    pub(super) events: &'a [Received],
}

impl<'a> View<'a> {
    /// Reads a connection's greeting. Returns `None` if it is incomplete.
    pub(super) fn of(number: usize, journal: &'a Journal) -> Result<Option<Self>, String> {
        const KINDS: [&str; 4] = ["self", "member_count", "members", "history"];
        for (received, kind) in journal.received.iter().zip(KINDS) {
            if received.message.kind() != kind {
                let found = received.message.kind();
                return Err(format!("{found} where the greeting has {kind}"));
            }
        }
        let [first, count, list, page, events @ ..] = &journal.received[..] else {
            return Ok(None);
        };
        let (
            ServerMessage::SelfId { pid, epoch, .. },
            ServerMessage::MemberCount(count),
            ServerMessage::Members(list),
            ServerMessage::History(page),
        ) = (&first.message, &count.message, &list.message, &page.message)
        else {
            unreachable!("the kinds were compared");
        };
        if epoch.is_some() != journal.token.is_some() {
            return Err("the epoch is for those who have a token, and for them alone".to_owned());
        }
        if *count != list.len() as u64 {
            return Err(format!("member_count is {count}, but members has {}", list.len()));
        }
        let members: Vec<_> =
            list.iter().map(|member| (member.pid.clone(), member.nickname.to_string())).collect();
        if !members.iter().any(|(member, _)| member == pid) {
            return Err("the greeting does not list its receiver".to_owned());
        }
        let (greeted, joined_ms) = (first.written, first.dated_ms);
        let is_first = true;
        Ok(Some(Self { number, journal, is_first, pid, members, page, greeted, joined_ms, events }))
    }

    /// Returns the newest id in the greeting, or 0.
    pub(super) fn newest(&self) -> u64 {
        self.page.last().and_then(|record| record.id).unwrap_or(0)
    }

    /// Returns the frames after the greeting that were received when the run was quiet.
    pub(super) fn settled_events(&self) -> Option<&'a [Received]> {
        let settled = self.journal.settled?;
        Some(&self.events[..settled.checked_sub(self.journal.received.len() - self.events.len())?])
    }

    pub(super) fn was_too_slow(&self) -> bool {
        self.journal.was_full && self.journal.end == End::Closed(Some(TRY_AGAIN_LATER))
    }
}
