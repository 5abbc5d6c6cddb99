//! Goal: frames arrive whole and in order, or the connection ends after a whole frame. Method: a socket
//! that accepts as many bytes as the test allows.

use std::task::{Context, Waker};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::{Instant, timeout};

use super::state::PIECE_OVERHEAD_BYTES;
use super::*;
use crate::wire::budget::Part;
use crate::wire::frame;
use crate::wire::test_socket::{Socket, limits, limits_within};

/// Returns an outbox whose backlog is limited to `limit_bytes`, and its socket, which accepts
/// `capacity_bytes`.
pub(super) fn outbox(limit_bytes: usize, capacity_bytes: usize) -> (Outbox, Socket) {
    let socket = Socket::default();
    socket.accept_more(capacity_bytes);
    (Outbox::new(Writing::Other(Box::new(socket.clone())), limits(limit_bytes)), socket)
}

/// Polls a future once, as the session's task does when it is woken.
pub(super) fn poll_once<T>(work: impl Future<Output = T>) -> Poll<T> {
    let mut cx = Context::from_waker(Waker::noop());
    std::pin::pin!(work).poll(&mut cx)
}

/// Returns a text frame with a payload of this many bytes.
pub(super) fn text(bytes: usize) -> Bytes {
    frame::text(&vec![b'x'; bytes])
}

#[test]
fn written_bytes_are_not_queued() {
    let (outbox, socket) = outbox(0, 1_000_000);
    for _ in 0..10 {
        outbox.send(&[text(1000)]);
    }
    assert_eq!(socket.accepted().len(), 10 * text(1000).len());
    assert!(outbox.lock().backlog.is_none());
}

#[test]
fn one_batch_over_the_bound_fits_and_the_next_closes_the_connection() {
    // The client reads nothing.
    let (stalled, _) = outbox(1000, 0);
    stalled.send(&[text(100_000)]);
    assert!(!stalled.is_closed());
    stalled.send(&[text(1)]);
    assert_eq!(poll_once(stalled.drive_writes()), Poll::Ready(TOO_SLOW));

    // The client reads the first batch before the next is sent.
    let (reading, socket) = outbox(1000, 0);
    reading.send(&[text(100_000)]);
    socket.accept_more(1_000_000);
    assert!(poll_once(reading.drive_writes()).is_pending());
    reading.send(&[text(1)]);
    assert_eq!(socket.accepted().len(), text(100_000).len() + text(1).len());
}

#[test]
fn nothing_follows_the_close_frame() {
    let (outbox, socket) = outbox(1000, 0);
    let close = frame::close(Some(1000), "");
    assert!(poll_once(outbox.send_close_frame(close.clone())).is_pending());
    outbox.send(&[text(1)]);
    socket.accept_more(1_000_000);
    assert!(poll_once(outbox.wait_until_flushed()).is_ready());
    assert_eq!(socket.accepted(), close);
    assert!(outbox.is_closed());
}

#[test]
fn long_greeting_does_not_count_against_the_bound() {
    let (outbox, socket) = outbox(1000, 10);
    outbox.send_greeting([text(100_000), text(100_000)]);
    outbox.send(&[text(1)]);
    socket.accept_more(1_000_000);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert_eq!(socket.accepted().len(), 2 * text(100_000).len() + text(1).len());
}

#[test]
fn first_close_reason_is_kept() {
    let (outbox, _) = outbox(1000, 0);
    let first = CloseReason { code: CloseCode::GoingAway, reason: "first" };
    outbox.close_with(first);
    outbox.close_with(CloseReason { code: CloseCode::Policy, reason: "second" });
    assert_eq!(poll_once(outbox.drive_writes()), Poll::Ready(first));
}

#[test]
fn page_is_awaited_until_all_of_it_is_written() {
    let (outbox, socket) = outbox(1_000_000, 0);
    outbox.expect_answer();
    assert!(poll_once(outbox.wait_for_answer()).is_pending());
    outbox.send(&[text(10)]);
    outbox.send_answer([text(1000).slice(..10), text(1000).slice(10..)]);
    outbox.send(&[text(10)]);

    // The socket takes all but the last byte of the page.
    socket.accept_more(text(10).len() + text(1000).len() - 1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert!(poll_once(outbox.wait_for_answer()).is_pending());

    // The last byte.
    socket.accept_more(1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    let page_bytes = text(1000).len() as u64;
    assert_eq!(poll_once(outbox.wait_for_answer()), Poll::Ready(page_bytes));
    assert_eq!(poll_once(outbox.wait_for_answer()), Poll::Ready(0), "no other answer is expected");
}

#[test]
fn lost_connection_drops_its_backlog() {
    let (outbox, socket) = outbox(1000, 0);
    outbox.send(&[text(10)]);
    socket.disconnect();
    socket.accept_more(1);
    assert!(
        poll_once(outbox.drive_writes()).is_pending(),
        "the session learns of the disconnect when it reads, not here"
    );
    outbox.send(&[text(100_000)]);
    outbox.send(&[text(100_000)]);
    assert!(outbox.lock().backlog.is_none());
    assert!(outbox.is_closed());
}

/// Returns an outbox with a backlog of one text. The client has received nothing of it, and has 30 s to
/// read it.
fn stalled_outbox(text_bytes: usize) -> (Arc<Outbox>, Socket) {
    let (outbox, socket) = outbox(1_000_000, 0);
    outbox.send(&[text(text_bytes)]);
    (Arc::new(outbox), socket)
}

/// Writes the backlog as a session's task does. Returns the close reason once the outbox is closed.
async fn drive_until_closed(outbox: Arc<Outbox>) -> CloseReason {
    tokio::select! {
        biased;
        close_reason = outbox.drive_writes() => close_reason,
        close_reason = outbox.wait_for_write_timeout() => close_reason,
    }
}

#[tokio::test(start_paused = true)]
async fn backlog_that_is_not_read_in_time_closes_the_connection() {
    let (outbox, socket) = stalled_outbox(100);
    let start = Instant::now();
    assert_eq!(drive_until_closed(Arc::clone(&outbox)).await, TOO_SLOW);
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert!(outbox.is_closed());
    assert!(socket.accepted().is_empty());
}

#[tokio::test(start_paused = true)]
async fn client_is_closed_only_if_it_reads_below_the_minimum_rate() {
    // The minimum rate is 4,096 bytes per second. The text has 400 kB.
    for (bytes_per_second, expects_close) in [(4000, true), (4100, false)] {
        let (outbox, socket) = stalled_outbox(400_000);
        let mut session = tokio::spawn(drive_until_closed(Arc::clone(&outbox)));
        for _ in 0..70 {
            sleep(Duration::from_secs(1)).await;
            socket.accept_more(bytes_per_second);
        }
        let is_closed = timeout(Duration::from_secs(1), &mut session).await.is_ok();
        assert_eq!(is_closed, expects_close, "at {bytes_per_second} bytes per second");
        session.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn backlog_of_recent_messages_does_not_time_out() {
    let (outbox, socket) = outbox(1_000_000, 0);
    let outbox = Arc::new(outbox);
    let session = tokio::spawn(drive_until_closed(Arc::clone(&outbox)));
    for _ in 0..100 {
        // The client reads each text 20 s after it was sent, and has 30 s to read it.
        outbox.send(&[text(100)]);
        sleep(Duration::from_secs(20)).await;
        socket.accept_more(text(100).len());
    }
    assert!(!session.is_finished());
    session.abort();
}

#[test]
fn share_of_one_client_shrinks_as_others_use_more() {
    let limits = limits_within(1_000_000, MemoryBudget::new(10_000));
    let new_outbox =
        || Outbox::new(Writing::Other(Box::new(Socket::default())), Arc::clone(&limits));
    // Sends a frame, and returns whether the connection is still open.
    let send = |outbox: &Outbox, bytes: usize| {
        outbox.send(&[limits.memory.with_charge(vec![0; bytes], bytes)]);
        !outbox.is_closed()
    };
    let (first, second, third) = (new_outbox(), new_outbox(), new_outbox());
    assert!(send(&first, 3000), "3,000 bytes are within half of the 7,000 free bytes");
    assert!(!send(&first, 1000), "4,000 bytes exceed half of the 6,000 free bytes");
    assert_eq!(limits.memory.held_bytes(), 0, "a closed outbox frees its backlog");
    assert!(send(&second, 3000) && send(&third, 2000));
    assert!(!send(&second, 1000), "the backlog of another client makes the share smaller");
    assert_eq!(limits.memory.held_bytes(), 2000 + PIECE_OVERHEAD_BYTES);
}

/// A frame for many clients is charged once. Each outbox is charged for its slots in the queue, and for
/// small frames such as pongs.
#[test]
fn queued_pongs_and_slots_of_shared_frames_are_charged() {
    const PINGS: usize = 100;
    let limits = limits_within(1_000_000, MemoryBudget::new(1_000_000));
    let socket = Socket::default();
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
    let pong = frame::pong(&[b'x'; 125]);
    for _ in 0..PINGS {
        outbox.send(std::slice::from_ref(&pong));
    }
    assert_eq!(limits.memory.held_bytes(), PINGS * (pong.len() + PIECE_OVERHEAD_BYTES));

    // The socket takes all pongs but the last byte.
    socket.accept_more(PINGS * pong.len() - 1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert_eq!(limits.memory.held_bytes(), pong.len() + PIECE_OVERHEAD_BYTES);
    socket.accept_more(1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert_eq!(limits.memory.held_bytes(), 0);

    // A client that does not read is closed when its pongs exceed its share.
    let stalled = Outbox::new(Writing::Other(Box::new(Socket::default())), Arc::clone(&limits));
    let _others = limits.memory.charge(Part::Incoming, 990_000);
    for _ in 0..PINGS {
        stalled.send(std::slice::from_ref(&pong));
    }
    assert!(stalled.is_closed());
}

#[test]
fn page_and_greeting_count_as_backlog_unless_written_at_once() {
    let limits = limits_within(1_000_000, MemoryBudget::new(10_000));
    let socket = Socket::default();
    let new_outbox = || Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
    let large_frame = || [limits.memory.with_charge(vec![0; 4000], 4000)];

    // The socket is full: a backlog of 4,000 bytes exceeds the share, half of the free 6,000 bytes.
    let (with_page, with_greeting) = (new_outbox(), new_outbox());
    with_page.send_answer(large_frame());
    with_greeting.send_greeting(large_frame());
    assert!(with_page.is_closed() && with_greeting.is_closed());

    // The socket takes all bytes at once, so there is no backlog.
    socket.accept_more(1_000_000);
    let reading = new_outbox();
    reading.send_greeting(large_frame());
    reading.send_answer(large_frame());
    reading.send(&large_frame());
    assert!(!reading.is_closed());
    assert_eq!(limits.memory.held_bytes(), 0);
}

#[test]
fn rest_of_a_shared_frame_is_charged_for_each_closed_connection() {
    const FRAME_BYTES: usize = 90_000;
    let limits = limits_within(1_000_000, MemoryBudget::new(1_000_000));
    let frame = limits.memory.with_charge(vec![0; FRAME_BYTES], FRAME_BYTES);
    // A socket that takes one byte of the frame.
    let new_outbox = || {
        let socket = Socket::default();
        socket.accept_more(1);
        Outbox::new(Writing::Other(Box::new(socket)), Arc::clone(&limits))
    };
    let crowd: Vec<_> = (0..100).map(|_| new_outbox()).collect();
    for outbox in &crowd {
        outbox.send(std::slice::from_ref(&frame));
    }
    let overhead_bytes = crowd.len() * PIECE_OVERHEAD_BYTES;
    assert_eq!(
        limits.memory.held_bytes(),
        FRAME_BYTES + overhead_bytes,
        "all outboxes share the frame"
    );

    // Each closed connection keeps a copy of the rest, as long as the copies fit into the budget.
    for outbox in &crowd {
        outbox.close_with(TOO_SLOW);
    }
    assert!(limits.memory.held_bytes() < 1_000_000, "{}", limits.memory.held_bytes());
    let has_rest = |outbox: &&Outbox| outbox.lock().backlog.is_some();
    let rest_count = crowd.iter().filter(has_rest).count();
    let rest_bytes = FRAME_BYTES - 1 + PIECE_OVERHEAD_BYTES;
    assert_eq!(limits.memory.held_bytes(), rest_count * rest_bytes + FRAME_BYTES);
}

#[test]
fn queued_close_frame_survives_memory_pressure() {
    let limits = limits_within(1_000_000, MemoryBudget::new(10_000));
    let socket = Socket::default();
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
    outbox.send(&[limits.memory.with_charge(vec![0; 3000], 3000)]);
    outbox.close_with(TOO_SLOW);
    let close = frame::close_with(CloseCode::TryAgainLater, "x");
    assert!(poll_once(outbox.send_close_frame(close.clone())).is_pending());
    // Other clients take nearly the whole budget.
    let _others = limits.memory.with_charge(vec![0; 9_999], 9_999);
    outbox.enforce_share();
    socket.accept_more(1000);
    assert!(poll_once(outbox.wait_until_flushed()).is_ready());
    assert_eq!(socket.accepted(), close);
}

#[test]
fn close_keeps_a_short_rest_of_a_frame_and_drops_a_long_rest() {
    let limits = limits_within(1_000_000, MemoryBudget::new(100_000_000));
    // The rest of a partly written frame is still sent if it is not longer than this.
    let rest_bytes_max = 1024 * 1024;
    for (rest_bytes, is_lost) in [(rest_bytes_max, false), (rest_bytes_max + 1, true)] {
        let socket = Socket::default();
        let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
        socket.accept_more(5_000_000);
        let frame_bytes = 5_000_000 + rest_bytes;
        outbox.send_answer([limits.memory.with_charge(vec![0; frame_bytes], frame_bytes)]);
        outbox.close_with(TOO_SLOW);
        let expected_bytes = if is_lost { 0 } else { rest_bytes + PIECE_OVERHEAD_BYTES };
        assert_eq!(limits.memory.held_bytes(), expected_bytes, "with a rest of {rest_bytes} bytes");

        let close = frame::close_with(CloseCode::TryAgainLater, "x");
        assert_eq!(poll_once(outbox.send_close_frame(close.clone())).is_pending(), !is_lost);
        socket.accept_more(rest_bytes + close.len());
        assert!(poll_once(outbox.wait_until_flushed()).is_ready());
        assert_eq!(socket.accepted().ends_with(&close), !is_lost);
    }
}

/// Returns the end of each frame in `bytes`. All frames are short: the second byte of each is the length
/// of the payload.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut offset = 0;
    while offset + 1 < bytes.len() {
        offset += 2 + usize::from(bytes[offset + 1]);
        ends.push(offset);
    }
    ends
}

proptest! {
    /// The server sends frames, and the socket accepts any number of bytes after each. When the server
    /// closes, the client has received whole frames in order, and then receives the Close frame.
    #[test]
    fn close_never_cuts_a_frame(
        sent in vec((any::<bool>(), vec(0..100_usize, 1..4)), 1..20),
        allowed in vec(0..300_usize, 1..20),
    ) {
        // Each step sends frames of these sizes in one batch, and the socket then accepts more bytes.
        let (outbox, socket) = outbox(1_000_000, 0);
        let mut sent_bytes = Vec::new();
        let mut allowed = allowed.into_iter();
        for (is_greeting, sizes) in sent {
            let bytes: Vec<u8> = sizes.iter().flat_map(|size| text(*size)).collect();
            sent_bytes.extend(&bytes);
            let bytes = Bytes::from(bytes);
            if is_greeting {
                // The first piece ends inside a frame.
                outbox.send_greeting([bytes.slice(..1), bytes.slice(1..)]);
            } else {
                outbox.send(&[bytes]);
            }
            socket.accept_more(allowed.next().unwrap_or(0));
            prop_assert!(poll_once(outbox.drive_writes()).is_pending());
        }
        outbox.close_with(TOO_SLOW);
        let close = frame::close_with(CloseCode::TryAgainLater, "x");
        // Ready or pending: the socket may accept enough bytes already.
        let _ = poll_once(outbox.send_close_frame(close.clone()));
        socket.accept_more(1_000_000);
        while poll_once(outbox.wait_until_flushed()).is_pending() {}
        let received = socket.accepted();
        prop_assert!(received.ends_with(&close));
        let frames = &received[..received.len() - close.len()];
        prop_assert!(sent_bytes.starts_with(frames));
        prop_assert!(frames.is_empty() || frame_ends(&sent_bytes).contains(&frames.len()));
    }
}
