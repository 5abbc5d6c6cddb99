//! Goal: frames arrive whole and in order, or the connection ends; no frame is ever cut. Method: a
//! socket whose capacity the test sets.

use std::task::{Context, Waker};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::{Instant, timeout};

use super::state::PIECE_OVERHEAD_BYTES;
use super::*;
use crate::wire::budget::Part;
use crate::wire::frame;
use crate::wire::test_socket::{Socket, limits, limits_within};

pub(super) fn outbox(limit_bytes: usize, capacity_bytes: usize) -> (Outbox, Socket) {
    let socket = Socket::default();
    socket.accept_more(capacity_bytes);
    (Outbox::new(Writing::Other(Box::new(socket.clone())), limits(limit_bytes)), socket)
}

/// Polls a future once, as the task of a session does after a wake-up.
pub(super) fn poll_once<T>(work: impl Future<Output = T>) -> Poll<T> {
    let mut cx = Context::from_waker(Waker::noop());
    std::pin::pin!(work).poll(&mut cx)
}

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
    let (stalled, _) = outbox(1000, 0);
    stalled.send(&[text(100_000)]);
    assert!(!stalled.is_closed());
    stalled.send(&[text(1)]);
    assert_eq!(poll_once(stalled.drive_writes()), Poll::Ready(TOO_SLOW));

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
fn client_that_reads_a_long_greeting_is_not_closed() {
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
    outbox.close_with(CloseReason { code: CloseCode::GoingAway, reason: "a" });
    outbox.close_with(CloseReason { code: CloseCode::Policy, reason: "b" });
    let Poll::Ready(close_reason) = poll_once(outbox.drive_writes()) else {
        panic!("there is an close_reason")
    };
    assert_eq!(close_reason.reason, "a");
}

#[test]
fn page_is_awaited_until_all_of_it_is_written() {
    let (outbox, socket) = outbox(1_000_000, 0);
    outbox.expect_answer();
    assert!(poll_once(outbox.wait_for_answer()).is_pending());
    outbox.send(&[text(10)]);
    outbox.send_answer([text(1000).slice(..10), text(1000).slice(10..)]);
    outbox.send(&[text(10)]);
    socket.accept_more(text(10).len() + text(1000).len() - 1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert!(poll_once(outbox.wait_for_answer()).is_pending());
    socket.accept_more(1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    let bytes = text(1000).len() as u64;
    assert_eq!(poll_once(outbox.wait_for_answer()), Poll::Ready(bytes));
    assert_eq!(poll_once(outbox.wait_for_answer()), Poll::Ready(0), "there is no other");
}

#[test]
fn lost_connection_drops_its_backlog() {
    let (outbox, socket) = outbox(1000, 0);
    outbox.send(&[text(10)]);
    socket.disconnect();
    socket.accept_more(1);
    assert!(
        poll_once(outbox.drive_writes()).is_pending(),
        "reads report the disconnect, not writes"
    );
    outbox.send(&[text(100_000)]);
    outbox.send(&[text(100_000)]);
    assert!(outbox.lock().backlog.is_none());
    assert!(outbox.is_closed());
}

/// Creates an outbox with a text of which the client has received nothing. It has 30 s for it.
fn stalled_outbox(waiting_bytes: usize) -> (Arc<Outbox>, Socket) {
    let (outbox, socket) = outbox(1_000_000, 0);
    outbox.send(&[text(waiting_bytes)]);
    (Arc::new(outbox), socket)
}

/// Drives the writes as a session's task does, until the client is overdue.
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
    let began = Instant::now();
    assert_eq!(drive_until_closed(Arc::clone(&outbox)).await, TOO_SLOW);
    assert_eq!((began.elapsed(), outbox.is_closed()), (Duration::from_secs(30), true));
    assert!(socket.accepted().is_empty());
}

#[tokio::test(start_paused = true)]
async fn trickle_times_out_and_a_slow_line_does_not() {
    // A text of 400 kB, of which the client must receive 120 kB within 30 s.
    for (bytes_a_second, is_ended) in [(4000, true), (4100, false)] {
        let (outbox, socket) = stalled_outbox(400_000);
        let mut tending = tokio::spawn(drive_until_closed(Arc::clone(&outbox)));
        for _ in 0..70 {
            sleep(Duration::from_secs(1)).await;
            socket.accept_more(bytes_a_second);
        }
        let ended = timeout(Duration::from_secs(1), &mut tending).await.is_ok();
        assert_eq!(ended, is_ended, "{bytes_a_second}");
        tending.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn recent_message_is_not_closed_under_pressure() {
    let (outbox, socket) = outbox(1_000_000, 0);
    let outbox = Arc::new(outbox);
    let tending = tokio::spawn(drive_until_closed(Arc::clone(&outbox)));
    for _ in 0..100 {
        // The backlog is never empty, but its oldest text is at most 20 s old.
        outbox.send(&[text(100)]);
        sleep(Duration::from_secs(20)).await;
        socket.accept_more(text(100).len());
    }
    assert!(!tending.is_finished());
    tending.abort();
}

#[test]
fn share_of_one_client_shrinks_as_others_hold_more() {
    let limits = limits_within(1_000_000, MemoryBudget::new(10_000));
    let new = || Outbox::new(Writing::Other(Box::new(Socket::default())), Arc::clone(&limits));
    let send = |outbox: &Outbox, bytes: usize| {
        outbox.send(&[limits.memory.with_charge(vec![0; bytes], bytes)]);
        !outbox.is_closed()
    };
    let (first, second, third) = (new(), new(), new());
    assert!(send(&first, 3000), "its share is 3500");
    assert!(!send(&first, 1000), "and now 3000, of which it would have 4000");
    assert_eq!(limits.memory.held_bytes(), 0, "it lets go of what waited");
    assert!(send(&second, 3000) && send(&third, 2000));
    assert!(!send(&second, 1000), "bytes for other clients count");
    assert_eq!(limits.memory.held_bytes(), 2000 + PIECE_OVERHEAD_BYTES);
}

/// Pongs count against the client's own share of memory.
#[test]
fn queued_pongs_and_slots_of_shared_frames_are_charged() {
    const PINGS: usize = 100;
    let limits = limits_within(1_000_000, MemoryBudget::new(1_000_000));
    let socket = Socket::default();
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
    let pong = frame::pong(&[b'x'; 125]);
    (0..PINGS).for_each(|_| outbox.send(std::slice::from_ref(&pong)));
    assert_eq!(limits.memory.held_bytes(), PINGS * (pong.len() + PIECE_OVERHEAD_BYTES));
    socket.accept_more(PINGS * pong.len() - 1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert_eq!(limits.memory.held_bytes(), pong.len() + PIECE_OVERHEAD_BYTES);
    socket.accept_more(1);
    assert!(poll_once(outbox.drive_writes()).is_pending());
    assert_eq!(limits.memory.held_bytes(), 0);

    // A client that does not read is closed when its pongs exceed its share.
    let deaf = Outbox::new(Writing::Other(Box::new(Socket::default())), Arc::clone(&limits));
    let _others = limits.memory.charge(Part::Incoming, 990_000);
    (0..PINGS).for_each(|_| deaf.send(std::slice::from_ref(&pong)));
    assert!(deaf.is_closed());
}

#[test]
fn page_and_greeting_count_as_backlog_unless_written_at_once() {
    let limits = limits_within(1_000_000, MemoryBudget::new(10_000));
    let socket = Socket::default();
    let new = || Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
    let large = || [limits.memory.with_charge(vec![0; 4000], 4000)];
    let (page, greeting) = (new(), new());
    page.send_answer(large());
    greeting.send_greeting(large());
    assert!(page.is_closed() && greeting.is_closed());
    socket.accept_more(1_000_000);
    let reading = new();
    reading.send_greeting(large());
    reading.send_answer(large());
    reading.send(&large());
    assert!(!reading.is_closed());
    assert_eq!(limits.memory.held_bytes(), 0);
}

#[test]
fn rest_of_a_shared_frame_is_charged_for_each_closed_connection() {
    const FRAME_BYTES: usize = 90_000;
    let limits = limits_within(1_000_000, MemoryBudget::new(1_000_000));
    let frame = limits.memory.with_charge(vec![0; FRAME_BYTES], FRAME_BYTES);
    let new = || {
        let socket = Socket::default();
        socket.accept_more(1);
        Outbox::new(Writing::Other(Box::new(socket)), Arc::clone(&limits))
    };
    let crowd: Vec<_> = (0..100).map(|_| new()).collect();
    crowd.iter().for_each(|outbox| outbox.send(std::slice::from_ref(&frame)));
    let pieces_bytes = crowd.len() * PIECE_OVERHEAD_BYTES;
    assert_eq!(limits.memory.held_bytes(), FRAME_BYTES + pieces_bytes, "it is one frame");
    crowd.iter().for_each(|outbox| outbox.close_with(TOO_SLOW));
    assert!(limits.memory.held_bytes() < 1_000_000, "{}", limits.memory.held_bytes());
    let waits = |outbox: &&Outbox| outbox.lock().backlog.is_some();
    let rests = crowd.iter().filter(waits).count();
    let held = rests * (FRAME_BYTES - 1 + PIECE_OVERHEAD_BYTES) + FRAME_BYTES;
    assert_eq!(limits.memory.held_bytes(), held);
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
    let _others = limits.memory.with_charge(vec![0; 9_999], 9_999);
    outbox.enforce_share();
    socket.accept_more(1000);
    assert!(poll_once(outbox.wait_until_flushed()).is_ready());
    assert_eq!(socket.accepted(), close);
}

#[test]
fn close_drops_the_backlog_and_a_long_partial_frame() {
    let limits = limits_within(1_000_000, MemoryBudget::new(100_000_000));
    for (rest_bytes, is_lost) in [(1024 * 1024, false), (1024 * 1024 + 1, true)] {
        let socket = Socket::default();
        let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), Arc::clone(&limits));
        socket.accept_more(5_000_000);
        let bytes = 5_000_000 + rest_bytes;
        outbox.send_answer([limits.memory.with_charge(vec![0; bytes], bytes)]);
        outbox.close_with(TOO_SLOW);
        let held_bytes = if is_lost { 0 } else { rest_bytes + PIECE_OVERHEAD_BYTES };
        assert_eq!(
            limits.memory.held_bytes(),
            held_bytes,
            "the rest of a long partial frame is dropped"
        );
        let close = frame::close_with(CloseCode::TryAgainLater, "x");
        assert_eq!(poll_once(outbox.send_close_frame(close.clone())).is_pending(), !is_lost);
        socket.accept_more(rest_bytes + close.len());
        assert!(poll_once(outbox.wait_until_flushed()).is_ready());
        assert_eq!(socket.accepted().ends_with(&close), !is_lost);
    }
}

/// Returns the end of each frame in `bytes`. All frames are short.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at + 1 < bytes.len() {
        at += 2 + usize::from(bytes[at + 1]);
        ends.push(at);
    }
    ends
}

proptest! {
    /// With any sizes of writes and any time of the close, the client receives whole frames from the
    /// beginning, and then the Close frame.
    #[test]
    fn close_never_cuts_a_frame(
        sent in vec((any::<bool>(), vec(0..100_usize, 1..4)), 1..20),
        allowed in vec(0..300_usize, 1..20),
    ) {
        let (outbox, socket) = outbox(1_000_000, 0);
        let mut all = Vec::new();
        let mut allowed = allowed.into_iter();
        for (is_greeting, sizes) in sent {
            let bytes: Vec<u8> = sizes.iter().flat_map(|size| text(*size)).collect();
            all.extend(&bytes);
            let bytes = Bytes::from(bytes);
            if is_greeting {
                // The cut is inside a frame.
                outbox.send_greeting([bytes.slice(..1), bytes.slice(1..)]);
            } else {
                outbox.send(&[bytes]);
            }
            socket.accept_more(allowed.next().unwrap_or(0));
            prop_assert!(poll_once(outbox.drive_writes()).is_pending());
        }
        outbox.close_with(TOO_SLOW);
        let close = frame::close_with(CloseCode::TryAgainLater, "x");
        // The socket may take the rest at once.
        let _ = poll_once(outbox.send_close_frame(close.clone()));
        socket.accept_more(1_000_000);
        while poll_once(outbox.wait_until_flushed()).is_pending() {}
        let taken = socket.accepted();
        prop_assert!(taken.ends_with(&close));
        let before = &taken[..taken.len() - close.len()];
        prop_assert!(all.starts_with(before));
        prop_assert!(before.is_empty() || frame_ends(&all).contains(&before.len()));
    }
}
