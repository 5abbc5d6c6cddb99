//! What a connection came to: counted while it lasts, and said in the log once when it begins and
//! once when it ends. Numbers and our own words only: nothing that the client sent.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::closing::Closing;
use super::outbox::{self, Ending};
use crate::metrics::{ClosedLabels, Held, Metrics};

/// What a connection is called in the log: 1, 2, 3 … since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(u64);

static LATEST_ID: AtomicU64 = AtomicU64::new(0);

impl ConnectionId {
    /// One that there was not yet.
    #[must_use]
    pub fn next() -> Self {
        Self(LATEST_ID.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// As a field of a log line.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What one connection came to so far.
#[derive(Debug)]
pub(super) struct Account {
    id: ConnectionId,
    /// Boxed: mostly there is none.
    address: Option<Box<IpAddr>>,
    began: Instant,
    received_messages: u64,
    received_bytes: u64,
    _open: Held,
}

impl Account {
    /// A connection begins. The address is `None` where it is not to be logged.
    pub(super) fn open(id: ConnectionId, address: Option<IpAddr>, metrics: &Metrics) -> Self {
        let shown = address.map(tracing::field::display);
        tracing::info!(connection = id.0, address = shown, "a client connected");
        metrics.connections.opened.inc();
        let open = Held::one(&metrics.connections.open);
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

    /// So many bytes have come from it in all, and in them so many messages more.
    pub(super) fn received(&mut self, bytes_total: u64, messages: u64, metrics: &Metrics) {
        let traffic = &metrics.traffic;
        if messages > 0 {
            self.received_messages += messages;
            traffic.received_messages.inc_by(messages);
        }
        let bytes = bytes_total - self.received_bytes;
        if bytes > 0 {
            self.received_bytes = bytes_total;
            traffic.received_bytes.inc_by(bytes);
        }
    }

    /// It is over.
    pub(super) fn close(self, closing: Closing, sent_bytes: u64, metrics: &Metrics) {
        let (by, code, reason) = match closing {
            Closing::Server(Ending { code, reason }) => ("server", Some(code.as_u16()), reason),
            Closing::Client(code) => ("client", code, "the client closed"),
            Closing::Lost => ("nobody", None, "the connection was lost"),
        };
        metrics.connections.count_closed(ClosedLabels { by, code: label(closing) });
        if let Closing::Server(outbox::TOO_SLOW) = closing {
            metrics.connections.outbox_overflows.inc();
        }
        tracing::info!(
            connection = self.id.0,
            address = self.address.as_deref().map(tracing::field::display),
            by,
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

/// The code of a Close frame as a label. There are few: a client that makes codes up makes no series.
fn label(closing: Closing) -> &'static str {
    let code = match closing {
        Closing::Server(Ending { code, .. }) => code.as_u16(),
        Closing::Client(Some(code)) => code,
        // What RFC 6455 section 7.4.1 has for "none" and for "lost".
        Closing::Client(None) => return "1005",
        Closing::Lost => return "1006",
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
    use super::*;
    use xmeet_shared::CloseCode;

    #[test]
    fn every_code_of_ours_is_a_label_and_few_others_are() {
        for code in [
            CloseCode::Normal,
            CloseCode::GoingAway,
            CloseCode::Protocol,
            CloseCode::Unsupported,
            CloseCode::InvalidText,
            CloseCode::Policy,
            CloseCode::TooLarge,
            CloseCode::TryAgainLater,
            CloseCode::TakenOver,
            CloseCode::RoomFull,
        ] {
            let closing = Closing::Server(Ending { code, reason: "" });
            assert_eq!(label(closing), code.as_u16().to_string());
        }
        let labels: std::collections::BTreeSet<_> =
            (0..=u16::MAX).map(|code| label(Closing::Client(Some(code)))).collect();
        assert!(labels.len() < 20, "{labels:?}");
    }
}
