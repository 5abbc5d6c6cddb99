//! Tests of the writer alone: failed writes, panics, memory, and the last checkpoint.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use super::super::store_size::StoreSize;
use super::super::wal::{self, CheckpointLock};
use super::super::{examine, schema};
use super::*;
use crate::history::contract_test::{message, room};

#[test]
fn panic_becomes_an_error() {
    let refused = catch_panic::<()>(|| panic!("on purpose"));
    assert!(matches!(refused, Err(HistoryError::Storage(_))), "{refused:?}");
    assert_eq!(catch_panic(|| Ok(1)), Ok(1));
}

fn writer(folder: &Path) -> Writer {
    writer_with_lock(folder, CheckpointLock::default())
}

fn writer_with_lock(folder: &Path, checkpoints: CheckpointLock) -> Writer {
    let path = folder.join("db");
    let file = examine::prepare(&path).unwrap();
    let mut connection = schema::open_for_writing(&path, None).unwrap();
    let (wake, _) = mpsc::sync_channel(1);
    let limits = wal::LIMITS;
    let wal = WalMonitor::new(&mut connection, limits, wake, Arc::clone(&checkpoints)).unwrap();
    let bytes = (1 << 30, limits.refuse_bytes);
    let size = StoreSize::new(&connection, &folder.join("db"), bytes, Arc::default()).unwrap();
    let leases = Arc::new(Leases::new(0));
    let evictor = Evictor::new(&connection, size, Arc::clone(&leases), Arc::default()).unwrap();
    let health = Arc::new(Health::new(|| {}));
    let files = FileWatch::new(&path, file, checkpoints, wal.pages()).unwrap();
    let guard = WriteGuard { files: Arc::new(files), health };
    let shared = Writer::new(connection, (1000, leases), wal, evictor, guard, Arc::default());
    shared.lock().unwrap().take().unwrap()
}

fn append(writer: &mut Writer, text: &str) -> Result<MessageId, HistoryError> {
    let (sender, mut answer) = oneshot::channel();
    writer.write(&mut vec![Append::new(room("a"), vec![message(text)], sender)]);
    answer.try_recv().unwrap()
}

#[test]
fn caches_are_released_only_while_idle() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut writer = writer(folder.path());
    let many = (0..=IDLE_MESSAGES_MAX).map(|_| message("x")).collect();
    let (sender, _answer) = oneshot::channel();
    writer.write(&mut vec![Append::new(room("a"), many, sender)]);
    assert!(!writer.release_memory());
    assert!(writer.release_memory());
    assert_eq!(append(&mut writer, "next"), Ok(IDLE_MESSAGES_MAX + 2));
}

/// After each kind of write error the writer works again, and the ids continue.
#[test]
fn failed_write_stores_nothing_and_the_next_one_succeeds() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut writer = writer(folder.path());
    assert_eq!(append(&mut writer, "1"), Ok(1));
    let pages: i64 =
        writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let errors = [
        (format!("max_page_count = {pages}"), "max_page_count = 1000000", "full"),
        ("query_only = on".to_owned(), "query_only = off", "readonly"),
    ];
    for (number, (refuse, permit, words)) in errors.iter().enumerate() {
        writer.connection.execute_batch(&format!("PRAGMA {refuse}")).unwrap();
        let long = "x".repeat(100_000);
        for _ in 0..3 {
            let refused = append(&mut writer, &long).unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
        assert!(writer.guard.health.problem().unwrap().contains(words));
        writer.connection.execute_batch(&format!("PRAGMA {permit}")).unwrap();
        while writer.guard.health.is_write_failing() {
            thread::sleep(Duration::from_millis(20));
            writer.run_due_probe();
        }
        assert_eq!(append(&mut writer, &long), Ok(2 + number as u64));
    }
}

/// The shutdown must not look like a crash to the next start.
#[test]
fn stop_during_a_checkpoint_leaves_everything_on_the_disk() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("db");
    let checkpoints = CheckpointLock::default();
    let mut writer = writer_with_lock(folder.path(), Arc::clone(&checkpoints));
    assert_eq!(append(&mut writer, "1"), Ok(1));
    // A reader of the older snapshot makes the checkpoint wait.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM message").unwrap();
    assert_eq!(append(&mut writer, "2"), Ok(2));
    let (waiting, is_waiting) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut checkpointer = Connection::open(&path).unwrap();
    let wait = move |_| {
        let _ = waiting.send(());
        released.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout)
    };
    checkpointer.busy_handler(Some(wait)).unwrap();
    let checkpoint = thread::spawn(move || {
        let _checkpoints = checkpoints.lock().unwrap();
        checkpointer.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, bool>(0))
    });
    is_waiting.recv().unwrap();
    drop(reader);
    let queue = WorkQueue::new(1);
    queue.close();
    let stop = thread::spawn(move || run(&Arc::new(Mutex::new(Some(writer))), &queue));
    // A stop that did not wait for the checkpoint would end within this time.
    thread::sleep(Duration::from_millis(100));
    drop(release);
    assert!(stop.join().unwrap());
    checkpoint.join().unwrap().unwrap();
}
