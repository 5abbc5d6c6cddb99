//! Outboxes of newcomers whose greeting is not read from the store yet. Frames that the room sends
//! meanwhile are withheld, and follow the greeting.

use bytes::Bytes;

use super::Outbox;
use super::state::{Answer, State};

impl Outbox {
    /// Withholds all frames until [`Self::send_greeting`]. Withheld frames count as backlog: if the
    /// backlog exceeds its bounds, the connection is closed with the code 1013 (try again later).
    pub fn await_greeting(&self) {
        self.lock().is_withholding = true;
    }

    /// Sends the greeting, and then the withheld frames. `pieces` together are the whole frames of the
    /// greeting.
    pub fn send_greeting(&self, pieces: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        if !state.is_open() {
            return;
        }
        let pieces: Vec<_> = pieces.into_iter().collect();
        state.shift_withheld_answer(pieces.iter().map(Bytes::len).sum());
        state.is_withholding = false;
        state.queue_in_pieces(pieces);
        state.queue_withheld();
        state.is_greeted = true;
        state.flush();
        state.enforce_share();
        state.wake_if_needed();
    }

    /// Sends a control frame, which is never withheld.
    pub fn send_control(&self, frame: Bytes) {
        let mut state = self.lock();
        if !state.is_withholding {
            drop(state);
            return self.send(&[frame]);
        }
        if state.is_open() && state.has_capacity() {
            state.shift_withheld_answer(frame.len());
            // This frame alone goes into the queue.
            state.is_withholding = false;
            state.queue_piece(frame, true);
            state.is_withholding = true;
            state.flush();
        }
        state.wake_if_needed();
    }
}

impl State {
    /// Corrects the end of a withheld answer, before this many bytes are queued ahead of the answer.
    fn shift_withheld_answer(&mut self, bytes: usize) {
        if self.is_withholding
            && let Some(backlog) = &mut self.backlog
            && let Answer::Queued { end, .. } = &mut backlog.answer
        {
            *end += bytes as u64;
        }
    }

    /// Moves the withheld frames into the queue, after the greeting.
    fn queue_withheld(&mut self) {
        let queued_total = self.queued_total;
        let is_finishing = self.is_finishing_after_greeting;
        let backlog = self.backlog_mut();
        backlog.greeting_end = queued_total - backlog.withheld_bytes;
        backlog.withheld_bytes = 0;
        backlog.queue.append(&mut backlog.withheld);
        if is_finishing {
            self.is_ended = true;
            self.is_session_needed = true;
        }
    }

    /// Returns the number of all bytes ever queued or written, except the withheld bytes.
    pub(super) fn writable_total(&self) -> u64 {
        self.queued_total - self.backlog.as_ref().map_or(0, |backlog| backlog.withheld_bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tests::{outbox, poll_once, text};
    use crate::wire::frame;
    use crate::wire::outbox::state::GREETING_TOO_LATE;

    #[test]
    fn events_sent_before_the_greeting_follow_it_in_order() {
        let (outbox, socket) = outbox(1_000_000, 1_000_000);
        outbox.await_greeting();
        outbox.send(&[text(1), text(2)]);
        outbox.send_answer([text(3)]);
        outbox.send(&[text(4)]);
        outbox.send_control(frame::pong(b"early"));
        assert_eq!(socket.accepted(), frame::pong(b"early"), "a pong is not withheld");
        assert!(poll_once(outbox.wait_for_answer()).is_pending());
        assert!(!outbox.is_greeted() && !outbox.is_backlogged());
        outbox.send_greeting([text(10), text(20)]);
        assert!(outbox.is_greeted());
        let expected =
            [frame::pong(b"early"), text(10), text(20), text(1), text(2), text(3), text(4)];
        assert_eq!(socket.accepted(), expected.concat());
        assert_eq!(poll_once(outbox.wait_for_answer()), Poll::Ready(text(3).len() as u64));
        outbox.send(&[text(5)]);
        assert!(socket.accepted().ends_with(&text(5)));
    }

    #[test]
    fn withheld_frames_beyond_the_bound_close_the_connection() {
        let (outbox, socket) = outbox(1000, 1_000_000);
        outbox.await_greeting();
        outbox.send(&[text(2000)]);
        assert!(!outbox.is_closed());
        outbox.send(&[text(1)]);
        assert_eq!(poll_once(outbox.drive_writes()), Poll::Ready(GREETING_TOO_LATE));
        outbox.send_greeting([text(10)]);
        let close = frame::close(Some(1013), "");
        assert!(poll_once(outbox.send_close_frame(close.clone())).is_ready());
        assert_eq!(socket.accepted(), close, "the Close frame is not withheld");
    }

    #[test]
    fn finish_waits_for_the_greeting_and_withheld_frames() {
        let (outbox, socket) = outbox(1_000_000, 1_000_000);
        outbox.await_greeting();
        outbox.send(&[text(1)]);
        outbox.finish();
        assert!(poll_once(outbox.wait_until_finished()).is_pending());
        outbox.send_greeting([text(10)]);
        assert!(poll_once(outbox.wait_until_finished()).is_ready());
        assert_eq!(socket.accepted(), [text(10), text(1)].concat());
        assert!(outbox.is_closed());
    }

    proptest! {
        /// The socket accepts any number of bytes at any time. The client receives the control frames,
        /// then the greeting, and then all other frames in order. No frame is lost or doubled.
        #[test]
        fn any_order_of_sending_and_reading_keeps_the_greeting_first(
            steps in vec((0..4_u8, 1..200_usize), 0..60),
            greeted_at in 0..60_usize,
        ) {
            // In each step, the socket accepts more bytes or the outbox sends a frame of this length.
            let (outbox, socket) = outbox(1_000_000, 0);
            outbox.await_greeting();
            let (mut before_greeting, mut after_greeting) = (Vec::new(), Vec::new());
            let (mut is_greeted, mut is_answered) = (false, false);
            for (number, (kind, bytes)) in steps.into_iter().enumerate() {
                if number == greeted_at {
                    outbox.send_greeting([frame::text(b"greeting")]);
                    is_greeted = true;
                }
                let text = format!("{number} {}", "x".repeat(bytes));
                let frame = frame::text(text.as_bytes());
                match kind {
                    0 => socket.accept_more(bytes),
                    1 if !is_greeted => {
                        outbox.send_control(frame.clone());
                        before_greeting.push(frame);
                    }
                    2 if !is_answered => {
                        is_answered = true;
                        outbox.send_answer([frame.clone()]);
                        after_greeting.push(frame);
                    }
                    _ => {
                        outbox.send(std::slice::from_ref(&frame));
                        after_greeting.push(frame);
                    }
                }
                let _ = poll_once(outbox.drive_writes());
            }
            if !is_greeted {
                outbox.send_greeting([frame::text(b"greeting")]);
            }
            socket.accept_more(1_000_000);
            let _ = poll_once(outbox.drive_writes());
            let greeting = vec![frame::text(b"greeting")];
            let expected = [before_greeting, greeting, after_greeting].concat();
            prop_assert_eq!(socket.accepted(), expected.concat());
            if is_answered {
                prop_assert!(poll_once(outbox.wait_for_answer()).is_ready());
            }
        }
    }
}
