//! Lines of the log about who was refused and whose headers do not count, only so many: whoever floods
//! a server is not to flood its log.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::bucket::{Bucket, Rate};
use super::hits::LimitKind;
use super::network::{AddressKey, Peer};

/// Refusals that are logged at once, and each second in the long run: enough for a firewall that
/// counts them.
const REFUSED_LINES_BURST: u64 = 50;
const REFUSED_LINES_PER_SECOND: u64 = 5;
const REFUSED_LINES: Rate =
    Rate::per_second(REFUSED_LINES_PER_SECOND, REFUSED_LINES_BURST).unwrap();

/// The log says at most so often that something with a proxy's headers is wrong.
const WARN_EVERY_NS: u64 = 60_000_000_000;

/// What was said, and what may be.
#[derive(Debug)]
pub(super) struct Notices {
    /// Whether the log may tell where clients are.
    pub(super) has_addresses: bool,
    refused: Mutex<Refused>,
    /// When it may be said again that a header was forged, and that a proxy named nobody.
    forged_due_ns: AtomicU64,
    unnamed_due_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Refused {
    lines: Bucket,
    /// Those since the latest line.
    unsaid: u64,
}

impl Notices {
    pub(super) fn new(has_addresses: bool) -> Self {
        Self {
            has_addresses,
            refused: Mutex::default(),
            forged_due_ns: AtomicU64::new(0),
            unnamed_due_ns: AtomicU64::new(0),
        }
    }

    /// Somebody was refused by a limit.
    pub(super) fn refused(&self, limit: LimitKind, who: Option<AddressKey>, now_ns: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.lines.take(REFUSED_LINES, 1, now_ns).is_err() {
            refused.unsaid += 1;
            return;
        }
        let unsaid = std::mem::take(&mut refused.unsaid);
        drop(refused);
        let address = self.shown(who);
        let unsaid = (unsaid > 0).then_some(unsaid);
        tracing::info!(limit = limit.name(), address, unsaid, "a client was refused");
    }

    /// Somebody who is no trusted proxy sent a proxy's header: either it is forged, or a proxy is
    /// not in the settings.
    pub(super) fn forged(&self, peer: Peer, now_ns: u64) {
        if is_due(&self.forged_due_ns, now_ns) {
            let address = self.shown(Some(peer));
            tracing::warn!(
                address,
                "a request had X-Forwarded-For or Forwarded and came from no trusted proxy: what \
                 they say does not count (--trusted-proxies)"
            );
        }
    }

    /// A trusted proxy did not say for whom it asks.
    pub(super) fn unnamed(&self, peer: Peer, now_ns: u64) {
        if is_due(&self.unnamed_due_ns, now_ns) {
            let address = self.shown(Some(peer));
            tracing::warn!(
                address,
                "a trusted proxy did not say who its client is, in X-Forwarded-For or Forwarded, or \
                 named another trusted one: all its clients together have the limits of one address"
            );
        }
    }

    fn shown(
        &self,
        who: Option<impl Display>,
    ) -> Option<tracing::field::DisplayValue<impl Display>> {
        who.filter(|_| self.has_addresses).map(tracing::field::display)
    }
}

fn is_due(due_ns: &AtomicU64, now_ns: u64) -> bool {
    let next = |due_ns| (due_ns <= now_ns).then_some(now_ns + WARN_EVERY_NS);
    due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
}
