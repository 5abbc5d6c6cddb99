//! Protocol, "Resume": a connection that is still open and is taken over by another one.

use tokio::io::AsyncWriteExt;
use xmeet_shared::{Pid, Record, ServerMessage};

use crate::support::client::resumable_path;
use crate::support::raw::{self, frame, read_close};
use crate::support::{Client, TestServer, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";

/// A close of this code says: do not come back with this token.
const TAKEN_OVER: u16 = 4001;

const TEXT: u8 = 0x81;

async fn enter(server: &TestServer) -> Client {
    Client::enter_with(server.address, "r", "b", TOKEN).await
}

/// The frames of messages `from..until`, each of which says its number.
fn numbers(from: u64, until: u64) -> Vec<u8> {
    (from..until).flat_map(|number| frame(TEXT, number.to_string().as_bytes())).collect()
}

/// The whole history, oldest message first: from the greeting, and from the pages behind it.
async fn history(client: &mut Client) -> Vec<Record> {
    let mut records = client.page.clone();
    let newest = records.last().map_or(0, |record| record.id.unwrap());
    for cursor in 1..=newest / 50 {
        records.splice(0..0, client.ask_page(cursor).await);
    }
    records
}

/// Checks that these records are messages 0, 1, … of one member, and says how many.
fn count(records: &[Record], pid: &Pid) -> u64 {
    for (number, record) in (0..).zip(records) {
        assert_eq!((&record.from, record.payload.parse()), (pid, Ok(number)));
    }
    records.len() as u64
}

/// Checks that somebody hears exactly these messages of a member next.
async fn assert_hears(witness: &mut Client, pid: &Pid, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (from, text, id) = witness.next_said().await;
        assert_eq!((&from, text.parse(), id), (pid, Ok(number), number + 1));
    }
}

#[tokio::test]
async fn an_open_connection_is_closed_with_4001_and_nobody_notices() {
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
async fn another_nickname_of_the_new_connection_is_a_changename() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = enter(&server).await;
    assert_eq!(a.next().await.message.kind(), "join");
    b.send("@changename:c").await;
    let next = Client::enter_with(server.address, "r", "d", TOKEN).await;
    assert_eq!(b.closed().await, TAKEN_OVER);
    assert_eq!((next.nickname(), &next.pid), ("d", &b.pid));
    // What the old one had sent comes first.
    for expected in ["c", "d"] {
        match a.next().await.message {
            ServerMessage::ChangeName(name) => assert_eq!(name.as_str(), expected),
            other => panic!("{other:?}"),
        }
    }
    a.say("nothing else").await;
}

/// More than a room takes at once, so that the old connection is stopped while it waits for it.
const SENT_AT_ONCE: u64 = 4000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_old_connection_had_sent_is_in_the_log_before_the_new_greeting() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let b = enter(&server).await;
    assert_eq!(a.next().await.message.kind(), "join");
    let pid = b.pid.clone();
    let mut old = b.into_stream();
    old.write_all(&numbers(0, SENT_AT_ONCE)).await.unwrap();
    let mut new = enter(&server).await;
    assert_eq!(new.pid, pid);
    // The next that it hears is its own: nothing of the old connection comes behind the greeting.
    new.say("later").await;
    assert_hears(&mut a, &pid, 0..SENT_AT_ONCE).await;
    assert_eq!(a.next_said().await.1, "later");
    assert_eq!(new.page.last().unwrap().id, Some(SENT_AT_ONCE));
    let mut again = Client::enter(server.address, "r", "c").await;
    let records = history(&mut again).await;
    assert_eq!(count(&records[..records.len() - 1], &pid), SENT_AT_ONCE);
    assert_eq!(read_close(&mut old).await.0, TAKEN_OVER);
}

/// How many rounds a flood is taken over in, each at a later message.
const FLOODS: u64 = 8;
const MESSAGES_LATER: u64 = 50;

/// A large message with its number.
fn large(number: u64) -> Vec<u8> {
    frame(TEXT, format!("{number:01000}").as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_is_cut_at_one_place_and_has_no_gap() {
    // Nobody here is to be closed for reading too slowly.
    let server = TestServer::with(&["--outbox-bytes-max", "1000000000"]).await;
    for round in 0..FLOODS {
        let room = format!("r{round}");
        let mut a = Client::enter(server.address, &room, "a").await;
        let b = Client::enter_with(server.address, &room, "b", TOKEN).await;
        assert_eq!(a.next().await.message.kind(), "join");
        let pid = b.pid.clone();
        let (mut reading, mut writing) = b.into_stream().into_split();
        let closed = tokio::spawn(async move { read_close(&mut reading).await.0 });
        // Without end, until the server has closed it.
        let flood = tokio::spawn(async move {
            let mut number = 0;
            while writing.write_all(&large(number)).await.is_ok() {
                number += 1;
            }
        });
        // In the midst of it.
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
async fn of_two_that_take_over_at_once_one_stays() {
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
        // Exactly one of them is closed; what the other has read by then does not matter.
        let staying = tokio::select! {
            (code, _) = read_close(&mut one) => { assert_eq!(code, TAKEN_OVER); &mut write_other }
            (code, _) = read_close(&mut other) => { assert_eq!(code, TAKEN_OVER); &mut write_one }
        };
        staying.write_all(&numbers(round, round + 1)).await.unwrap();
        assert_hears(&mut a, &first.pid, round..round + 1).await;
    }
}
