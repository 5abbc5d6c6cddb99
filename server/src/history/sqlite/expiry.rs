//! Finds the expired messages of a room.
//!
//! Timestamps may come from a clock that was wrong for a while, so messages expire as a prefix of the
//! room; [`room::expired_count`] has the rule.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use xmeet_shared::{MessageId, UnixMillis};

use crate::clock::unix_now;
use crate::room::{self, ValidTimes};

/// Timestamps that one query of a scan reads.
pub(super) const SCAN_MESSAGES: usize = 4096;

/// Returns the timestamps that are neither expired nor in the future; `None` if messages never
/// expire.
pub(super) fn valid_times(age_max: Option<Duration>) -> Option<ValidTimes> {
    let age_ms = UnixMillis::try_from(age_max?.as_millis()).unwrap_or(UnixMillis::MAX);
    let now = unix_now();
    Some(now.saturating_sub(age_ms)..=now)
}

/// A scan for the end of a room's expired prefix. It stops at the first message with a valid time.
#[derive(Debug)]
pub(super) struct ExpiredPrefix {
    /// The first id after the expired prefix, as far as the scan has come.
    pub(super) first_retained: MessageId,
    /// The id at which the scan continues; `None` once it is complete.
    next: Option<MessageId>,
}

impl ExpiredPrefix {
    /// Starts a scan at the room's oldest message.
    pub(super) fn new(oldest: MessageId) -> Self {
        Self { first_retained: oldest, next: Some(oldest) }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.next.is_none()
    }

    /// Scans at most `count_max` further messages.
    pub(super) fn advance(
        &mut self,
        connection: &Connection,
        row: i64,
        valid: &ValidTimes,
        count_max: usize,
    ) -> rusqlite::Result<()> {
        let Some(from) = self.next else { return Ok(()) };
        let mut statement = connection.prepare_cached(
            "SELECT id, ts FROM message WHERE room = ?1 AND id >= ?2 ORDER BY id LIMIT ?3",
        )?;
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let invalid = statement
            .query_map(params![row, from, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
            .take_while(|read| !read.as_ref().is_ok_and(|(_, ts)| valid.contains(ts)))
            .collect::<rusqlite::Result<Vec<(MessageId, UnixMillis)>>>()?;
        let expired = room::expired_count(invalid.iter().map(|(_, ts)| *ts), valid);
        if let Some((last, _)) = invalid[..expired].last() {
            self.first_retained = last + 1;
        }
        let may_continue = invalid.len() == count_max;
        self.next = invalid.last().filter(|_| may_continue).map(|(last, _)| last + 1);
        Ok(())
    }
}

/// Returns the first id of a room after its expired prefix.
pub(super) fn first_retained(
    connection: &Connection,
    row: i64,
    oldest: MessageId,
    valid: &ValidTimes,
) -> rusqlite::Result<MessageId> {
    let mut prefix = ExpiredPrefix::new(oldest);
    while !prefix.is_complete() {
        prefix.advance(connection, row, valid, SCAN_MESSAGES)?;
    }
    Ok(prefix.first_retained)
}

/// Returns the timestamp of the last message before `id` that has a valid time.
pub(super) fn last_valid_before(
    connection: &Connection,
    row: i64,
    id: MessageId,
    valid: &ValidTimes,
) -> rusqlite::Result<Option<UnixMillis>> {
    connection
        .prepare_cached(
            "SELECT ts FROM message WHERE room = ?1 AND id < ?2 AND ts BETWEEN ?3 AND ?4
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![row, id, valid.start(), valid.end()], |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Neither the size of a scan's queries nor the size of removals changes which messages
        /// expire.
        #[test]
        fn removal_in_steps_ends_where_one_removal_would(
            times in vec(0..30_i64, 0..40),
            scan_max in 1..8_usize,
            step in 1..8_u64,
        ) {
            let valid = 10..=20;
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE message (room, id, ts)").unwrap();
            for (id, ts) in (1_u64..).zip(&times) {
                let message = params![7, id, ts];
                connection.execute("INSERT INTO message VALUES (?1, ?2, ?3)", message).unwrap();
            }
            let first_valid = times.iter().position(|ts| valid.contains(ts));
            let invalid = &times[..first_valid.unwrap_or(times.len())];
            let last_expired = invalid.iter().rposition(|ts| *ts < 10);
            let expected = last_expired.map_or(1, |place| place as u64 + 2);
            let mut oldest = 1;
            loop {
                let mut prefix = ExpiredPrefix::new(oldest);
                while !prefix.is_complete() {
                    prefix.advance(&connection, 7, &valid, scan_max).unwrap();
                }
                prop_assert_eq!(prefix.first_retained, expected);
                if oldest == expected {
                    break;
                }
                oldest = expected.min(oldest + step);
                connection.execute("DELETE FROM message WHERE id < ?1", [oldest]).unwrap();
            }
        }
    }
}
