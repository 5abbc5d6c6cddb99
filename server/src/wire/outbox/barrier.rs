//! The barrier that a session waits for. Once the room reaches the barrier, all earlier inputs of the
//! client are answered, and the answers are in the outbox.

use std::future::poll_fn;
use std::task::Poll;

use super::Outbox;

/// The session's latest barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Barrier {
    #[default]
    None,
    /// Sent to the room, or about to be.
    Sent,
    Reached,
}

impl Outbox {
    /// Notes that the session is about to send a barrier and wait for it. Returns whether the session
    /// must still send the barrier: `false` if an earlier barrier is on its way.
    #[must_use]
    pub fn expect_barrier(&self) -> bool {
        let mut state = self.lock();
        let is_new = state.barrier != Barrier::Sent;
        state.barrier = Barrier::Sent;
        is_new
    }

    /// Notes that the room has reached the barrier.
    pub fn note_barrier_reached(&self) {
        let mut state = self.lock();
        if state.barrier == Barrier::Sent {
            state.barrier = Barrier::Reached;
            state.is_session_needed = true;
        }
        state.wake_if_needed();
    }

    /// Waits until the room has reached the barrier, or the outbox is closed. [`Self::drive_writes`] or
    /// [`Self::wait_until_finished`] must run at the same time.
    pub async fn wait_for_barrier(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.barrier == Barrier::Sent && state.is_open() {
                state.register_session(cx);
                return Poll::Pending;
            }
            state.barrier = Barrier::None;
            Poll::Ready(())
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{outbox, poll_once};

    #[test]
    fn session_sends_one_barrier_and_waits_until_it_is_reached() {
        let (outbox, _socket) = outbox(1000, 1000);
        assert!(outbox.expect_barrier());
        assert!(outbox.is_reading_paused());
        assert!(poll_once(outbox.wait_for_barrier()).is_pending());
        assert!(!outbox.expect_barrier(), "the first barrier is still on its way");
        outbox.note_barrier_reached();
        assert!(poll_once(outbox.wait_for_barrier()).is_ready());
        assert!(!outbox.is_reading_paused());
        assert!(outbox.expect_barrier());
        outbox.note_barrier_reached();
        assert!(
            outbox.expect_barrier(),
            "a barrier that was reached without a wait must not end the next wait"
        );
        assert!(poll_once(outbox.wait_for_barrier()).is_pending());
    }
}
