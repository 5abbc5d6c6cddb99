//! Panics, as lines of the log like others.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// Has panics logged from here on.
pub(super) fn log() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        tracing::error!(
            at = panic.location().map(tracing::field::display),
            thread = thread.name(),
            backtrace = backtrace.as_ref().map(tracing::field::display),
            "panicked: {}",
            words(panic)
        );
    }));
}

/// What it says, if it says always the same: anything else may hold what somebody has written.
fn words<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(see where)")
}
