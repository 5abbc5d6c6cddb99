//! Protocol, "History" and `@history:N`.

use xmeet_shared::{ErrorCode, Record};

use crate::support::{Client, TestServer};

fn ids(page: &[Record]) -> Vec<u64> {
    page.iter().map(|record| record.id.unwrap()).collect()
}

async fn talk(server: &TestServer, room: &str, count: u64) {
    let mut client = Client::enter(server.address, room, "talker").await;
    for number in 1..=count {
        client.send(&number.to_string()).await;
    }
    for _ in 1..=count {
        client.next_said().await;
    }
    client.leave().await;
}

#[tokio::test]
async fn pages_go_back_from_the_newest_and_end_with_an_empty_one() {
    let server = TestServer::start().await;
    talk(&server, "r", 120).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    assert_eq!(ids(&client.page), (71..=120).collect::<Vec<_>>());
    assert_eq!(client.ask_page(0).await, client.page);
    assert_eq!(ids(&client.ask_page(1).await), (21..=70).collect::<Vec<_>>());
    assert_eq!(ids(&client.ask_page(2).await), (1..=20).collect::<Vec<_>>());
    for beyond in [3, 4, 1_000_000, u64::MAX] {
        assert_eq!(client.ask_page(beyond).await, []);
    }
    client.send("@history:99999999999999999999999999").await;
    assert_eq!(client.next_page().await, []);
}

#[tokio::test]
async fn page_of_exactly_fifty_messages_is_complete() {
    let server = TestServer::start().await;
    talk(&server, "r", 50).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    assert_eq!(client.page.len(), 50);
    assert_eq!(client.ask_page(1).await, []);
    client.say("51").await;
    assert_eq!(ids(&client.ask_page(0).await), (2..=51).collect::<Vec<_>>());
    assert_eq!(ids(&client.ask_page(1).await), [1]);
}

#[tokio::test]
async fn page_contains_all_messages_sent_before_its_request() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for number in 1..=20_u64 {
        client.send("x").await;
        client.send("@history:0").await;
        assert_eq!(client.next_said().await.2, number);
        assert_eq!(ids(&client.next_page().await), (1..=number).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn many_page_requests_at_once_are_answered_in_order() {
    let server = TestServer::start().await;
    talk(&server, "r", 170).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for _ in 0..10 {
        for cursor in 0..5 {
            client.send(&format!("@history:{cursor}")).await;
        }
    }
    for _ in 0..10 {
        for first in [121, 71, 21, 1] {
            assert_eq!(ids(&client.next_page().await)[0], first);
        }
        assert_eq!(client.next_page().await, []);
    }
}

#[tokio::test]
async fn answers_are_in_the_order_of_the_requests() {
    let server = TestServer::start().await;
    talk(&server, "r", 120).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for number in 0..20 {
        client.send("@history:1").await;
        client.send("x").await;
        client.send("@history:x").await;
        assert_eq!(client.next_page().await.len(), 50);
        assert_eq!(client.next_said().await.2, 121 + number);
        assert_eq!(client.next_error().await, ErrorCode::BadCursor);
    }
}

#[tokio::test]
async fn cursor_that_is_no_number_is_an_error() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for bad in
        ["@history:", "@history:x", "@history:-1", "@history: 1", "@history:1.5", "@history:一"]
    {
        client.send(bad).await;
        assert_eq!(client.next_error().await, ErrorCode::BadCursor, "{bad}");
    }
    client.say("the connection stays").await;
}

#[tokio::test]
async fn record_has_the_format_of_the_original_protocol() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "小明").await;
    let pid = client.pid.clone();
    client.say(" 大大的 ").await;
    client.send("@history:0").await;
    let frame = client.next_text().await;
    let start = format!(r#""payload":[{{"from":"{pid}","payload":" 大大的 ","send_time":"20"#);
    assert!(frame.contains(&start), "{frame}");
    assert!(frame.contains(r#"","id":1,"ts":"#), "{frame}");
    assert!(frame.contains(r#","nickname":"小明"}]"#), "{frame}");
}

#[tokio::test]
async fn history_contains_texts_only() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send("@changename:b").await;
    client.next().await;
    client.say("x").await;
    Client::enter(server.address, "r", "c").await.leave().await;
    client.next().await;
    client.next().await;
    assert_eq!(ids(&client.ask_page(0).await), [1]);
}

#[tokio::test]
async fn history_keeps_a_bounded_number_of_messages() {
    let server = TestServer::with(&["--history-messages", "60"]).await;
    talk(&server, "r", 130).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    assert_eq!(ids(&client.page), (81..=130).collect::<Vec<_>>());
    assert_eq!(ids(&client.ask_page(1).await), (71..=80).collect::<Vec<_>>());
    assert_eq!(client.ask_page(2).await, []);
}

#[tokio::test]
async fn history_survives_empty_rooms_and_restarts_and_pids_are_never_reused() {
    let mut server = TestServer::start().await;
    let mut pids = std::collections::BTreeSet::new();
    for round in 1..=4_u64 {
        let mut client = Client::enter(server.address, "r", "a").await;
        assert_eq!(ids(&client.page), (1..round).collect::<Vec<_>>());
        assert!(pids.insert(client.pid.clone()), "a pid came again");
        assert_eq!(client.say("x").await, round);
        client.leave().await;
        if round % 2 == 0 {
            server = server.restart(&[]).await;
        }
    }
}

#[tokio::test]
async fn message_that_cannot_be_stored_is_refused_and_not_delivered() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = Client::enter(server.address, "r", "b").await;
    a.next().await;
    a.say("before").await;
    b.next_said().await;

    let database = server.folder.path().join("history.sqlite3");
    let other = rusqlite::Connection::open(database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    a.send("lost").await;
    assert_eq!(a.next_error().await, ErrorCode::Storage);
    other.execute_batch("ROLLBACK").unwrap();

    assert_eq!(a.say("after").await, 2);
    assert_eq!(b.next_said().await.1, "after");
}
