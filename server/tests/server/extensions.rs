//! Protocol, "Extensions that our own client asks for": the token, the epoch, and that nobody else
//! sees any of it.

use tempfile::TempDir;

use crate::support::client::{path, resumable_path};
use crate::support::{Client, Process, TestServer, raw, soon};

const TOKEN: &str = "a-token-of-a-tab_012345";
const OTHER_TOKEN: &str = "another-token-of-a-tab_";

async fn epoch_of(server: &TestServer, room: &str) -> String {
    Client::enter_with(server.address, room, "n", TOKEN).await.epoch.unwrap()
}

#[tokio::test]
async fn the_epoch_is_that_of_the_store() {
    let server = TestServer::start().await;
    let mut client = Client::enter_with(server.address, "r", "n", TOKEN).await;
    let epoch = client.epoch.clone().unwrap();
    assert!(!epoch.is_empty());
    assert_eq!(epoch_of(&server, "other").await, epoch);
    client.say("kept").await;

    // After a restart the ids go on counting, but nobody is known.
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
async fn what_is_no_token_is_a_400_that_does_not_repeat_it() {
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

/// Everything that a connection is sent until a message that says `end`.
async fn read_to_the_end(client: &mut Client) -> String {
    let mut everything = String::new();
    while !everything.contains(r#""payload":"end""#) {
        everything += &client.next_text().await;
    }
    everything
}

#[tokio::test]
async fn nobody_else_sees_any_of_it() {
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
    let mut member = Client::enter_with(server.address, "r", "n", TOKEN).await;
    // The greeting of somebody who comes now is part of what others see.
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
    for extension in ["epoch", r#""ping""#, "session"] {
        assert!(!seen_by_old.contains(extension), "{extension}: {seen_by_old}");
    }
    for seen in [seen_by_old, seen_by_other, seen_by_member] {
        assert!(!seen.contains(TOKEN) && !seen.contains(OTHER_TOKEN), "{seen}");
    }
}

#[tokio::test]
async fn a_token_is_never_logged() {
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
