//! Protocol, "While connected": events, their receivers, and their order.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use xmeet_shared::{ErrorCode, ServerMessage};

use crate::support::{Client, TestServer};

#[tokio::test]
async fn text_reaches_all_members_and_its_author() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = Client::enter(server.address, "r", "b").await;
    assert_eq!(a.next().await.message.kind(), "join");
    assert_eq!(a.say("大家好").await, 1);
    assert_eq!(b.next_said().await, (a.pid.clone(), "大家好".to_owned(), 1));
    assert_eq!(b.say("hi").await, 2);
    assert_eq!(a.next_said().await, (b.pid.clone(), "hi".to_owned(), 2));
}

#[tokio::test]
async fn text_is_delivered_unchanged() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let large = "x".repeat(64 * 1024);
    let texts = [
        "  spaces  ",
        "two\nlines\r\n",
        "\t",
        "<img src=x onerror=alert(1)>",
        "{\"type\":\"leave\"}",
        "@someone hello",
        "@to:<0.1.1> hi",
        "@history",
        "@changename",
        " @history:0",
        "\0",
        "\u{202e}",
        "👨‍👩‍👧 😀 汉",
        large.as_str(),
    ];
    for text in texts {
        client.say(text).await;
    }
    let page = client.ask_page(0).await;
    let kept: Vec<_> = page.iter().map(|record| record.payload.as_str()).collect();
    assert_eq!(kept, texts);
}

#[tokio::test]
async fn private_message_is_refused_and_neither_delivered_nor_stored() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let mut other = Client::enter(server.address, "r", "b").await;
    assert_eq!(client.next().await.message.kind(), "join");
    let to_other = format!("@to:{}|secret", other.pid);
    for private in [to_other.as_str(), "@to:<0.9.9>|secret|more", "@to:|", "@to:x\n|secret"] {
        client.send(private).await;
        assert_eq!(client.next_error().await, ErrorCode::Unsupported, "{private:?}");
    }
    assert_eq!(client.say("in public").await, 1);
    assert_eq!(other.next_said().await, (client.pid.clone(), "in public".to_owned(), 1));
    let kept: Vec<_> = client.ask_page(0).await.into_iter().map(|record| record.payload).collect();
    assert_eq!(kept, ["in public"]);
}

#[tokio::test]
async fn live_message_carries_the_authors_name_at_that_moment() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "小明").await;
    for name in ["小明", "a \"b\""] {
        client.send(&format!("@changename:{name}")).await;
        assert_eq!(client.next().await.message.kind(), "changename");
        client.send("x").await;
        let ServerMessage::Normal { nickname, .. } = client.next().await.message else {
            panic!("not a normal")
        };
        assert_eq!(nickname.unwrap().as_str(), name);
    }
}

#[tokio::test]
async fn empty_frame_has_no_effect() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send("").await;
    assert_eq!(client.say("x").await, 1);
}

#[tokio::test]
async fn join_event_goes_to_other_members_only() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = Client::enter(server.address, "r", "黑旋风李逵").await;
    let join = a.next().await;
    assert_eq!(join.from, b.pid);
    assert!(matches!(&join.message, ServerMessage::Join(name) if name.as_str() == "黑旋风李逵"));
    // The newcomer's next event is the text, not its own join.
    b.say("x").await;
}

#[tokio::test]
async fn any_end_of_a_connection_causes_one_leave() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    for abruptly in [false, true] {
        let b = Client::enter(server.address, "r", "b").await;
        let pid = b.pid.clone();
        assert_eq!(a.next().await.message.kind(), "join");
        if abruptly {
            drop(b.into_stream());
        } else {
            b.leave().await;
        }
        let leave = a.next_text().await;
        assert!(leave.contains(r#""type":"leave","payload":"leave""#), "{leave}");
        assert!(leave.contains(pid.as_str()));
        a.say("and nothing else").await;
    }
}

#[tokio::test]
async fn reset_connection_causes_a_leave() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let b = Client::enter(server.address, "r", "b").await;
    assert_eq!(a.next().await.message.kind(), "join");
    let stream = b.into_stream();
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(a.next().await.message.kind(), "leave");
}

#[tokio::test]
async fn rename_goes_to_all_and_its_refusal_to_its_author() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = Client::enter(server.address, "r", "b").await;
    a.next().await;
    a.send("@changename:  小:  明 ").await;
    for client in [&mut a, &mut b] {
        let renamed = client.next().await;
        assert!(matches!(&renamed.message, ServerMessage::ChangeName(n) if n.as_str() == "小: 明"));
    }
    for bad in [
        "@changename:",
        "@changename: \u{200b}\u{202e}",
        &format!("@changename:{}", "x".repeat(33)),
    ] {
        a.send(bad).await;
        assert_eq!(a.next_error().await, ErrorCode::BadNickname, "{bad:?}");
    }
    a.say("still a").await;
    b.next_said().await;
    let c = Client::enter(server.address, "r", "c").await;
    assert_eq!(c.members[0].nickname.as_str(), "小: 明");
    assert_eq!(c.page[0].nickname.as_ref().unwrap().as_str(), "小: 明");
}

#[tokio::test]
async fn members_with_the_same_name_have_different_pids() {
    let server = TestServer::start().await;
    let clients = join_all((0..30).map(|_| Client::enter(server.address, "r", "same"))).await;
    let pids: BTreeSet<_> = clients.iter().map(|client| client.pid.clone()).collect();
    assert_eq!(pids.len(), clients.len());
}

#[tokio::test]
async fn every_frame_has_both_times() {
    let server = TestServer::start().await;
    let before = jiff::Timestamp::now().as_millisecond();
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send("x").await;
    let envelope = client.next().await;
    let ts = envelope.ts.unwrap();
    assert!((before..=jiff::Timestamp::now().as_millisecond()).contains(&ts));
    // The server's time zone is always eight hours ahead of UTC.
    let there = jiff::Timestamp::from_millisecond(ts).unwrap();
    let there = jiff::tz::TimeZone::fixed(jiff::tz::offset(8)).to_datetime(there);
    let expected = there.strftime("%-Y-%-m-%-d %-H:%-M:%-S").to_string();
    assert_eq!(envelope.send_time.as_str(), expected);
    assert_eq!(
        client.ask_page(0).await[0].send_time.as_str(),
        there.strftime("%Y-%m-%d").to_string()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_members_receive_messages_in_one_order() {
    const WRITERS: usize = 20;
    const READERS: usize = 100;
    const EACH: usize = 20;
    let server = TestServer::start().await;
    let address = server.address;
    let readers: Vec<_> =
        join_all((0..READERS).map(|_| Client::enter(address, "r", "reader"))).await;
    let readers = readers.into_iter().map(|mut reader| {
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < WRITERS * EACH {
                if let ServerMessage::Normal { text, id, .. } = reader.next().await.message {
                    seen.push((id.unwrap(), text));
                }
            }
            seen
        })
    });
    let readers: Vec<_> = readers.collect();
    let writers = (0..WRITERS).map(|writer| {
        tokio::spawn(async move {
            let mut client = Client::enter(address, "r", "writer").await;
            for number in 0..EACH {
                client.send(&format!("{writer} {number}")).await;
            }
            // The writer stays until its last message has come back.
            let last = format!("{writer} {}", EACH - 1);
            while !matches!(client.next().await.message, ServerMessage::Normal { text, .. } if text == last) {}
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut orders = Vec::new();
    for reader in readers {
        orders.push(reader.await.unwrap());
    }
    let first = &orders[0];
    assert!(orders.iter().all(|order| order == first), "two readers saw two orders");
    let ids: Vec<_> = first.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=(WRITERS * EACH) as u64).collect::<Vec<_>>());
    for writer in 0..WRITERS {
        let prefix = format!("{writer} ");
        let own = first.iter().filter_map(|(_, text)| text.strip_prefix(&prefix));
        let own: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
        assert_eq!(own, (0..EACH).collect::<Vec<_>>(), "one writer's messages keep their order");
    }
}

#[tokio::test]
async fn messages_stay_in_their_room() {
    let server = TestServer::start().await;
    let mut a = Client::enter(server.address, "one", "a").await;
    let mut b = Client::enter(server.address, "two", "b").await;
    assert_eq!((a.members.len(), b.members.len()), (1, 1));
    assert_eq!(a.say("x").await, 1);
    assert_eq!(b.say("y").await, 1);
    assert_eq!(a.say("z").await, 2);
}
