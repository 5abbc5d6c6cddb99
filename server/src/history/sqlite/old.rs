//! Which messages are no longer kept.

use std::time::Duration;

use rusqlite::{Connection, params};
use xmeet_shared::{MessageId, UnixMillis};

use super::held::Held;
use crate::clock::unix_now;
use crate::room::Kept;

/// What is no longer kept now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Old {
    /// Messages from before this are too old.
    pub(super) before_ts: Option<UnixMillis>,
    /// More messages than this in a room are too many. A room is left alone until they are so by
    /// more than the slack ([`super::append::TRIM_SLACK_MESSAGES`]).
    pub(super) messages_max: Option<u64>,
}

/// The moment before which messages are too old, if there is a limit on their age.
pub(super) fn too_old_before(age_max: Option<Duration>) -> Option<UnixMillis> {
    let age_ms = UnixMillis::try_from(age_max?.as_millis()).unwrap_or(UnixMillis::MAX);
    Some(unix_now().saturating_sub(age_ms))
}

/// Takes out of a page, oldest message first, what is too old. Where clocks were wrong, what stands
/// before such a message is so too: a page has no holes.
pub(super) fn leave_out(page: &mut Vec<Kept>, before_ts: Option<UnixMillis>) {
    let Some(before_ts) = before_ts else { return };
    if let Some(place) = page.iter().rposition(|kept| kept.message.ts < before_ts) {
        page.drain(..=place);
    }
}

impl Old {
    /// The oldest id that stays in a room when `count_max` messages may go at most.
    pub(super) fn first_to_stay(
        &self,
        connection: &Connection,
        held: Held,
        count_max: u64,
    ) -> rusqlite::Result<MessageId> {
        let Held { row, oldest, newest } = held;
        let mut stays = oldest;
        if let Some(messages_max) = self.messages_max {
            stays += (newest + 1 - oldest).saturating_sub(messages_max);
        }
        if let Some(before_ts) = self.before_ts {
            let last: Option<MessageId> = connection
                .prepare_cached(
                    "SELECT max(id) FROM message
                     WHERE room = ?1 AND id >= ?2 AND id < ?3 AND ts < ?4",
                )?
                .query_row(params![row, oldest, oldest + count_max, before_ts], |row| row.get(0))?;
            stays = stays.max(last.map_or(0, |last| last + 1));
        }
        Ok(stays.min(oldest + count_max))
    }
}
