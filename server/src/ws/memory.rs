//! What all frames hold in memory together, and how much of it may wait for any one client.
//!
//! A frame that waits for a thousand clients is held once. What one client may hold is a share of
//! what is free: half of it. So those that do not read can neither fill the memory nor take from
//! the others what these need for a moment, and the more of them there are, the sooner each is
//! closed (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet
//! switches", IEEE/ACM Transactions on Networking 6 (2), 1998). Whoever had its share before it
//! became too large is found by the keeper, once memory is tight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The part of what is free that may wait for one client.
const FREE_PER_SHARE: usize = 2;

/// Counts what frames hold. Shared by all who make them.
#[derive(Debug)]
pub struct FrameMemory {
    bytes_max: usize,
    held_bytes: AtomicUsize,
}

/// Bytes that are counted until no part of them is needed any more.
struct Held<B> {
    bytes: B,
    memory: Arc<FrameMemory>,
    counted_bytes: usize,
}

impl FrameMemory {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held_bytes: AtomicUsize::new(0) }
    }

    /// What frames hold now, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// What may wait for one client now, in bytes.
    #[must_use]
    pub fn share_bytes(&self) -> usize {
        self.bytes_max.saturating_sub(self.held_bytes()) / FREE_PER_SHARE
    }

    /// Whether so much is held that shares should be looked after.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.held_bytes() > self.bytes_max / 2
    }

    /// Counts frames, which take so many bytes of memory, until no part of them is needed any more.
    pub(crate) fn hold<B>(self: &Arc<Self>, bytes: B, counted_bytes: usize) -> Bytes
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        self.held_bytes.fetch_add(counted_bytes, Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, memory: Arc::clone(self), counted_bytes })
    }
}

impl Default for FrameMemory {
    /// Without a bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl<B> Drop for Held<B> {
    fn drop(&mut self) {
        self.memory.held_bytes.fetch_sub(self.counted_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_hold_counts_once_and_until_the_last_part_is_gone() {
        let memory = Arc::new(FrameMemory::new(1000));
        let frame = memory.hold(vec![0; 500], 600);
        let held: Vec<_> = (0..1000).map(|_| frame.clone()).collect();
        assert_eq!((memory.held_bytes(), memory.share_bytes()), (600, 200));
        let rest = frame.slice(499..);
        drop((frame, held));
        assert_eq!(memory.held_bytes(), 600);
        drop(rest);
        assert_eq!((memory.held_bytes(), memory.share_bytes()), (0, 500));
    }

    #[test]
    fn more_than_there_may_be_leaves_no_share() {
        let memory = Arc::new(FrameMemory::new(1000));
        let half = memory.hold(Vec::new(), 500);
        assert!(!memory.is_tight());
        let _over = memory.hold(Vec::new(), 600);
        assert!(memory.is_tight());
        assert_eq!(memory.share_bytes(), 0);
        drop(half);
        assert_eq!(memory.share_bytes(), 200);
    }
}
