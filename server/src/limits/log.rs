//! Log lines about clients that reached a limit and about proxy headers. Their rate is limited, so that
//! a flood of the server is no flood of its log.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::bucket::{Bucket, Rate};
use super::counters::LimitKind;
use super::forwarded::AddressHeader;
use super::network::{AddressKey, Peer};

/// Log lines about refused clients, at once and per second: enough for a firewall that counts them.
const REFUSED_LINES_BURST: u64 = 50;
const REFUSED_LINES_PER_SECOND: u64 = 5;
const REFUSED_LINES: Rate =
    Rate::per_second(REFUSED_LINES_PER_SECOND, REFUSED_LINES_BURST).unwrap();

/// The time between two warnings about the same problem with proxy headers.
const WARN_EVERY_NS: u64 = 60_000_000_000;

/// The state of these log lines' rate limits.
#[derive(Debug)]
pub(super) struct LimitLog {
    /// Whether addresses are logged.
    pub(super) logs_addresses: bool,
    refused: Mutex<Refused>,
    /// When the warnings about forged headers and about unnamed clients may be logged next.
    forged_due_ns: AtomicU64,
    unnamed_due_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Refused {
    lines: Bucket,
    /// Refusals without a line since the latest line.
    unsaid: u64,
}

impl LimitLog {
    pub(super) fn new(logs_addresses: bool) -> Self {
        Self {
            logs_addresses,
            refused: Mutex::default(),
            forged_due_ns: AtomicU64::new(0),
            unnamed_due_ns: AtomicU64::new(0),
        }
    }

    /// Logs that a client was refused by a limit.
    pub(super) fn refused(&self, limit: LimitKind, who: Option<AddressKey>, now_ns: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.lines.take(REFUSED_LINES, 1, now_ns).is_err() {
            refused.unsaid += 1;
            return;
        }
        let unsaid = std::mem::take(&mut refused.unsaid);
        drop(refused);
        let address = self.address_field(who);
        let unsaid = (unsaid > 0).then_some(unsaid);
        tracing::info!(limit = limit.name(), address, unsaid, "a client was refused");
    }

    /// Warns that a peer that is no trusted proxy sent the header in which proxies name clients: it is
    /// forged, or a proxy is missing in the settings.
    pub(super) fn warn_forged(&self, peer: Peer, header: &AddressHeader, now_ns: u64) {
        if is_due(&self.forged_due_ns, now_ns) {
            let address = self.address_field(Some(peer));
            tracing::warn!(
                address,
                %header,
                "a request with a client address in this header came from no trusted proxy: the header \
                 is ignored (--trusted-proxies)"
            );
        }
    }

    /// Warns that a trusted proxy did not name its client.
    pub(super) fn warn_unnamed(&self, peer: Peer, header: &AddressHeader, now_ns: u64) {
        if is_due(&self.unnamed_due_ns, now_ns) {
            let address = self.address_field(Some(peer));
            tracing::warn!(
                address,
                %header,
                "a trusted proxy sent no client address in this header (--client-address-header), or \
                 the address of another trusted proxy: all its clients share the limits of one address"
            );
        }
    }

    fn address_field(
        &self,
        who: Option<impl Display>,
    ) -> Option<tracing::field::DisplayValue<impl Display>> {
        who.filter(|_| self.logs_addresses).map(tracing::field::display)
    }
}

fn is_due(due_ns: &AtomicU64, now_ns: u64) -> bool {
    let next = |due_ns| (due_ns <= now_ns).then_some(now_ns + WARN_EVERY_NS);
    due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
}
