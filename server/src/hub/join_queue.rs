//! The queue of newcomers of one room. A rate limit admits them one by one, so that a crowd
//! neither floods the members nor is refused. A large room admits them in batches.
//!
//! An address may have as many newcomers in the queue as there are free places (Choudhury and Hahne,
//! as in `wire/budget.rs`). If no place is free, a newcomer takes the place of the latest newcomer of
//! the address that has most, provided that address has at least two more than the newcomer's own. So
//! an address with no newcomer in the queue gets a place however many newcomers other addresses have,
//! unless as many addresses as there are places are in the queue.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::JoinError;
use super::resumption::Newcomer;
use crate::fanout::PRESENCE_WINDOW;
use crate::limits::bucket::{Bucket, Rate};
use crate::limits::network::AddressKey;

/// The longest wait of a newcomer, in nanoseconds. A newcomer that would wait longer is rejected: the
/// web client gives up a connection that is not greeted within 15 s.
const WAIT_NS_MAX: u64 = 10_000_000_000;

/// Newcomers in the queue of one room, however high the rate is.
const WAITING_MAX: usize = 10_000;

/// A newcomer's address. All newcomers without a known address count as one.
type Origin = Option<AddressKey>;

/// The queue of one room.
pub(super) struct JoinQueue {
    rate: Option<Rate>,
    bucket: Bucket,
    started: Instant,
    waiting: VecDeque<Newcomer>,
    latest_batch: Option<Instant>,
}

impl JoinQueue {
    /// Creates an empty queue. A rate of `None` is no limit.
    pub(super) fn new(rate: Option<Rate>) -> Self {
        let (bucket, started, waiting) = (Bucket::default(), Instant::now(), VecDeque::new());
        Self { rate, bucket, started, waiting, latest_batch: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Queues a newcomer, or rejects it if the queue has no place. Replaces a newcomer with the same
    /// token, because the latest connection of a client counts.
    pub(super) fn push(&mut self, newcomer: Newcomer, now: Instant) {
        if newcomer.token.is_some()
            && let Some(earlier) =
                self.waiting.iter_mut().find(|waiting| waiting.token == newcomer.token)
        {
            let earlier = std::mem::replace(earlier, newcomer);
            let _ = earlier.reply.send(Err(JoinError::TakenOver));
            return;
        }
        if !self.has_place(&newcomer, now) {
            self.waiting.retain(|waiting| !waiting.reply.is_closed());
            if !self.has_place(&newcomer, now) && !self.make_place(&newcomer, now) {
                let _ = newcomer.reply.send(Err(JoinError::TooManyJoin));
                return;
            }
        }
        self.waiting.push_back(newcomer);
    }

    /// Returns when to admit the next newcomers, or `None` if the queue is empty. `is_large` rooms
    /// admit in batches.
    pub(super) fn due(&self, is_large: bool, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() {
            return None;
        }
        let admitted = now + Duration::from_nanos(self.wait_ns(1, now));
        let batch = self.latest_batch.filter(|_| is_large).map(|latest| latest + PRESENCE_WINDOW);
        Some(batch.map_or(admitted, |batch| batch.max(admitted)))
    }

    /// Starts a batch. The caller then calls [`Self::pop`] until it returns `None`.
    pub(super) fn start_batch(&mut self, now: Instant) {
        self.latest_batch = Some(now);
    }

    /// Removes and returns the next newcomer that may be admitted now. Newcomers that have gone do not
    /// count against the rate.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Newcomer> {
        while self.waiting.front()?.reply.is_closed() {
            self.waiting.pop_front();
        }
        if let Some(rate) = self.rate {
            self.bucket.take(rate, 1, self.ns(now)).ok()?;
        }
        self.waiting.pop_front()
    }

    /// Returns whether the newcomer's address has fewer newcomers in the queue than places are free.
    fn has_place(&self, newcomer: &Newcomer, now: Instant) -> bool {
        let free = self.free_places(now);
        // The first comparison is cheap and mostly decides.
        self.waiting.len() < free || self.waiting_of(origin(newcomer)) < free
    }

    /// Rejects the latest newcomer of the address that has most in the queue, in favour of a newcomer
    /// that finds no free place. Returns whether there is such an address.
    fn make_place(&mut self, newcomer: &Newcomer, now: Instant) -> bool {
        if self.free_places(now) > 0 {
            return false;
        }
        let mut counts = BTreeMap::<Origin, usize>::new();
        for waiting in &self.waiting {
            *counts.entry(origin(waiting)).or_default() += 1;
        }
        let own = counts.get(&origin(newcomer)).copied().unwrap_or_default();
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let Some((most, _)) = most.filter(|(_, count)| *count > own + 1) else { return false };
        let latest = self.waiting.iter().rposition(|waiting| origin(waiting) == most);
        if let Some(latest) = latest.and_then(|at| self.waiting.remove(at)) {
            let _ = latest.reply.send(Err(JoinError::TooManyJoin));
        }
        true
    }

    fn waiting_of(&self, origin_wanted: Origin) -> usize {
        self.waiting.iter().filter(|waiting| origin(waiting) == origin_wanted).count()
    }

    /// Returns how many further newcomers would be admitted within [`WAIT_NS_MAX`].
    fn free_places(&self, now: Instant) -> usize {
        let in_time = self.rate.map_or(usize::MAX, |rate| {
            let Some(spare_ns) = WAIT_NS_MAX.checked_sub(self.wait_ns(1, now)) else { return 0 };
            let behind_the_first = usize::try_from(spare_ns / rate.cost_ns(1).max(1));
            behind_the_first.unwrap_or(usize::MAX).saturating_add(1)
        });
        in_time.min(WAITING_MAX).saturating_sub(self.waiting.len())
    }

    fn wait_ns(&self, tokens: u64, now: Instant) -> u64 {
        self.rate.map_or(0, |rate| self.bucket.wait_ns(rate, tokens, self.ns(now)))
    }

    fn ns(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

fn origin(newcomer: &Newcomer) -> Origin {
    newcomer.permit.as_ref().and_then(|permit| permit.address())
}
