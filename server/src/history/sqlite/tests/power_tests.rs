//! Simulates a power failure at every moment of commits, checkpoints and a migration. The production
//! code opens each state in which the disk may be, and must find what the documentation promises.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use xmeet_faultfs::{FaultFs, Image, Loss, Recording};

use super::super::database::Database;
use super::super::*;
use crate::history::contract_test::{message, room};

/// Limits that a few messages reach, so that checkpoints run between the commits.
const TINY: WalLimits = WalLimits {
    step_bytes: 24 * 1024,
    restart_bytes: 48 * 1024,
    retry_bytes: 12 * 1024,
    block_bytes: 96 * 1024,
    refuse_bytes: 8 * 1024 * 1024,
};

const MESSAGES: u64 = 14;

/// At every n-th moment the test also runs the start that follows the power failure.
const START_EVERY: usize = 16;

/// A run of the engine on a disk that records every write and sync.
struct Run {
    recording: Recording,
    sync: SyncMode,
    epoch: String,
    start_count: u64,
    /// The moment of the recording at which the start was complete.
    started: usize,
}

fn text(id: u64) -> String {
    format!("{id}:{}", "x".repeat(usize::try_from(id % 5).unwrap() * 2_000))
}

/// Runs the engine and appends messages one after the other. Marks each commit in the recording.
async fn run(sync: SyncMode, synchronous: Option<&'static str>) -> Run {
    let folder = TempDir::new().unwrap();
    let disk = FaultFs::above("unix");
    let environment = Environment {
        wal_limits: TINY,
        boot: Some("before".to_owned()),
        vfs: Some(disk.name()),
        synchronous,
    };
    let retention = Retention { sync, ..Retention::default() };
    let opened =
        SqliteHistory::open_in(folder.path(), &retention, environment, Arc::default()).unwrap();
    let lock = folder.path().join(lock_file::LOCK_FILE);
    disk.put(&lock);
    let started = disk.recording().moments().last().unwrap();
    for id in 1..=MESSAGES {
        let answer = opened.history.append(&room("a"), vec![message(&text(id))]).await;
        assert_eq!(answer, Ok(id));
        disk.mark(id);
    }
    opened.threads.stop().await.unwrap();
    disk.put(&lock);
    let (epoch, start_count) = (opened.epoch.to_string(), opened.start_count);
    Run { recording: disk.recording(), sync, epoch, start_count, started }
}

fn losses(moment: usize) -> [Loss; 5] {
    let seed = moment as u64;
    [
        Loss::All,
        Loss::Nothing,
        Loss::Some { seed },
        Loss::Torn { seed, sector_bytes: 512 },
        Loss::Torn { seed, sector_bytes: 4096 },
    ]
}

/// Opens a database with the production code.
fn open(folder: &Path, disk: &FaultFs) -> Result<Database, OpenError> {
    let path = folder.join(DATABASE_FILE);
    drop(examine::prepare(&path)?);
    schema::open_for_writing(&path, Some(disk.name()))
}

/// Returns how many messages the room has. Fails unless they are complete and in order.
fn messages(connection: &rusqlite::Connection) -> Result<u64, String> {
    let check: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| error.to_string())?;
    if check != "ok" {
        return Err(check);
    }
    let mut select = connection
        .prepare("SELECT id, text FROM message ORDER BY room, id")
        .map_err(|error| error.to_string())?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<(u64, String)>>>);
    let rows = rows.map_err(|error| error.to_string())?;
    for (place, (id, found)) in (1..).zip(&rows) {
        if *id != place || *found != text(place) {
            return Err(format!("found message {id} in place of {place}"));
        }
    }
    Ok(rows.len() as u64)
}

impl Run {
    /// Checks what a start finds after a power failure at this moment.
    fn check(&self, moment: usize, image: &Image, disk: &FaultFs) -> Result<(), String> {
        let folder = TempDir::new().unwrap();
        image.write_into(folder.path()).unwrap();
        let opened = open(folder.path(), disk).map_err(|error| format!("{error:?}"));
        let mut connection = opened?;
        let found = messages(&connection)?;
        let committed = self.recording.mark_at(moment).unwrap_or(0);
        if self.sync == SyncMode::Full && found < committed {
            return Err(format!("{committed} messages were committed, {found} are left"));
        }
        let is_start_checked = moment.is_multiple_of(START_EVERY) && moment >= self.started;
        if !is_start_checked {
            return Ok(());
        }
        let path = folder.path().join(DATABASE_FILE);
        // The image is a new file, which would look like a restored database. After a real power
        // failure the file is the same.
        let file = identity::file_identity(&path).unwrap();
        connection.execute("UPDATE start SET file = ?1", [file]).unwrap();
        let mut lock = LockFile::lock(folder.path()).unwrap();
        let boot = Some("after".to_owned());
        let start =
            identity::record_start(&mut connection, &path, &mut lock, boot, self.sync).unwrap();
        if start.count <= self.start_count {
            return Err("pids repeat".to_owned());
        }
        let is_same = start.epoch == self.epoch;
        if found < committed && is_same {
            return Err("ids repeat in the same epoch".to_owned());
        }
        if self.sync == SyncMode::Full && !is_same {
            return Err("the epoch changed although nothing can be lost".to_owned());
        }
        Ok(())
    }

    /// Checks every moment with every kind of loss. Returns the failures.
    fn failures(&self) -> Vec<String> {
        // Nothing else runs on this runtime, so this thread may block.
        let _blocking = BlockingPermit::new();
        let disk = FaultFs::above("unix");
        let mut failures = Vec::new();
        for moment in self.recording.moments() {
            for loss in losses(moment) {
                let image = self.recording.image(moment, loss);
                if let Err(failure) = self.check(moment, &image, &disk) {
                    failures.push(format!("moment {moment}, {loss:?}: {failure}"));
                }
            }
        }
        failures
    }
}

/// The tests are meaningful only if there were checkpoints.
fn assert_has_checkpoints(run: &Run) {
    assert!(run.recording.syncs("-wal") > 2 && run.recording.syncs(".sqlite3") > 2);
}

#[tokio::test]
async fn power_failure_at_any_moment_with_normal_sync_leaves_a_prefix() {
    let run = run(SyncMode::Normal, None).await;
    assert_has_checkpoints(&run);
    assert_eq!(run.failures(), [""; 0]);
}

#[tokio::test]
async fn power_failure_at_any_moment_with_full_sync_loses_no_committed_message() {
    let run = run(SyncMode::Full, None).await;
    assert_has_checkpoints(&run);
    assert_eq!(run.failures(), [""; 0]);
}

/// Proves that the checks can fail.
#[tokio::test]
async fn checks_fail_with_synchronous_off() {
    for sync in [SyncMode::Normal, SyncMode::Full] {
        let failures = run(sync, Some("OFF")).await.failures();
        assert!(!failures.is_empty(), "{sync:?}");
    }
}

#[tokio::test]
async fn power_failure_after_a_clean_stop_loses_nothing() {
    let run = run(SyncMode::Normal, None).await;
    let _blocking = BlockingPermit::new();
    let (disk, last) = (FaultFs::above("unix"), run.recording.moments().last().unwrap());
    for loss in losses(last) {
        let folder = TempDir::new().unwrap();
        run.recording.image(last, loss).write_into(folder.path()).unwrap();
        assert_eq!(messages(&open(folder.path(), &disk).unwrap()), Ok(MESSAGES));
        let lock = LockFile::lock(folder.path()).unwrap();
        assert!(!lock.latest.may_have_lost_messages(Some("after")));
    }
}

#[test]
fn power_failure_at_any_moment_of_a_migration_leaves_a_usable_history() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    let old = schema::create_first_schema(&path);
    old.execute_batch("INSERT INTO room (id, name, oldest, newest) VALUES (1, 'a', 1, 40)")
        .unwrap();
    for id in 1..=40_u64 {
        let values = rusqlite::params![id, text(id)];
        old.execute("INSERT INTO message VALUES (1, ?1, 5, '<0.1.1>', 'a', ?2)", values).unwrap();
    }
    drop(old);
    let disk = FaultFs::above("unix");
    disk.put(&path);
    drop(open(folder.path(), &disk).unwrap());
    let recording = disk.recording();
    let disk = FaultFs::above("unix");
    let mut moments = 0;
    for moment in recording.moments().skip(1) {
        for loss in losses(moment) {
            let folder = TempDir::new().unwrap();
            recording.image(moment, loss).write_into(folder.path()).unwrap();
            let opened = open(folder.path(), &disk);
            let found = messages(&opened.unwrap_or_else(|e| panic!("{moment} {loss:?}: {e:?}")));
            assert_eq!(found, Ok(40), "{moment} {loss:?}");
        }
        moments += 1;
    }
    assert!(moments > 5, "{moments}");
    assert!(fs::exists(&path).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_is_failing_while_reads_fail() {
    let folder = TempDir::new().unwrap();
    let disk = FaultFs::above("unix");
    let open = || {
        let environment = Environment { vfs: Some(disk.name()), ..Environment::production() };
        let retention = Retention::default();
        SqliteHistory::open_in(folder.path(), &retention, environment, Arc::default()).unwrap()
    };
    let opened = open();
    for id in 1..=200 {
        opened.history.append(&room("a"), vec![message(&text(id))]).await.unwrap();
    }
    opened.threads.stop().await.unwrap();
    // After a restart no page is cached.
    let opened = open();
    disk.fail_reads(true);
    assert!(opened.history.load(&room("a")).await.is_err());
    let until_failing = async |wanted: bool| {
        let work = async {
            while opened.health.problem().is_some() != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), work)
            .await
            .expect("the health changes in time");
    };
    until_failing(true).await;
    disk.fail_reads(false);
    until_failing(false).await;
    assert_eq!(opened.history.load(&room("a")).await.unwrap().newest, 200);
    opened.threads.stop().await.unwrap();
}
