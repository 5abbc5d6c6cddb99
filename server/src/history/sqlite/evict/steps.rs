//! The transactions of an eviction, each of bounded size.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{Evictor, STEP_USES_MAX, Step, next_evicted};
use crate::history::sqlite::append::Appender;
use crate::history::sqlite::eviction_order::next_candidates;
use crate::history::sqlite::largest::{LargestSearch, Trim};
use crate::history::sqlite::removal::{ALL_MESSAGES, RemovalBudget, remove_below};

/// Messages that one step removes at most; their bytes are bounded as well ([`RemovalBudget`]). The
/// number is fixed: if it shrank when steps take long, writers would outrun eviction on a busy
/// machine.
const STEP_MESSAGES_MAX: u64 = 256;

/// Open rooms that one step trims at most.
const STEP_TRIMS_MAX: usize = 64;

/// Batches of candidates per step. A step that finds only open rooms in all of them ends the run, so
/// that writers do not wait.
const STEP_BATCHES_MAX: usize = 16;

impl Evictor {
    /// Writes the last uses of closed rooms to the database, in transactions of [`STEP_USES_MAX`],
    /// until `count_max` or all are written.
    pub(in crate::history::sqlite) fn write_last_uses(
        &self,
        connection: &Connection,
        count_max: usize,
    ) -> rusqlite::Result<()> {
        let mut written = 0;
        while written < count_max {
            let uses = self.leases.take_unwritten_uses(STEP_USES_MAX);
            if uses.is_empty() {
                break;
            }
            written += uses.len();
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut update = connection
                .prepare_cached("UPDATE room SET used = ?2 WHERE name = ?1 AND used < ?2")?;
            for (room, hour) in &uses {
                update.execute(params![room.as_str(), hour])?;
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// Deletes remaining messages of an evicted room. Returns whether there was such a room.
    pub(super) fn remove_evicted_messages(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<bool> {
        let Some(row) = next_evicted(connection)? else { return Ok(false) };
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut budget = RemovalBudget::for_messages(STEP_MESSAGES_MAX);
        let removal = remove_below(connection, row, ALL_MESSAGES, &mut budget)?;
        if removal.is_complete {
            connection.prepare_cached("DELETE FROM evicted WHERE room = ?1")?.execute([row])?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.count(0, removal.messages);
        Ok(true)
    }

    /// Evicts the least recently used closed rooms, within the budget of one transaction.
    pub(super) fn evict_rooms(
        &mut self,
        connection: &Connection,
        appender: &mut Appender,
    ) -> rusqlite::Result<Step> {
        for _ in 0..STEP_BATCHES_MAX {
            let candidates = next_candidates(connection, self.position)?;
            if candidates.is_empty() {
                // A room with an unwritten use cannot be evicted yet. Writing the use moves the room
                // in the order, so it may still be found.
                let may_find_more = self.leases.has_unwritten_uses();
                return Ok(if may_find_more { Step::Searched } else { Step::Nothing });
            }
            let mut position = self.position;
            let leases = Arc::clone(&self.leases);
            let eviction = leases.begin_eviction();
            let (mut rooms, mut messages) = (Vec::new(), 0);
            let mut budget = RemovalBudget::for_messages(STEP_MESSAGES_MAX);
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for candidate in candidates {
                position = (candidate.last_used, candidate.row);
                let Some(room) = candidate.room.filter(|room| eviction.add(room)) else {
                    continue;
                };
                messages += evict(connection, candidate.row, &mut budget)?;
                rooms.push(room);
                // Pages freed in this transaction already count.
                self.size.measure(connection)?;
                if budget.is_spent() || self.size.has_headroom() {
                    break;
                }
            }
            if !rooms.is_empty() {
                connection
                    .prepare_cached("UPDATE start SET evictions = evictions + 1")?
                    .execute([])?;
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
            appender.forget(&rooms);
            eviction.committed();
            self.position = position;
            self.count(rooms.len() as u64, messages);
            if !rooms.is_empty() {
                return Ok(Step::Removed);
            }
        }
        Ok(Step::Searched)
    }

    /// Removes the oldest messages of the largest open rooms.
    pub(super) fn trim_largest(
        &mut self,
        connection: &Connection,
        appender: &mut Appender,
    ) -> rusqlite::Result<Step> {
        if self.trims.is_empty() {
            let search = self.search.get_or_insert_with(|| LargestSearch::new(&self.leases));
            if !search.step(connection)? {
                return Ok(Step::Searched);
            }
            self.trims = self.search.take().map(LargestSearch::finish).unwrap_or_default();
        }
        if self.trims.is_empty() {
            return Ok(Step::Nothing);
        }
        let mut budget = RemovalBudget::for_messages(STEP_MESSAGES_MAX);
        let mut messages = 0;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for _ in 0..STEP_TRIMS_MAX {
            let Some(Trim { room, row, first_retained }) = self.trims.last() else { break };
            // If the room has been closed and evicted since the search, nothing is removed and the
            // removal is complete.
            let target = (room, *row);
            let removal =
                appender.remove_within(connection, target, *first_retained, &mut budget)?;
            messages += removal.messages;
            if !removal.is_complete {
                break;
            }
            self.trims.pop();
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.totals.has_trimmed = true;
        self.count(0, messages);
        Ok(Step::Removed)
    }
}

/// Deletes a room's row, and as many of its messages as the budget allows. Records the row in table
/// `evicted` if messages remain. Returns how many messages were deleted.
fn evict(connection: &Connection, row: i64, budget: &mut RemovalBudget) -> rusqlite::Result<u64> {
    connection.prepare_cached("DELETE FROM room WHERE id = ?1")?.execute([row])?;
    let removal = remove_below(connection, row, ALL_MESSAGES, budget)?;
    if !removal.is_complete {
        connection.prepare_cached("INSERT INTO evicted (room) VALUES (?1)")?.execute([row])?;
    }
    Ok(removal.messages)
}
