//! What is counted of connections, and of what goes over them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::SpreadCounter;
use crate::http::refusal::HANDSHAKE_CODES;

/// Of connections, from the end of their handshake on.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Those that are open, or closing.
    pub open: Gauge,
    /// Those that there were.
    pub opened: Counter,
    /// Those that are over.
    pub closed: Family<ClosedLabels, Counter>,
    /// Closed because the client read too slowly.
    pub outbox_overflows: Counter,
    /// Sessions that ended by a panic.
    pub panics: Counter,
    /// Requests for a room's socket that were refused.
    pub refused: Family<RefusedLabels, Counter>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClosedLabels {
    /// Who ended it: `server`, `client` or, where it was lost, `nobody`.
    pub by: &'static str,
    /// The code of the Close frame. From a client only codes that RFC 6455 names; else `other`, so
    /// that clients cannot invent series.
    pub code: &'static str,
}

/// Ends that there are on any server: everybody has closed or was lost, was too slow, broke a rule.
const ORDINARY_ENDS: [(&str, &str); 10] = [
    ("client", "1000"),
    ("client", "1001"),
    ("client", "1005"),
    ("nobody", "1006"),
    ("server", "1001"),
    ("server", "1002"),
    ("server", "1007"),
    ("server", "1008"),
    ("server", "1009"),
    ("server", "1013"),
];

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusedLabels {
    /// The `code` of the answer's body.
    pub code: &'static str,
}

/// Of what goes over the connections. Added to once for a read, a message or a round.
#[derive(Debug, Default)]
pub struct TrafficMetrics {
    /// Messages that clients sent, whatever became of them.
    pub received_messages: SpreadCounter,
    /// What they sent, with the headers of its frames, in bytes.
    pub received_bytes: SpreadCounter,
    /// Messages for clients, one for each that it goes to. Pings and heartbeats are not counted.
    pub sent_messages: SpreadCounter,
    /// The same in bytes, with the headers of the frames.
    pub sent_bytes: SpreadCounter,
}

impl ConnectionMetrics {
    /// Counts a connection that is over.
    pub fn count_closed(&self, labels: ClosedLabels) {
        self.closed.get_or_create(&labels).inc();
    }

    /// Counts a request that was refused.
    pub fn count_refused(&self, labels: RefusedLabels) {
        self.refused.get_or_create(&labels).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { open, opened, closed, outbox_overflows, panics, refused } = self;
        // Who looks at how they rise must see them before they do.
        for code in HANDSHAKE_CODES {
            let _ = refused.get_or_create(&RefusedLabels { code });
        }
        for (by, code) in ORDINARY_ENDS {
            let _ = closed.get_or_create(&ClosedLabels { by, code });
        }
        registry.register("connections", "WebSockets that are open", open.clone());
        registry.register("connections_opened", "WebSockets that were opened", opened.clone());
        let help = "WebSockets that ended, by who ended them and the code of the Close frame";
        registry.register("connections_closed", help, closed.clone());
        let help = "Connections closed because their client read too slowly";
        registry.register("outbox_overflows", help, outbox_overflows.clone());
        registry.register("session_panics", "Sessions that ended by a panic", panics.clone());
        let help = "Requests for a WebSocket that were refused, by the code of the answer";
        registry.register("handshakes_refused", help, refused.clone());
    }
}

impl TrafficMetrics {
    /// Counts what goes to clients.
    pub fn sent(&self, messages: u64, bytes: u64) {
        self.sent_messages.inc_by(messages);
        self.sent_bytes.inc_by(bytes);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { received_messages, received_bytes, sent_messages, sent_bytes } = self;
        let help = "Messages that clients sent";
        registry.register("received_messages", help, received_messages.clone());
        let help = "Bytes that clients sent over WebSockets";
        registry.register_with_unit("received", help, Unit::Bytes, received_bytes.clone());
        let help = "Messages for clients, one for each receiver";
        registry.register("sent_messages", help, sent_messages.clone());
        let help = "Bytes of messages for clients";
        registry.register_with_unit("sent", help, Unit::Bytes, sent_bytes.clone());
    }
}
