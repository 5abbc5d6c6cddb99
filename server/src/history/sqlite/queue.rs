//! A bounded queue from tasks to threads. Tasks never block on it; threads sleep on it, and take
//! all that waits under one lock.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    /// Tasks wait here for a place in the queue.
    places: Semaphore,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// Threads that sleep: to wake nobody would cost a system call too.
    sleeping: usize,
    is_closed: bool,
}

/// The queue takes nothing more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl<T> Queue<T> {
    /// A queue in which `places` requests can wait.
    pub(super) fn new(places: usize) -> Self {
        let state = State { waiting: VecDeque::new(), sleeping: 0, is_closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), places: Semaphore::new(places) }
    }

    /// Puts a request behind those that wait, as soon as there is a place.
    pub(super) async fn push(&self, request: T) -> Result<(), Closed> {
        // The place is given back by the thread that takes the request.
        self.places.acquire().await.map_err(|_| Closed)?.forget();
        let mut state = self.state();
        if state.is_closed {
            return Err(Closed);
        }
        state.waiting.push_back(request);
        let somebody_sleeps = state.sleeping > 0;
        drop(state);
        if somebody_sleeps {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes the first request and those behind it, `count_max` at most and only while they weigh
    /// no more than `weight_max` together. Sleeps while there is none; `false` when there will
    /// never be one.
    pub(super) fn take(
        &self,
        taken: &mut Vec<T>,
        count_max: usize,
        weight_max: usize,
        weight_of: impl Fn(&T) -> usize,
    ) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.is_closed {
                return false;
            }
            state.sleeping += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
        let mut weight = 0;
        let fitting = state.waiting.iter().take(count_max).take_while(|request| {
            weight += weight_of(request);
            weight <= weight_max
        });
        let count = fitting.count().max(1);
        taken.extend(state.waiting.drain(..count));
        drop(state);
        self.places.add_permits(count);
        true
    }

    /// Takes nothing more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.places.close();
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that is done under the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use futures_util::FutureExt;

    use super::*;

    fn take(queue: &Queue<usize>, count_max: usize, weight_max: usize) -> Option<Vec<usize>> {
        let mut taken = Vec::new();
        queue.take(&mut taken, count_max, weight_max, |weight| *weight).then_some(taken)
    }

    #[test]
    fn what_waits_is_taken_in_order_and_within_bounds() {
        let queue = Queue::new(10);
        for weight in [5, 1, 2, 9, 1, 1, 1] {
            assert_eq!(queue.push(weight).now_or_never(), Some(Ok(())));
        }
        assert_eq!(take(&queue, 10, 8), Some(vec![5, 1, 2]));
        assert_eq!(take(&queue, 10, 8), Some(vec![9]), "one is taken however much it weighs");
        assert_eq!(take(&queue, 2, 8), Some(vec![1, 1]));
        assert_eq!(take(&queue, 2, 8), Some(vec![1]));
    }

    #[test]
    fn a_full_queue_holds_up_tasks_until_something_was_taken() {
        let queue = Queue::new(2);
        for request in [1, 2] {
            assert_eq!(queue.push(request).now_or_never(), Some(Ok(())));
        }
        let mut late = Box::pin(queue.push(3));
        assert_eq!((&mut late).now_or_never(), None);
        assert_eq!(take(&queue, 1, 10), Some(vec![1]));
        assert_eq!(late.now_or_never(), Some(Ok(())));
        assert_eq!(take(&queue, 10, 10), Some(vec![2, 3]));
    }

    #[test]
    fn a_closed_queue_hands_out_what_it_has_and_takes_nothing() {
        let queue = Arc::new(Queue::new(1));
        assert_eq!(queue.push(1).now_or_never(), Some(Ok(())));
        let mut late = Box::pin(queue.push(2));
        assert_eq!((&mut late).now_or_never(), None);
        queue.close();
        assert_eq!(late.now_or_never(), Some(Err(Closed)));
        assert_eq!(queue.push(3).now_or_never(), Some(Err(Closed)));
        let taker = Arc::clone(&queue);
        let taker = thread::spawn(move || (take(&taker, 9, 9), take(&taker, 9, 9)));
        assert_eq!(taker.join().unwrap(), (Some(vec![1]), None));
    }
}
