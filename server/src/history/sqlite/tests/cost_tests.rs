//! The cost of each operation on the database must not depend on the number of rooms and messages,
//! which clients choose. The cost is counted in steps of SQLite's virtual machine.

use tempfile::TempDir;

use super::super::append::Appender;
use super::super::database::Database;
use super::super::reader::RoomReader;
use super::super::*;
use super::steps::Steps;
use crate::history::contract_test::{message, room};

/// Sizes of a small and a large store: the number of rooms, and of messages in the first room.
const SMALL: (u64, u64) = (300, 1000);
const LARGE: (u64, u64) = (30_000, 50_000);

/// By how many steps an operation on the large store may be more expensive.
const DIFFERENCE_MAX: usize = 100;

/// Creates a store in which each room has one message, except for the first room.
fn filled(path: &Path, (rooms, messages): (u64, u64)) -> Database {
    let connection = schema::open_for_writing(path, None).unwrap();
    connection
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE number (n) AS
                 (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT {rooms})
             INSERT INTO room (id, name, spent, used) SELECT n, 'room ' || n, 0, 7 FROM number;
             INSERT INTO message SELECT id, 1, 9, '<0.7.1>', 'a', 'x' FROM room WHERE id > 1;
             WITH RECURSIVE number (n) AS
                 (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT {messages})
             INSERT INTO message SELECT 1, n, 9, '<0.7.1>', 'a', 'x' FROM number;
             INSERT INTO evicted SELECT id + 1000000 FROM room;
             COMMIT;"
        ))
        .unwrap();
    connection
}

/// Returns the steps of each operation, by its name, on a store of this size.
fn costs(size: (u64, u64)) -> Vec<(&'static str, usize)> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("db");
    let mut writing = filled(&path, size);
    let mut reading = schema::open_for_reading(&path, None).unwrap();
    let mut costs = Vec::new();
    let (steps, reading_steps) = (Steps::of(&mut writing), Steps::of(&mut reading));
    let mut record = |name, steps: &Steps| costs.push((name, steps.take()));

    let leases = Arc::new(Leases::new(0));
    let used = room("room 1");
    room_range::find(&writing, &used).unwrap().unwrap();
    record("find a room", &steps);
    let mut appender = Appender::new(u64::MAX, Arc::clone(&leases));
    for (name, room) in [
        ("first append", room("new")),
        ("next append", room("new")),
        ("append to a known room", used.clone()),
    ] {
        let (answer, _) = oneshot::channel();
        appender.commit(&writing, &[Append::new(room, vec![message("x")], answer)]).unwrap();
        record(name, &steps);
    }
    assert_eq!(appender.remove_old(&writing, (&used, 1), 100, 512).unwrap().messages, 99);
    record("remove old messages", &steps);
    drop(leases.open(&used));
    let metrics = Arc::<StoreMetrics>::default();
    let size = StoreSize::new(&writing, &path, (1 << 40, 0), Arc::clone(&metrics)).unwrap();
    record("measure the size", &steps);
    let mut evictor = Evictor::new(&writing, size, Arc::clone(&leases), metrics).unwrap();
    record("look for an interrupted eviction", &steps);
    evictor.write_last_uses(&writing, 1).unwrap();
    record("write a last use", &steps);
    evictor.run(&writing, &mut appender, 0).unwrap();
    record("run a part of an eviction", &steps);

    let opener = RoomOpener { leases, store_epoch: "e".into() };
    let mut reader = RoomReader::prepare(&reading, &opener, None).unwrap();
    reader.open(&used).unwrap();
    record("open a room", &reading_steps);
    assert_eq!(reader.read(&used, &(501..=550)).unwrap().len(), 50);
    record("read a page", &reading_steps);
    for after_row in [0, 20] {
        assert_eq!(sweep::list_rooms(&reading, after_row).unwrap().len(), 256);
        record("list rooms", &reading_steps);
    }
    costs
}

#[test]
fn cost_of_an_operation_does_not_depend_on_the_store_size() {
    for ((name, small), (_, large)) in costs(SMALL).into_iter().zip(costs(LARGE)) {
        assert!(large <= small + DIFFERENCE_MAX, "{name}: {small} steps, and {large}");
    }
}
