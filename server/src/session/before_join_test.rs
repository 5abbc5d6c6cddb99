//! Goal: all memory of a client that waits to join a room is charged. The session notices the client's
//! disconnect, whatever the client sent before.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use xmeet_testframes::{CLOSE, PING, PONG, TEXT, frame};

use super::*;
use crate::session::incoming::{INCOMING_OVER_BUDGET, Incoming};
use crate::session::keepalive::Keepalive;
use crate::session::reader::MessageLimits;
use crate::wire::budget::{MemoryBudget, Part};
use crate::wire::stream::{Reading, Writing};
use crate::wire::test_socket::{Socket, limits};

const TEXT_BYTES: usize = 60_000;

/// A waiting session, and the client's end of its connection.
struct WaitingSession {
    reader: Reader,
    outbox: Arc<Outbox>,
    client: DuplexStream,
}

impl WaitingSession {
    fn new(incoming: &Arc<Incoming>) -> Self {
        let (client, server) = duplex(1024 * 1024);
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, limits(1_000_000)));
        let message_limits = MessageLimits { bytes_max: 65_536, time_max: Duration::from_secs(60) };
        let charge = incoming.new_charge(&outbox, None);
        let reader = Reader::new(Reading::Other(Box::new(server)), &[], message_limits, charge);
        Self { reader, outbox, client }
    }

    async fn send_texts(&mut self, count: usize) {
        self.client.write_all(&text_frame().repeat(count)).await.unwrap();
    }

    /// Reads all bytes that have arrived. Returns how the connection ended, or `None` while the client
    /// still waits.
    fn read_now(&mut self) -> Option<SessionEnd> {
        let Self { reader, outbox, .. } = self;
        read_while_waiting(reader, outbox, &Keepalive::default()).now_or_never()
    }
}

/// Encodes a text frame with [`TEXT_BYTES`] bytes of payload.
fn text_frame() -> Vec<u8> {
    frame(TEXT, &[b'x'; TEXT_BYTES])
}

fn incoming(budget_bytes: usize) -> Arc<Incoming> {
    Arc::new(Incoming::new(Arc::new(MemoryBudget::new(budget_bytes))))
}

fn held_bytes(incoming: &Incoming) -> usize {
    incoming.budget().part_bytes(Part::Incoming)
}

#[tokio::test]
async fn message_of_a_waiting_client_is_charged_until_the_session_reads_it() {
    let incoming = incoming(10_000_000);
    let mut session = WaitingSession::new(&incoming);
    session.send_texts(1).await;
    assert!(session.read_now().is_none());
    let held = held_bytes(&incoming);
    assert!((TEXT_BYTES..2 * TEXT_BYTES).contains(&held), "{held}");
    assert_eq!(session.reader.next_now(), Some(Received::Text("x".repeat(TEXT_BYTES))));
    assert_eq!(held_bytes(&incoming), 0);
}

#[tokio::test]
async fn waiting_clients_over_the_share_are_closed() {
    // Incoming messages may take half of the free memory: three messages of nine, while six are free.
    let incoming = incoming(9 * TEXT_BYTES);
    let mut crowd: Vec<_> = (0..20).map(|_| WaitingSession::new(&incoming)).collect();
    for session in &mut crowd {
        session.send_texts(1).await;
        assert!(session.read_now().is_none());
        assert!(held_bytes(&incoming) <= incoming.budget().share_bytes());
    }
    let mut closed = 0;
    for session in &mut crowd {
        if session.outbox.is_closed() {
            let end = session.read_now();
            assert!(matches!(end, Some(SessionEnd::Server(INCOMING_OVER_BUDGET))));
            closed += 1;
        }
    }
    // About three of the 20 clients fit.
    assert!((16..20).contains(&closed), "{closed} clients are closed");
}

#[tokio::test]
async fn disconnect_ends_the_join_wait_unless_a_text_is_pending() {
    for text_count in [0, 1, 2] {
        let mut session = WaitingSession::new(&incoming(10_000_000));
        session.send_texts(text_count).await;
        let WaitingSession { reader, outbox, client } = &mut session;
        let keepalive = Keepalive::default();
        let mut join_wait = Box::pin(read_while_waiting(reader, outbox, &keepalive));
        assert!(join_wait.as_mut().now_or_never().is_none());

        client.shutdown().await.unwrap();
        let end = join_wait.as_mut().now_or_never();
        let has_ended = matches!(end, Some(SessionEnd::Lost));
        assert_eq!(has_ended, text_count == 0, "{text_count} texts");
        drop(join_wait);

        // The reader still returns the texts.
        let has_text = text_count > 0;
        assert_eq!(
            session.outbox.is_reading_paused(),
            has_text,
            "reading is paused while the texts wait"
        );
        let mut kept = 0;
        while let Ok(Some(_)) = session.reader.next().await {
            kept += 1;
        }
        assert_eq!(kept, text_count);
    }
}

#[tokio::test]
async fn close_frame_before_any_message_ends_the_join_wait() {
    let mut session = WaitingSession::new(&incoming(10_000_000));
    session.client.write_all(&frame(CLOSE, b"")).await.unwrap();
    assert!(matches!(session.read_now(), Some(SessionEnd::Client(None))));
}

/// Small messages take far more memory than their bytes on the wire.
#[tokio::test]
async fn small_messages_of_a_waiting_client_are_read_up_to_a_bound() {
    for small_frame in [frame(TEXT, b"x"), frame(PONG, b""), frame(PING, b"")] {
        let incoming = incoming(10_000_000);
        let mut session = WaitingSession::new(&incoming);
        session.client.write_all(&small_frame.repeat(100_000)).await.unwrap();
        assert!(session.read_now().is_none());
        let held = held_bytes(&incoming);
        // The reader is full at 64 KiB. The decoder also keeps the remaining bytes of one read.
        assert!((60_000..250_000).contains(&held), "{held} bytes are charged");
        assert!(session.outbox.is_reading_paused());
    }
}

#[tokio::test]
async fn long_messages_of_a_waiting_client_are_read_up_to_a_bound() {
    let incoming = incoming(10_000_000);
    let mut session = WaitingSession::new(&incoming);
    session.send_texts(10).await;
    assert!(session.read_now().is_none());
    let held = held_bytes(&incoming);
    assert!(held < 4 * TEXT_BYTES, "{held} bytes of ten texts are charged");
}
