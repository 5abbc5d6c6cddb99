//! Log lines about clients that reached a limit and about proxy headers. Their rate is limited, so that
//! a flood of connections does not flood the log.

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
    unlogged: u64,
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
    pub(super) fn record_refusal(&self, limit: LimitKind, client: Option<AddressKey>, now_ns: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.lines.take(REFUSED_LINES, 1, now_ns).is_err() {
            refused.unlogged += 1;
            return;
        }
        let unlogged = std::mem::take(&mut refused.unlogged);
        drop(refused);
        let address = self.address_field(client);
        let unlogged = (unlogged > 0).then_some(unlogged);
        tracing::info!(limit = limit.name(), address, unlogged, "a client was refused");
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

    /// Returns the value of the field `address`, or `None` if addresses are not logged.
    fn address_field(
        &self,
        address: Option<impl Display>,
    ) -> Option<tracing::field::DisplayValue<impl Display>> {
        address.filter(|_| self.logs_addresses).map(tracing::field::display)
    }
}

/// Returns whether a warning is due, and sets the time of the next one.
fn is_due(due_ns: &AtomicU64, now_ns: u64) -> bool {
    let next_due_ns = |due_ns| (due_ns <= now_ns).then_some(now_ns + WARN_EVERY_NS);
    due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next_due_ns).is_ok()
}
