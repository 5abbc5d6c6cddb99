//! Finds the largest open rooms. There is no byte count per room, so the search samples message
//! lengths. It runs on the writer's thread, a few rooms per step.

use rusqlite::{Connection, params};
use xmeet_shared::{MessageId, RoomId};

use super::leases::Leases;
use super::removal::MESSAGE_OVERHEAD_BYTES;
use super::room_range::{self, RoomRange};

/// Open rooms that one search compares.
const COMPARED_ROOMS_MAX: usize = 1024;

/// Messages per room whose length is read.
const SAMPLED_MESSAGES: u64 = 8;

/// Open rooms that one step of a search compares.
const STEP_ROOMS_MAX: usize = 64;

/// The search returns rooms of at least 1/`FOUND_SHARE` of the largest room's size.
const FOUND_SHARE: u64 = 2;

/// A trim removes 1/`TRIM_SHARE` of a room's messages.
const TRIM_SHARE: u64 = 4;

/// The oldest messages of an open room, to be removed.
#[derive(Debug)]
pub(super) struct Trim {
    pub(super) room: RoomId,
    /// The room's row in the database.
    pub(super) row: i64,
    /// Messages below this id are removed.
    pub(super) first_retained: MessageId,
}

/// A search for the largest open rooms.
#[derive(Debug)]
pub(super) struct LargestSearch {
    pending: Vec<RoomId>,
    /// The compared rooms with their estimated sizes in bytes.
    compared: Vec<(u64, Trim)>,
}

impl LargestSearch {
    /// Starts a search among at most [`COMPARED_ROOMS_MAX`] open rooms.
    pub(super) fn new(leases: &Leases) -> Self {
        Self { pending: leases.sample_open(COMPARED_ROOMS_MAX), compared: Vec::new() }
    }

    /// Compares the next [`STEP_ROOMS_MAX`] rooms. Returns whether the search is complete.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let left = self.pending.len().saturating_sub(STEP_ROOMS_MAX);
        for room in self.pending.split_off(left) {
            let Some(range) = room_range::find(connection, &room)? else { continue };
            let RoomRange { row, oldest, newest, .. } = range;
            let messages = (newest + 1).saturating_sub(oldest);
            // The newest message is never removed, so a room with one message has nothing to trim.
            if messages < 2 {
                continue;
            }
            let bytes = messages * sample_message_bytes(connection, &range)?;
            let first_retained = oldest + (messages / TRIM_SHARE).max(1);
            self.compared.push((bytes, Trim { room, row, first_retained }));
        }
        Ok(self.pending.is_empty())
    }

    /// Ends the search. Returns trims for the largest rooms, the largest last. Empty if no compared
    /// room has more than one message.
    pub(super) fn finish(mut self) -> Vec<Trim> {
        self.compared.sort_unstable_by_key(|(bytes, _)| *bytes);
        let most = self.compared.last().map_or(0, |(bytes, _)| *bytes);
        let compared = self.compared.into_iter();
        compared.filter(|(bytes, _)| *bytes >= most / FOUND_SHARE).map(|(_, trim)| trim).collect()
    }
}

/// Estimates the average size of a room's messages, in bytes, from up to [`SAMPLED_MESSAGES`] of them.
fn sample_message_bytes(connection: &Connection, range: &RoomRange) -> rusqlite::Result<u64> {
    let messages = range.newest + 1 - range.oldest;
    let samples = SAMPLED_MESSAGES.min(messages);
    let mut length = connection.prepare_cached(
        "SELECT octet_length(text) FROM message WHERE room = ?1 AND id >= ?2 ORDER BY id LIMIT 1",
    )?;
    let mut bytes = 0;
    for sample in 0..samples {
        // The position is random, so that clients cannot place short messages where this samples.
        let from = range.oldest + (sample * messages + fastrand::u64(..messages)) / samples;
        bytes += length.query_row(params![range.row, from], |row| row.get::<_, u64>(0))?;
    }
    Ok(bytes / samples + MESSAGE_OVERHEAD_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::schema;
    use super::*;
    use crate::history::contract_test::room;

    #[test]
    fn search_ends_after_bounded_steps_with_the_largest_rooms() {
        let folder = tempfile::TempDir::new().unwrap();
        let connection = schema::open_for_writing(&folder.path().join("db"), None).unwrap();
        let leases = Arc::new(Leases::new(0));
        let mut open = Vec::new();
        let rooms = 3 * STEP_ROOMS_MAX + 1;
        connection.execute_batch("BEGIN").unwrap();
        for row in 1..=rooms {
            open.push(leases.open(&room(&row.to_string())));
            connection
                .execute("INSERT INTO room (id, name, spent) VALUES (?1, ?1, 0)", [row])
                .unwrap();
            let bytes = match row {
                7 => 10_000,
                8 => 9000,
                _ => 100,
            };
            // Row 9 has a single message, which is never trimmed.
            for id in 1..=if row == 9 { 1 } else { 8 } {
                let message = params![row, id, "x".repeat(if row == 9 { 90_000 } else { bytes })];
                let add = "INSERT INTO message VALUES (?1, ?2, 0, '', '', ?3)";
                connection.execute(add, message).unwrap();
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        let mut search = LargestSearch::new(&leases);
        let mut steps = 1;
        while !search.step(&connection).unwrap() {
            steps += 1;
            assert!(search.compared.len() <= (steps - 1) * STEP_ROOMS_MAX);
        }
        assert_eq!(steps, 4);
        let trims = search.finish();
        let found: Vec<_> = trims.iter().map(|trim| (trim.row, trim.first_retained)).collect();
        assert_eq!(found, [(8, 3), (7, 3)]);
    }
}
