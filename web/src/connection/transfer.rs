//! Estimates how long a slow line may need for what is on its way, in either direction.
//!
//! A page sees a message only once all of it is there. So the server announces large ones, and what
//! was announced or sent may take as long as it does at [`BYTES_PER_SECOND_MIN`].

use super::clock::Millis;

/// The slowest line that is waited for, in bytes per second; the server has the same floor.
pub const BYTES_PER_SECOND_MIN: u64 = 4 * 1024;

/// What a server that announces nothing may send as its greeting, in bytes.
pub const UNANNOUNCED_GREETING_BYTES: u64 = 480 * 1024;

/// The largest message that comes unannounced: one that somebody says, in bytes.
const UNANNOUNCED_FRAME_BYTES_MAX: u64 = 64 * 1024;

/// What opening a connection costs at least, in bytes.
const HANDSHAKE_BYTES: u64 = 1024;

/// How often the rate that was measured is halved at most.
const HALVINGS_MAX: u32 = 16;

/// What is on its way on one connection, and what is known about the line's speed.
#[derive(Debug)]
pub struct TransferMonitor {
    opened_at: Millis,
    received_at: Millis,
    /// What was announced and has not come.
    awaited_bytes: u64,
    /// Until when what was announced may take.
    down_until: Millis,
    /// Until when what was sent, and its echo, may take.
    up_until: Millis,
    /// What the browser had not handed to the network at the last look.
    buffered_bytes: u64,
    /// What has come on this connection.
    received_bytes: u64,
    /// The line was at least this fast.
    bytes_per_second: u64,
    /// How often a line was taken for dead: each halves the rate that is expected.
    halvings: u32,
}

/// How long `bytes` take, in milliseconds.
fn transfer_ms(bytes: u64, bytes_per_second: u64) -> Millis {
    let ms = bytes.saturating_mul(1000) / bytes_per_second.max(1);
    Millis::try_from(ms).unwrap_or(Millis::MAX / 4).min(Millis::MAX / 4)
}

impl TransferMonitor {
    /// Returns a line on which nothing is on its way.
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

    /// Starts over for a new connection.
    pub fn opened(&mut self, now: Millis) {
        *self = Self { halvings: self.halvings, ..Self::new(now) };
    }

    /// Records a frame that came.
    pub fn frame_received(&mut self, bytes: u64, now: Millis) {
        self.received_at = now;
        self.received_bytes = self.received_bytes.saturating_add(bytes);
        self.awaited_bytes = self.awaited_bytes.saturating_sub(bytes);
        self.down_until = now + transfer_ms(self.awaited_bytes, BYTES_PER_SECOND_MIN);
    }

    /// Records that the server is about to send `bytes`.
    pub fn size_announced(&mut self, bytes: u64, now: Millis) {
        self.awaited_bytes = self.awaited_bytes.saturating_add(bytes);
        self.down_until = now + transfer_ms(self.awaited_bytes, BYTES_PER_SECOND_MIN);
    }

    /// Records that the greeting is complete: how long it took tells how fast the line is.
    pub fn greeted(&mut self, now: Millis) {
        let ms = u64::try_from(now - self.opened_at).unwrap_or(0).max(1);
        let bytes = HANDSHAKE_BYTES.saturating_add(self.received_bytes);
        self.bytes_per_second = bytes.saturating_mul(1000) / ms;
        self.received_at = now;
        self.awaited_bytes = 0;
        self.down_until = now;
        self.up_until = now;
    }

    /// Records that `bytes` were handed to the browser. They come back to their author.
    pub fn sent(&mut self, bytes: u64, now: Millis) {
        let both_ways = transfer_ms(bytes.saturating_mul(2), BYTES_PER_SECOND_MIN);
        self.up_until = self.up_until.max(now) + both_ways;
        self.buffered_bytes = self.buffered_bytes.saturating_add(bytes);
    }

    /// Records what the browser still holds back: less than before is progress.
    pub fn buffered(&mut self, bytes: u64, now: Millis) {
        if bytes < self.buffered_bytes {
            let left = transfer_ms(bytes.saturating_mul(2), BYTES_PER_SECOND_MIN);
            self.up_until = self.up_until.max(now + left);
        }
        self.buffered_bytes = bytes;
    }

    /// Records that everything that was sent has come back.
    pub fn answered(&mut self, now: Millis) {
        self.up_until = self.up_until.min(now);
    }

    /// Records that the line was taken for dead because an answer was late. It may have been slow.
    pub fn answer_late(&mut self) {
        self.halvings = (self.halvings + 1).min(HALVINGS_MAX);
    }

    /// Returns since when the line should have brought something.
    #[must_use]
    pub fn idle_since(&self) -> Millis {
        self.received_at.max(self.down_until).max(self.up_until)
    }

    /// Returns how long a message that nobody announced may keep the line busy.
    #[must_use]
    pub fn frame_ms(&self) -> Millis {
        let rate = (self.bytes_per_second >> self.halvings).max(BYTES_PER_SECOND_MIN);
        transfer_ms(UNANNOUNCED_FRAME_BYTES_MAX, rate)
    }

    /// Returns how long what was announced may still take; 0 when nothing is on its way.
    #[must_use]
    pub fn receiving_ms(&self, now: Millis) -> Millis {
        if self.awaited_bytes == 0 { 0 } else { (self.down_until - now).max(0) }
    }
}
