//! The kinds of attackers: how many of each, what each opens with, and what it does from then on.

use crate::client::wire;

/// Where the flood is, and the members who never read it.
pub(super) const ATTACKED_ROOM: &str = "attacked";

/// Rooms that page hogs fill.
const HEAVY_ROOMS: usize = 3;

/// A text of control characters, each of which takes six bytes on the way to a client. Fifty of them
/// are a page of 18 MB.
const HEAVY_TEXT_BYTES: usize = 60_000;

/// Rooms that dead members sit in.
const DEAD_ROOMS: usize = 300;

/// Addresses that attackers come from, 127.0.1.1 and those behind it. Two kinds share one more.
const ADDRESSES: usize = 200;

/// Flooders try so many frames a second.
const FLOOD_FRAMES_PER_SECOND: u64 = 1000;

/// How often a flooder acts, in milliseconds.
const FLOOD_EVERY_MS: u64 = 20;

/// How long somebody who does not read looks away before it reads all that has come, to learn
/// whether it was closed, in milliseconds.
const AWAY_MS: u64 = 30_000;

/// A frame of that length is claimed, and nobody has it: 1 GiB.
const CLAIMED_BYTES: u64 = 1 << 30;

/// What is sent of a frame above the limit, in bytes. It is more than a frame may have by default.
const OVERSIZED_BYTES: usize = 100_000;

/// What a socket may keep waiting before an attacker adds to it, in bytes.
pub(super) const WAITING_BYTES_MAX: usize = 256 * 1024;

/// A kind of attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Kind {
    /// Opens a connection and says nothing.
    Silent,
    /// Sends the head of a request, a byte a second.
    SlowHeader,
    /// A member that neither reads nor answers a ping, as if its cable were pulled.
    Dead,
    /// The same, in the room that is flooded.
    SlowReader,
    /// Fills a room with the heaviest texts there are, asks for its pages, and reads nothing.
    PageHog,
    /// Sends a thousand frames a second, of every kind.
    Flood,
    /// Claims a frame of a gibibyte, or sends one above the limit.
    Oversized,
    /// Sends garbage once it is a member.
    GarbageFrames,
    /// Sends garbage, or requests for nonsense, where a request belongs.
    GarbageRequests,
    /// Enters a new room and is gone at once, all from one address.
    Churn,
    /// Dead members, all from that address too.
    Greedy,
}

/// What an attacker does next.
pub(super) enum Act {
    /// These bytes, as they are.
    Send(Vec<u8>),
    /// Reads all that has come, and looks away again.
    Glance,
    /// Goes without a word.
    Vanish,
}

/// All kinds, with their share of the connections in thousandths.
pub(super) const SHARES: [(Kind, usize); 11] = [
    (Kind::Silent, 220),
    (Kind::SlowHeader, 100),
    (Kind::Dead, 400),
    (Kind::SlowReader, 40),
    (Kind::PageHog, 20),
    (Kind::Flood, 4),
    (Kind::Oversized, 10),
    (Kind::GarbageFrames, 10),
    (Kind::GarbageRequests, 20),
    (Kind::Churn, 16),
    (Kind::Greedy, 160),
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
            Self::GarbageFrames => "garbage frames",
            Self::GarbageRequests => "garbage requests",
            Self::Churn => "churn",
            Self::Greedy => "one greedy address",
        }
    }

    /// The last two numbers of the loopback address it comes from.
    pub(super) fn address(self, slot: usize) -> [u8; 2] {
        match self {
            Self::Greedy | Self::Churn => [2, 1],
            _ => [1, u8::try_from(slot % ADDRESSES).unwrap_or(0) + 1],
        }
    }

    /// Whether it reads what comes.
    pub(super) fn reads(self) -> bool {
        !matches!(self, Self::Dead | Self::SlowReader | Self::PageHog | Self::Greedy)
    }

    /// What it sends as soon as it is connected. `number` counts all connections.
    pub(super) fn opening(self, slot: usize, number: u64) -> Vec<u8> {
        let room = match self {
            Self::Silent | Self::SlowHeader => return Vec::new(),
            Self::GarbageRequests => return garbage_request(number),
            Self::Dead | Self::Greedy => format!("dead-{}", slot % DEAD_ROOMS),
            Self::Churn => format!("churn-{number}"),
            Self::PageHog => format!("heavy-{}", slot % HEAVY_ROOMS),
            Self::SlowReader | Self::Flood | Self::Oversized | Self::GarbageFrames => {
                ATTACKED_ROOM.to_owned()
            }
        };
        wire::request(&room, &format!("x{slot}")).into_bytes()
    }

    /// How long after its opening, or after its last act, it acts, in milliseconds. `None`: never.
    pub(super) fn every_ms(self) -> Option<u64> {
        match self {
            Self::Silent | Self::GarbageRequests => None,
            Self::Dead | Self::SlowReader | Self::Greedy => Some(AWAY_MS),
            Self::SlowHeader => Some(1000),
            Self::PageHog => Some(200),
            Self::Flood => Some(FLOOD_EVERY_MS),
            Self::Oversized | Self::GarbageFrames => Some(300),
            Self::Churn => Some(150),
        }
    }

    /// How long it is away after it was cut off, or refused, in milliseconds.
    pub(super) fn pause_ms(self) -> u64 {
        match self {
            Self::Flood => 500,
            Self::Churn => 200,
            _ => 2000,
        }
    }

    /// Its next act, the `act`th of its connection.
    pub(super) fn act(self, act: u64, random: &mut Random) -> Act {
        match self {
            Self::Dead | Self::SlowReader | Self::Greedy => Act::Glance,
            Self::Churn => Act::Vanish,
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
            Self::GarbageFrames => Act::Send(random.bytes(500)),
            Self::Silent | Self::GarbageRequests => Act::Send(Vec::new()),
        }
    }
}

/// A frame that costs the server something.
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

/// Numbers for garbage, the same in every run: xorshift.
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
