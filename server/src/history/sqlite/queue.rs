//! A bounded queue from async tasks to threads. Tasks wait for room asynchronously; threads block
//! until there is work, and take a whole batch under one lock.
//!
//! A channel does not fit: several threads take from one queue, by weight and with a timeout, and a
//! thread can be woken without a request.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

/// A request with a weight, by which a taker bounds its batches.
pub(super) trait Weight {
    /// Returns the weight, in a unit of the taker's choice.
    fn weight(&self) -> usize;
}

/// A bounded queue from async tasks to threads.
#[derive(Debug)]
pub(super) struct WorkQueue<T> {
    state: Mutex<State<T>>,
    /// Signalled when there is something to do for a waiting thread.
    arrived: Condvar,
    /// One permit per free place in the queue.
    permits: Semaphore,
}

#[derive(Debug)]
struct State<T> {
    queued: VecDeque<T>,
    /// Threads that wait in [`WorkQueue::take`]. With none, `push` saves the system call to notify.
    waiting_threads: usize,
    is_wake_requested: bool,
    is_closed: bool,
}

/// The error of a push to a closed queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl<T: Weight> WorkQueue<T> {
    /// Creates a queue for at most `capacity` requests.
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            queued: VecDeque::new(),
            waiting_threads: 0,
            is_wake_requested: false,
            is_closed: false,
        };
        let (arrived, permits) = (Condvar::new(), Semaphore::new(capacity));
        Self { state: Mutex::new(state), arrived, permits }
    }

    /// Appends a request. Waits while the queue is full.
    pub(super) async fn push(&self, request: T) -> Result<(), Closed> {
        // `take` returns the permit when it takes the request.
        self.permits.acquire().await.map_err(|_| Closed)?.forget();
        let mut state = self.state();
        if state.is_closed {
            return Err(Closed);
        }
        state.queued.push_back(request);
        let is_thread_waiting = state.waiting_threads > 0;
        drop(state);
        if is_thread_waiting {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Makes one call of [`Self::take`] return although the queue is empty.
    pub(super) fn wake(&self) {
        self.state().is_wake_requested = true;
        self.arrived.notify_one();
    }

    /// Moves a batch into `taken`: the first request, and those after it while the batch has at most
    /// `count_max` requests and a weight of at most `weight_max`. Blocks while the queue is empty,
    /// up to `wait_max`.
    ///
    /// Returns `true` with nothing taken after a timeout or [`Self::wake`]. Returns `false` once the
    /// queue is closed and empty.
    pub(super) fn take(
        &self,
        taken: &mut Vec<T>,
        count_max: usize,
        weight_max: usize,
        wait_max: Option<Duration>,
    ) -> bool {
        let mut state = self.state();
        while state.queued.is_empty() {
            if mem::take(&mut state.is_wake_requested) {
                return true;
            }
            if state.is_closed {
                return false;
            }
            state.waiting_threads += 1;
            let is_timed_out;
            (state, is_timed_out) = self.wait(state, wait_max);
            state.waiting_threads -= 1;
            if is_timed_out && state.queued.is_empty() && !state.is_closed {
                return true;
            }
        }
        let mut weight = 0;
        let fitting = state.queued.iter().take(count_max).take_while(|request| {
            weight += request.weight();
            weight <= weight_max
        });
        let count = fitting.count().max(1);
        taken.extend(state.queued.drain(..count));
        drop(state);
        self.permits.add_permits(count);
        true
    }

    /// Waits for a signal. Also returns whether `wait_max` has passed.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        wait_max: Option<Duration>,
    ) -> (MutexGuard<'a, State<T>>, bool) {
        let Some(wait_max) = wait_max else {
            let state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            return (state, false);
        };
        let woken = self.arrived.wait_timeout(state, wait_max);
        let (state, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
        (state, timeout.timed_out())
    }

    /// Rejects further requests. Threads still get the queued ones.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.permits.close();
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A panic under the lock cannot leave the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use futures_util::FutureExt;

    use super::*;

    impl Weight for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    fn take(queue: &WorkQueue<usize>, count_max: usize, weight_max: usize) -> Option<Vec<usize>> {
        let mut taken = Vec::new();
        queue.take(&mut taken, count_max, weight_max, None).then_some(taken)
    }

    #[test]
    fn take_returns_requests_in_order_within_bounds() {
        let queue = WorkQueue::new(10);
        for weight in [5, 1, 2, 9, 1, 1, 1] {
            assert_eq!(queue.push(weight).now_or_never(), Some(Ok(())));
        }
        assert_eq!(take(&queue, 10, 8), Some(vec![5, 1, 2]));
        assert_eq!(take(&queue, 10, 8), Some(vec![9]), "one request is taken whatever its weight");
        assert_eq!(take(&queue, 2, 8), Some(vec![1, 1]));
        assert_eq!(take(&queue, 2, 8), Some(vec![1]));
    }

    #[test]
    fn push_to_a_full_queue_waits_for_a_take() {
        let queue = WorkQueue::new(2);
        for request in [1, 2] {
            assert_eq!(queue.push(request).now_or_never(), Some(Ok(())));
        }
        let mut waiting = Box::pin(queue.push(3));
        assert_eq!((&mut waiting).now_or_never(), None);
        assert_eq!(take(&queue, 1, 10), Some(vec![1]));
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
        assert_eq!(take(&queue, 10, 10), Some(vec![2, 3]));
    }

    #[test]
    fn wake_or_timeout_ends_a_take_without_requests() {
        let queue = WorkQueue::<usize>::new(10);
        queue.wake();
        assert_eq!(take(&queue, 9, 9), Some(vec![]));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken, 9, 9, Some(Duration::from_millis(1))));
        assert!(taken.is_empty());
    }

    #[test]
    fn closed_queue_hands_out_queued_requests_and_rejects_new_ones() {
        let queue = Arc::new(WorkQueue::new(1));
        assert_eq!(queue.push(1).now_or_never(), Some(Ok(())));
        let mut waiting = Box::pin(queue.push(2));
        assert_eq!((&mut waiting).now_or_never(), None);
        queue.close();
        assert_eq!(waiting.now_or_never(), Some(Err(Closed)));
        assert_eq!(queue.push(3).now_or_never(), Some(Err(Closed)));
        let taker = Arc::clone(&queue);
        let taker = thread::spawn(move || (take(&taker, 9, 9), take(&taker, 9, 9)));
        assert_eq!(taker.join().unwrap(), (Some(vec![1]), None));
    }
}
