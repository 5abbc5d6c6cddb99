//! Turns between tasks.

use std::future::poll_fn;
use std::mem;
use std::task::Poll;

/// How many turns go by at most before new events of sockets and timers are looked for. The
/// runtime's own number lets a quiet room wait for milliseconds beside a busy one.
pub const EVENT_INTERVAL_TURNS: u32 = 16;

/// Goes to the end of the line of what is ready to run. Unlike the runtime's own way to yield it
/// looks for no new events, which is a system call.
pub(crate) async fn let_others_run() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
