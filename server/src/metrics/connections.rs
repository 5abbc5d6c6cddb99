//! Metrics of connections and their traffic.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::ShardedCounter;

/// Metrics of connections. A connection counts from the end of its handshake.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Connections that are open or closing.
    pub open: Gauge,
    /// All connections so far.
    pub opened: Counter,
    /// Ended connections.
    pub closed: Family<ClosedLabels, Counter>,
    /// Connections closed because the client read too slowly.
    pub outbox_overflows: Counter,
    /// Sessions that panicked.
    pub panics: Counter,
    /// Rejected handshakes.
    pub refused: Family<RefusedLabels, Counter>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClosedLabels {
    /// The side that ended it: `server`, `client`, or `network` if the connection was lost.
    pub by: &'static str,
    /// The code of the Close frame. Codes of clients that RFC 6455 does not define become `other`, so
    /// that clients cannot create time series.
    pub code: &'static str,
}

/// Common labels, which are registered with the value 0 at the start.
const COMMON_ENDS: [(&str, &str); 10] = [
    ("client", "1000"),
    ("client", "1001"),
    ("client", "1005"),
    ("network", "1006"),
    ("server", "1001"),
    ("server", "1002"),
    ("server", "1007"),
    ("server", "1008"),
    ("server", "1009"),
    ("server", "1013"),
];

/// Why a handshake was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusedLabels {
    /// The `code` in the body of the response.
    pub code: &'static str,
}

/// Metrics of traffic. Updated once per read, message or round of a room.
#[derive(Debug, Default)]
pub struct TrafficMetrics {
    /// Messages from clients, rejected ones included.
    pub received_messages: ShardedCounter,
    /// Bytes from clients, frame headers included.
    pub received_bytes: ShardedCounter,
    /// Messages to clients, once per receiver. Pings and heartbeats do not count.
    pub sent_messages: ShardedCounter,
    /// Bytes of these messages, frame headers included.
    pub sent_bytes: ShardedCounter,
}

impl ConnectionMetrics {
    /// Counts an ended connection.
    pub fn count_closed(&self, labels: ClosedLabels) {
        self.closed.get_or_create(&labels).inc();
    }

    /// Counts a rejected handshake.
    pub fn count_refused(&self, labels: RefusedLabels) {
        self.refused.get_or_create(&labels).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { open, opened, closed, outbox_overflows, panics, refused } = self;
        // Alerts on an increase need a time series that starts at 0.
        for code in HANDSHAKE_CODES {
            let _ = refused.get_or_create(&RefusedLabels { code });
        }
        for (by, code) in COMMON_ENDS {
            let _ = closed.get_or_create(&ClosedLabels { by, code });
        }
        registry.register("connections", "Open WebSockets", open.clone());
        registry.register("connections_opened", "WebSockets opened", opened.clone());
        let help = "WebSockets ended, by side and code of the Close frame";
        registry.register("connections_closed", help, closed.clone());
        let help = "Connections closed because their client read too slowly";
        registry.register("outbox_overflows", help, outbox_overflows.clone());
        registry.register("session_panics", "Sessions that panicked", panics.clone());
        let help = "WebSocket handshakes rejected, by code of the response";
        registry.register("handshakes_refused", help, refused.clone());
    }
}

impl TrafficMetrics {
    /// Counts messages to clients.
    pub fn sent(&self, messages: u64, bytes: u64) {
        self.sent_messages.inc_by(messages);
        self.sent_bytes.inc_by(bytes);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { received_messages, received_bytes, sent_messages, sent_bytes } = self;
        let help = "Messages from clients";
        registry.register("received_messages", help, received_messages.clone());
        let help = "Bytes from clients over WebSockets";
        registry.register_with_unit("received", help, Unit::Bytes, received_bytes.clone());
        let help = "Messages to clients, once per receiver";
        registry.register("sent_messages", help, sent_messages.clone());
        let help = "Bytes of messages to clients";
        registry.register_with_unit("sent", help, Unit::Bytes, sent_bytes.clone());
    }
}

/// All codes of rejected handshakes.
pub const HANDSHAKE_CODES: [&str; 13] = [
    "bad_room_id",
    "bad_session",
    "bad_websocket_key",
    "origin_not_allowed",
    "upgrade_required",
    "websocket_version",
    "starting",
    "going_away",
    "too_many_connections",
    "too_many_rooms",
    "too_many_connections_from_address",
    "connecting_too_often",
    "too_many_rooms_from_address",
];
