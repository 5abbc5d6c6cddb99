//! Protocol, "The greeting": the order of its frames, which are one snapshot.

use std::collections::BTreeMap;

use xmeet_shared::{Pid, Record, ServerMessage};

use crate::support::{Client, TestServer};

#[tokio::test]
async fn greeting_frames_have_the_format_of_the_original_protocol() {
    let server = TestServer::start().await;
    let (_, stream) =
        crate::support::raw::upgrade(server.address, "/xgate/websocket/r?nickname=%E5%B0%8F", &[])
            .await;
    let mut stream = stream;
    let mut frames = Vec::new();
    for _ in 0..4 {
        let (first, payload) = crate::support::raw::read_frame(&mut stream).await.unwrap();
        assert_eq!(first, 0x81, "one final text frame");
        frames.push(String::from_utf8(payload).unwrap());
    }
    let pid = "<0.1.1>";
    let starts = [
        format!(r#"{{"from":"{pid}","xnest":"r","type":"self","payload":"{pid}","send_time":""#),
        format!(r#"{{"from":"{pid}","xnest":"r","type":"member_count","payload":1,"send_time":""#),
        format!(
            r#"{{"from":"{pid}","xnest":"r","type":"members","payload":[{{"pid":"{pid}","nickname":"小"}}],"send_time":""#
        ),
        format!(r#"{{"from":"{pid}","xnest":"r","type":"history","payload":[],"send_time":""#),
    ];
    for (frame, start) in frames.iter().zip(starts) {
        assert!(frame.starts_with(&start), "{frame}");
    }
}

#[tokio::test]
async fn members_are_listed_oldest_first_with_original_pids() {
    let server = TestServer::start().await;
    let mut clients = Vec::new();
    for nickname in ["c", "a", "b"] {
        clients.push(Client::enter(server.address, "r", nickname).await);
    }
    let last = clients.last().unwrap();
    let names: Vec<_> = last.members.iter().map(|member| member.nickname.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    for (client, member) in clients.iter().zip(&last.members) {
        assert_eq!(client.pid, member.pid);
        let inner = client.pid.as_str().strip_prefix('<').unwrap().strip_suffix('>').unwrap();
        let numbers: Vec<u64> = inner.split('.').map(|part| part.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 3);
    }
}

/// A client's view of a room, from its greeting and all later events.
struct View {
    members: BTreeMap<Pid, String>,
    next_id: u64,
}

impl View {
    fn new(client: &Client) -> Self {
        let members = client.members.iter();
        let members = members.map(|m| (m.pid.clone(), m.nickname.to_string())).collect();
        let next_id = client.page.last().map_or(1, |record| record.id.unwrap() + 1);
        Self { members, next_id }
    }

    /// Applies an event. Fails if the snapshot already contains it, or if an event before it is missing.
    fn apply(&mut self, from: Pid, message: ServerMessage) -> Option<String> {
        match message {
            ServerMessage::Join(name) => {
                assert!(self.members.insert(from, name.to_string()).is_none(), "joined twice");
            }
            ServerMessage::Leave => {
                assert!(self.members.remove(&from).is_some(), "an unknown member left");
            }
            ServerMessage::ChangeName(name) => {
                assert!(
                    self.members.insert(from, name.to_string()).is_some(),
                    "a stranger renamed"
                );
            }
            ServerMessage::Normal { text, id, .. } => {
                assert!(self.members.contains_key(&from), "an unknown member talked");
                assert_eq!(id, Some(self.next_id), "a message is missing or doubled");
                self.next_id += 1;
                return Some(text);
            }
            other => panic!("not an event: {other:?}"),
        }
        None
    }
}

/// Members join, talk, rename and leave while others join. For each member, the events after its greeting
/// must start exactly where the greeting ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn greeting_is_one_snapshot_in_the_order_of_events() {
    const TALKERS: usize = 6;
    const ROUNDS: usize = 12;
    let server = TestServer::start().await;
    let address = server.address;

    let talkers = (0..TALKERS).map(|talker| {
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let mut client = Client::enter(address, "r", &format!("t{talker}")).await;
                let mut view = View::new(&client);
                client.send("hello").await;
                client.send(&format!("@changename:t{talker}-{round}")).await;
                let last = format!("bye {talker}.{round}");
                client.send(&last).await;
                loop {
                    let envelope = client.next().await;
                    if view.apply(envelope.from, envelope.message) == Some(last.clone()) {
                        break;
                    }
                }
                // Half of the members leave, and half lose their connection.
                if round % 2 == 0 {
                    client.leave().await;
                }
            }
        })
    });
    let mut watcher = Client::enter(address, "r", "watcher").await;
    let mut view = View::new(&watcher);
    let talkers: Vec<_> = talkers.collect();
    let said = TALKERS * ROUNDS * 2;
    while view.next_id <= said as u64 || view.members.len() > 1 {
        let envelope = watcher.next().await;
        view.apply(envelope.from, envelope.message);
    }
    for talker in talkers {
        talker.await.unwrap();
    }
}

/// A room keeps 128 KiB of its newest texts in memory, and reads older ones from the store.
#[tokio::test]
async fn page_of_long_texts_is_complete_in_greetings_and_answers() {
    const TEXT_BYTES: usize = 16 * 1024;
    let server = TestServer::start().await;
    let mut writer = Client::enter(server.address, "r", "writer").await;
    let text = |number: u64| format!("{number} {}", "\u{6c49}".repeat(TEXT_BYTES / 3));
    for number in 1..=60 {
        writer.say(&text(number)).await;
    }
    let mut asker = Client::enter(server.address, "r", "asker").await;
    let is_newest = |page: &[Record], newest: u64| {
        let expected = newest - 49..=newest;
        assert_eq!(page.len(), 50);
        for (record, number) in page.iter().zip(expected) {
            assert_eq!(record.id, Some(number));
            assert!(record.payload == text(number), "message {number}");
        }
    };
    is_newest(&asker.page, 60);
    is_newest(&asker.ask_page(0).await, 60);
    assert_eq!(asker.ask_page(1).await.len(), 10);
    writer.next().await;
    writer.say(&text(61)).await;
    let late = Client::enter(server.address, "r", "late").await;
    is_newest(&late.page, 61);
}
