//! Rate limits of clients: refusals, floods, and that other members are not affected. Tests of the rules
//! in virtual time are in `server/src/limits/pace_test.rs`.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval};
use xmeet_shared::{Envelope, ErrorCode, ServerMessage};

use crate::support::raw::{frame, read_close, read_frame};
use crate::support::{Client, TestServer, soon};

/// Default burst of messages.
const BURST: u64 = 200;

/// A rate of one message per second, and its burst.
const SLOW: [&str; 2] = ["--messages-per-second", "1"];
const SLOW_BURST: u64 = 10;

/// Default rate of messages.
const MESSAGES_PER_SECOND: u64 = 20;

/// A resume token.
const TOKEN: &str = "a-token-of-a-tab_012345";

/// Returns the text of a refusal, and the time to wait in milliseconds.
fn too_fast(envelope: Envelope) -> (String, u64) {
    match envelope.message {
        ServerMessage::Error { words, code: Some(ErrorCode::RateLimited), retry_after_ms } => {
            (words, retry_after_ms.expect("a refusal has a time to wait"))
        }
        other => panic!("not rate_limited: {other:?}"),
    }
}

#[tokio::test]
async fn burst_is_accepted_and_each_further_message_is_refused() {
    let server = TestServer::limited(&SLOW).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let start = Instant::now();
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in 1.. {
        let text = number.to_string();
        client.send(&text).await;
        match client.next().await {
            Envelope { message: ServerMessage::Normal { text: said, .. }, .. } => {
                assert_eq!(said, text);
                accepted.push(text);
            }
            refusal => {
                let (words, retry_after_ms) = too_fast(refusal);
                assert!((1..=1000).contains(&retry_after_ms), "{retry_after_ms}");
                assert_eq!(words, "too much at once: wait 1 second");
                refused += 1;
            }
        }
        if refused == 3 {
            break;
        }
    }
    // The bucket gains one message with each second.
    let accepted_max = SLOW_BURST + start.elapsed().as_secs() + 1;
    assert!((SLOW_BURST..=accepted_max).contains(&(accepted.len() as u64)), "{}", accepted.len());
    // The server stores no refused message.
    let page = Client::enter(server.address, "r", "b").await.page;
    let stored: Vec<_> = page.into_iter().map(|record| record.payload).collect();
    assert!(accepted.ends_with(&stored), "{stored:?}");
}

#[tokio::test]
async fn client_that_waits_as_told_is_accepted_again() {
    let server = TestServer::limited(&SLOW).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let (mut said, mut tries) = (0, 0);
    while said < 13 {
        tries += 1;
        assert!(tries < 40, "{said} were said");
        client.send("x").await;
        match client.next().await {
            Envelope { message: ServerMessage::Normal { .. }, .. } => said += 1,
            refused => tokio::time::sleep(Duration::from_millis(too_fast(refused).1)).await,
        }
    }
    assert!(tries > said, "it was refused at least once");
}

#[tokio::test]
async fn renames_pages_and_errors_count_against_the_rate() {
    for (text, cost) in [("@changename:a", 5), ("@history:0", 1), ("@history:x", 2), ("", 1)] {
        // A burst of 20 messages.
        let server = TestServer::limited(&["--messages-per-second", "2"]).await;
        let mut client = Client::enter(server.address, "r", "a").await;
        for _ in 0..20 / cost {
            client.send(text).await;
        }
        client.send("over").await;
        let mut last = client.next().await;
        while !matches!(last.message, ServerMessage::Error { retry_after_ms: Some(_), .. }) {
            assert_ne!(last.message.kind(), "normal", "{text} costs {cost}");
            last = client.next().await;
        }
    }
}

/// A burst of 16,000 bytes: after a larger message, the client owes the rest for 44 s.
const BYTES: [&str; 2] = ["--bytes-per-second", "1000"];
const LARGE_BYTES: usize = 60_000;

#[tokio::test]
async fn bytes_count_against_the_rate() {
    let server = TestServer::limited(&BYTES).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let text = "x".repeat(LARGE_BYTES);
    client.say(&text).await;
    client.send(&text).await;
    too_fast(client.next().await);
}

#[tokio::test]
async fn bytes_of_binary_messages_count_against_the_rate() {
    let server = TestServer::limited(&BYTES).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    client.send_binary(&[0; LARGE_BYTES]).await;
    assert_eq!(client.next_error().await, ErrorCode::Unsupported);
    client.send_binary(&[0; LARGE_BYTES]).await;
    too_fast(client.next().await);
}

/// Burst of refusals of a connection.
const REFUSALS: u64 = 1000;

#[tokio::test]
async fn thousand_refusals_at_once_are_answered_and_more_close_the_connection() {
    let server = TestServer::limited(&SLOW).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for _ in 0..SLOW_BURST + 2 * REFUSALS {
        client.send("x").await;
    }
    let (mut accepted, mut refused) = (0, 0);
    let code = loop {
        match client.next_or_close().await {
            Ok(Envelope { message: ServerMessage::Normal { .. }, .. }) => accepted += 1,
            Ok(refusal) => {
                too_fast(refusal);
                refused += 1;
            }
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1008);
    assert!(
        accepted >= SLOW_BURST && refused >= REFUSALS,
        "{accepted} accepted, {refused} refused"
    );
}

/// Sends texts until one is refused. Returns the number of accepted texts.
async fn said_until_refused(client: &mut Client) -> u64 {
    let mut said = 0;
    loop {
        client.send("x").await;
        let answer = client.next().await;
        if answer.message.kind() == "error" {
            too_fast(answer);
            return said;
        }
        said += 1;
    }
}

#[tokio::test]
async fn resumed_or_taken_over_member_keeps_its_rate_limit() {
    let server =
        TestServer::limited(&["--messages-per-second", "1", "--resume-grace-seconds", "3600"])
            .await;
    let mut first = Client::enter_with(server.address, "r", "a", TOKEN).await;
    assert!(said_until_refused(&mut first).await >= SLOW_BURST);
    let pid = first.pid.clone();
    first.lose().await;
    let mut second = Client::enter_with(server.address, "r", "a", TOKEN).await;
    assert_eq!(second.pid, pid);
    assert!(said_until_refused(&mut second).await < SLOW_BURST);
    let mut third = Client::enter_with(server.address, "r", "a", TOKEN).await;
    assert_eq!((third.pid.clone(), second.closed().await), (pid, 4001));
    assert!(said_until_refused(&mut third).await < SLOW_BURST);
    third.leave().await;
    let mut new = Client::enter_with(server.address, "r", "a", TOKEN).await;
    assert!(said_until_refused(&mut new).await >= SLOW_BURST, "a new member starts anew");
}

#[tokio::test]
async fn client_in_debt_for_pages_waits_for_the_next_and_may_send_texts() {
    const PAGE_RATE: [&str; 2] = ["--page-bytes-per-second", "1"];
    let server = TestServer::limited(&PAGE_RATE).await;
    let mut client = Client::enter_with(server.address, "r", "a", TOKEN).await;
    client.say(&"x".repeat(2000)).await;
    assert_eq!(client.ask_page(0).await.len(), 1, "a page may be more than a burst");
    for _ in 0..3 {
        client.send("@history:0").await;
        let (words, retry_after_ms) = too_fast(client.next().await);
        assert!(words.starts_with("too much history at once: wait "), "{words}");
        assert!(retry_after_ms > 500_000, "a second for each byte: {retry_after_ms}");
        client.say("it may speak").await;
    }
    client.lose().await;
    let mut client = Client::enter_with(server.address, "r", "a", TOKEN).await;
    client.send("@history:0").await;
    too_fast(client.next().await);
}

#[tokio::test]
async fn without_limits_no_message_is_refused() {
    let server = TestServer::start().await;
    let mut client = Client::enter(server.address, "r", "a").await;
    for _ in 0..5000 {
        client.send("x").await;
    }
    for id in 1..=5000 {
        assert_eq!(client.next_said().await.2, id);
    }
}

/// A client sends a thousand frames a second until it is closed. Meanwhile two other members talk, and
/// each of their messages arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn flood_is_refused_then_closed_and_two_others_lose_nothing() {
    let server = TestServer::limited(&[]).await;
    let start = Instant::now();
    let mut a = Client::enter(server.address, "r", "a").await;
    let mut b = Client::enter(server.address, "r", "b").await;
    assert_eq!(a.next().await.message.kind(), "join");
    let flooder = Client::enter(server.address, "r", "flooder").await;
    let flooder_pid = flooder.pid.clone();

    let (mut reading, mut writing) = flooder.into_stream().into_split();
    let flood = tokio::spawn(async move {
        let mut millisecond = interval(Duration::from_millis(1));
        // Late ticks are made up for, so that the rate is a thousand a second.
        millisecond.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let flooding = frame(0x81, b"flood");
        // The server has closed the connection when a write fails.
        while writing.write_all(&flooding).await.is_ok() {
            millisecond.tick().await;
        }
    });
    let closed = tokio::spawn(async move { read_close(&mut reading).await });

    let (mut floods, mut rounds, mut is_gone) = (0, 0, false);
    while !is_gone {
        rounds += 1;
        a.send(&rounds.to_string()).await;
        for member in [&mut a, &mut b] {
            loop {
                let envelope = member.next().await;
                match envelope.message {
                    ServerMessage::Normal { text, .. } if envelope.from == flooder_pid => {
                        assert_eq!(text, "flood");
                        floods += 1;
                    }
                    ServerMessage::Normal { text, .. } => {
                        assert_eq!(text, rounds.to_string());
                        break;
                    }
                    ServerMessage::Join(_) => {}
                    ServerMessage::Leave => is_gone = true,
                    other => panic!("{other:?}"),
                }
            }
        }
        // Below this member's own rate limit.
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let (code, reason) = closed.await.unwrap();
    assert_eq!(code, 1008, "{reason}");
    flood.await.unwrap();
    // Both members receive the burst, and at most what the rate adds while the flood lasts.
    let added = start.elapsed().as_secs() * MESSAGES_PER_SECOND + MESSAGES_PER_SECOND;
    assert!((2 * BURST..=2 * (BURST + added)).contains(&floods), "{floods}");
}

#[tokio::test]
async fn message_in_single_bytes_is_accepted_and_empty_fragments_are_bounded() {
    let server = TestServer::limited(&["--frame-bytes-max", "10000"]).await;
    let mut client = Client::enter(server.address, "r", "a").await;
    let text = "x".repeat(10_000);
    let pieces: Vec<u8> = (0..text.len())
        .flat_map(|at| {
            let first = u8::from(at == 0) | if at + 1 == text.len() { 0x80 } else { 0 };
            frame(first, b"x")
        })
        .collect();
    let mut stream = client.into_stream();
    stream.write_all(&pieces).await.unwrap();
    let (_, said) = soon("the message", read_frame(&mut stream)).await.unwrap();
    assert!(String::from_utf8(said).unwrap().contains(&text));

    client = Client::enter(server.address, "r", "b").await;
    let mut stream = client.into_stream();
    let mut endless = frame(0x01, b"");
    // Pings in between do not help the client.
    for _ in 0..20 {
        (0..1000).for_each(|_| endless.extend(frame(0, b"")));
        endless.extend(frame(0x89, b""));
    }
    stream.write_all(&endless).await.unwrap();
    let (code, reason) = read_close(&mut stream).await;
    assert_eq!((code, reason.as_str()), (1009, "the message has too many fragments"));
}
