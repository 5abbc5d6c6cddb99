//! A client that does not read is closed, and other members are not affected.

use xmeet_shared::ServerMessage;
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;

use crate::support::client::stalled_member;
use crate::support::raw::read_close;
use crate::support::{Client, TestServer};

/// Length of a message. All messages have 20 MiB, more than the kernel's buffers and the outbox.
const TEXT_BYTES: usize = 32 * 1024;
const MESSAGES: u64 = 640;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stalled_reader_is_closed_with_1013_and_others_receive_everything() {
    let server = TestServer::with(&["--outbox-bytes-max", "1000000"]).await;
    let stalled = stalled_member(server.address, "r").await;
    let mut reader = Client::enter(server.address, "r", "reader").await;
    let mut writer = Client::enter(server.address, "r", "writer").await;
    let stalled_pid = reader.members[0].pid.clone();
    assert_eq!(reader.next().await.message.kind(), "join");

    // The reader receives each message before the next one is sent, so that it is never behind.
    let text = "x".repeat(TEXT_BYTES);
    let mut leaves = 0;
    for id in 1..=MESSAGES {
        writer.send(&text).await;
        while writer.next().await.message.kind() != "normal" {}
        loop {
            let envelope = reader.next().await;
            match envelope.message {
                ServerMessage::Normal { id: said, .. } => {
                    assert_eq!(said, Some(id), "the reader misses nothing");
                    break;
                }
                ServerMessage::Leave => {
                    assert_eq!(envelope.from, stalled_pid);
                    leaves += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    if leaves == 0 {
        let envelope = reader.next().await;
        assert_eq!((envelope.message.kind(), &envelope.from), ("leave", &stalled_pid));
        leaves += 1;
    }
    assert_eq!(leaves, 1);

    // After a reconnect the history has every message once.
    let mut back = Client::enter(server.address, "r", "back").await;
    let mut ids: Vec<_> = back.page.iter().map(|record| record.id).collect();
    for cursor in 1..=MESSAGES.div_ceil(HISTORY_PAGE_MESSAGES) {
        let page = back.ask_page(cursor).await;
        ids.splice(0..0, page.iter().map(|record| record.id));
    }
    assert_eq!(ids, (1..=MESSAGES).map(Some).collect::<Vec<_>>());
    drop((stalled, writer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_reader_receives_the_reason_of_its_close() {
    let server = TestServer::with(&["--outbox-bytes-max", "1000000"]).await;
    let mut stalled = stalled_member(server.address, "r").await;
    let mut writer = Client::enter(server.address, "r", "writer").await;
    let text = "x".repeat(TEXT_BYTES);
    loop {
        writer.send(&text).await;
        if writer.next().await.message.kind() == "leave" {
            break;
        }
    }
    let (code, reason) = read_close(&mut stalled).await;
    assert_eq!(code, 1013);
    assert!(reason.contains("too slowly"), "{reason}");
}
