//! Writes panics to the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// Installs a panic hook that logs panics.
pub(super) fn install_hook() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        tracing::error!(
            at = panic.location().map(tracing::field::display),
            thread = thread.name(),
            backtrace = backtrace.as_ref().map(tracing::field::display),
            "panicked: {}",
            literal_message(panic)
        );
    }));
}

/// Returns the message of a panic if it is a literal. A formatted message may contain text of a client.
fn literal_message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(a formatted message)")
}
