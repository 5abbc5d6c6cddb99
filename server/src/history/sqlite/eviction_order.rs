//! Reads rooms in the order in which they are evicted: least recently used first.

use rusqlite::{Connection, Params, params};
use xmeet_shared::RoomId;

use super::leases::Hour;
use super::room_name;

/// Rooms that one call of [`next_candidates`] returns at most.
pub(super) const CANDIDATES_MAX: usize = 256;

/// A room that may be evicted if it is closed.
pub(super) struct Candidate {
    pub(super) row: i64,
    /// `None` if the name in the database is not a valid room name.
    pub(super) room: Option<RoomId>,
    pub(super) last_used: Hour,
}

/// Reads further rooms of the same hour. A flood may create all of its rooms within one hour.
const REST_OF_HOUR: &str = "SELECT id, name, used FROM room WHERE used = ?1 AND id > ?2 ORDER BY id
     LIMIT ?3";

/// Reads rooms of later hours. A single query with `(used, id) > (?1, ?2)` would scan all rooms of the
/// hour again on each call.
const LATER_HOURS: &str =
    "SELECT id, name, used FROM room WHERE used > ?1 ORDER BY used, id LIMIT ?2";

/// Returns the next rooms after a position in the order of last use and row. Empty after the last
/// room.
pub(super) fn next_candidates(
    connection: &Connection,
    (last_used, row): (Hour, i64),
) -> rusqlite::Result<Vec<Candidate>> {
    let mut rooms = read(connection, REST_OF_HOUR, params![last_used, row, CANDIDATES_MAX as u64])?;
    let left = CANDIDATES_MAX - rooms.len();
    if left > 0 {
        rooms.extend(read(connection, LATER_HOURS, params![last_used, left as u64])?);
    }
    Ok(rooms)
}

fn read(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut rooms = connection.prepare_cached(query)?;
    let rows = rooms.query_map(parameters, |row| {
        let room = room_name::read(row, "name")?;
        Ok(Candidate { row: row.get(0)?, room, last_used: row.get(2)? })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::super::tests::steps::Steps;
    use super::*;

    /// SQLite steps allowed per room, and per query.
    const ROOM_STEPS_MAX: usize = 20;
    const QUERY_STEPS_MAX: usize = 100;

    #[test]
    fn rooms_of_one_hour_are_each_read_once_in_bounded_steps() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut connection = schema::open_for_writing(&folder.path().join("db"), None).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 20000)
                 INSERT INTO room (id, name, spent, used)
                 SELECT n, 'room ' || n, 0, CASE WHEN n % 100 = 0 THEN 6 + n % 300 / 100 ELSE 7 END
                 FROM number;",
            )
            .unwrap();
        let steps = Steps::of(&mut connection);
        let (mut after, mut read) = ((Hour::MIN, 0), 0);
        loop {
            steps.take();
            let rooms = next_candidates(&connection, after).unwrap();
            let (steps, steps_max) =
                (steps.take(), QUERY_STEPS_MAX + CANDIDATES_MAX * ROOM_STEPS_MAX);
            assert!(steps <= steps_max, "{steps} after {after:?}");
            let Some(last) = rooms.last() else { break };
            let order: Vec<_> = rooms.iter().map(|room| (room.last_used, room.row)).collect();
            assert!(order.is_sorted() && order[0] > after, "{order:?}");
            (after, read) = ((last.last_used, last.row), read + rooms.len());
        }
        assert_eq!(read, 20_000);
    }
}
