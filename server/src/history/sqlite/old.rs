//! Which messages are too old to be kept.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use xmeet_shared::{MessageId, UnixMillis};

use crate::clock::unix_now;
use crate::room::{self, Timely};

/// Messages of which the times are read at once.
pub(super) const RUN_MESSAGES: usize = 4096;

/// The times that messages may have now, if there is a limit on their age.
pub(super) fn timely(age_max: Option<Duration>) -> Option<Timely> {
    let age_ms = UnixMillis::try_from(age_max?.as_millis()).unwrap_or(UnixMillis::MAX);
    let now = unix_now();
    Some(now.saturating_sub(age_ms)..=now)
}

/// A room's oldest messages, none of which is timely, as far as they were read: few are, unless
/// they have just become too old.
#[derive(Debug)]
pub(super) struct OldestRun {
    /// The oldest message that stays.
    pub(super) stays: MessageId,
    /// Where reading goes on; nothing once it has come to the end.
    next: Option<MessageId>,
}

impl OldestRun {
    /// Nothing is read yet.
    pub(super) fn new(oldest: MessageId) -> Self {
        Self { stays: oldest, next: Some(oldest) }
    }

    pub(super) fn is_read(&self) -> bool {
        self.next.is_none()
    }

    /// Reads on, so many messages at most.
    pub(super) fn read_on(
        &mut self,
        connection: &Connection,
        row: i64,
        timely: &Timely,
        count_max: usize,
    ) -> rusqlite::Result<()> {
        let Some(from) = self.next else { return Ok(()) };
        let mut statement = connection.prepare_cached(
            "SELECT id, ts FROM message WHERE room = ?1 AND id >= ?2 ORDER BY id LIMIT ?3",
        )?;
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let messages = statement
            .query_map(params![row, from, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
            .take_while(|read| !read.as_ref().is_ok_and(|(_, ts)| timely.contains(ts)))
            .collect::<rusqlite::Result<Vec<(MessageId, UnixMillis)>>>()?;
        let gone = room::gone(messages.iter().map(|(_, ts)| *ts), timely);
        if let Some((last, _)) = messages[..gone].last() {
            self.stays = last + 1;
        }
        let is_full = messages.len() == count_max;
        self.next = messages.last().filter(|_| is_full).map(|(last, _)| last + 1);
        Ok(())
    }
}

/// The oldest message of a room that stays.
pub(super) fn first_to_stay(
    connection: &Connection,
    row: i64,
    oldest: MessageId,
    timely: &Timely,
) -> rusqlite::Result<MessageId> {
    let mut run = OldestRun::new(oldest);
    while !run.is_read() {
        run.read_on(connection, row, timely, RUN_MESSAGES)?;
    }
    Ok(run.stays)
}

/// The time of the last timely message before an id.
pub(super) fn timely_before(
    connection: &Connection,
    row: i64,
    id: MessageId,
    timely: &Timely,
) -> rusqlite::Result<Option<UnixMillis>> {
    connection
        .prepare_cached(
            "SELECT ts FROM message WHERE room = ?1 AND id < ?2 AND ts BETWEEN ?3 AND ?4
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![row, id, timely.start(), timely.end()], |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What goes is the same however few are looked at, and removed, at once.
        #[test]
        fn a_removal_in_steps_comes_to_the_same_end_as_one_at_once(
            times in vec(0..30_i64, 0..40),
            look_max in 1..8_usize,
            step in 1..8_u64,
        ) {
            let timely = 10..=20;
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE message (room, id, ts)").unwrap();
            for (id, ts) in (1_u64..).zip(&times) {
                let message = params![7, id, ts];
                connection.execute("INSERT INTO message VALUES (?1, ?2, ?3)", message).unwrap();
            }
            let first_timely = times.iter().position(|ts| timely.contains(ts));
            let run = &times[..first_timely.unwrap_or(times.len())];
            let expected = run.iter().rposition(|ts| *ts < 10).map_or(1, |place| place as u64 + 2);
            let mut oldest = 1;
            loop {
                let mut run = OldestRun::new(oldest);
                while !run.is_read() {
                    run.read_on(&connection, 7, &timely, look_max).unwrap();
                }
                prop_assert_eq!(run.stays, expected);
                if oldest == expected {
                    break;
                }
                oldest = expected.min(oldest + step);
                connection.execute("DELETE FROM message WHERE id < ?1", [oldest]).unwrap();
            }
        }
    }
}
