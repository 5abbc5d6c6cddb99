//! Settings of the limits on clients, addresses and rooms.

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Args, value_parser};
use xmeet_shared::limits::{FRAME_BYTES_MAX_DEFAULT, RESUME_GRACE_SECONDS_DEFAULT};

use crate::limits::addresses::AddressLimits;
use crate::limits::admission::AdmissionLimits;
use crate::limits::bucket::Rate;
use crate::limits::pace::PaceRates;

/// Settings of the limits on clients, addresses and rooms.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Turn off all limits of counts and rates, for a load test. Limits of size and time stay
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

    /// Largest message that a client may send, in bytes
    #[arg(long, env = "XMEET_FRAME_BYTES_MAX", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX_DEFAULT, value_parser = size())]
    pub frame_bytes_max: usize,

    /// Messages that a client may send per second on average, and 10 times as many in a burst; 0 is no
    /// limit
    #[arg(long, env = "XMEET_MESSAGES_PER_SECOND", value_name = "COUNT", default_value_t = 20)]
    pub messages_per_second: u64,

    /// Bytes of messages that a client may send per second on average, and 16 times as many in a burst; 0
    /// is no limit
    #[arg(long, env = "XMEET_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = BYTES_PER_SECOND_DEFAULT)]
    pub bytes_per_second: u64,

    /// Bytes of history pages that a client may request per second on average, and 16 times as many in a
    /// burst; 0 is no limit. A larger page is sent too, and delays the next one. One address may receive 16
    /// times as many bytes in long greetings, which are those of rooms with more than 128 KiB of text on the
    /// newest page
    #[arg(long, env = "XMEET_PAGE_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = PAGE_BYTES_PER_SECOND_DEFAULT)]
    pub page_bytes_per_second: u64,

    /// Bytes that may be queued for a slow client before its connection is closed
    #[arg(long, env = "XMEET_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = OUTBOX_BYTES_MAX_DEFAULT, value_parser = size())]
    pub outbox_bytes_max: usize,

    /// Memory budget for data in transit, in bytes: partial messages, messages not stored yet, frames
    /// queued for slow clients. As it fills, connections that use much of it are closed or wait
    #[arg(long, env = "XMEET_WAITING_BYTES_MAX", value_name = "BYTES", default_value_t = WAITING_BYTES_MAX_DEFAULT, value_parser = size())]
    pub waiting_bytes_max: usize,

    /// Write timeout, in seconds: a client that reads nothing of its queue for this long is closed
    #[arg(
        long,
        env = "XMEET_WRITE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = seconds()
    )]
    pub write_seconds: u32,

    /// Grace period for a lost connection, in seconds: other members see the member leave only after it.
    /// Applies to clients that can resume, such as the web client
    #[arg(long, env = "XMEET_RESUME_GRACE_SECONDS", value_name = "SECONDS", default_value_t = RESUME_GRACE_SECONDS_DEFAULT)]
    pub resume_grace_seconds: u64,

    /// Idle time after which the server pings a client, in seconds
    #[arg(
        long,
        env = "XMEET_PING_SECONDS",
        value_name = "SECONDS",
        default_value_t = PING_SECONDS_DEFAULT,
        value_parser = seconds()
    )]
    pub ping_seconds: u32,

    /// Time limit for the answer to a ping, in seconds; a client that misses it is disconnected
    #[arg(
        long,
        env = "XMEET_PONG_SECONDS",
        value_name = "SECONDS",
        default_value_t = PONG_SECONDS_DEFAULT,
        value_parser = seconds()
    )]
    pub pong_seconds: u32,

    /// Time limit for receiving a request's head, in seconds. An HTTP connection that is idle for three
    /// times as long is closed
    #[arg(
        long,
        env = "XMEET_REQUEST_SECONDS",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = seconds()
    )]
    pub request_seconds: u32,

    /// Total connections; 0 is no limit
    #[arg(long, env = "XMEET_CONNECTIONS_MAX", value_name = "COUNT", default_value_t = 50_000)]
    pub connections_max: usize,

    /// Connections per address (per /64 network with IPv6); 0 is no limit
    #[arg(
        long,
        env = "XMEET_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 3000
    )]
    pub connections_per_address: usize,

    /// Connections that one address may open per second on average, and 30 times as many in a burst; 0 is
    /// no limit
    #[arg(
        long,
        env = "XMEET_CONNECTS_PER_ADDRESS_PER_SECOND",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub connects_per_address_per_second: u64,

    /// Rooms in memory, which are the rooms with members; 0 is no limit
    #[arg(long, env = "XMEET_ROOMS_MAX", value_name = "COUNT", default_value_t = 50_000)]
    pub rooms_max: usize,

    /// Empty rooms that one address may enter per minute on average, and the rooms of 1,000 seconds in a
    /// burst; 0 is no limit
    #[arg(
        long,
        env = "XMEET_ROOMS_PER_ADDRESS_PER_MINUTE",
        value_name = "COUNT",
        default_value_t = 60
    )]
    pub rooms_per_address_per_minute: u64,

    /// Members per room; 0 is no limit
    #[arg(long, env = "XMEET_MEMBERS_PER_ROOM", value_name = "COUNT", default_value_t = 5000)]
    pub members_per_room: usize,

    /// Joins that a room admits per second on average, and ten times as many in a burst; further joins
    /// wait. 0 is no limit
    #[arg(
        long,
        env = "XMEET_JOINS_PER_ROOM_PER_SECOND",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub joins_per_room_per_second: u64,
}

/// Parses a size in bytes. With 0, nothing could be sent.
fn size() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(1..).try_map(usize::try_from)
}

/// Parses a timeout in seconds.
fn seconds() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=SECONDS_MAX)
}

impl LimitSettings {
    /// Returns the rate limits of a client.
    #[must_use]
    pub fn pace(&self) -> PaceRates {
        if self.no_limits {
            return PaceRates::default();
        }
        PaceRates {
            messages: per_second(self.messages_per_second, MESSAGE_BURST_SECONDS),
            bytes: per_second(self.bytes_per_second, DATA_BURST_SECONDS),
            pages: per_second(self.page_bytes_per_second, DATA_BURST_SECONDS),
        }
    }

    /// Returns the limits on new connections.
    #[must_use]
    pub fn admission(&self) -> AdmissionLimits {
        let (connects, rooms) =
            (self.connects_per_address_per_second, self.rooms_per_address_per_minute);
        let address = AddressLimits {
            connections_max: self.at_most(self.connections_per_address),
            connects: per_second(connects, CONNECT_BURST_SECONDS),
            rooms: Rate::per_minute(rooms, rooms.saturating_mul(ROOM_BURST_SECONDS).div_ceil(60)),
            greetings: per_second(
                self.page_bytes_per_second.saturating_mul(ADDRESS_PAGES_FACTOR),
                DATA_BURST_SECONDS,
            ),
        };
        AdmissionLimits {
            connections_max: self.at_most(self.connections_max),
            rooms_max: self.rooms_max(),
            address: (!self.no_limits).then_some(address),
        }
    }

    /// Returns the maximum number of rooms in memory.
    #[must_use]
    pub fn rooms_max(&self) -> usize {
        self.at_most(self.rooms_max)
    }

    /// Returns the maximum number of members per room.
    #[must_use]
    pub fn members_per_room_max(&self) -> usize {
        self.at_most(self.members_per_room)
    }

    /// Returns the rate of joins per room; `None` for no limit.
    #[must_use]
    pub fn joins_per_room(&self) -> Option<Rate> {
        let rate = per_second(self.joins_per_room_per_second, JOIN_BURST_SECONDS);
        rate.filter(|_| !self.no_limits)
    }

    fn at_most(&self, count: usize) -> usize {
        if count == 0 || self.no_limits { usize::MAX } else { count }
    }
}

/// Returns a rate with a burst of so many seconds of it. `None` is no limit, if `tokens` is 0.
const fn per_second(tokens: u64, burst_seconds: u64) -> Option<Rate> {
    Rate::per_second(tokens, tokens.saturating_mul(burst_seconds))
}

/// The bursts, in seconds of their rates.
const MESSAGE_BURST_SECONDS: u64 = 10;
const DATA_BURST_SECONDS: u64 = 16;
const CONNECT_BURST_SECONDS: u64 = 30;
const ROOM_BURST_SECONDS: u64 = 1_000;
const JOIN_BURST_SECONDS: u64 = 10;

/// How many clients' rate of history pages one address may receive in long greetings.
const ADDRESS_PAGES_FACTOR: u64 = 16;

/// Default idle time before a ping, in seconds.
pub const PING_SECONDS_DEFAULT: u32 = 20;

/// Default time limit for the answer to a ping, in seconds.
pub const PONG_SECONDS_DEFAULT: u32 = 15;

/// Upper bound of all timeouts, in seconds: a day.
const SECONDS_MAX: i64 = 24 * 60 * 60;

/// Default queue limit of a client, in bytes. It fits a page of the largest messages of plain text.
const OUTBOX_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// Default memory budget for data in transit, in bytes. A small machine can spare it.
const WAITING_BYTES_MAX_DEFAULT: usize = 256 * 1024 * 1024;

/// Default rate of a client, in bytes per second: more than people can read.
const BYTES_PER_SECOND_DEFAULT: u64 = 256 * 1024;

/// Default rate of history pages, in bytes per second: one page of long messages per second.
const PAGE_BYTES_PER_SECOND_DEFAULT: u64 = 1024 * 1024;
