//! Estimates how long the transfers in both directions may take on a slow network.
//!
//! A page receives a message only as a whole, so the server announces the size of large messages.
//! Announced and sent bytes may take as long as they do at [`BYTES_PER_SECOND_MIN`].

use super::clock::Millis;

/// The slowest transfer rate that is not a timeout, in bytes per second. The server uses the same.
pub const BYTES_PER_SECOND_MIN: u64 = 4 * 1024;

/// The assumed size of a greeting that the server did not announce, in bytes.
pub const UNANNOUNCED_GREETING_BYTES: u64 = 480 * 1024;

/// The size of the largest message that the server does not announce, in bytes: a text.
const UNANNOUNCED_FRAME_BYTES_MAX: u64 = 64 * 1024;

/// The least bytes that opening a connection transfers.
const HANDSHAKE_BYTES: u64 = 1024;

/// The most times that the measured rate is halved.
const HALVINGS_MAX: u32 = 16;

/// The transfers of one connection, and the measured rate of the network.
#[derive(Debug)]
pub struct TransferMonitor {
    opened_at: Millis,
    received_at: Millis,
    /// The announced bytes that have not arrived.
    awaited_bytes: u64,
    /// The deadline of the announced bytes.
    down_until: Millis,
    /// The deadline of the sent bytes and of their echo.
    up_until: Millis,
    /// The bytes that the browser had not handed to the network at the last tick.
    buffered_bytes: u64,
    /// The bytes received on this connection.
    received_bytes: u64,
    /// The rate measured during the greeting, a lower bound.
    bytes_per_second: u64,
    /// The number of late answers. Each halves the expected rate.
    halvings: u32,
}

/// Returns how long `bytes` take, in milliseconds.
fn transfer_ms(bytes: u64, bytes_per_second: u64) -> Millis {
    let ms = bytes.saturating_mul(1000) / bytes_per_second.max(1);
    Millis::try_from(ms).unwrap_or(Millis::MAX / 4).min(Millis::MAX / 4)
}

impl TransferMonitor {
    /// Returns a monitor without transfers.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self {
            opened_at: now,
            received_at: now,
            awaited_bytes: 0,
            down_until: now,
            up_until: now,
            buffered_bytes: 0,
            received_bytes: 0,
            bytes_per_second: BYTES_PER_SECOND_MIN,
            halvings: 0,
        }
    }

    /// Starts again for a new connection.
    pub fn opened(&mut self, now: Millis) {
        *self = Self { halvings: self.halvings, ..Self::new(now) };
    }

    /// Records a received frame.
    pub fn frame_received(&mut self, bytes: u64, now: Millis) {
        self.received_at = now;
        self.received_bytes = self.received_bytes.saturating_add(bytes);
        self.awaited_bytes = self.awaited_bytes.saturating_sub(bytes);
        self.down_until = now + transfer_ms(self.awaited_bytes, BYTES_PER_SECOND_MIN);
    }

    /// Records that the server has announced `bytes`.
    pub fn size_announced(&mut self, bytes: u64, now: Millis) {
        self.awaited_bytes = self.awaited_bytes.saturating_add(bytes);
        self.down_until = now + transfer_ms(self.awaited_bytes, BYTES_PER_SECOND_MIN);
    }

    /// Records that the greeting is complete, and measures the rate from its duration.
    pub fn greeted(&mut self, now: Millis) {
        let ms = u64::try_from(now - self.opened_at).unwrap_or(0).max(1);
        let bytes = HANDSHAKE_BYTES.saturating_add(self.received_bytes);
        self.bytes_per_second = bytes.saturating_mul(1000) / ms;
        self.received_at = now;
        self.awaited_bytes = 0;
        self.down_until = now;
        self.up_until = now;
    }

    /// Records that `bytes` were handed to the browser. The server sends them back as an echo.
    pub fn sent(&mut self, bytes: u64, now: Millis) {
        let both_ways = transfer_ms(bytes.saturating_mul(2), BYTES_PER_SECOND_MIN);
        self.up_until = self.up_until.max(now) + both_ways;
        self.buffered_bytes = self.buffered_bytes.saturating_add(bytes);
    }

    /// Records the bytes that the browser has not handed to the network. A decrease extends the
    /// deadline.
    pub fn buffered(&mut self, bytes: u64, now: Millis) {
        if bytes < self.buffered_bytes {
            let left = transfer_ms(bytes.saturating_mul(2), BYTES_PER_SECOND_MIN);
            self.up_until = self.up_until.max(now + left);
        }
        self.buffered_bytes = bytes;
    }

    /// Records that the echo of everything sent has arrived.
    pub fn answered(&mut self, now: Millis) {
        self.up_until = self.up_until.min(now);
    }

    /// Records that an answer was late. The network may be slow, so the expected rate is halved.
    pub fn answer_late(&mut self) {
        self.halvings = (self.halvings + 1).min(HALVINGS_MAX);
    }

    /// Returns the time since which the network is idle: no frame arrived and no transfer was due.
    #[must_use]
    pub fn idle_since(&self) -> Millis {
        self.received_at.max(self.down_until).max(self.up_until)
    }

    /// Returns how long an unannounced message may delay other frames.
    #[must_use]
    pub fn frame_ms(&self) -> Millis {
        let rate = (self.bytes_per_second >> self.halvings).max(BYTES_PER_SECOND_MIN);
        transfer_ms(UNANNOUNCED_FRAME_BYTES_MAX, rate)
    }

    /// Returns how long the announced bytes may still take; 0 if none are missing.
    #[must_use]
    pub fn receiving_ms(&self, now: Millis) -> Millis {
        if self.awaited_bytes == 0 { 0 } else { (self.down_until - now).max(0) }
    }
}
