//! The kinds of attackers: their numbers, their first bytes and their actions.

use crate::client::wire;

/// The room with the flooders, and with members that never read.
pub(super) const ATTACKED_ROOM: &str = "attacked";

/// The large room with frequent joins and leaves.
const HALL: &str = "hall";

/// Rooms that page hogs fill.
const HEAVY_ROOMS: usize = 3;

/// The size of a text of control characters. Each takes six bytes as JSON, so that fifty texts are a page
/// of 18 MB.
const HEAVY_TEXT_BYTES: usize = 60_000;

/// Rooms of dead members.
const DEAD_ROOMS: usize = 300;

/// Addresses of attackers, from 127.0.1.1 on. Two kinds share one more address.
const ADDRESSES: usize = 200;

/// Frames that a flooder sends each second.
const FLOOD_FRAMES_PER_SECOND: u64 = 1000;

/// How often a flooder acts, in milliseconds.
const FLOOD_EVERY_MS: u64 = 20;

/// The time between two reads of an attacker that otherwise does not read, in milliseconds. The reads find
/// out whether the server closed the connection.
const AWAY_MS: u64 = 30_000;

/// The length in the header of a frame whose payload never comes: 1 GiB.
const CLAIMED_BYTES: u64 = 1 << 30;

/// Length of a frame above the default limit, in bytes.
const OVERSIZED_BYTES: usize = 100_000;

/// Length of a message that never ends, in bytes.
const HALF_MESSAGE_BYTES: u16 = 65_000;
/// The part of it that is sent at once, in bytes.
const HALF_SENT_BYTES: usize = 64_000;

/// Rooms of the senders of half messages.
const HALF_ROOMS: usize = 50;

/// Unsent bytes of a socket above which an attacker adds nothing.
pub(super) const WAITING_BYTES_MAX: usize = 256 * 1024;

/// A kind of attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Kind {
    /// Opens a connection and sends nothing.
    Silent,
    /// Sends the head of a request, a byte a second.
    SlowHeader,
    /// A member that neither reads nor answers pings, like one whose cable was pulled.
    Dead,
    /// A dead member of the flooded room.
    SlowReader,
    /// Fills a room with texts of the largest encoding, requests its pages, and reads nothing.
    PageHog,
    /// Sends a thousand frames a second, of every kind.
    Flood,
    /// Sends the header of a frame of 1 GiB, or a frame above the limit.
    Oversized,
    /// Sends most of a message at once, and then a byte a second.
    HalfMessage,
    /// Joins and sends garbage.
    GarbageFrames,
    /// Sends garbage or nonsensical requests over HTTP.
    GarbageRequests,
    /// Joins a new room and leaves at once, all from one address.
    Churn,
    /// Dead members, all from the same address as the churn.
    Greedy,
    /// A well-behaved member of the hall.
    HallMember,
    /// Joins the hall and leaves at once, all from one address.
    JoinStorm,
}

/// An action of an attacker.
pub(super) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Reads once.
    Glance,
    /// Drops the connection.
    Vanish,
}

/// The share of each kind in the connections. Shares are relative to their sum.
pub(super) const SHARES: [(Kind, usize); 14] = [
    (Kind::Silent, 180),
    (Kind::SlowHeader, 100),
    (Kind::Dead, 400),
    (Kind::SlowReader, 40),
    (Kind::PageHog, 20),
    (Kind::Flood, 4),
    (Kind::Oversized, 10),
    (Kind::HalfMessage, 40),
    (Kind::GarbageFrames, 10),
    (Kind::GarbageRequests, 20),
    (Kind::Churn, 16),
    (Kind::Greedy, 160),
    (Kind::HallMember, 300),
    (Kind::JoinStorm, 4),
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::SlowHeader => "slow header",
            Self::Dead => "dead member",
            Self::SlowReader => "slow reader",
            Self::PageHog => "page hog",
            Self::Flood => "flood",
            Self::Oversized => "oversized frame",
            Self::HalfMessage => "half message",
            Self::GarbageFrames => "garbage frames",
            Self::GarbageRequests => "garbage requests",
            Self::Churn => "churn",
            Self::Greedy => "one greedy address",
            Self::HallMember => "member of the hall",
            Self::JoinStorm => "join storm",
        }
    }

    /// Returns the last two numbers of the attacker's loopback address. Most kinds share a group of
    /// addresses, in which slots repeat.
    pub(super) fn address(self, slot: usize) -> [u8; 2] {
        match self {
            Self::Greedy | Self::Churn => [2, 1],
            Self::JoinStorm => [2, 2],
            _ => [1, u8::try_from(slot % ADDRESSES).unwrap_or(0) + 1],
        }
    }

    /// Returns whether the attacker reads.
    pub(super) fn reads(self) -> bool {
        !matches!(self, Self::Dead | Self::SlowReader | Self::PageHog | Self::Greedy)
    }

    /// Returns the attacker's first bytes. `number` counts all connections.
    pub(super) fn opening(self, slot: usize, number: u64) -> Vec<u8> {
        let room = match self {
            Self::Silent | Self::SlowHeader => return Vec::new(),
            Self::GarbageRequests => return garbage_request(number),
            Self::Dead | Self::Greedy => format!("dead-{}", slot % DEAD_ROOMS),
            Self::Churn => format!("churn-{number}"),
            Self::HallMember | Self::JoinStorm => HALL.to_owned(),
            Self::PageHog => format!("heavy-{}", slot % HEAVY_ROOMS),
            Self::HalfMessage => format!("half-{}", slot % HALF_ROOMS),
            Self::SlowReader | Self::Flood | Self::Oversized | Self::GarbageFrames => {
                ATTACKED_ROOM.to_owned()
            }
        };
        wire::request(&room, &format!("x{slot}")).into_bytes()
    }

    /// Returns the time between two actions in milliseconds, or `None` if it does nothing.
    pub(super) fn every_ms(self) -> Option<u64> {
        match self {
            Self::Silent | Self::GarbageRequests | Self::HallMember => None,
            Self::Dead | Self::SlowReader | Self::Greedy => Some(AWAY_MS),
            Self::SlowHeader | Self::HalfMessage => Some(1000),
            Self::PageHog => Some(200),
            Self::Flood => Some(FLOOD_EVERY_MS),
            Self::Oversized | Self::GarbageFrames => Some(300),
            Self::Churn | Self::JoinStorm => Some(150),
        }
    }

    /// Returns the pause before it reconnects, in milliseconds.
    pub(super) fn pause_ms(self) -> u64 {
        match self {
            Self::Flood => 500,
            Self::Churn | Self::JoinStorm => 200,
            _ => 2000,
        }
    }

    /// Returns its action number `act` on a connection.
    pub(super) fn act(self, act: u64, random: &mut Random) -> Act {
        match self {
            Self::Dead | Self::SlowReader | Self::Greedy => Act::Glance,
            Self::Churn | Self::JoinStorm => Act::Vanish,
            Self::PageHog => {
                let mut bytes = Vec::new();
                match act % 4 {
                    0 => wire::push_masked(&mut bytes, wire::TEXT, b"@history:0", [1; 4]),
                    1 => wire::push_masked(&mut bytes, wire::TEXT, b"@history:1", [1; 4]),
                    _ => wire::push_masked(
                        &mut bytes,
                        wire::TEXT,
                        &[1; HEAVY_TEXT_BYTES],
                        [1, 2, 3, 4],
                    ),
                }
                Act::Send(bytes)
            }
            Self::SlowHeader => {
                let head = b"GET /xgate/websocket/slow HTTP/1.1\r\nHost: x\r\nX-Padding: ";
                let byte = usize::try_from(act).ok().and_then(|at| head.get(at));
                Act::Send(vec![*byte.unwrap_or(&b'x')])
            }
            Self::Flood => {
                let mut bytes = Vec::new();
                for _ in 0..FLOOD_FRAMES_PER_SECOND * FLOOD_EVERY_MS / 1000 {
                    push_nuisance(&mut bytes, random);
                }
                Act::Send(bytes)
            }
            Self::Oversized => Act::Send(oversized(act)),
            Self::HalfMessage => Act::Send(half_message(act)),
            Self::GarbageFrames => Act::Send(random.bytes(500)),
            Self::Silent | Self::GarbageRequests | Self::HallMember => Act::Send(Vec::new()),
        }
    }
}

/// Appends a frame that is expensive for the server.
fn push_nuisance(out: &mut Vec<u8>, random: &mut Random) {
    let mask = random.next().to_ne_bytes();
    let mask = [mask[0], mask[1], mask[2], mask[3]];
    let name = format!("@changename:n{}", random.next() % 1000);
    let text = "\u{1b}[31m\r\n\"\\<b>小\u{202e} ".repeat((random.next() % 8 + 1) as usize);
    match random.next() % 20 {
        0 => wire::push_masked(out, wire::TEXT, name.as_bytes(), mask),
        1 => wire::push_masked(out, wire::TEXT, b"@history:3", mask),
        2 => wire::push_masked(out, wire::TEXT, b"@history:none", mask),
        3 => wire::push_masked(out, wire::BINARY, &random.bytes(100), mask),
        4 => wire::push_masked(out, wire::PING, b"are you there", mask),
        5 => wire::push_masked(out, wire::TEXT, b"", mask),
        _ => wire::push_masked(out, wire::TEXT, text.as_bytes(), mask),
    }
}

fn oversized(act: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if act.is_multiple_of(2) {
        bytes.extend([0x82, 0x80 | 127]);
        bytes.extend(CLAIMED_BYTES.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.resize(bytes.len() + OVERSIZED_BYTES, 0);
    } else {
        wire::push_masked(&mut bytes, wire::TEXT, &[b'x'; OVERSIZED_BYTES], [1, 2, 3, 4]);
    }
    bytes
}

fn half_message(act: u64) -> Vec<u8> {
    if act > 0 {
        return vec![b'x'];
    }
    let mut bytes = vec![0x81, 0x80 | 126];
    bytes.extend(HALF_MESSAGE_BYTES.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.resize(bytes.len() + HALF_SENT_BYTES, b'x');
    bytes
}

fn garbage_request(number: u64) -> Vec<u8> {
    let host = "HTTP/1.1\r\nHost: x\r\n\r\n";
    match number % 5 {
        0 => Random(number + 1).bytes(2000),
        1 => format!("GET /{} {host}", "../".repeat(200)).into_bytes(),
        2 => format!("GET /xgate/websocket/%00?nickname=%ff {host}").into_bytes(),
        3 => format!("GET /qr.svg?text={} {host}", "%E5%B0%8F".repeat(300)).into_bytes(),
        _ => format!("GET / HTTP/1.1\r\n{}\r\n", "X-Header: value\r\n".repeat(500)).into_bytes(),
    }
}

/// A generator of the same numbers in every run: xorshift.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}
