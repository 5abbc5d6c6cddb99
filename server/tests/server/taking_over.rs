//! Protocol, "Resume": takeover of an open connection.

use tokio::io::AsyncWriteExt;
use xmeet_shared::{Pid, Record, ServerMessage};

use crate::support::client::resumable_path;
use crate::support::raw::{self, frame, read_close};
use crate::support::{Client, TestServer, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";

/// The code that forbids a reconnect with the same token.
const TAKEN_OVER: u16 = 4001;

const TEXT: u8 = 0x81;

async fn enter(server: &TestServer) -> Client {
    Client::enter_with(server.address, "r", "b", TOKEN).await
}

/// Encodes the messages `from..until`. Each text is its number.
fn numbers(from: u64, until: u64) -> Vec<u8> {
    (from..until).flat_map(|number| frame(TEXT, number.to_string().as_bytes())).collect()
}

/// Returns the whole history, oldest message first, from the greeting and further pages.
async fn history(client: &mut Client) -> Vec<Record> {
    let mut records = client.page.clone();
    let newest = records.last().map_or(0, |record| record.id.unwrap());
    for cursor in 1..=newest / 50 {
        records.splice(0..0, client.ask_page(cursor).await);
    }
    records
}

/// Checks that the records are the messages 0, 1, … of one member. Returns their number.
fn count(records: &[Record], pid: &Pid) -> u64 {
    for (number, record) in (0..).zip(records) {
        assert_eq!((&record.from, record.payload.parse()), (pid, Ok(number)));
    }
    records.len() as u64
}

/// Checks that the next events of a witness are exactly these messages of a member.
async fn assert_hears(witness: &mut Client, pid: &Pid, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (from, text, id) = witness.next_said().await;
        assert_eq!((&from, text.parse(), id), (pid, Ok(number), number + 1));
    }
}

#[tokio::test]
async fn taken_over_connection_is_closed_with_4001_unseen_by_others() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = enter(&server).await;
    assert_eq!(a.next().await.message.kind(), "join");
    let (pid, members) = (b.pid.clone(), b.members.clone());
    for number in 1..=5 {
        let mut next = enter(&server).await;
        assert_eq!((&next.pid, &next.members), (&pid, &members));
        assert_eq!(b.closed().await, TAKEN_OVER);
        assert_eq!(next.say("here").await, number);
        assert_eq!(a.next_said().await.0, pid);
        b = next;
    }
    b.leave().await;
    assert_eq!(a.next().await.message.kind(), "leave");
}

#[tokio::test]
async fn takeover_with_another_nickname_is_a_changename() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = enter(&server).await;
    assert_eq!(a.next().await.message.kind(), "join");
    b.send("@changename:c").await;
    let next = Client::enter_with(server.address, "r", "d", TOKEN).await;
    assert_eq!(b.closed().await, TAKEN_OVER);
    assert_eq!((next.nickname(), &next.pid), ("d", &b.pid));
    // Messages of the old connection arrive first.
    for expected in ["c", "d"] {
        match a.next().await.message {
            ServerMessage::ChangeName(name) => assert_eq!(name.as_str(), expected),
            other => panic!("{other:?}"),
        }
    }
    a.say("nothing else").await;
}

/// More messages than a room accepts at once, so that the takeover stops the old connection while it
/// waits for the room.
const SENT_AT_ONCE: u64 = 4000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_of_the_old_connection_precede_the_new_greeting() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let b = enter(&server).await;
    assert_eq!(a.next().await.message.kind(), "join");
    let pid = b.pid.clone();
    let mut old = b.into_stream();
    old.write_all(&numbers(0, SENT_AT_ONCE)).await.unwrap();
    let mut new = enter(&server).await;
    assert_eq!(new.pid, pid);
    // The next event is its own text: no message of the old connection follows the greeting.
    new.say("later").await;
    assert_hears(&mut a, &pid, 0..SENT_AT_ONCE).await;
    assert_eq!(a.next_said().await.1, "later");
    assert_eq!(new.page.last().unwrap().id, Some(SENT_AT_ONCE));
    let mut again = Client::enter(server.address, "r", "c").await;
    let records = history(&mut again).await;
    assert_eq!(count(&records[..records.len() - 1], &pid), SENT_AT_ONCE);
    assert_eq!(read_close(&mut old).await.0, TAKEN_OVER);
}

/// Rounds with a takeover during a flood, each at a later message.
const FLOODS: u64 = 8;
const MESSAGES_LATER: u64 = 50;

/// Returns a long text with its number.
fn large(number: u64) -> Vec<u8> {
    frame(TEXT, format!("{number:01000}").as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn takeover_cuts_a_flood_at_one_place_without_a_gap() {
    // Outboxes are so large that no client is closed for reading slowly.
    let server = TestServer::with(&["--outbox-bytes-max", "1000000000"]).await;
    for round in 0..FLOODS {
        let room = format!("r{round}");
        let mut a = Client::enter(server.address, &room, "a").await;
        let b = Client::enter_with(server.address, &room, "b", TOKEN).await;
        assert_eq!(a.next().await.message.kind(), "join");
        let pid = b.pid.clone();
        let (mut reading, mut writing) = b.into_stream().into_split();
        let closed = tokio::spawn(async move { read_close(&mut reading).await.0 });
        // The flood ends when the server has closed the connection.
        let flood = tokio::spawn(async move {
            let mut number = 0;
            while writing.write_all(&large(number)).await.is_ok() {
                number += 1;
            }
        });
        // The takeover happens during the flood.
        let heard = 1 + MESSAGES_LATER * round;
        assert_hears(&mut a, &pid, 0..heard).await;
        let mut new = Client::enter_with(server.address, &room, "b", TOKEN).await;
        assert_eq!(soon("the old one's end", closed).await.unwrap(), TAKEN_OVER);
        new.say("later").await;
        let kept = new.page.last().unwrap().id.unwrap();
        assert_hears(&mut a, &pid, heard..kept).await;
        assert_eq!(a.next_said().await.1, "later");
        flood.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_simultaneous_takeovers_stays() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let path = resumable_path("r", "b", TOKEN);
    for round in 0..20 {
        let mut first = enter(&server).await;
        if round == 0 {
            assert_eq!(a.next().await.message.kind(), "join");
        }
        let both = [(); 2].map(|()| raw::upgrade(server.address, &path, &[]));
        let [one, other] = both;
        let ((_, one), (_, other)) = tokio::join!(one, other);
        assert_eq!(first.closed().await, TAKEN_OVER);
        let (mut one, mut write_one) = one.into_split();
        let (mut other, mut write_other) = other.into_split();
        // Exactly one of them is closed. The other may have read anything before that.
        let staying = tokio::select! {
            (code, _) = read_close(&mut one) => { assert_eq!(code, TAKEN_OVER); &mut write_other }
            (code, _) = read_close(&mut other) => { assert_eq!(code, TAKEN_OVER); &mut write_one }
        };
        staying.write_all(&numbers(round, round + 1)).await.unwrap();
        assert_hears(&mut a, &first.pid, round..round + 1).await;
    }
}
