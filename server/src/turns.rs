//! Cooperative scheduling of tasks.

use std::future::poll_fn;
use std::mem;
use std::task::Poll;

/// The number of task polls after which the runtime checks for events of sockets and timers. With tokio's
/// default of 61, a quiet room may wait for milliseconds while another room is busy.
pub const EVENT_INTERVAL_TURNS: u32 = 16;

/// Lets all tasks run that are ready. Unlike [`tokio::task::yield_now`] it does not make the runtime check
/// for events, which is a system call.
pub(crate) async fn yield_without_io_poll() {
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
