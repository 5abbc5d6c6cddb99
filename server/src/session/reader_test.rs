//! Goal: a message may take any time while enough of it arrives, independent of the client's other
//! frames.

use std::sync::Arc;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use xmeet_testframes::{TEXT, frame};

use super::*;
use crate::session::incoming::Incoming;
use crate::wire::outbox::Outbox;
use crate::wire::stream::Writing;
use crate::wire::test_socket::{self, Socket};

/// Three fragments of the text "hello", and a pong. Each has a mask of zeros.
const BEGINNING: &[u8] = b"\x01\x82\0\0\0\0he";
const MIDDLE: &[u8] = b"\0\x81\0\0\0\0l";
const END: &[u8] = b"\x80\x82\0\0\0\0lo";
const PONG: &[u8] = b"\x8a\x80\0\0\0\0";

const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);

fn connection() -> (Reader, DuplexStream) {
    let (client, server) = duplex(1024);
    (reader(server, MessageLimits { bytes_max: 100, time_max: MESSAGE_TIME_MAX }), client)
}

fn reader(server: DuplexStream, limits: MessageLimits) -> Reader {
    let socket = Writing::Other(Box::new(Socket::default()));
    let outbox = Arc::new(Outbox::new(socket, test_socket::limits(1000)));
    let incoming = Arc::<Incoming>::default().new_charge(&outbox, None);
    Reader::new(Reading::Other(Box::new(server)), &[], limits, incoming)
}

#[tokio::test(start_paused = true)]
async fn slow_fragments_with_pongs_between_them_time_out() {
    let (mut reader, mut client) = connection();
    let start = Instant::now();
    // A fragment of one byte every seven seconds, and a pong before each.
    let sending = tokio::spawn(async move {
        client.write_all(BEGINNING).await.unwrap();
        for _ in 0..100 {
            sleep(Duration::from_secs(7)).await;
            if client.write_all(&[PONG, MIDDLE].concat()).await.is_err() {
                return;
            }
        }
    });
    let mut pong_count = 0;
    let error = loop {
        match reader.next().await {
            Ok(Some(received)) => {
                assert_eq!(received, Received::Pong);
                pong_count += 1;
            }
            Ok(None) => {}
            Err(error) => break error,
        }
    };
    // Eight times seven seconds are within the minute.
    assert_eq!((error, pong_count), (ReadError::Violation(MESSAGE_TIMED_OUT), 8));
    assert_eq!(start.elapsed(), MESSAGE_TIME_MAX);
    sending.abort();
}

/// A client that keeps sending pongs is never silent, but its message must still meet the deadline.
#[tokio::test(start_paused = true)]
async fn pongs_do_not_extend_the_deadline_of_a_message() {
    let (mut reader, mut client) = connection();
    client.write_all(BEGINNING).await.unwrap();
    assert_eq!(reader.next().await, Ok(None));
    let second_before_deadline = MESSAGE_TIME_MAX - Duration::from_secs(1);
    assert!(timeout(second_before_deadline, reader.next()).await.is_err());
    client.write_all(&PONG.repeat(100)).await.unwrap();
    for _ in 0..50 {
        assert_eq!(reader.next().await, Ok(Some(Received::Pong)));
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(reader.next().await, Err(ReadError::Violation(MESSAGE_TIMED_OUT)));
}

/// Sends a message of 60,000 bytes at this rate. Returns whether the message arrived, and the time until
/// it arrived or timed out.
async fn send_at_rate(bytes_per_second: usize) -> (bool, Duration) {
    let (client, server) = duplex(1024);
    let limits = MessageLimits { bytes_max: 65_536, time_max: Duration::from_secs(5) };
    let mut reader = reader(server, limits);
    let frame = frame(TEXT, &[b'x'; 60_000]);
    let sending = tokio::spawn(async move {
        let mut client = client;
        for piece in frame.chunks(bytes_per_second / 10) {
            sleep(Duration::from_millis(100)).await;
            if client.write_all(piece).await.is_err() {
                return client;
            }
        }
        client
    });
    let start = Instant::now();
    let has_arrived = loop {
        match reader.next().await {
            Ok(Some(_)) => break true,
            Ok(None) => {}
            Err(error) => {
                assert_eq!(error, ReadError::Violation(MESSAGE_TIMED_OUT));
                break false;
            }
        }
    };
    drop(reader);
    sending.await.unwrap();
    (has_arrived, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn message_over_a_minimum_rate_arrives_and_a_slower_one_times_out() {
    // The minimum rate is 1,024 bytes per second, and the deadline is checked every 5 s.
    for bytes_per_second in [8000, 1100] {
        let (has_arrived, time) = send_at_rate(bytes_per_second).await;
        assert!(has_arrived && time > Duration::from_secs(5), "{bytes_per_second}: {time:?}");
    }
    let (has_arrived, time) = send_at_rate(900).await;
    assert!(!has_arrived && time < Duration::from_secs(6), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn each_message_has_its_own_deadline_and_silence_has_none() {
    let (mut reader, mut client) = connection();
    for _ in 0..3 {
        // A message in one piece, and then a message in three pieces that take four fifths of the time.
        // The second piece ends inside a header.
        let whole = [BEGINNING, END].concat();
        for pieces in [vec![&*whole], vec![BEGINNING, &END[..3], &END[3..]]] {
            let last = pieces.len() - 1;
            for (number, piece) in pieces.into_iter().enumerate() {
                client.write_all(piece).await.unwrap();
                if number < last {
                    assert_eq!(reader.next().await, Ok(None));
                    sleep(MESSAGE_TIME_MAX * 2 / 5).await;
                }
            }
            let received = loop {
                if let Some(received) = reader.next().await.unwrap() {
                    break received;
                }
            };
            assert_eq!(received, Received::Text("helo".to_owned()));
            // Between two messages, silence may last longer than the deadline.
            sleep(MESSAGE_TIME_MAX * 2).await;
        }
    }
    drop(client);
    assert_eq!(reader.next().await, Err(ReadError::Disconnected));
}
