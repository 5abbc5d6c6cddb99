//! Protocol, "Extensions that our own client asks for": the token and the epoch, which other clients do
//! not see.

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::{path, resumable_path};
use crate::support::{Client, Process, TestServer, raw, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";
const OTHER_TOKEN: &str = "another-token-of-a-tab_";

async fn epoch_of(server: &TestServer, room: &str) -> String {
    Client::enter_with(server.address, room, "n", TOKEN).await.epoch.unwrap()
}

#[tokio::test]
async fn epoch_is_that_of_the_store() {
    let server = TestServer::start().await;
    let mut client = Client::enter_with(server.address, "r", "n", TOKEN).await;
    let epoch = client.epoch.clone().unwrap();
    assert!(!epoch.is_empty());
    assert_eq!(epoch_of(&server, "other").await, epoch);
    client.say("kept").await;

    // After a restart the ids continue, but no member is known.
    let (server, closed) = tokio::join!(server.restart(&[]), client.closed());
    assert_eq!(closed, 1001);
    let mut back = Client::enter_with(server.address, "r", "n", TOKEN).await;
    assert_eq!(back.epoch.as_deref(), Some(epoch.as_str()));
    assert_ne!(back.pid, client.pid);
    assert_eq!((back.members.len(), back.page.len()), (1, 1));
    assert_eq!(back.say("goes on").await, 2);

    let (folder, closed) = tokio::join!(server.stop(), back.closed());
    assert_eq!(closed, 1001);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let server = TestServer::on(folder, &[]).await;
    let wiped = Client::enter_with(server.address, "r", "n", TOKEN).await;
    assert_ne!(wiped.epoch, Some(epoch));
    assert_eq!(wiped.page, []);
}

#[tokio::test]
async fn without_history_there_is_no_epoch_and_a_resumed_member_keeps_its_pid() {
    let server = TestServer::with(&["--history-messages", "0"]).await;
    let path = resumable_path("r", "n", TOKEN);
    let client = Client::enter_by(server.address, &path, &[]).await;
    assert_eq!(client.epoch, None, "a room without a history has no epoch");
    let back = Client::enter_by(server.address, &path, &[]).await;
    assert_eq!((back.pid, back.epoch), (client.pid, None));
}

#[tokio::test]
async fn invalid_token_is_a_400_that_does_not_repeat_it() {
    let server = TestServer::start().await;
    let too_short = "s".repeat(21);
    let too_long = "s".repeat(65);
    let much_too_long = "s".repeat(10_000);
    let bad = [
        "",
        "secret",
        &too_short,
        &too_long,
        &much_too_long,
        "secret-secret-secret+secret",
        "secret-secret-secret%20secret",
        "secret-secret-secret/secret",
        "secret-secret-secret%00secret",
        "%3Cscript%3Esecret-secret%3C",
        "secret-secret-secret-%E5%B0%8F",
        "secret-secret-secret-%FF",
    ];
    for token in bad {
        let path = resumable_path("r", "n", token);
        let (response, _) = raw::upgrade(server.address, &path, &[]).await;
        assert_eq!(response.status, 400, "{token:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["error"]["code"], "bad_session");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("22 to 64"), "{message}");
        let repeated = ["secret", "ssss", "script"].iter().find(|part| message.contains(**part));
        assert_eq!(repeated, None, "{message}");
    }
    for good in ["s".repeat(22), "s".repeat(64)] {
        Client::enter_with(server.address, "r", "n", &good).await;
    }
}

/// Reads the texts of the next frames.
async fn texts(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let (_, frame) = soon("a frame", raw::read_frame(stream)).await.unwrap();
        texts.push(String::from_utf8(frame).unwrap());
    }
    texts
}

#[tokio::test]
async fn self_frame_has_the_length_of_the_rest_of_the_greeting() {
    let server = TestServer::start().await;
    for (room, text) in [("short", "x"), ("长", &"\u{1}\"".repeat(20_000))] {
        let mut talker = Client::enter(server.address, room, "小\"talker").await;
        talker.say(text).await;
        let path = resumable_path(room, "n", TOKEN);
        let (_, mut stream) = raw::upgrade(server.address, &path, &[]).await;
        let greeting = texts(&mut stream, 4).await;
        let told: serde_json::Value = serde_json::from_str(&greeting[0]).unwrap();
        let bytes: usize = greeting[1..].iter().map(String::len).sum();
        assert_eq!(told["greeting_bytes"], bytes);
        assert!(bytes > 3 * text.len(), "the greeting contains the page with escapes");
    }
}

#[tokio::test]
async fn long_answer_is_announced_with_its_length_and_a_short_one_is_not() {
    const ANNOUNCED_ABOVE: usize = 16 * 1024;
    let server = TestServer::start().await;
    let mut talker = Client::enter(server.address, "r", "talker").await;
    let (_, mut stream) = raw::upgrade(server.address, &resumable_path("r", "n", TOKEN), &[]).await;
    texts(&mut stream, 4).await;
    assert_eq!(talker.next().await.message.kind(), "join");
    let mut announced = Vec::new();
    // Pages of lengths around the bound, from memory and from the store.
    for round in 0..102 {
        talker.say(&"x".repeat(250 + round % 9)).await;
        texts(&mut stream, 1).await;
        if round % 3 > 0 {
            continue;
        }
        for cursor in [0, 1] {
            let question = format!("@history:{cursor}");
            stream.write_all(&raw::frame(0x81, question.as_bytes())).await.unwrap();
            let mut next_bytes = None;
            let mut answer = texts(&mut stream, 1).await.remove(0);
            if answer.contains(r#""type":"ping""#) {
                let ping: serde_json::Value = serde_json::from_str(&answer).unwrap();
                next_bytes = ping["next_bytes"].as_u64().map(|bytes| bytes as usize);
                answer = texts(&mut stream, 1).await.remove(0);
            }
            assert!(answer.contains(r#""type":"history""#), "{answer}");
            let is_long = answer.len() > ANNOUNCED_ABOVE;
            assert_eq!(next_bytes, is_long.then_some(answer.len()));
            announced.push((cursor, is_long));
        }
    }
    for case in [(0, false), (0, true), (1, false), (1, true)] {
        assert!(announced.contains(&case), "{case:?} was not tried");
    }
}

/// Reads all frames up to a message with the text `end`.
async fn read_to_the_end(client: &mut Client) -> String {
    let mut everything = String::new();
    while !everything.contains(r#""payload":"end""#) {
        everything += &client.next_text().await;
    }
    everything
}

#[tokio::test]
async fn extensions_are_invisible_to_other_clients() {
    let server = TestServer::with(&["--resume-grace-seconds", "3600"]).await;
    let mut old = Client::enter(server.address, "r", "old").await;
    let mut other = Client::enter_with(server.address, "r", "other", OTHER_TOKEN).await;
    for number in 0..5 {
        let nickname = format!("n{number}");
        let mut member = Client::enter_with(server.address, "r", &nickname, TOKEN).await;
        member.send("@history:x").await;
        let next = Client::enter_with(server.address, "r", &nickname, TOKEN).await;
        assert_eq!(member.closed().await, 4001);
        next.lose().await;
    }
    old.send(&"x".repeat(20_000)).await;
    old.send("@history:0").await;
    let mut member = Client::enter_with(server.address, "r", "n", TOKEN).await;
    // The greeting of a new member is also visible to others.
    let (response, mut stream) = raw::upgrade(server.address, &path("r", "late"), &[]).await;
    let mut greeting = format!("{:?}", response.headers);
    for _ in 0..4 {
        let (_, frame) = soon("the greeting", raw::read_frame(&mut stream)).await.unwrap();
        greeting += str::from_utf8(&frame).unwrap();
    }
    member.send("end").await;
    let seen_by_old = read_to_the_end(&mut old).await + &greeting;
    let seen_by_other = read_to_the_end(&mut other).await;
    let seen_by_member = read_to_the_end(&mut member).await;
    assert!(seen_by_old.contains("changename") && !seen_by_old.contains("leave"), "{seen_by_old}");
    for extension in ["epoch", "greeting_bytes", "next_bytes", r#""ping""#, "session"] {
        assert!(!seen_by_old.contains(extension), "{extension}: {seen_by_old}");
    }
    for seen in [seen_by_old, seen_by_other, seen_by_member] {
        assert!(!seen.contains(TOKEN) && !seen.contains(OTHER_TOKEN), "{seen}");
    }
}

#[tokio::test]
async fn token_is_never_logged() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.args(["--log", "trace", "--resume-grace-seconds", "1"]);
    let process = Process::spawn(command);
    let address = process.address;
    let mut old = Client::enter(address, "r", "old").await;
    let mut first = Client::enter_with(address, "r", "n", TOKEN).await;
    let second = Client::enter_with(address, "r", "n", TOKEN).await;
    assert_eq!(first.closed().await, 4001);
    second.lose().await;
    for expected in ["join", "leave"] {
        assert_eq!(old.next().await.message.kind(), expected);
    }
    let mut third = Client::enter_with(address, "r", "n", TOKEN).await;
    let fourth = Client::enter_with(address, "r", "n", OTHER_TOKEN).await;
    fourth.lose().await;
    let bad = format!("{TOKEN}%FF");
    assert_eq!(raw::get(address, &resumable_path("r", "n", &bad), &[]).await.status, 426);
    let (refused, _) = raw::upgrade(address, &resumable_path("r", "n", &bad), &[]).await;
    assert_eq!(refused.status, 400);
    let (log, ..) = tokio::join!(process.stopped(), third.closed(), old.closed());
    assert!(log.contains("xmeet is shutting down"), "{log}");
    for token in [TOKEN, OTHER_TOKEN] {
        assert!(!log.contains(token), "{log}");
    }
}
