//! The shutdown of the real binary: received messages are answered, clients are asked to reconnect, new
//! clients are refused, and the process ends in time.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;
use xmeet_shared::{Envelope, ErrorCode, ServerMessage};

use super::health::ready;
use crate::support::client::path;
use crate::support::{Client, Process, TestServer, raw, soon};

/// Messages of each client before the shutdown.
const BURST_MESSAGES: u64 = 400;

/// The exit code of an interrupted shutdown.
const EXIT_CUT: i32 = 3;

/// Reads to the Close frame. Returns the client's own texts that came back, and the close code.
async fn read_to_close(client: &mut Client) -> (Vec<(u64, String)>, u16) {
    let mut said = Vec::new();
    loop {
        match client.next_or_close().await {
            Ok(envelope) => match envelope.message {
                ServerMessage::Normal { text, id, .. } if envelope.from == client.pid => {
                    said.push((id.unwrap(), text));
                }
                ServerMessage::Normal { .. } | ServerMessage::Join(_) => {}
                other => panic!("{other:?}"),
            },
            Err(code) => return (said, code),
        }
    }
}

/// In every room, a message is delivered before the Close frame or is not stored.
#[tokio::test]
async fn burst_before_a_shutdown_is_answered_and_matches_the_history() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let mut clients = Vec::new();
    for (room, name) in [("r", "a"), ("r", "b"), ("other", "c")] {
        clients.push(Client::enter(process.address, room, name).await);
    }
    for number in 1..=BURST_MESSAGES {
        for client in &mut clients {
            client.send(&format!("{} {number}", client.pid)).await;
        }
    }
    process.signal("TERM");
    let mut said = Vec::new();
    for client in &mut clients {
        let (own, code) = read_to_close(client).await;
        assert_eq!(code, 1001);
        // The texts are in the order sent and have no gap.
        let expected = (1..).map(|number| format!("{} {number}", client.pid));
        assert!(own.iter().map(|(_, text)| text.clone()).eq(expected.take(own.len())));
        // All messages had reached the machine before the signal.
        assert_eq!(own.len() as u64, BURST_MESSAGES);
        said.push(own);
    }
    assert_eq!(process.ended().await.code(), Some(0));

    let process = Process::start(folder.path());
    let other = said.pop().unwrap();
    let mut both = said.concat();
    both.sort();
    for (room, said) in [("r", both), ("other", other)] {
        let mut client = Client::enter(process.address, room, "reader").await;
        let mut kept = Vec::new();
        for cursor in (0..=said.len() as u64 / 50).rev() {
            let page = client.ask_page(cursor).await;
            kept.extend(page.into_iter().map(|record| (record.id.unwrap(), record.payload)));
        }
        assert_eq!(kept, said);
    }
}

/// A client that does not answer its Close frame delays the shutdown. Meanwhile requests are answered.
#[tokio::test]
async fn server_in_shutdown_is_alive_not_ready_and_refuses_clients() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    let address = process.address;
    let (response, mut silent) = raw::upgrade(address, &path("r", "silent"), &[]).await;
    assert_eq!(response.status, 101);
    process.signal("TERM");
    assert_eq!(raw::read_close(&mut silent).await.0, 1001);
    assert_eq!(ready(address).await, (503, "draining".to_owned()));
    assert_eq!(raw::get(address, "/healthz", &[]).await.status, 200);
    let (refused, _) = raw::upgrade(address, &path("r", "late"), &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert!(refused.text().contains("\"going_away\""), "{}", refused.text());
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

/// Starts a server with a long shutdown time, and a client that does not read its large backlog.
async fn start_with_stalled_client(folder: &TempDir) -> (Process, TcpStream) {
    let mut command = Process::command(folder.path());
    command.args(["--shutdown-seconds", "3600", "--outbox-bytes-max", "100000000"]);
    let process = Process::spawn(command);
    let mut talker = Client::enter(process.address, "r", "talker").await;
    let (_, stalled) = raw::upgrade(process.address, &path("r", "stalled"), &[]).await;
    assert!(matches!(talker.next().await.message, ServerMessage::Join(_)));
    // More than the system's buffers for a connection.
    for _ in 0..400 {
        talker.say(&"x".repeat(50_000)).await;
    }
    talker.leave().await;
    (process, stalled)
}

#[tokio::test]
async fn second_signal_ends_the_shutdown_at_once() {
    let folder = TempDir::new().unwrap();
    let (process, _stalled) = start_with_stalled_client(&folder).await;
    process.signal("TERM");
    let draining = async {
        while ready(process.address).await.1 != "draining" {
            sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the shutdown begins", draining).await;
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(EXIT_CUT));
}

/// The shutdown abandons requests that the store does not answer in time, and its outcome says so. The
/// runtime has several threads, because the lock blocks one of them.
#[tokio::test(flavor = "multi_thread")]
async fn shutdown_with_a_blocked_store_ends_at_its_deadline() {
    let server = TestServer::with(&["--shutdown-seconds", "1"]).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let other = rusqlite::Connection::open(server.folder.path().join("history.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    client.send("never kept").await;
    client.ping().await;
    // If the store gives up the first message before the shutdown, it still waits for this one.
    client.send("nor this").await;
    let (ended, _folder) = server.ended().await;
    assert_eq!(ended, xmeet_server::shutdown::ShutdownOutcome::Forced);
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test]
async fn messages_over_the_rate_are_answered_during_a_shutdown() {
    const SENT: usize = 40;
    const BURST: usize = 10;
    let limits = ["--messages-per-second", "1"];
    let server = TestServer::limited(&limits).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for number in 0..SENT {
        client.send(&number.to_string()).await;
    }
    let ending = tokio::spawn(server.ended());
    let (mut kept, mut refused) = (0, 0);
    let code = loop {
        match client.next_or_close().await {
            Ok(Envelope { message: ServerMessage::Normal { .. }, .. }) => kept += 1,
            Ok(Envelope { message: ServerMessage::Error { code, .. }, .. }) => {
                assert_eq!(code, Some(ErrorCode::RateLimited));
                refused += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(code) => break code,
        }
    };
    assert_eq!((kept + refused, code), (SENT, 1001));
    assert!(kept >= BURST && refused > 0, "{kept} were kept, {refused} refused");
    assert_eq!(ending.await.unwrap().0, xmeet_server::shutdown::ShutdownOutcome::Clean);
}

/// Returns the next notification that is not a watchdog signal.
fn next_notification(manager: &UnixDatagram) -> String {
    loop {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).expect("a notification in time");
        let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
        if text != "WATCHDOG=1" {
            return text;
        }
    }
}

/// The test acts as systemd with `Type=notify` and `WatchdogSec=`.
#[tokio::test]
async fn service_manager_is_notified_of_ready_watchdog_and_stopping() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = Process::command(&folder.path().join("data"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let process = Process::spawn(command);
    assert!(next_notification(&manager).starts_with("READY=1\nSTATUS="));
    assert_eq!(ready(process.address).await.0, 200);
    for _ in 0..3 {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).expect("a watchdog signal in time");
        assert_eq!(&bytes[..length], b"WATCHDOG=1");
    }
    // Reloads without a settings file.
    process.signal("HUP");
    process.logs("log filter changed").await;
    process.signal("TERM");
    assert!(next_notification(&manager).starts_with("STOPPING=1\nSTATUS="));
    assert_eq!(process.ended().await.code(), Some(0));
}
