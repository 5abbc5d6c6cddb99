//! The files of a running server's history are removed, replaced, truncated or made inaccessible. The
//! server rejects messages that the next start would not find, `/readyz` fails, and the log has a line.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xmeet_shared::ErrorCode;

use super::full_store::until_ready;
use crate::support::{Client, Process};

const DAMAGED: &str = "the history's files are damaged";

fn database(folder: &Path) -> PathBuf {
    folder.join("history.sqlite3")
}

fn log(folder: &Path) -> PathBuf {
    folder.join("history.sqlite3-wal")
}

/// Starts a server with one message in its database and one in the write-ahead log.
async fn start(folder: &Path) -> (Process, Client) {
    let process = Process::start(folder);
    let mut client = Client::enter(process.address, "r", "a").await;
    client.say("in the database").await;
    drop(client);
    process.stopped().await;
    let process = Process::start(folder);
    let mut client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.say("in the log").await, 2);
    (process, client)
}

async fn is_refused(client: &mut Client) {
    client.send("refused").await;
    assert_eq!(client.next_error().await, ErrorCode::Storage);
}

/// Damages the files and sends no message until the server has noticed.
async fn damage_is_found(damage: impl Fn(&Path)) {
    let folder = TempDir::new().unwrap();
    let (process, mut client) = start(folder.path()).await;
    damage(folder.path());
    until_ready(process.address, "failing").await;
    // A separate thread writes the log, so the line may appear after the response.
    process.logs(DAMAGED).await;
    is_refused(&mut client).await;
    is_refused(&mut client).await;
    assert_eq!(process.logged().matches(DAMAGED).count(), 1, "{}", process.logged());
}

/// Damages the files and repairs them. The server must work again.
async fn damage_passes(damage: impl Fn(&Path), repair: impl Fn(&Path)) {
    let folder = TempDir::new().unwrap();
    let (process, mut client) = start(folder.path()).await;
    damage(folder.path());
    until_ready(process.address, "failing").await;
    is_refused(&mut client).await;
    repair(folder.path());
    until_ready(process.address, "ready").await;
    assert_eq!(client.say("goes on").await, 3);
    process.kill();
    let process = Process::start(folder.path());
    let client = Client::enter(process.address, "r", "a").await;
    assert_eq!(client.page.len(), 3);
}

#[tokio::test]
async fn message_after_the_database_was_removed_is_rejected() {
    let folder = TempDir::new().unwrap();
    let (_process, mut client) = start(folder.path()).await;
    fs::remove_file(database(folder.path())).unwrap();
    is_refused(&mut client).await;
}

#[tokio::test]
async fn removed_database_is_found() {
    damage_is_found(|folder| fs::remove_file(database(folder)).unwrap()).await;
}

#[tokio::test]
async fn removed_log_is_found() {
    damage_is_found(|folder| fs::remove_file(log(folder)).unwrap()).await;
}

#[tokio::test]
async fn removed_folder_is_found() {
    damage_is_found(|folder| fs::remove_dir_all(folder).unwrap()).await;
}

#[tokio::test]
async fn replaced_database_is_found() {
    damage_is_found(|folder| {
        let copy = folder.join("copy");
        fs::copy(database(folder), &copy).unwrap();
        fs::rename(copy, database(folder)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn truncated_database_is_found() {
    damage_is_found(|folder| {
        let file = File::options().write(true).open(database(folder)).unwrap();
        assert!(file.metadata().unwrap().len() > 3 * 4096);
        file.set_len(3 * 4096).unwrap();
    })
    .await;
}

#[tokio::test]
async fn emptied_database_is_found() {
    damage_is_found(|folder| drop(File::create(database(folder)).unwrap())).await;
}

#[tokio::test]
async fn emptied_log_is_found() {
    damage_is_found(|folder| drop(File::create(log(folder)).unwrap())).await;
}

#[tokio::test]
async fn database_moved_away_and_back_is_used_again() {
    let aside = |folder: &Path| folder.join("aside");
    let damage = |folder: &Path| fs::rename(database(folder), aside(folder)).unwrap();
    damage_passes(damage, |folder| fs::rename(aside(folder), database(folder)).unwrap()).await;
}

#[tokio::test]
async fn database_is_used_again_after_its_permissions_return() {
    let mode = |mode: u32| {
        move |folder: &Path| {
            fs::set_permissions(database(folder), Permissions::from_mode(mode)).unwrap();
        }
    };
    damage_passes(mode(0), mode(0o600)).await;
}
