//! The real binary: signals, crashes, and what it says when it cannot start.

use std::io::Read;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Client, Process, TestServer, raw};

const TOKEN: &str = "a-token-of-a-tab_012345";

#[tokio::test]
async fn what_a_member_received_outlives_kill_9() {
    let folder = TempDir::new().unwrap();
    let (mut received, mut epoch) = (0, None);
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let process = Process::start(folder.path());
        let mut client = Client::enter_with(process.address, "r", "a", TOKEN).await;
        let first = epoch.get_or_insert_with(|| client.epoch.clone());
        assert_eq!(&client.epoch, first, "ids go on");
        assert_eq!(client.page.last().map_or(0, |record| record.id.unwrap()), received);
        assert!(pids.insert(client.pid.clone()), "a pid came again");
        for _ in 0..80 {
            received = client.say(&format!("message {}", received + 1)).await;
        }
        process.kill();
    }
    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    let mut texts = Vec::new();
    for cursor in (0..=5).rev() {
        texts.extend(client.ask_page(cursor).await.into_iter().map(|record| record.payload));
    }
    let expected: Vec<_> = (1..=received).map(|number| format!("message {number}")).collect();
    assert_eq!(texts, expected);
}

/// The crash comes while messages are on their way: whatever came back before it is kept, the rest
/// is kept or not, and there is no gap and no message twice.
#[tokio::test]
async fn a_crash_in_the_middle_of_a_flood_loses_nothing_that_came_back() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut writer = Client::enter(process.address, "r", "a").await;
    for number in 1..=2000 {
        writer.send(&number.to_string()).await;
    }
    let mut received = 0;
    while received < 500 {
        received = writer.next_said().await.2;
    }
    process.kill();

    let process = Process::start(folder.path());
    let mut client = Client::enter(process.address, "r", "a").await;
    let newest = client.page.last().unwrap().id.unwrap();
    assert!((received..=2000).contains(&newest), "{newest} are kept, {received} came back");
    let mut texts = Vec::new();
    for cursor in (0..=newest / 50).rev() {
        texts.extend(client.ask_page(cursor).await.into_iter().map(|record| record.payload));
    }
    assert_eq!(texts, (1..=newest).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_signal_says_goodbye_and_keeps_everything() {
    for signal in ["TERM", "INT"] {
        let folder = TempDir::new().unwrap();
        let process = Process::start(folder.path());
        let mut a = Client::enter(process.address, "r", "a").await;
        let mut b = Client::enter(process.address, "other", "b").await;
        a.say("kept").await;
        process.signal(signal);
        assert_eq!((a.closed().await, b.closed().await), (1001, 1001));
        assert_eq!(process.ended().await.code(), Some(0));

        let process = Process::start(folder.path());
        let client = Client::enter(process.address, "r", "a").await;
        assert_eq!(client.page.last().unwrap().payload, "kept");
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_goodbye_does_not_hold_up_the_end() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let path = crate::support::client::path("r", "silent");
    let (response, silent) = raw::upgrade(process.address, &path, &[]).await;
    assert_eq!(response.status, 101);
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
    drop(silent);
}

/// Something holds the database, and many rooms have messages that wait for it: the end does not
/// wait for each of them. The server is in this process, because no other could hold it.
#[tokio::test]
async fn a_locked_store_does_not_hold_up_the_end() {
    let server = TestServer::start().await;
    let mut clients = Vec::new();
    for room in 0..20 {
        clients.push(Client::enter(server.address, &format!("r{room}"), "a").await);
    }
    let other = rusqlite::Connection::open(server.folder.path().join("history.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for client in &mut clients {
        client.send("never kept").await;
    }
    let _folder = server.stop().await;
    other.execute_batch("ROLLBACK").unwrap();
}

/// While a server runs its database is its own; when it is killed nothing stays locked.
#[tokio::test]
async fn no_other_program_uses_the_database_of_a_running_server() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut a = Client::enter(process.address, "r", "a").await;
    assert_eq!(a.say("kept").await, 1);
    let database = folder.path().join("history.sqlite3");
    let count = || {
        let other = rusqlite::Connection::open(&database)?;
        other.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, u64>(0))
    };
    let refused = count().unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    process.kill();
    assert_eq!(count().unwrap(), 1);
    let process = Process::start(folder.path());
    let mut b = Client::enter(process.address, "r", "b").await;
    assert_eq!(b.page.len(), 1);
    assert_eq!(b.say("goes on").await, 2);
}

/// Runs `xmeet` to its end: whether it succeeded, and what it said.
fn outcome(mut command: Command) -> (bool, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().success(), said)
}

#[tokio::test]
async fn what_cannot_work_is_said_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let (succeeded, said) = outcome(Process::command(folder.path()));
    assert!(!succeeded && said.contains("in use by another xmeet"), "{said}");

    let elsewhere = TempDir::new().unwrap();
    let taken = process.address.to_string();
    let cases = [
        (with(&elsewhere, "--listen", &taken), "cannot listen on"),
        (with(&elsewhere, "--time-zone", "Atlantis/Capital"), "time-zone: "),
        (with(&elsewhere, "--history-messages", "many"), "--history-messages"),
        (with(&elsewhere, "--listen", "here"), "--listen"),
        (
            with(&elsewhere, "--listen", "unix:/nowhere/xmeet.sock"),
            "listen: there is no folder /nowhere for the socket",
        ),
        (with(&elsewhere, "--tls-key", "/nowhere/key.pem"), "tls-certificate: "),
        (with(&elsewhere, "--path-prefix", "chat"), "a prefix is a path"),
        (with(&elsewhere, "--frame-ancestors", "a.example"), "an origin is"),
        (with(&elsewhere, "--log", "=="), "log: "),
        (with(&elsewhere, "--allow-origin", "https://a.example/"), "an origin is"),
        (with(&elsewhere, "--no-such-thing", "1"), "--no-such-thing"),
    ];
    for (command, why) in cases {
        let (succeeded, said) = outcome(command);
        assert!(!succeeded && said.contains(why), "{why}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

fn with(folder: &TempDir, name: &str, value: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    if name != "--listen" {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.arg("--data-dir").arg(folder.path()).args([name, value]);
    command
}

#[test]
fn it_explains_itself() {
    let run = |argument: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_xmeet")).arg(argument).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let version = run("--version");
    let (numbers, build) = version.split_once(" (commit ").unwrap();
    assert_eq!(numbers, format!("xmeet {}", env!("CARGO_PKG_VERSION")));
    assert!(build.contains(", built ") && build.ends_with(")\n"), "{version}");
    let help = run("--help");
    for setting in
        ["--listen", "--data-dir", "--history-messages", "--frame-bytes-max", "XMEET_LISTEN"]
    {
        assert!(help.contains(setting), "{help}");
    }
}

#[tokio::test]
async fn settings_come_from_the_environment_too() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.env("XMEET_LISTEN", "127.0.0.1:0").env("XMEET_DATA_DIR", folder.path());
    command.env("XMEET_HISTORY_MESSAGES", "1");
    let process = Process::spawn(command);
    let mut client = Client::enter(process.address, "r", "a").await;
    client.say("x").await;
    client.say("y").await;
    assert_eq!(client.ask_page(0).await.len(), 1);
    assert!(folder.path().join("history.sqlite3").exists());
}
