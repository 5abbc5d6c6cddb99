//! Protocol, "Resume": members without a connection, and their grace period.

use tempfile::TempDir;
use tokio::net::TcpStream;
use xmeet_shared::{Pid, ServerMessage};

use crate::support::client::{path, resumable_path};
use crate::support::raw::{self, frame, read_frame};
use crate::support::{Client, Process, TestServer, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";
const OTHER_TOKEN: &str = "another-token-of-a-tab_";

/// A grace period longer than any test.
const LONG: [&str; 2] = ["--resume-grace-seconds", "3600"];

/// A grace period that a test can wait for.
const SHORT: [&str; 2] = ["--resume-grace-seconds", "1"];

const CLOSE: u8 = 0x88;

/// Starts a client without a token, and a resumable member whose join it has received.
async fn two(server: &TestServer) -> (Client, Client) {
    let mut a = Client::enter(server.address, "r", "a").await;
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_eq!(a.next().await.message.kind(), "join");
    (a, b)
}

async fn assert_leaves(witness: &mut Client, pid: &Pid) {
    let leave = witness.next().await;
    assert_eq!((&leave.from, leave.message.kind()), (pid, "leave"));
}

/// Sends a text, and checks that the witness receives no other event before it.
async fn assert_nothing_happened(witness: &mut Client) {
    witness.say("nothing happened").await;
}

#[tokio::test]
async fn resume_within_the_grace_period_is_invisible_to_others() {
    let server = TestServer::with(&LONG).await;
    let (mut a, mut b) = two(&server).await;
    let (pid, members) = (b.pid.clone(), b.members.clone());
    let away = frame(CLOSE, &1001_u16.to_be_bytes());
    let without_code = frame(CLOSE, &[]);
    for last in [&[][..], &away, &without_code, &[0x81]] {
        b.end_with(last).await;
        let missed = a.say("missed").await;
        b = Client::enter_with(server.address, "r", "b", TOKEN).await;
        assert_eq!((&b.pid, &b.members), (&pid, &members));
        assert_eq!(b.page.last().unwrap().id, Some(missed));
        assert_nothing_happened(&mut a).await;
        assert_eq!(
            b.next_said().await.2,
            missed + 1,
            "the member receives all events after its greeting"
        );
        b.say("here").await;
        assert_eq!(a.next_said().await.0, pid);
    }
}

#[tokio::test]
async fn reset_connection_can_be_resumed() {
    let server = TestServer::with(&LONG).await;
    let (mut a, b) = two(&server).await;
    let pid = b.pid.clone();
    let stream = b.into_stream();
    stream.set_zero_linger().unwrap();
    drop(stream);
    let mut b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_eq!(b.pid, pid);
    assert_nothing_happened(&mut a).await;
    b.next_said().await;
}

#[tokio::test]
async fn resume_with_another_nickname_is_a_changename_for_others() {
    let server = TestServer::with(&LONG).await;
    let (mut a, b) = two(&server).await;
    let pid = b.pid.clone();
    b.lose().await;
    let mut b = Client::enter_with(server.address, "r", "小", TOKEN).await;
    let renamed = a.next().await;
    assert_eq!(renamed.from, pid);
    assert!(matches!(&renamed.message, ServerMessage::ChangeName(name) if name.as_str() == "小"));
    assert_nothing_happened(&mut a).await;
    assert_eq!((b.nickname(), b.members.len()), ("小", 2));
    // The client knows its new name from the greeting. The next event is the text.
    b.next_said().await;
}

#[tokio::test]
async fn lost_member_is_listed_during_its_grace_period() {
    let server = TestServer::with(&LONG).await;
    let (mut a, b) = two(&server).await;
    let (pid, members) = (b.pid.clone(), b.members.clone());
    b.lose().await;
    let c = Client::enter(server.address, "r", "c").await;
    assert_eq!(c.members[..2], members);
    assert_eq!(c.members.len(), 3);
    assert_eq!(a.next().await.message.kind(), "join");
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_eq!((b.pid, b.members), (pid, c.members));
    assert_nothing_happened(&mut a).await;
}

#[tokio::test]
async fn expired_grace_period_causes_one_leave_and_invalidates_the_token() {
    let server = TestServer::with(&SHORT).await;
    let (mut a, b) = two(&server).await;
    let pid = b.pid.clone();
    // A resume in time must not cause a second leave later.
    b.lose().await;
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    if b.pid != pid {
        // The machine was so slow that the grace period had ended.
        assert_leaves(&mut a, &pid).await;
        assert_eq!(a.next().await.message.kind(), "join");
    }
    let pid = b.pid.clone();
    b.lose().await;
    assert_leaves(&mut a, &pid).await;
    assert_nothing_happened(&mut a).await;
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_ne!(b.pid, pid);
    assert_eq!(b.members.len(), 2);
    assert_eq!(a.next().await.message.kind(), "join");
}

#[tokio::test]
async fn close_with_1000_is_an_immediate_leave() {
    let server = TestServer::with(&LONG).await;
    let (mut a, b) = two(&server).await;
    let pid = b.pid.clone();
    b.leave().await;
    assert_leaves(&mut a, &pid).await;
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_ne!(b.pid, pid);
    assert_eq!(a.next().await.message.kind(), "join");
}

#[tokio::test]
async fn lost_member_without_a_token_leaves_at_once() {
    let server = TestServer::with(&LONG).await;
    let (mut a, b) = two(&server).await;
    let pid = a.pid.clone();
    a.say("heard").await;
    a.lose().await;
    let mut b = b;
    b.next_said().await;
    assert_leaves(&mut b, &pid).await;
}

#[tokio::test]
async fn token_is_valid_in_its_own_room_only() {
    let server = TestServer::with(&LONG).await;
    let mut one = Client::enter_with(server.address, "one", "n", TOKEN).await;
    let mut two = Client::enter_with(server.address, "two", "n", TOKEN).await;
    assert_ne!(one.pid, two.pid);
    one.say("x").await;
    two.say("y").await;
    let pid = one.pid.clone();
    one.lose().await;
    assert_ne!(Client::enter_with(server.address, "three", "n", TOKEN).await.pid, pid);
    assert_eq!(Client::enter_with(server.address, "one", "n", TOKEN).await.pid, pid);
}

#[tokio::test]
async fn lost_member_leaves_at_once_with_a_grace_period_of_zero() {
    let server = TestServer::with(&["--resume-grace-seconds", "0"]).await;
    let (mut a, b) = two(&server).await;
    let pid = b.pid.clone();
    b.lose().await;
    assert_leaves(&mut a, &pid).await;
    let mut b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_ne!(b.pid, pid);
    assert_eq!(a.next().await.message.kind(), "join");
    // An open connection can still be taken over.
    let again = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_eq!((b.closed().await, again.pid), (4001, b.pid));
    assert_nothing_happened(&mut a).await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_lost_members() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(LONG);
    let process = Process::spawn(command);
    let lost = Client::enter_with(process.address, "r", "lost", TOKEN).await;
    let mut open = Client::enter_with(process.address, "r", "open", OTHER_TOKEN).await;
    lost.lose().await;
    let (log, code) = tokio::join!(process.stopped(), open.closed());
    assert_eq!(code, 1001);
    // The server logs this if the shutdown was delayed.
    assert!(!log.contains("did not take their goodbye"), "{log}");
}

/// Length of a message. All messages have 20 MiB, more than the kernel's buffers and the outbox.
const TEXT_BYTES: usize = 32 * 1024;
const MESSAGES: u64 = 640;

/// Reads a stalled connection to its end. Returns the number of messages, and the code of the Close frame
/// if the server could send it before its deadline.
async fn read_late(stream: &mut TcpStream) -> (u64, Option<u16>) {
    let mut messages = 0;
    while let Some((first, payload)) = soon("a frame", read_frame(stream)).await {
        if first == CLOSE {
            return (messages, Some(u16::from_be_bytes([payload[0], payload[1]])));
        }
        messages += 1;
    }
    (messages, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn client_closed_for_reading_too_slowly_can_resume() {
    let server = TestServer::with(&[&LONG[..], &["--outbox-bytes-max", "1000000"]].concat()).await;
    let resumable = resumable_path("r", "b", TOKEN);
    let (response, mut stalled) = raw::upgrade(server.address, &resumable, &[]).await;
    assert_eq!(response.status, 101);
    raw::skip_greeting(&mut stalled).await;
    let mut writer = Client::enter_by(server.address, &path("r", "writer"), &[]).await;
    let pid = writer.members[0].pid.clone();
    let text = "x".repeat(TEXT_BYTES);
    for _ in 0..MESSAGES {
        // This also checks that no member leaves.
        writer.say(&text).await;
    }
    let (messages, code) = read_late(&mut stalled).await;
    assert!(messages < MESSAGES, "it was not closed");
    assert!(matches!(code, None | Some(1013)), "{code:?}");
    let back = Client::enter_with(server.address, "r", "b", TOKEN).await;
    assert_eq!(back.pid, pid);
    assert_eq!(back.page.last().unwrap().id, Some(MESSAGES), "missed messages are in the history");
    writer.say("no member left or joined").await;
}
