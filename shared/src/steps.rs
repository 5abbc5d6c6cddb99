//! Counts the steps of work on text, so that tests can state a bound in steps instead of seconds.
//!
//! A step is one character read, or one byte compared or looked up. Functions that handle strangers'
//! text read it through [`chars`] and report comparisons with [`add`]. Builds without debug
//! assertions count nothing and pay nothing.

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Adds `steps` to the count of this thread.
#[inline]
pub fn add(steps: usize) {
    #[cfg(debug_assertions)]
    STEPS.set(STEPS.get().saturating_add(steps as u64));
    #[cfg(not(debug_assertions))]
    let _ = steps;
}

/// Returns the characters of `text` with their byte offsets. Each character read is a step.
#[inline]
pub fn chars(text: &str) -> impl DoubleEndedIterator<Item = (usize, char)> + Clone {
    text.char_indices().inspect(|_| add(1))
}

/// Runs `work` and returns its result with the steps that it took on this thread: 0 in a build
/// without debug assertions.
pub fn count<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = total();
    let result = work();
    (result, total() - before)
}

fn total() -> u64 {
    #[cfg(debug_assertions)]
    return STEPS.get();
    #[cfg(not(debug_assertions))]
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_read_is_one_step() {
        let (found, steps) = count(|| chars("a小😀b").find(|(_, c)| *c == '😀'));
        assert_eq!((found, steps), (Some((4, '😀')), 3));
        let ((), steps) = count(|| add(7));
        assert_eq!(steps, 7);
    }
}
