//! `xmeet check` reports the problems of a data directory that would make a start fail. The exit code of
//! both says whether a retry may help: 1 for a transient problem, 2 for a permanent one.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Client, Process};

const FOR_NOW: i32 = 1;
const FOR_GOOD: i32 = 2;

const PAGE_BYTES: u64 = 4096;

fn database(folder: &Path) -> PathBuf {
    folder.join("history.sqlite3")
}

/// Runs a command that does not serve. Returns its exit code and its messages.
fn outcome(action: &str, folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    // A small bound, because a bound above the free space causes a warning.
    command.args(["--store-bytes-max", "16777216"]);
    command.args([action, "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder);
    let output = command.stdout(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Checks that `check` and `serve` fail with the code and the words, and do not change the database.
fn both_fail(folder: &Path, code: i32, words: &str) {
    let before = fs::read(database(folder)).ok();
    for action in ["check", "serve"] {
        let (found, said) = outcome(action, folder);
        assert_eq!(found, Some(code), "{action}: {said}");
        assert!(said.contains(words), "{action}: {words}: {said}");
    }
    assert_eq!(fs::read(database(folder)).ok(), before);
}

/// Creates a data directory with this many long messages.
async fn used(messages: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    for _ in 0..messages {
        client.say(&"x".repeat(30_000)).await;
    }
    drop(client);
    process.stopped().await;
    folder
}

#[test]
fn directory_in_place_of_a_file_is_reported() {
    for name in ["history.sqlite3", "history.sqlite3-wal", "history.sqlite3-shm", "xmeet.lock"] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(name)).unwrap();
        for action in ["check", "serve"] {
            let (code, said) = outcome(action, folder.path());
            assert_eq!(code, Some(FOR_GOOD), "{name}: {said}");
            assert!(said.contains(name) && said.contains("is not a file"), "{said}");
        }
    }
}

#[test]
fn dangling_link_is_reported_as_transient() {
    for name in ["history.sqlite3", "xmeet.lock"] {
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("not mounted");
        symlink(&target, folder.path().join(name)).unwrap();
        both_fail(folder.path(), FOR_NOW, "is a link to a file that does not exist");
        assert!(!target.exists(), "no folder is created where a disk may be mounted later");
    }
}

#[test]
fn data_dir_that_is_not_a_directory_is_reported() {
    let folder = TempDir::new().unwrap();
    let (link, file) = (folder.path().join("link"), folder.path().join("file"));
    symlink(folder.path().join("not mounted"), &link).unwrap();
    both_fail(&link, FOR_NOW, "is a link to a folder that does not exist");
    fs::write(&file, "x").unwrap();
    both_fail(&file, FOR_GOOD, "is not a folder");
}

#[test]
fn database_of_another_program_is_reported() {
    for version in [0, 1, 2, 70] {
        let folder = TempDir::new().unwrap();
        let other = rusqlite::Connection::open(database(folder.path())).unwrap();
        other.execute_batch("CREATE TABLE bookmark (id INTEGER PRIMARY KEY, url TEXT)").unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        both_fail(folder.path(), FOR_GOOD, "is the database of another program");
    }
    let folder = TempDir::new().unwrap();
    fs::write(database(folder.path()), "a letter, however long it may be").unwrap();
    both_fail(folder.path(), FOR_GOOD, "is not a SQLite database");
}

#[tokio::test]
async fn newer_schema_is_reported() {
    let folder = used(1).await;
    let other = rusqlite::Connection::open(database(folder.path())).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    both_fail(folder.path(), FOR_GOOD, "was written by a newer xmeet");
}

#[tokio::test]
async fn truncated_database_is_reported() {
    let folder = used(1).await;
    let file = File::options().write(true).open(database(folder.path())).unwrap();
    file.set_len(PAGE_BYTES).unwrap();
    both_fail(folder.path(), FOR_GOOD, "history");
}

#[tokio::test]
async fn damage_in_the_first_page_is_reported() {
    let folder = used(1).await;
    let file = File::options().write(true).open(database(folder.path())).unwrap();
    file.write_all_at(&[0xff; 1000], 100).unwrap();
    both_fail(folder.path(), FOR_GOOD, "history");
}

/// A check reads all pages; a start does not.
#[tokio::test]
async fn damage_in_a_page_of_messages_is_reported_by_check() {
    let folder = used(20).await;
    let file = File::options().write(true).open(database(folder.path())).unwrap();
    let pages = file.metadata().unwrap().len() / PAGE_BYTES;
    assert!(pages > 40, "{pages}");
    // Overwrites pages after the schema.
    file.write_all_at(&vec![0xff; 20 * PAGE_BYTES as usize], 8 * PAGE_BYTES).unwrap();
    let (code, said) = outcome("check", folder.path());
    assert_eq!(code, Some(FOR_GOOD), "{said}");
}

/// A check changes no file, even beside a running server or after a crash.
#[tokio::test]
async fn check_leaves_no_file_during_a_run_and_after_a_kill() {
    let folder = TempDir::new().unwrap();
    assert_eq!(outcome("check", folder.path()), (Some(0), String::new()));
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    client.say("kept").await;
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert_eq!(outcome("check", folder.path()).0, Some(0));
    process.kill();
    assert_eq!(outcome("check", folder.path()), (Some(0), String::new()));
    assert_eq!(names(), before);
    let process = Process::start(folder.path());
    drop(client);
    process.stopped().await;
    let before = names();
    assert_eq!(outcome("check", folder.path()), (Some(0), String::new()));
    assert_eq!(names(), before);
}
