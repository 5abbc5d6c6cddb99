//! Settings: how much any one client may do, hold and wait for, and how many there may be.

use clap::{ArgAction, Args, value_parser};
use xmeet_shared::limits::{FRAME_BYTES_MAX_DEFAULT, RESUME_GRACE_SECONDS_DEFAULT};

use crate::limits::bucket::Rate;
use crate::limits::pace::PaceRates;

/// How much any one client may do, hold and wait for, and how many there may be.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Turn off all limits of how many and how often, for a load test. Those of size and of time
    /// stay
    #[arg(
        long,
        env = "XMEET_NO_LIMITS",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value_t = false
    )]
    pub no_limits: bool,

    /// Largest message a client may send, in bytes
    #[arg(long, env = "XMEET_FRAME_BYTES_MAX", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX_DEFAULT)]
    pub frame_bytes_max: usize,

    /// Messages that a client may send at once; one more comes with each second's share
    #[arg(long, env = "XMEET_MESSAGES_BURST", value_name = "COUNT", default_value_t = 200)]
    pub messages_burst: u64,

    /// Messages that a client may send each second in the long run; 0 is no limit
    #[arg(long, env = "XMEET_MESSAGES_PER_SECOND", value_name = "COUNT", default_value_t = 20)]
    pub messages_per_second: u64,

    /// Bytes of messages that a client may send at once
    #[arg(long, env = "XMEET_BYTES_BURST", value_name = "BYTES", default_value_t = BYTES_BURST_DEFAULT)]
    pub bytes_burst: u64,

    /// Bytes of messages that a client may send each second in the long run; 0 is no limit
    #[arg(long, env = "XMEET_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = BYTES_PER_SECOND_DEFAULT)]
    pub bytes_per_second: u64,

    /// What may wait for one slow client before it is closed, in bytes
    #[arg(long, env = "XMEET_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = OUTBOX_BYTES_MAX_DEFAULT)]
    pub outbox_bytes_max: usize,

    /// How long a member whose connection is lost is waited for before the others see it leave, in
    /// seconds. Only for clients that can resume, as the web client does
    #[arg(long, env = "XMEET_RESUME_GRACE_SECONDS", value_name = "SECONDS", default_value_t = RESUME_GRACE_SECONDS_DEFAULT)]
    pub resume_grace_seconds: u64,

    /// A client that was silent for so long is pinged, in seconds
    #[arg(
        long,
        env = "XMEET_PING_SECONDS",
        value_name = "SECONDS",
        default_value_t = PING_SECONDS_DEFAULT,
        value_parser = value_parser!(u32).range(1..=SILENCE_SECONDS_MAX)
    )]
    pub ping_seconds: u32,

    /// A client that does not answer a ping for so long is gone, in seconds
    #[arg(
        long,
        env = "XMEET_PONG_SECONDS",
        value_name = "SECONDS",
        default_value_t = PONG_SECONDS_DEFAULT,
        value_parser = value_parser!(u32).range(1..=SILENCE_SECONDS_MAX)
    )]
    pub pong_seconds: u32,
}

impl LimitSettings {
    /// How fast a client may speak.
    #[must_use]
    pub fn pace(&self) -> PaceRates {
        if self.no_limits {
            return PaceRates::default();
        }
        PaceRates {
            messages: Rate::per_second(self.messages_per_second, self.messages_burst),
            bytes: Rate::per_second(self.bytes_per_second, self.bytes_burst),
        }
    }
}

/// How long a client may be silent before it is pinged, unless it is set otherwise, in seconds.
pub const PING_SECONDS_DEFAULT: u32 = 25;

/// How long it then has to answer, unless it is set otherwise, in seconds.
pub const PONG_SECONDS_DEFAULT: u32 = 20;

/// The longest that either can be set to, in seconds: a day.
const SILENCE_SECONDS_MAX: i64 = 24 * 60 * 60;

/// What may wait for one slow client unless it is set otherwise: a page of the largest messages,
/// where they are plain text.
const OUTBOX_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// Bytes that a client may send at once unless it is set otherwise: 64 of the largest messages.
const BYTES_BURST_DEFAULT: u64 = 4 * 1024 * 1024;

/// Bytes that a client may send each second in the long run unless it is set otherwise: more than
/// anybody reads.
const BYTES_PER_SECOND_DEFAULT: u64 = 256 * 1024;
