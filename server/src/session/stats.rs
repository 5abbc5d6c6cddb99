//! Counts a connection's traffic, and logs its beginning and its end. The log lines hold nothing that
//! the client sent.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::close::SessionEnd;
use super::incoming::INCOMING_OVER_BUDGET;
use crate::limits::counters::LimitKind;
use crate::metrics::{ClosedLabels, GaugeGuard, Metrics};
use crate::wire::outbox::{self, CloseReason};

/// A connection's number in the log: 1, 2, 3 and so on since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(u64);

static LATEST_ID: AtomicU64 = AtomicU64::new(0);

impl ConnectionId {
    /// Returns a number that no other connection has.
    #[must_use]
    pub fn next() -> Self {
        Self(LATEST_ID.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The traffic of one connection.
#[derive(Debug)]
pub(super) struct ConnectionStats {
    id: ConnectionId,
    /// Boxed, because most servers log no addresses and it is `None` there.
    address: Option<Box<IpAddr>>,
    began: Instant,
    received_messages: u64,
    received_bytes: u64,
    _open: GaugeGuard,
}

impl ConnectionStats {
    /// Logs and counts a new connection. `address` is `None` if addresses are not logged.
    pub(super) fn open(id: ConnectionId, address: Option<IpAddr>, metrics: &Metrics) -> Self {
        let logged_address = address.map(tracing::field::display);
        tracing::info!(connection = id.0, address = logged_address, "a client connected");
        metrics.connections.opened.inc();
        let open = GaugeGuard::one(&metrics.connections.open);
        Self {
            id,
            address: address.map(Box::new),
            began: Instant::now(),
            received_messages: 0,
            received_bytes: 0,
            _open: open,
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Counts received bytes and messages. `bytes_total` are all bytes since the start of the
    /// connection; `messages` are those since the previous call.
    pub(super) fn count_received(&mut self, bytes_total: u64, messages: u64, metrics: &Metrics) {
        let traffic = &metrics.traffic;
        if messages > 0 {
            self.received_messages += messages;
            traffic.received_messages.inc_by(messages);
        }
        let new_bytes = bytes_total - self.received_bytes;
        if new_bytes > 0 {
            self.received_bytes = bytes_total;
            traffic.received_bytes.inc_by(new_bytes);
        }
    }

    /// Logs and counts the end of the connection. `end` says how it ended.
    pub(super) fn close(self, end: SessionEnd, sent_bytes: u64, metrics: &Metrics) {
        let (closed_by, code, reason) = match end {
            SessionEnd::Server(CloseReason { code, reason }) => {
                ("server", Some(code.as_u16()), reason)
            }
            SessionEnd::Client(code) => ("client", code, "the client closed"),
            SessionEnd::Lost => ("network", None, "the connection was lost"),
        };
        metrics
            .connections
            .count_closed(ClosedLabels { by: closed_by, code: close_code_label(end) });
        if let SessionEnd::Server(outbox::TOO_SLOW) = end {
            metrics.connections.outbox_overflows.inc();
        }
        if let SessionEnd::Server(INCOMING_OVER_BUDGET) = end {
            metrics.limits.count(LimitKind::Incoming);
        }
        tracing::info!(
            connection = self.id.0,
            address = self.address.as_deref().map(tracing::field::display),
            by = closed_by,
            code,
            reason,
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            received_messages = self.received_messages,
            received_bytes = self.received_bytes,
            sent_bytes,
            "a client disconnected"
        );
    }
}

/// Returns the close code as a label of a metric. Unusual codes share the label `other`:
/// otherwise clients could create any number of time series.
fn close_code_label(end: SessionEnd) -> &'static str {
    let code = match end {
        SessionEnd::Server(CloseReason { code, .. }) => code.as_u16(),
        SessionEnd::Client(Some(code)) => code,
        // RFC 6455 section 7.4.1: code 1005 means a Close frame without a code, and code 1006 means that
        // no Close frame arrived.
        SessionEnd::Client(None) => return "1005",
        SessionEnd::Lost => return "1006",
    };
    match code {
        1000 => "1000",
        1001 => "1001",
        1002 => "1002",
        1003 => "1003",
        1007 => "1007",
        1008 => "1008",
        1009 => "1009",
        1011 => "1011",
        1012 => "1012",
        1013 => "1013",
        4001 => "4001",
        4002 => "4002",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use xmeet_shared::CloseCode;

    #[test]
    fn any_close_code_has_one_of_a_few_labels() {
        for code in CloseCode::ALL {
            let end = SessionEnd::Server(CloseReason { code, reason: "" });
            assert_eq!(close_code_label(end), code.as_u16().to_string());
        }
        let client_labels: BTreeSet<_> =
            (0..=u16::MAX).map(|code| close_code_label(SessionEnd::Client(Some(code)))).collect();
        assert!(client_labels.len() < 20, "{client_labels:?}");
    }
}
