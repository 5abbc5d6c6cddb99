//! The real binary: signals, crashes, and error messages of a failed start.

use std::io::Read;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use xmeet_server::shutdown::ShutdownOutcome;
use xmeet_shared::ErrorCode;

use crate::support::{Client, Process, TestServer, raw};

const TOKEN: &str = "a-token-of-a-tab_012345";

#[tokio::test]
async fn received_messages_survive_kill_9() {
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

/// The server is killed during a flood. Every message that was delivered is stored. Of the others the
/// history has a prefix, without gaps or duplicates.
#[tokio::test]
async fn crash_during_a_flood_loses_no_delivered_message() {
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
async fn signal_closes_clients_and_keeps_every_message() {
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
async fn client_that_ignores_its_close_does_not_delay_the_shutdown() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let path = crate::support::client::path("r", "silent");
    let (response, silent) = raw::upgrade(process.address, &path, &[]).await;
    assert_eq!(response.status, 101);
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
    drop(silent);
}

/// Another connection locks the database while many rooms have messages for it. The shutdown does not wait
/// for each room. The server runs in this process, so that its outcome is visible.
#[tokio::test]
async fn locked_store_does_not_delay_the_shutdown() {
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
    let (ended, _folder) = server.ended().await;
    assert_eq!(ended, ShutdownOutcome::Clean);
    for client in &mut clients {
        assert_eq!(client.next_error().await, ErrorCode::Storage);
        assert_eq!(client.closed().await, 1001);
    }
    other.execute_batch("ROLLBACK").unwrap();
}

/// Another program reads the database of a running server. After the server is killed, the database is not
/// locked.
#[tokio::test]
async fn another_program_can_read_the_database_of_a_running_server() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut a = Client::enter(process.address, "r", "a").await;
    assert_eq!(a.say("kept").await, 1);
    let database = folder.path().join("history.sqlite3");
    let count = || {
        let other = rusqlite::Connection::open(&database)?;
        other.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, u64>(0))
    };
    assert_eq!(count().unwrap(), 1);
    assert_eq!(a.say("kept, too").await, 2);
    assert_eq!(count().unwrap(), 2);
    process.kill();
    assert_eq!(count().unwrap(), 2);
    let process = Process::start(folder.path());
    let mut b = Client::enter(process.address, "r", "b").await;
    assert_eq!(b.page.len(), 2);
    assert_eq!(b.say("goes on").await, 3);
}

/// Runs `xmeet` to its end. Returns whether it succeeded, and its messages.
fn outcome(mut command: Command) -> (bool, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().success(), said)
}

#[tokio::test]
async fn failed_start_prints_one_sentence() {
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
fn help_and_version_are_printed() {
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
async fn settings_are_read_from_the_environment() {
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
