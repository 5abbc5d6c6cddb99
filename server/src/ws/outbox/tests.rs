//! Goal: what is sent arrives whole and in order, or the connection ends; a frame is never cut.
//! Method: a socket of which the test decides how much it takes.

use std::task::{Context, Waker};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ws::frame;
use crate::ws::test_socket::Socket;

fn outbox(limit_bytes: usize, room_bytes: usize) -> (Outbox, Socket) {
    let socket = Socket::default();
    socket.allow(room_bytes);
    (Outbox::new(Writing::Other(Box::new(socket.clone())), limit_bytes), socket)
}

/// Polls once, as a session that was woken.
fn poll_once<T>(work: impl Future<Output = T>) -> Poll<T> {
    let mut cx = Context::from_waker(Waker::noop());
    std::pin::pin!(work).poll(&mut cx)
}

fn text(bytes: usize) -> Bytes {
    frame::text(&vec![b'x'; bytes])
}

#[test]
fn what_a_socket_takes_is_not_queued() {
    let (outbox, socket) = outbox(0, 1_000_000);
    for _ in 0..10 {
        outbox.send(&[text(1000)]);
    }
    assert_eq!(socket.taken().len(), 10 * text(1000).len());
    assert!(outbox.lock().waiting.is_none());
}

#[test]
fn one_large_batch_always_fits_and_the_next_one_ends_a_reader_that_does_not_read() {
    let (stalled, _) = outbox(1000, 0);
    stalled.send(&[text(100_000)]);
    assert!(!stalled.is_over());
    stalled.send(&[text(1)]);
    assert_eq!(poll_once(stalled.tend()), Poll::Ready(TOO_SLOW));

    let (reading, socket) = outbox(1000, 0);
    reading.send(&[text(100_000)]);
    socket.allow(1_000_000);
    assert!(poll_once(reading.tend()).is_pending());
    reading.send(&[text(1)]);
    assert_eq!(socket.taken().len(), text(100_000).len() + text(1).len());
}

#[test]
fn nothing_follows_the_close_frame() {
    let (outbox, socket) = outbox(1000, 0);
    let close = frame::close(Some(1000), "");
    assert!(poll_once(outbox.send_last(close.clone())).is_pending());
    outbox.send(&[text(1)]);
    socket.allow(1_000_000);
    assert!(poll_once(outbox.emptied()).is_ready());
    assert_eq!(socket.taken(), close);
    assert!(outbox.is_over());
}

#[test]
fn a_long_greeting_does_not_end_the_one_who_reads_it() {
    let (outbox, socket) = outbox(1000, 10);
    outbox.send_greeting([text(100_000), text(100_000)]);
    outbox.send(&[text(1)]);
    socket.allow(1_000_000);
    assert!(poll_once(outbox.tend()).is_pending());
    assert_eq!(socket.taken().len(), 2 * text(100_000).len() + text(1).len());
}

#[test]
fn the_first_ending_stays() {
    let (outbox, _) = outbox(1000, 0);
    outbox.end(Ending { code: CloseCode::GoingAway, reason: "a" });
    outbox.end(Ending { code: CloseCode::Policy, reason: "b" });
    let Poll::Ready(ending) = poll_once(outbox.tend()) else { panic!("there is an ending") };
    assert_eq!(ending.reason, "a");
}

#[test]
fn a_page_is_waited_for_until_the_socket_has_all_of_it() {
    let (outbox, socket) = outbox(1_000_000, 0);
    outbox.expect_page();
    assert!(poll_once(outbox.page_written()).is_pending());
    outbox.send(&[text(10)]);
    outbox.send_page(text(1000));
    outbox.send(&[text(10)]);
    socket.allow(text(10).len() + text(1000).len() - 1);
    assert!(poll_once(outbox.tend()).is_pending());
    assert!(poll_once(outbox.page_written()).is_pending());
    socket.allow(1);
    assert!(poll_once(outbox.tend()).is_pending());
    assert!(poll_once(outbox.page_written()).is_ready());
}

#[test]
fn a_lost_connection_takes_everything_and_keeps_nothing() {
    let (outbox, socket) = outbox(1000, 0);
    outbox.send(&[text(10)]);
    socket.break_off();
    socket.allow(1);
    assert!(poll_once(outbox.tend()).is_pending(), "the end is told by reading");
    outbox.send(&[text(100_000)]);
    outbox.send(&[text(100_000)]);
    assert!(outbox.lock().waiting.is_none());
    assert!(outbox.is_over());
}

/// Where each frame of `bytes` ends. All of these frames are short.
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
    /// However little the socket takes at a time and whenever the end comes: what arrives is a row
    /// of whole frames from the beginning of what was sent, and then the Close frame.
    #[test]
    fn a_close_never_cuts_a_frame(
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
                // Cut where no frame ends.
                outbox.send_greeting([bytes.slice(..1), bytes.slice(1..)]);
            } else {
                outbox.send(&[bytes]);
            }
            socket.allow(allowed.next().unwrap_or(0));
            prop_assert!(poll_once(outbox.tend()).is_pending());
        }
        outbox.end(TOO_SLOW);
        let close = frame::close_with(CloseCode::TryAgainLater, "x");
        let _ = poll_once(outbox.send_last(close.clone()));
        socket.allow(1_000_000);
        while poll_once(outbox.emptied()).is_pending() {}
        let taken = socket.taken();
        prop_assert!(taken.ends_with(&close));
        let before = &taken[..taken.len() - close.len()];
        prop_assert!(all.starts_with(before));
        prop_assert!(before.is_empty() || frame_ends(&all).contains(&before.len()));
    }
}
