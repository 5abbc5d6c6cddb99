//! A full store, with the real binary: writes are rejected, reads work, `/readyz` fails, and the server
//! recovers without intervention once there is room again.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;
use xmeet_shared::{ErrorCode, ServerMessage};

use super::health::ready;
use crate::support::{Client, Process, soon};

/// Length of a message that needs new pages of the database.
const LONG_BYTES: usize = 30_000;

/// Maximum number of messages until one must be refused.
const LONG_MESSAGES_MAX: usize = 200;

/// Returns a command that runs `xmeet` and ignores SIGXFSZ, so that writes over the file size limit fail.
fn limited(folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_xmeet")]);
    command.args(["--no-limits", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder);
    command
}

/// Sets the file size limit of a process.
fn limit_files(process: &Process, bytes: &str) {
    let arguments = ["--pid", &process.pid().to_string(), &format!("--fsize={bytes}:")];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

pub(crate) async fn until_ready(address: SocketAddr, wanted: &str) {
    let work = async {
        while ready(address).await.1 != wanted {
            sleep(Duration::from_millis(50)).await;
        }
    };
    soon(&format!("/readyz says {wanted}"), work).await;
}

/// Sends long messages until one is refused. Returns the number of stored messages.
async fn say_until_refused(client: &mut Client, mut kept: u64) -> u64 {
    for _ in 0..LONG_MESSAGES_MAX {
        client.send(&"x".repeat(LONG_BYTES)).await;
        match client.next().await.message {
            ServerMessage::Normal { id, .. } => {
                kept += 1;
                assert_eq!(id, Some(kept));
            }
            ServerMessage::Error { code, .. } => {
                assert_eq!(code, Some(ErrorCode::Storage));
                return kept;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the store is not full")
}

/// Checks a server whose store `fill` makes full and `free` makes writable again.
async fn check_full_store(
    process: Process,
    folder: &Path,
    fill: impl Fn(&Process),
    free: impl Fn(&Process),
) {
    let address = process.address;
    let mut a = Client::enter(address, "r", "a").await;
    for id in 1..=120 {
        assert_eq!(a.say(&id.to_string()).await, id);
    }
    assert_eq!(ready(address).await, (200, "ready".to_owned()));
    fill(&process);
    let kept = say_until_refused(&mut a, 120).await;
    until_ready(address, "failing").await;

    // Reads still work: for members, newcomers, old pages and other rooms.
    let mut b = Client::enter(address, "r", "b").await;
    assert!(matches!(a.next().await.message, ServerMessage::Join(_)));
    assert_eq!(b.page.last().unwrap().id, Some(kept));
    assert_eq!(b.ask_page(2).await.last().unwrap().id, Some(kept - 100));
    let mut c = Client::enter(address, "never seen", "c").await;
    assert_eq!(c.page, []);
    for client in [&mut b, &mut c] {
        client.send("refused").await;
        assert_eq!(client.next_error().await, ErrorCode::Storage);
    }
    b.send("@changename:d").await;
    assert!(matches!(a.next().await.message, ServerMessage::ChangeName(_)));
    assert_eq!(ready(address).await.0, 503);

    free(&process);
    until_ready(address, "ready").await;
    assert_eq!(c.say("first").await, 1);
    assert_eq!(a.say("goes on").await, kept + 1);
    let log = process.stopped().await;
    assert_eq!(log.matches("the history cannot be written").count(), 1, "{log}");
    assert_eq!(log.matches("the history can be written again").count(), 1, "{log}");

    let process = Process::start(folder);
    let mut client = Client::enter(process.address, "r", "a").await;
    let mut ids = Vec::new();
    for cursor in (0..=kept / 50).rev() {
        ids.extend(client.ask_page(cursor).await.into_iter().map(|record| record.id.unwrap()));
    }
    assert_eq!(ids, (1..=kept + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn file_size_limit_rejects_writes_and_serves_reads() {
    let folder = TempDir::new().unwrap();
    let process = Process::spawn(limited(folder.path()));
    // The limit is below the sizes of the database and its log, so neither can grow.
    let fill = |process: &Process| limit_files(process, "4096");
    check_full_store(process, folder.path(), fill, |process| limit_files(process, "unlimited"))
        .await;
}

/// A small file system. Dropping it unmounts it.
pub(crate) struct Disk(TempDir);

impl Disk {
    pub(crate) fn mount() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path());
        let output = mount.output().expect("this test needs mount, of util-linux");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "this test needs root, to mount a tmpfs: {said}");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn full_disk_rejects_writes_and_serves_reads() {
    let disk = Disk::mount();
    let ballast = disk.path().join("ballast");
    let folder = disk.path().join("data");
    let fill = |_: &Process| {
        let mut file = File::create(&ballast).unwrap();
        // Writes until the disk is full.
        while file.write(&[0; 4096]).is_ok_and(|bytes| bytes > 0) {}
    };
    let process = Process::start(&folder);
    check_full_store(process, &folder, fill, |_| fs::remove_file(&ballast).unwrap()).await;
}
