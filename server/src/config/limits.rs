//! Settings: how much any one client may do, hold and wait for, and how many there may be.

use std::time::Duration;

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Args, value_parser};
use xmeet_shared::limits::{FRAME_BYTES_MAX_DEFAULT, RESUME_GRACE_SECONDS_DEFAULT};

use crate::http::HttpLimits;
use crate::limits::addresses::AddressLimits;
use crate::limits::bucket::Rate;
use crate::limits::gate::GateLimits;
use crate::limits::pace::PaceRates;
use crate::ws::session::MessageLimits;

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
    #[arg(long, env = "XMEET_FRAME_BYTES_MAX", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX_DEFAULT, value_parser = size())]
    pub frame_bytes_max: usize,

    /// How long a message may be on its way, from its first byte to its last, in seconds
    #[arg(
        long,
        env = "XMEET_MESSAGE_SECONDS",
        value_name = "SECONDS",
        default_value_t = MESSAGE_SECONDS_DEFAULT,
        value_parser = seconds()
    )]
    pub message_seconds: u32,

    /// Messages that a client may send at once; one more comes with each second's share
    #[arg(long, env = "XMEET_MESSAGES_BURST", value_name = "COUNT", default_value_t = 200, value_parser = from_one())]
    pub messages_burst: u64,

    /// Messages that a client may send each second in the long run; 0 is no limit
    #[arg(long, env = "XMEET_MESSAGES_PER_SECOND", value_name = "COUNT", default_value_t = 20)]
    pub messages_per_second: u64,

    /// Bytes of messages that a client may send at once
    #[arg(long, env = "XMEET_BYTES_BURST", value_name = "BYTES", default_value_t = BYTES_BURST_DEFAULT, value_parser = from_one())]
    pub bytes_burst: u64,

    /// Bytes of messages that a client may send each second in the long run; 0 is no limit
    #[arg(long, env = "XMEET_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = BYTES_PER_SECOND_DEFAULT)]
    pub bytes_per_second: u64,

    /// Bytes of history pages that a client may be sent at once. A larger page is sent as well, and
    /// waited for by the next
    #[arg(long, env = "XMEET_PAGE_BYTES_BURST", value_name = "BYTES", default_value_t = PAGE_BYTES_BURST_DEFAULT, value_parser = from_one())]
    pub page_bytes_burst: u64,

    /// Bytes of history pages that a client may be sent each second in the long run; 0 is no limit
    #[arg(long, env = "XMEET_PAGE_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = PAGE_BYTES_PER_SECOND_DEFAULT)]
    pub page_bytes_per_second: u64,

    /// What may wait for one slow client before it is closed, in bytes
    #[arg(long, env = "XMEET_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = OUTBOX_BYTES_MAX_DEFAULT, value_parser = size())]
    pub outbox_bytes_max: usize,

    /// What may wait for all slow clients together, in bytes; what waits for many counts once. The
    /// more waits, the sooner a slow client is closed
    #[arg(long, env = "XMEET_WAITING_BYTES_MAX", value_name = "BYTES", default_value_t = WAITING_BYTES_MAX_DEFAULT, value_parser = size())]
    pub waiting_bytes_max: usize,

    /// A client that does not take what waits for it for so long is closed, in seconds
    #[arg(
        long,
        env = "XMEET_WRITE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = seconds()
    )]
    pub write_seconds: u32,

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
        value_parser = seconds()
    )]
    pub ping_seconds: u32,

    /// A client that does not answer a ping for so long is gone, in seconds
    #[arg(
        long,
        env = "XMEET_PONG_SECONDS",
        value_name = "SECONDS",
        default_value_t = PONG_SECONDS_DEFAULT,
        value_parser = seconds()
    )]
    pub pong_seconds: u32,

    /// How long a connection has to send a whole request head, in seconds
    #[arg(
        long,
        env = "XMEET_REQUEST_SECONDS",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = seconds()
    )]
    pub request_seconds: u32,

    /// How long a connection may go without a further request before it is closed, in seconds
    #[arg(
        long,
        env = "XMEET_KEEP_ALIVE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = seconds()
    )]
    pub keep_alive_seconds: u32,

    /// Largest head of a request, in bytes
    #[arg(
        long,
        env = "XMEET_REQUEST_HEAD_BYTES_MAX",
        value_name = "BYTES",
        default_value_t = 16 * 1024,
        value_parser = value_parser!(u32).range(HEAD_BYTES_MIN..=HEAD_BYTES_MAX)
    )]
    pub request_head_bytes_max: u32,

    /// Connections in all; 0 is no limit
    #[arg(long, env = "XMEET_CONNECTIONS_MAX", value_name = "COUNT", default_value_t = 50_000)]
    pub connections_max: usize,

    /// Connections of one address (of a /64, where it is IPv6); 0 is no limit
    #[arg(
        long,
        env = "XMEET_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 3000
    )]
    pub connections_per_address: usize,

    /// Connections that one address may open at once
    #[arg(
        long,
        env = "XMEET_CONNECTS_PER_ADDRESS_BURST",
        value_name = "COUNT",
        default_value_t = 3000,
        value_parser = from_one()
    )]
    pub connects_per_address_burst: u64,

    /// Connections that one address may open each second in the long run; 0 is no limit
    #[arg(
        long,
        env = "XMEET_CONNECTS_PER_ADDRESS_PER_SECOND",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub connects_per_address_per_second: u64,

    /// Rooms in memory, those with a member; 0 is no limit
    #[arg(long, env = "XMEET_ROOMS_MAX", value_name = "COUNT", default_value_t = 50_000)]
    pub rooms_max: usize,

    /// Rooms without a member that one address may open at once
    #[arg(
        long,
        env = "XMEET_ROOMS_PER_ADDRESS_BURST",
        value_name = "COUNT",
        default_value_t = 1000,
        value_parser = from_one()
    )]
    pub rooms_per_address_burst: u64,

    /// Rooms without a member that one address may open each minute in the long run; 0 is no limit
    #[arg(
        long,
        env = "XMEET_ROOMS_PER_ADDRESS_PER_MINUTE",
        value_name = "COUNT",
        default_value_t = 60
    )]
    pub rooms_per_address_per_minute: u64,

    /// Bytes that one address may be greeted with at once by rooms whose newest page is a long one, of
    /// more than 128 KiB of text
    #[arg(
        long,
        env = "XMEET_GREETING_BYTES_PER_ADDRESS_BURST",
        value_name = "BYTES",
        default_value_t = 256 * 1024 * 1024,
        value_parser = from_one()
    )]
    pub greeting_bytes_per_address_burst: u64,

    /// Bytes of such greetings for one address each second in the long run; 0 is no limit
    #[arg(
        long,
        env = "XMEET_GREETING_BYTES_PER_ADDRESS_PER_SECOND",
        value_name = "BYTES",
        default_value_t = 16 * 1024 * 1024
    )]
    pub greeting_bytes_per_address_per_second: u64,

    /// Members of one room; 0 is no limit
    #[arg(long, env = "XMEET_MEMBERS_PER_ROOM", value_name = "COUNT", default_value_t = 5000)]
    pub members_per_room: usize,
}

/// A burst: nobody could do anything with one of 0.
fn from_one() -> RangedU64ValueParser<u64> {
    value_parser!(u64).range(1..)
}

/// A size: with 0 nothing could be sent.
fn size() -> impl TypedValueParser<Value = usize> {
    from_one().try_map(usize::try_from)
}

/// A time that somebody has, in seconds.
fn seconds() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=SECONDS_MAX)
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
            pages: Rate::per_second(self.page_bytes_per_second, self.page_bytes_burst),
        }
    }

    /// How many may come in.
    #[must_use]
    pub fn gate(&self) -> GateLimits {
        let (per_second, per_minute) =
            (self.connects_per_address_per_second, self.rooms_per_address_per_minute);
        let address = AddressLimits {
            connections_max: self.at_most(self.connections_per_address),
            connects: Rate::per_second(per_second, self.connects_per_address_burst),
            rooms: Rate::per_minute(per_minute, self.rooms_per_address_burst),
            greetings: Rate::per_second(
                self.greeting_bytes_per_address_per_second,
                self.greeting_bytes_per_address_burst,
            ),
        };
        GateLimits {
            connections_max: self.at_most(self.connections_max),
            rooms_max: self.rooms_max(),
            address: (!self.no_limits).then_some(address),
        }
    }

    /// Rooms in memory.
    #[must_use]
    pub fn rooms_max(&self) -> usize {
        self.at_most(self.rooms_max)
    }

    /// Members of one room.
    #[must_use]
    pub fn members_per_room_max(&self) -> usize {
        self.at_most(self.members_per_room)
    }

    /// What one message may take.
    #[must_use]
    pub fn message(&self) -> MessageLimits {
        MessageLimits {
            bytes_max: self.frame_bytes_max,
            time_max: Duration::from_secs(self.message_seconds.into()),
        }
    }

    /// What a connection may take before it is a WebSocket.
    #[must_use]
    pub fn http(&self) -> HttpLimits {
        HttpLimits {
            request: Duration::from_secs(self.request_seconds.into()),
            keep_alive: Duration::from_secs(self.keep_alive_seconds.into()),
            head_bytes_max: self.request_head_bytes_max as usize,
        }
    }

    fn at_most(&self, count: usize) -> usize {
        if count == 0 || self.no_limits { usize::MAX } else { count }
    }
}

/// The smallest and the largest bound of a request's head, in bytes. hyper takes no smaller one.
const HEAD_BYTES_MIN: i64 = 8 * 1024;
const HEAD_BYTES_MAX: i64 = 1024 * 1024;

/// How long a client may be silent before it is pinged, unless it is set otherwise, in seconds.
pub const PING_SECONDS_DEFAULT: u32 = 20;

/// How long it then has to answer, unless it is set otherwise, in seconds.
pub const PONG_SECONDS_DEFAULT: u32 = 15;

/// How long a message may be on its way, unless it is set otherwise, in seconds. The largest that is
/// taken by default comes in time at 1.1 kB a second.
const MESSAGE_SECONDS_DEFAULT: u32 = 60;

/// The longest that any of these times can be set to, in seconds: a day.
const SECONDS_MAX: i64 = 24 * 60 * 60;

/// What may wait for one slow client unless it is set otherwise: a page of the largest messages,
/// where they are plain text.
const OUTBOX_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// What may wait for all slow clients unless it is set otherwise: a small machine has it to spare.
const WAITING_BYTES_MAX_DEFAULT: usize = 256 * 1024 * 1024;

/// Bytes that a client may send at once unless it is set otherwise: 64 of the largest messages.
const BYTES_BURST_DEFAULT: u64 = 4 * 1024 * 1024;

/// Bytes that a client may send each second in the long run unless it is set otherwise: more than
/// anybody reads.
const BYTES_PER_SECOND_DEFAULT: u64 = 256 * 1024;

/// Bytes of history pages that a client may be sent at once unless it is set otherwise: some pages
/// of the largest messages, or all that is kept by default where it is no longer than most.
const PAGE_BYTES_BURST_DEFAULT: u64 = 16 * 1024 * 1024;

/// Bytes of history pages that a client may be sent each second in the long run unless it is set
/// otherwise: a page each second, however long its messages, if they are not the largest.
const PAGE_BYTES_PER_SECOND_DEFAULT: u64 = 1024 * 1024;
