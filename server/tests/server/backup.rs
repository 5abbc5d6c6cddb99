//! `xmeet backup`, with and without a running server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::spawn_blocking;
use xmeet_server::history::History;
use xmeet_server::history::sqlite::{Opened, SqliteHistory};
use xmeet_server::room::Message;
use xmeet_shared::{Nickname, Pid, RoomId};

use super::full_store::Disk;
use crate::support::{Client, Process, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";

/// Makes a backup. Returns the exit code and the messages.
fn back_up(folder: &Path, target: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.arg("backup").arg(target).arg("--data-dir").arg(folder);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

async fn epoch(process: &Process) -> String {
    Client::enter_with(process.address, "r", "a", TOKEN).await.epoch.expect("it asked for it")
}

/// Starts a server on a copy. Returns its newest id and its epoch.
async fn restored(folder: &Path) -> (u64, String) {
    let process = Process::start(folder);
    let mut client = Client::enter(process.address, "r", "a").await;
    let newest = client.page.last().map_or(0, |record| record.id.unwrap());
    for cursor in 0..=newest / 50 {
        let page = client.ask_page(cursor).await;
        for record in page {
            assert!(record.payload.starts_with(&format!("{}:", record.id.unwrap())));
        }
    }
    assert_eq!(client.say(&format!("{}:goes on", newest + 1)).await, newest + 1);
    (newest, epoch(&process).await)
}

#[tokio::test]
async fn backup_during_writes_is_a_consistent_snapshot() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let process = Process::start(folder.path());
    let first_epoch = epoch(&process).await;
    let mut writer = Client::enter(process.address, "r", "w").await;
    let long = "x".repeat(20_000);
    let mut said = 0;
    for _ in 0..100 {
        said = writer.say(&format!("{}:{long}", said + 1)).await;
    }
    let before = said;
    fs::create_dir(copies.path().join("data")).unwrap();
    let target = copies.path().join("data/history.sqlite3");
    let (source, to) = (folder.path().to_owned(), target.clone());
    let backup = spawn_blocking(move || back_up(&source, &to));
    // The server stores and delivers messages during the backup.
    while !backup.is_finished() {
        said = writer.say(&format!("{}:{long}", said + 1)).await;
    }
    let (code, words) = soon("the backup ends", backup).await.unwrap();
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("bytes of history are in"), "{words}");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    let entries = fs::read_dir(target.parent().unwrap()).unwrap();
    assert_eq!(entries.count(), 1, "the copy is one file");
    let (newest, epoch_of_copy) = restored(target.parent().unwrap()).await;
    assert!((before..=said).contains(&newest), "{before} {newest} {said}");
    assert_ne!(epoch_of_copy, first_epoch);
    // The server continues.
    assert_eq!(epoch(&process).await, first_epoch);
    assert_eq!(writer.say(&format!("{}:after", said + 1)).await, said + 1);
}

/// The copy is also written over the file that it was made from.
#[tokio::test]
async fn restored_backup_has_a_new_epoch() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let process = Process::start(folder.path());
    let first = epoch(&process).await;
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("1:kept").await, 1);
    let target = copies.path().join("copy");
    assert_eq!(back_up(folder.path(), &target).0, Some(0));
    assert_eq!(client.say("2:lost").await, 2);
    drop(client);
    process.stopped().await;
    fs::write(folder.path().join("history.sqlite3"), fs::read(&target).unwrap()).unwrap();
    let (newest, second) = restored(folder.path()).await;
    assert_eq!(newest, 1);
    assert_ne!(second, first);
}

#[tokio::test]
async fn backup_without_a_server_works_and_changes_nothing() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let process = Process::start(folder.path());
    let first = epoch(&process).await;
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("1:kept").await, 1);
    drop(client);
    process.stopped().await;
    assert_eq!(back_up(folder.path(), &copies.path().join("copy")).0, Some(0));
    let process = Process::start(folder.path());
    assert_eq!(epoch(&process).await, first);
}

#[test]
fn backup_replaces_nothing_and_needs_a_history() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let target = copies.path().join("copy");
    let (code, words) = back_up(folder.path(), &target);
    assert!(code == Some(1) && words.contains("there is no history in"), "{words}");
    let process = Process::start(folder.path());
    fs::write(&target, "mine").unwrap();
    let (code, words) = back_up(folder.path(), &target);
    assert!(code == Some(1) && words.contains("a backup replaces nothing"), "{words}");
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    let nowhere = copies.path().join("no folder/copy");
    let (code, words) = back_up(folder.path(), &nowhere);
    assert!(code == Some(1) && words.contains("could not be made"), "{words}");
    drop(process);
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    let output = command.arg("backup").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "the path is required");
}

/// Creates a history of this many MiB in a room that the tests do not use.
async fn long_history(folder: &Path, mebibytes: usize) {
    let Opened { history, threads, .. } = SqliteHistory::open(folder, 10_000).unwrap();
    let message = Arc::new(Message {
        from: Pid::new(0, 7, 1),
        nickname: Nickname::new("a").unwrap(),
        text: "x".repeat(64 * 1024),
        ts: 1_700_000_000_000,
    });
    for _ in 0..mebibytes {
        let messages = vec![Arc::clone(&message); 16];
        history.append(&RoomId::new("long").unwrap(), messages).await.unwrap();
    }
    threads.stop().await.unwrap();
}

#[tokio::test]
async fn backup_onto_a_full_disk_leaves_no_file_and_the_server_continues() {
    let (folder, disk) = (TempDir::new().unwrap(), Disk::mount());
    // Larger than the disk.
    long_history(folder.path(), 8).await;
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("1:before").await, 1);
    let (code, words) = back_up(folder.path(), &disk.path().join("copy"));
    assert!(code == Some(1) && words.contains("could not be made"), "{words}");
    assert!(words.contains("full"), "{words}");
    let left: Vec<_> = fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(left.is_empty(), "the failed copy is removed: {left:?}");
    assert_eq!(client.say("2:after").await, 2);
    drop(client);
    process.stopped().await;
    assert_eq!(restored(folder.path()).await.0, 2);
}

/// The copy usually takes longer than the time to the signal. On a very busy machine it may be complete;
/// then the test tries again with another name.
#[tokio::test]
async fn interrupted_backup_leaves_no_target_and_the_server_continues() {
    const TRIES: usize = 20;
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    long_history(folder.path(), 64).await;
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    let mut interrupted = None;
    for number in 0..TRIES {
        let target = copies.path().join(number.to_string());
        let partial = copies.path().join(format!("{number}.copying"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
        command.arg("backup").arg(&target).arg("--data-dir").arg(folder.path());
        let mut backup = command.stderr(Stdio::null()).spawn().unwrap();
        let begun = async {
            while !partial.exists() && backup.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon("the backup begins", begun).await;
        let kill = Command::new("kill").args(["-INT", &backup.id().to_string()]).status();
        assert!(kill.is_ok());
        if backup.wait().unwrap().code() != Some(0) {
            interrupted = Some(target);
            break;
        }
    }
    let target = interrupted.expect("one of them is interrupted");
    assert!(!target.exists());
    assert_eq!(client.say("1:after").await, 1);
    let again = copies.path().join("again");
    assert_eq!(back_up(folder.path(), &again).0, Some(0));
    // The next backup reports the incomplete copy.
    let (code, words) = back_up(folder.path(), &target);
    assert!(code == Some(1) && words.contains(".copying exists"), "{words}");
    drop(client);
    process.stopped().await;
    assert_eq!(restored(folder.path()).await.0, 1);
}

#[tokio::test]
async fn concurrent_backups_to_one_path_make_one_complete_copy() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("1:kept").await, 1);
    fs::create_dir(copies.path().join("data")).unwrap();
    let target = copies.path().join("data/history.sqlite3");
    let backups = (0..4).map(|_| {
        let (source, to) = (folder.path().to_owned(), target.clone());
        spawn_blocking(move || back_up(&source, &to))
    });
    let mut made = 0;
    for backup in backups.collect::<Vec<_>>() {
        let (code, words) = soon("the backup ends", backup).await.unwrap();
        if code == Some(0) {
            made += 1;
        } else {
            assert!(code == Some(1) && words.contains("a backup replaces nothing"), "{words}");
        }
    }
    assert_eq!(made, 1);
    assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(restored(target.parent().unwrap()).await.0, 1);
    assert_eq!(client.say("2:after").await, 2);
}

#[tokio::test]
async fn backup_onto_the_database_of_a_running_server_is_rejected_without_damage() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("1:kept").await, 1);
    for name in ["history.sqlite3", "history.sqlite3-wal", "history.sqlite3-journal", "xmeet.lock"]
    {
        let (code, words) = back_up(folder.path(), &folder.path().join(name));
        let is_refused =
            words.contains("choose another name") || words.contains("replaces nothing");
        assert!(code == Some(1) && is_refused, "{words}");
    }
    assert_eq!(client.say("2:after").await, 2);
    drop(client);
    process.stopped().await;
    assert_eq!(restored(folder.path()).await.0, 2);
}
