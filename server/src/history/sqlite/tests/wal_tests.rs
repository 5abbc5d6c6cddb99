//! Tests of the write-ahead log: its size stays bounded, and commits survive a crash of the process.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::super::*;
use super::another;
use crate::history::contract_test::{fill, message, room};

/// Time limit of each wait, so that a failing test does not hang.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Limits that a test reaches quickly.
const SMALL: WalLimits = WalLimits {
    step_bytes: 256 * 1024,
    restart_bytes: 1024 * 1024,
    retry_bytes: 128 * 1024,
    block_bytes: 2 * 1024 * 1024,
    refuse_bytes: 8 * 1024 * 1024,
};

/// Upper bound for what one transaction of these tests adds to the WAL.
const TRANSACTION_BYTES: u64 = 512 * 1024;

fn open_small(folder: &TempDir) -> Opened {
    let retention = Retention { messages_max: 1000, ..Retention::default() };
    let environment = Environment { wal_limits: SMALL, ..Environment::production() };
    SqliteHistory::open_in(folder.path(), &retention, environment, Arc::default()).unwrap()
}

fn wal_bytes(folder: &TempDir) -> u64 {
    fs::metadata(folder.path().join(format!("{DATABASE_FILE}-wal"))).unwrap().len()
}

/// Returns the WAL's header, which changes each time the WAL restarts.
fn wal_header(folder: &TempDir) -> Vec<u8> {
    let mut wal = File::open(folder.path().join(format!("{DATABASE_FILE}-wal"))).unwrap();
    let mut header = vec![0; 32];
    wal.read_exact(&mut header).unwrap();
    header
}

/// Several rooms write much more than the WAL may hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wal_stays_bounded_during_writes_and_reads() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open_small(&folder);
    // An idle connection must not prevent checkpoints.
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
    timeout(TIMEOUT, futures_util::future::join_all(work)).await.unwrap();
    // The file has not shrunk, so its length is the maximum. More than 15 MB were written.
    let bytes = wal_bytes(&folder);
    assert!(bytes < SMALL.block_bytes + 2 * TRANSACTION_BYTES, "{bytes}");
    threads.stop().await.unwrap();
    assert!(fs::metadata(folder.path().join(DATABASE_FILE)).unwrap().len() > 10 * 1024 * 1024);
}

/// A long read keeps the WAL from restarting, but writes continue. The WAL restarts after the read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_read_does_not_block_writes() {
    let folder = TempDir::new().unwrap();
    let Opened { history, threads, .. } = open_small(&folder);
    let room = room("a");
    fill(&history, &room, 1).await;
    let reader = another(&folder);
    let header = wal_header(&folder);
    let count = "SELECT count(*) FROM message";
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
    let text = "x".repeat(4000);
    let write = async |appends: u64| {
        for _ in 0..appends {
            let append = history.append(&room, vec![message(&text); 8]);
            timeout(TIMEOUT, append).await.unwrap().unwrap();
        }
    };
    while wal_bytes(&folder) < SMALL.restart_bytes + 4 * SMALL.retry_bytes {
        write(4).await;
    }
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
    assert_eq!(wal_header(&folder), header);
    reader.execute_batch("COMMIT").unwrap();
    timeout(TIMEOUT, async {
        while wal_header(&folder) == header {
            write(1).await;
        }
    })
    .await
    .expect("the WAL restarts");
    threads.stop().await.unwrap();
}

/// The copied files are what `kill -9` would leave: the WAL is not checkpointed.
#[tokio::test]
async fn committed_messages_survive_a_killed_process() {
    let (folder, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let Opened { history, threads, .. } = SqliteHistory::open(folder.path(), 1000).unwrap();
    fill(&history, &room("a"), 70).await;
    for suffix in ["", "-wal"] {
        let name = format!("{DATABASE_FILE}{suffix}");
        fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
    }
    threads.stop().await.unwrap();
    let opened = SqliteHistory::open(copy.path(), 1000).unwrap();
    let stored = opened.history.load(&room("a")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (1, 70, 50));
    assert_eq!(opened.history.append(&room("a"), vec![message("71")]).await.unwrap(), 71);
}
