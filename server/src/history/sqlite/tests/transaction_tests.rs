//! Tests that one transaction removes a bounded number of bytes, however long the messages are.

use std::sync::Mutex;

use rusqlite::{Connection, params};
use tempfile::TempDir;
use xmeet_shared::RoomId;

use super::super::append::Appender;
use super::super::database::Database;
use super::super::removal::REMOVED_BYTES_MAX;
use super::super::*;
use super::steps::Steps;
use crate::history::contract_test::{message, room};

/// The effect of one transaction.
#[derive(Debug, Clone, Copy)]
struct Commit {
    /// Pages of the database in use after it.
    used_pages: u64,
    /// Pages that it wrote to the WAL.
    written_pages: u64,
}

/// A database that records its transactions.
struct Recorded {
    connection: Database,
    leases: Arc<Leases>,
    appender: Appender,
    commits: Arc<Mutex<Vec<Commit>>>,
    path: std::path::PathBuf,
    _folder: TempDir,
}

const MIB: u64 = 1024 * 1024;

/// The size of a page, in bytes.
const PAGE_BYTES: u64 = 4096;

/// Pages that one transaction may free or write: those of messages, and some of the b-trees.
const PAGES_MAX: u64 = REMOVED_BYTES_MAX / PAGE_BYTES + 100;

const LONG_TEXT_BYTES: usize = 64 * 1024;

impl Recorded {
    /// Creates a database with at most `messages_max` messages per room. `fill` adds messages before
    /// the recording starts.
    fn new(messages_max: u64, fill: impl Fn(&Connection, &mut Appender)) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("db");
        let mut connection = schema::open_for_writing(&path, None).unwrap();
        let leases = Arc::new(Leases::new(0));
        fill(&connection, &mut Appender::new(u64::MAX, Arc::clone(&leases)));
        let commits = Arc::<Mutex<Vec<Commit>>>::default();
        let (recorded, other) = (Arc::clone(&commits), Connection::open(&path).unwrap());
        let mut wal_pages = 0;
        let record = move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
            let pragma = |name| other.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
            let used_pages = pragma("page_count")? - pragma("freelist_count")?;
            let pages = u64::try_from(count).unwrap();
            let written_pages = pages.saturating_sub(wal_pages);
            wal_pages = pages;
            recorded.lock().unwrap().push(Commit { used_pages, written_pages });
            Ok(())
        };
        connection.wal_hook(Some(record)).unwrap();
        connection.execute_batch("PRAGMA application_id = 1").unwrap();
        let appender = Appender::new(messages_max, Arc::clone(&leases));
        Self { connection, leases, appender, commits, path, _folder: folder }
    }

    /// Asserts that no recorded transaction was too large. Returns how many pages all of them freed.
    fn freed_pages(&self) -> u64 {
        let commits = self.commits.lock().unwrap();
        let mut freed_pages = 0;
        for pair in commits.windows(2) {
            let [before, after] = pair else { unreachable!() };
            let freed = before.used_pages.saturating_sub(after.used_pages);
            assert!(freed <= PAGES_MAX, "one transaction freed {freed} pages");
            assert!(
                after.written_pages <= PAGES_MAX,
                "one transaction wrote {} pages",
                after.written_pages
            );
            freed_pages += freed;
        }
        freed_pages
    }

    /// Evicts until nothing is due, with a bound below the current size. Returns the number of runs,
    /// between which writers have their turn, and the maximum of SQLite steps in one run.
    fn evict(&mut self, bytes_max: u64) -> (usize, usize) {
        let Self { connection, leases, appender, path, .. } = self;
        let size = StoreSize::new(connection, path, (bytes_max, 0), Arc::default()).unwrap();
        let mut evictor =
            Evictor::new(connection, size, Arc::clone(leases), Arc::default()).unwrap();
        let steps = Steps::of(connection);
        let (mut runs, mut most_steps) = (0, 0);
        while evictor.is_due() {
            steps.take();
            evictor.run(connection, appender, 0).unwrap();
            most_steps = most_steps.max(steps.take());
            runs += 1;
        }
        (runs, most_steps)
    }
}

fn append(
    connection: &Connection,
    appender: &mut Appender,
    room: RoomId,
    count: usize,
    text: &str,
) {
    let (answer, _) = oneshot::channel();
    let batch = [Append::new(room, vec![message(text); count], answer)];
    appender.commit(connection, &batch).unwrap();
}

/// Creates many rooms of short messages, and a most recently used room of the longest ones.
fn short_and_long_rooms(connection: &Connection, appender: &mut Appender) {
    for number in 0..500 {
        append(connection, appender, room(&format!("short{number}")), 100, "short");
    }
    append(connection, appender, room("long"), 480, &"x".repeat(LONG_TEXT_BYTES));
    connection.execute_batch("UPDATE room SET used = id").unwrap();
}

#[test]
fn eviction_of_long_messages_has_bounded_transactions() {
    let mut recorded = Recorded::new(u64::MAX, short_and_long_rooms);
    recorded.evict(8 * MIB);
    assert!(recorded.freed_pages() > 15 * PAGES_MAX, "{}", recorded.freed_pages());
}

/// Even if there is enough room before all of its messages are deleted.
#[test]
fn evicted_room_leaves_no_messages() {
    let mut recorded = Recorded::new(u64::MAX, short_and_long_rooms);
    recorded.evict(8 * MIB);
    let count = |query: &str| recorded.connection.query_row(query, [], |row| row.get::<_, u64>(0));
    assert_eq!(count("SELECT count(*) FROM room WHERE name = 'long'"), Ok(0));
    assert_eq!(count("SELECT count(*) FROM evicted"), Ok(0));
    let orphans = "SELECT count(*) FROM message WHERE room NOT IN (SELECT id FROM room)";
    assert_eq!(count(orphans), Ok(0));
}

#[test]
fn trimming_of_open_rooms_has_bounded_transactions() {
    let mut recorded = Recorded::new(u64::MAX, short_and_long_rooms);
    let names = (0..500).map(|number| format!("short{number}"));
    let names = names.chain(["long".to_owned()]);
    let _open: Vec<_> = names.map(|name| recorded.leases.open(&room(&name))).collect();
    recorded.evict(8 * MIB);
    assert!(recorded.freed_pages() > 15 * PAGES_MAX, "{}", recorded.freed_pages());
}

/// Creates rooms with two short messages each.
fn rooms_of_two(connection: &Connection, rooms: u64) {
    connection.execute_batch("BEGIN").unwrap();
    let mut add_room =
        connection.prepare("INSERT INTO room (id, name, spent) VALUES (?1, ?1, 0)").unwrap();
    let mut add = connection.prepare("INSERT INTO message VALUES (?1, ?2, 0, '', '', ?3)").unwrap();
    for row in 1..=rooms {
        add_room.execute([row]).unwrap();
        for id in 1..=2 {
            add.execute(params![row, id, "x".repeat(100)]).unwrap();
        }
    }
    connection.execute_batch("COMMIT").unwrap();
}

/// Clients choose how many rooms are open, and so how many candidates a run has to skip.
#[test]
fn eviction_search_among_many_open_rooms_runs_in_bounded_steps() {
    const ROOMS: u64 = 10_000;
    const RUN_STEPS_MAX: usize = 50_000;
    let mut recorded = Recorded::new(u64::MAX, |connection, _| rooms_of_two(connection, ROOMS));
    let open = |row: u64| recorded.leases.open(&room(&row.to_string()));
    // Only the last room is closed, and must be found.
    let _open: Vec<_> = (1..ROOMS).map(open).collect();
    let (runs, most_steps) = recorded.evict(MIB);
    assert!(runs > 4 && most_steps < RUN_STEPS_MAX, "{most_steps} steps in one of {runs} runs");
    let count = |query: &str| recorded.connection.query_row(query, [], |row| row.get::<_, u64>(0));
    assert_eq!(count("SELECT count(*) FROM room"), Ok(ROOMS - 1));
    let trimmed = 2 * ROOMS - count("SELECT count(*) FROM message").unwrap();
    assert!(trimmed > 100, "open rooms were trimmed as well: {trimmed}");
}

/// Each open room frees little, but a run must free what was added.
#[test]
fn trimming_of_many_short_rooms_runs_in_bounded_transactions() {
    const ROOMS: u64 = 5000;
    const RUNS: u64 = 30;
    const RUN_COMMITS_MAX: usize = 70;
    let mut recorded = Recorded::new(u64::MAX, |connection, _| rooms_of_two(connection, ROOMS));
    // Rooms with a single message, which is never trimmed.
    let longer = |run: u64| room(&format!("longer{run}"));
    let mut open: Vec<_> = (0..RUNS).map(|run| recorded.leases.open(&longer(run))).collect();
    open.extend((1..=ROOMS).map(|row| recorded.leases.open(&room(&row.to_string()))));
    let Recorded { connection, leases, appender, path, commits, .. } = &mut recorded;
    let size = StoreSize::new(connection, path, (MIB, 0), Arc::default()).unwrap();
    let mut evictor = Evictor::new(connection, size, Arc::clone(leases), Arc::default()).unwrap();
    connection.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
    for run in 0..RUNS {
        append(connection, appender, longer(run), 1, &"x".repeat(10_000));
        let before = commits.lock().unwrap().len();
        evictor.run(connection, appender, 0).unwrap();
        connection.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
        let made = commits.lock().unwrap().len() - before;
        assert!(made <= RUN_COMMITS_MAX, "{made} transactions in one run");
    }
    let left = connection.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, u64>(0));
    assert!(left.unwrap() < 2 * ROOMS, "something was trimmed");
}

#[test]
fn append_to_a_room_far_over_its_limit_removes_bounded_bytes() {
    let long = "x".repeat(LONG_TEXT_BYTES);
    let fill = |connection: &Connection, appender: &mut Appender| {
        append(connection, appender, room("a"), 500, &long);
    };
    let mut recorded = Recorded::new(10, fill);
    for _ in 0..20 {
        append(&recorded.connection, &mut recorded.appender, room("a"), 1, "next");
    }
    assert!(recorded.freed_pages() > 10 * PAGES_MAX, "{}", recorded.freed_pages());
}

#[test]
fn removal_of_old_messages_has_bounded_bytes() {
    let long = "x".repeat(LONG_TEXT_BYTES);
    let fill = |connection: &Connection, appender: &mut Appender| {
        append(connection, appender, room("a"), 500, &long);
    };
    let mut recorded = Recorded::new(u64::MAX, fill);
    let Recorded { connection, appender, .. } = &mut recorded;
    let mut removals = 0;
    while !appender.remove_old(connection, (&room("a"), 1), 501, 512).unwrap().is_complete {
        removals += 1;
    }
    assert!(removals > 20, "{removals}");
    assert!(recorded.freed_pages() > 20 * PAGES_MAX, "{}", recorded.freed_pages());
    // The ids continue although no message is left.
    let Recorded { connection, appender, .. } = &mut recorded;
    append(connection, appender, room("a"), 1, "next");
    let newest = connection.query_row("SELECT max(id) FROM message", [], |row| row.get(0));
    assert_eq!(newest, Ok(501));
}
