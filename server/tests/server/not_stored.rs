//! Protocol, "What a client sends": messages of a connection with `is_store_history=false`.

use xmeet_shared::ServerMessage;

use crate::support::client::{path, resumable_path};
use crate::support::{Client, TestServer};

const DECLINES: &str = "&is_store_history=false";

/// Returns the next message's text and id.
async fn next_message(client: &mut Client) -> (String, Option<u64>) {
    match client.next().await.message {
        ServerMessage::Normal { text, id, .. } => (text, id),
        other => panic!("not a normal: {other:?}"),
    }
}

#[tokio::test]
async fn declined_storage_delivers_without_id_in_order_and_stores_nothing() {
    let server = TestServer::start().await;
    let mut keeps = Client::enter(server.address, "r", "keeps").await;
    let declines = format!("{}{DECLINES}", path("r", "declines"));
    let mut declines = Client::enter_by(server.address, &declines, &[]).await;
    assert_eq!(keeps.next().await.message.kind(), "join");
    for id in 1..=3 {
        keeps.send("stored").await;
        for client in [&mut declines, &mut keeps] {
            assert_eq!(next_message(client).await, ("stored".to_owned(), Some(id)));
        }
        declines.send("not stored").await;
        for client in [&mut keeps, &mut declines] {
            assert_eq!(next_message(client).await, ("not stored".to_owned(), None));
        }
    }
    let page = declines.ask_page(0).await;
    assert!(page.iter().all(|record| record.payload == "stored"), "{page:?}");
    let newcomer = Client::enter(server.address, "r", "newcomer").await;
    let ids: Vec<_> = newcomer.page.iter().filter_map(|record| record.id).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test]
async fn burst_of_stored_and_unstored_messages_keeps_its_order() {
    const ROUNDS: usize = 50;
    let server = TestServer::start().await;
    let mut reader = Client::enter(server.address, "r", "reader").await;
    let mut keeps = Client::enter(server.address, "r", "keeps").await;
    let declines = format!("{}{DECLINES}", path("r", "declines"));
    let mut declines = Client::enter_by(server.address, &declines, &[]).await;
    for number in 0..ROUNDS {
        keeps.send(&format!("stored {number}")).await;
        declines.send(&format!("not stored {number}")).await;
    }
    let (mut stored, mut not_stored) = (Vec::new(), Vec::new());
    while stored.len() + not_stored.len() < 2 * ROUNDS {
        let ServerMessage::Normal { text, id, .. } = reader.next().await.message else { continue };
        match id {
            Some(id) => stored.push((text, id)),
            None => not_stored.push(text),
        }
    }
    let expected = |number| (format!("stored {number}"), number as u64 + 1);
    assert_eq!(stored, (0..ROUNDS).map(expected).collect::<Vec<_>>());
    let expected = |number| format!("not stored {number}");
    assert_eq!(not_stored, (0..ROUNDS).map(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn resumed_connection_makes_its_own_choice_of_storage() {
    let server = TestServer::start().await;
    let token = "a-token-of-enough-length-1";
    let declines = format!("{}{DECLINES}", resumable_path("r", "a", token));
    let mut declines = Client::enter_resumable(server.address, &declines).await;
    declines.send("not stored").await;
    assert_eq!(next_message(&mut declines).await, ("not stored".to_owned(), None));
    let mut keeps = Client::enter_with(server.address, "r", "a", token).await;
    assert_eq!((&keeps.pid, keeps.page.len()), (&declines.pid, 0));
    assert_eq!(keeps.say("stored").await, 1);
}
