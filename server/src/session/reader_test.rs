//! Goal: a message may take as long as it makes progress, independent of the client's other frames.

use std::sync::Arc;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use xmeet_testframes::{TEXT, frame};

use super::*;
use crate::session::incoming::Incoming;
use crate::wire::outbox::Outbox;
use crate::wire::stream::Writing;
use crate::wire::test_socket::{self, Socket};

/// Encodes a text frame with a mask of zeros.
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
async fn control_frames_do_not_extend_the_deadline_of_a_message() {
    let (mut reader, mut client) = connection();
    let begun = Instant::now();
    let dripping = tokio::spawn(async move {
        client.write_all(BEGINNING).await.unwrap();
        for _ in 0..100 {
            sleep(Duration::from_secs(7)).await;
            if client.write_all(&[PONG, MIDDLE].concat()).await.is_err() {
                return;
            }
        }
    });
    let mut pongs = 0;
    let end = loop {
        match reader.next().await {
            Ok(Some(received)) => {
                assert_eq!(received, Received::Pong);
                pongs += 1;
            }
            Ok(None) => {}
            Err(end) => break end,
        }
    };
    assert_eq!((end, pongs), (ReadError::Violation(MESSAGE_TIMED_OUT), 8));
    assert_eq!(begun.elapsed(), MESSAGE_TIME_MAX);
    dripping.abort();
}

/// With endless pongs the connection is never silent, but the message must still meet its deadline.
#[tokio::test(start_paused = true)]
async fn pongs_do_not_extend_the_deadline_of_a_message() {
    let (mut reader, mut client) = connection();
    client.write_all(BEGINNING).await.unwrap();
    assert_eq!(reader.next().await, Ok(None));
    let nearly = MESSAGE_TIME_MAX - Duration::from_secs(1);
    assert!(timeout(nearly, reader.next()).await.is_err());
    client.write_all(&PONG.repeat(100)).await.unwrap();
    for _ in 0..50 {
        assert_eq!(reader.next().await, Ok(Some(Received::Pong)));
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(reader.next().await, Err(ReadError::Violation(MESSAGE_TIMED_OUT)));
}

/// Sends a message of 60,000 bytes at this rate. Returns whether it arrived, and the time until it
/// arrived or was given up.
async fn brought_at(bytes_per_second: usize) -> (bool, Duration) {
    let (client, server) = duplex(1024);
    let limits = MessageLimits { bytes_max: 65_536, time_max: Duration::from_secs(5) };
    let mut reader = reader(server, limits);
    let frame = frame(TEXT, &[b'x'; 60_000]);
    let bringing = tokio::spawn(async move {
        let mut client = client;
        for piece in frame.chunks(bytes_per_second / 10) {
            sleep(Duration::from_millis(100)).await;
            if client.write_all(piece).await.is_err() {
                return client;
            }
        }
        client
    });
    let begun = Instant::now();
    let has_come = loop {
        match reader.next().await {
            Ok(Some(_)) => break true,
            Ok(None) => {}
            Err(end) => {
                assert_eq!(end, ReadError::Violation(MESSAGE_TIMED_OUT));
                break false;
            }
        }
    };
    drop(reader);
    bringing.await.unwrap();
    (has_come, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn message_with_progress_outlives_its_deadline_and_one_without_is_closed() {
    // 64 kbit/s, and slightly above the minimum rate.
    for bytes_per_second in [8000, 1100] {
        let (has_come, time) = brought_at(bytes_per_second).await;
        assert!(has_come && time > Duration::from_secs(5), "{bytes_per_second}: {time:?}");
    }
    let (has_come, time) = brought_at(900).await;
    assert!(!has_come && time < Duration::from_secs(6), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn each_message_has_its_own_deadline_and_silence_has_none() {
    let (mut reader, mut client) = connection();
    for _ in 0..3 {
        // In one piece, and then in three pieces that take nearly the whole time.
        let whole = [BEGINNING, END].concat();
        for pieces in [vec![&*whole], vec![BEGINNING, &END[..3], &END[3..]]] {
            let count = pieces.len();
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                if count > 1 && !piece.ends_with(b"lo") {
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
            sleep(MESSAGE_TIME_MAX * 2).await;
        }
    }
    drop(client);
    assert_eq!(reader.next().await, Err(ReadError::Disconnected));
}
