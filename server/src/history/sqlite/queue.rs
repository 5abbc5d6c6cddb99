//! A bounded queue from tasks to threads. Tasks never block on it; threads sleep on it, and take
//! all that waits under one lock. While all threads sleep, a task may do their work.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

/// What a request weighs, for bounds on how much is taken at once.
pub(super) trait Weight {
    /// In a unit that is the taker's.
    fn weight(&self) -> usize;
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Wakes a thread.
    arrived: Condvar,
    /// Wakes the task, if there is one.
    prompt: Notify,
    /// Tasks wait here for a place in the queue.
    places: Semaphore,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// Threads that sleep: to wake nobody would cost a system call too.
    sleeping: usize,
    /// Whether a task takes requests while all threads sleep.
    has_task: bool,
    /// Whether a thread has something else to see to.
    is_nudged: bool,
    is_closed: bool,
}

/// What a task finds in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or a thread is awake and takes it.
    Nothing,
    /// All that waited, which was little, is taken.
    Little,
    /// So much that it is left to a thread, which is woken.
    Much,
    /// There will never be anything any more.
    Closed,
}

/// The queue takes nothing more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl<T: Weight> Queue<T> {
    /// A queue in which `places` requests can wait.
    pub(super) fn new(places: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            sleeping: 0,
            has_task: false,
            is_nudged: false,
            is_closed: false,
        };
        Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            prompt: Notify::new(),
            places: Semaphore::new(places),
        }
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
        let (somebody_sleeps, has_task) = (state.sleeping > 0, state.has_task);
        drop(state);
        if somebody_sleeps && has_task {
            self.prompt.notify_one();
        } else if somebody_sleeps {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits until it is worth calling [`Self::take_little`]. For one task only.
    pub(super) async fn prompted(&self) {
        self.state().has_task = true;
        self.prompt.notified().await;
    }

    /// Leaves everything to the threads again.
    pub(super) fn dismiss_task(&self) {
        self.state().has_task = false;
        self.arrived.notify_one();
    }

    /// Takes all that waits, without sleeping, if it is not more than this and all threads sleep.
    pub(super) fn take_little(
        &self,
        taken: &mut Vec<T>,
        count_max: usize,
        weight_max: usize,
    ) -> Found {
        let mut state = self.state();
        let count = state.waiting.len();
        if count == 0 || state.sleeping == 0 {
            return if state.is_closed { Found::Closed } else { Found::Nothing };
        }
        let weight: usize = state.waiting.iter().take(count_max).map(Weight::weight).sum();
        if count > count_max || weight > weight_max || state.is_closed {
            self.arrived.notify_one();
            return Found::Much;
        }
        taken.extend(state.waiting.drain(..));
        drop(state);
        self.places.add_permits(count);
        Found::Little
    }

    /// Wakes a thread if anything waits. For whoever was in the way of the task that would have
    /// taken it.
    pub(super) fn wake_for_waiting(&self) {
        if !self.state().waiting.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Wakes a thread that finds nothing to take.
    pub(super) fn nudge(&self) {
        self.state().is_nudged = true;
        self.arrived.notify_one();
    }

    /// Takes the first request and those behind it, `count_max` at most and only while they weigh
    /// no more than `weight_max` together. Sleeps while there is none, unless it is nudged or its
    /// patience ends; `false` when there will never be one.
    pub(super) fn take(
        &self,
        taken: &mut Vec<T>,
        count_max: usize,
        weight_max: usize,
        patience: Option<Duration>,
    ) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if mem::take(&mut state.is_nudged) {
                return true;
            }
            if state.is_closed {
                return false;
            }
            state.sleeping += 1;
            let mut is_over = false;
            state = match patience {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let woken = self.arrived.wait_timeout(state, patience);
                    let (state, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    is_over = timeout.timed_out();
                    state
                }
            };
            state.sleeping -= 1;
            if is_over && state.waiting.is_empty() && !state.is_closed {
                return true;
            }
        }
        let mut weight = 0;
        let fitting = state.waiting.iter().take(count_max).take_while(|request| {
            weight += request.weight();
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
        self.prompt.notify_one();
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

    impl Weight for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    fn take(queue: &Queue<usize>, count_max: usize, weight_max: usize) -> Option<Vec<usize>> {
        let mut taken = Vec::new();
        queue.take(&mut taken, count_max, weight_max, None).then_some(taken)
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
    fn a_task_takes_little_while_the_thread_sleeps_and_leaves_much_to_it() {
        let queue = Arc::new(Queue::new(10));
        let little = |queue: &Queue<usize>| {
            let mut taken = Vec::new();
            (queue.take_little(&mut taken, 2, 8), taken)
        };
        assert_eq!(queue.push(1).now_or_never(), Some(Ok(())));
        assert_eq!(little(&queue), (Found::Nothing, vec![]), "no thread sleeps that would not");
        assert_eq!(take(&queue, 9, 9), Some(vec![1]));

        assert_eq!(queue.prompted().now_or_never(), None);
        let taker = Arc::clone(&queue);
        let taker = thread::spawn(move || take(&taker, 9, 99));
        while queue.state().sleeping == 0 {
            thread::yield_now();
        }
        assert_eq!(queue.push(2).now_or_never(), Some(Ok(())));
        assert_eq!(queue.prompted().now_or_never(), Some(()));
        assert_eq!(little(&queue), (Found::Little, vec![2]));
        assert_eq!(little(&queue), (Found::Nothing, vec![]));
        for weight in [4, 5] {
            assert_eq!(queue.push(weight).now_or_never(), Some(Ok(())));
        }
        assert_eq!(little(&queue), (Found::Much, vec![]));
        assert_eq!(taker.join().unwrap(), Some(vec![4, 5]));
        queue.nudge();
        assert_eq!(take(&queue, 9, 9), Some(vec![]));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken, 9, 9, Some(Duration::from_millis(1))), "patience ends");
        assert!(taken.is_empty());
        queue.close();
        assert_eq!(little(&queue), (Found::Closed, vec![]));
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
