//! The log stays bounded, and what was answered outlives a process that ends at once.

use std::fs;
use std::io::Read;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::super::*;
use super::another;
use crate::history::contract_test::{fill, message, room};

/// How long anything may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bounds that a test reaches soon.
const SMALL: Bounds = Bounds {
    step_bytes: 256 * 1024,
    finish_bytes: 1024 * 1024,
    retry_bytes: 128 * 1024,
    wait_bytes: 2 * 1024 * 1024,
};

/// What one transaction of these tests adds to the log, generously.
const TRANSACTION_BYTES: u64 = 512 * 1024;

fn open_small(folder: &TempDir) -> Opened {
    let keeping = Keeping { messages_max: 1000, ..Keeping::default() };
    SqliteHistory::open_with_bounds(folder.path(), &keeping, SMALL, Arc::default()).unwrap()
}

fn log_bytes(folder: &TempDir) -> u64 {
    fs::metadata(folder.path().join(format!("{DATABASE_FILE}-wal"))).unwrap().len()
}

/// The log's first bytes, which are others each time it begins anew.
fn log_beginning(folder: &TempDir) -> Vec<u8> {
    let mut log = File::open(folder.path().join(format!("{DATABASE_FILE}-wal"))).unwrap();
    let mut header = vec![0; 32];
    log.read_exact(&mut header).unwrap();
    header
}

/// Much more is written than the log may hold, by rooms at once, while others read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_while_it_is_written_and_read() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open_small(&folder);
    // A reader that is merely open holds nothing up.
    let idle = another(&folder);
    let _: u64 = idle.query_row("SELECT count(*) FROM room", [], |row| row.get(0)).unwrap();
    let text = "x".repeat(4000);
    let work = (0..8).map(|number| {
        let (history, text) = (&history, &text);
        async move {
            let room = room(&format!("r{number}"));
            for round in 0..60 {
                let messages = vec![message(text); 8];
                let first = history.append(&room, messages).await.unwrap();
                assert_eq!(first, round * 8 + 1);
                assert_eq!(history.read(&room, first..=first + 7).await.unwrap().len(), 8);
            }
        }
    });
    timeout(PATIENCE, futures_util::future::join_all(work)).await.unwrap();
    // The file does not shrink, so its length is the most there ever was: of 15 MB and more.
    let bytes = log_bytes(&folder);
    assert!(bytes < SMALL.wait_bytes + 2 * TRANSACTION_BYTES, "{bytes}");
    threads.stop().await.unwrap();
    assert!(fs::metadata(folder.path().join(DATABASE_FILE)).unwrap().len() > 10 * 1024 * 1024);
}

/// A reader that will not end holds the log, not the writer; when it has ended the log begins
/// anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_end_does_not_stop_the_writer() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open_small(&folder);
    let room = room("a");
    fill(&history, &room, 1).await;
    let reader = another(&folder);
    let beginning = log_beginning(&folder);
    let count = "SELECT count(*) FROM message";
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
    let text = "x".repeat(4000);
    let write = async |appends: u64| {
        for _ in 0..appends {
            let append = history.append(&room, vec![message(&text); 8]);
            timeout(PATIENCE, append).await.unwrap().unwrap();
        }
    };
    while log_bytes(&folder) < SMALL.finish_bytes + 4 * SMALL.retry_bytes {
        write(4).await;
    }
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
    assert_eq!(log_beginning(&folder), beginning);
    reader.execute_batch("COMMIT").unwrap();
    timeout(PATIENCE, async {
        while log_beginning(&folder) == beginning {
            write(1).await;
        }
    })
    .await
    .expect("the log begins anew");
    threads.stop().await.unwrap();
}

/// What `kill -9` leaves: the files as they are, the log not copied.
#[tokio::test]
async fn what_was_answered_is_in_the_files_at_once() {
    let (folder, left) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 1000).unwrap();
    fill(&history, &room("a"), 70).await;
    for suffix in ["", "-wal"] {
        let name = format!("{DATABASE_FILE}{suffix}");
        fs::copy(folder.path().join(&name), left.path().join(&name)).unwrap();
    }
    threads.stop().await.unwrap();
    let opened = SqliteHistory::open(left.path(), 1000).unwrap();
    let stored = opened.history.load(&room("a")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (1, 70, 50));
    assert_eq!(opened.history.append(&room("a"), vec![message("71")]).await.unwrap(), 71);
}
