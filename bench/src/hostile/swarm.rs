//! All attackers, in one thread.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::kind::{Act, Kind, Random, SHARES, WAITING_BYTES_MAX};
use crate::client::{Connection, End, ns, wire};

/// Events for each call of poll.
const EVENTS_MAX: usize = 1024;

/// The size of the buffer that all connections share, in bytes.
const BUFFER_BYTES: usize = 1024 * 1024;

/// The longest sleep of a turn.
const TURN_MAX: Duration = Duration::from_millis(5);

/// Attackers that act in one turn, at most.
const ACTS_PER_TURN: usize = 200;

/// The time in which all attackers connect.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Receive buffer of attackers that do not read, in bytes. It is small, to fill soon.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// An attacker, with its connection at the moment.
struct Attacker {
    kind: Kind,
    connection: Option<Connection>,
    acts: u64,
    /// The time of its next action. Turns at other times belong to earlier connections.
    due_ns: u64,
}

/// The connections of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Opened connections.
    pub(super) opened: u64,
    /// Connections by how the server ended them.
    pub(super) ends: BTreeMap<String, u64>,
}

/// The attackers.
pub(super) struct Swarm {
    to: SocketAddr,
    poll: Poll,
    events: Events,
    attackers: Vec<Attacker>,
    /// Time and attacker of each turn, in nanoseconds since the start; the earliest first.
    turns: BinaryHeap<Reverse<(u64, usize)>>,
    start: Instant,
    buffer: Vec<u8>,
    accept: String,
    random: Random,
    tallies: BTreeMap<Kind, Tally>,
    connected_max: usize,
    connected: usize,
    opened: u64,
}

impl Swarm {
    /// Creates the attackers, not connected yet. If `only` is not empty, they are all of these kinds.
    pub(super) fn new(to: SocketAddr, connections: usize, only: &[Kind]) -> Result<Self> {
        let mut attackers = Vec::new();
        let is_meant = |kind: &Kind| only.is_empty() || only.contains(kind);
        let shares: Vec<_> = SHARES.into_iter().filter(|(kind, _)| is_meant(kind)).collect();
        let all = shares.iter().map(|(_, share)| share).sum::<usize>();
        for (kind, share) in shares {
            // At least one of each kind.
            for _ in 0..(connections * share / all).max(1) {
                attackers.push(Attacker { kind, connection: None, acts: 0, due_ns: 0 });
            }
        }
        let attackers_count = attackers.len() as u64;
        let every_ns = ns(ARRIVAL) / attackers_count;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // The kinds connect in random order.
        let mut turns = BinaryHeap::new();
        for (slot, attacker) in attackers.iter_mut().enumerate() {
            attacker.due_ns = every_ns * (random.next() % attackers_count);
            turns.push(Reverse((attacker.due_ns, slot)));
        }
        Ok(Self {
            to,
            poll: Poll::new().context("cannot create a poll")?,
            events: Events::with_capacity(EVENTS_MAX),
            turns,
            attackers,
            start: Instant::now(),
            buffer: vec![0; BUFFER_BYTES],
            accept: wire::expected_accept(),
            random,
            tallies: BTreeMap::new(),
            connected_max: 0,
            connected: 0,
            opened: 0,
        })
    }

    /// Attacks for a few milliseconds.
    pub(super) fn turn(&mut self) -> Result<()> {
        for _ in 0..ACTS_PER_TURN {
            match self.turns.peek() {
                Some(Reverse((due_ns, _))) if *due_ns <= self.now_ns() => {}
                _ => break,
            }
            if let Some(Reverse((due_ns, slot))) = self.turns.pop()
                && due_ns == self.attackers[slot].due_ns
            {
                self.act(slot)?;
            }
        }
        match self.poll.poll(&mut self.events, Some(TURN_MAX)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other.context("polling failed")?,
        }
        let ready: Vec<_> = self
            .events
            .iter()
            .map(|event| (event.token().0, event.is_writable(), event.is_read_closed()))
            .collect();
        for (slot, is_writable, is_over) in ready {
            if is_writable && let Some(connection) = &mut self.attackers[slot].connection {
                // After a failed write, reading finds the end of the connection.
                let _ = connection.flush();
            }
            self.read(slot, is_over);
        }
        Ok(())
    }

    /// Drops all connections. Returns the tally of each kind, and the most connections at once.
    pub(super) fn end(self) -> (BTreeMap<Kind, Tally>, usize) {
        (self.tallies, self.connected_max)
    }

    fn act(&mut self, slot: usize) -> Result<()> {
        let attacker = &mut self.attackers[slot];
        let Some(connection) = &mut attacker.connection else { return self.dial(slot) };
        let act = attacker.kind.act(attacker.acts, &mut self.random);
        match act {
            Act::Send(bytes) => {
                // Before the handshake is over, a frame would break the connection.
                let may_send = attacker.kind == Kind::SlowHeader || connection.is_open();
                // Otherwise the same action comes again.
                attacker.acts += u64::from(may_send);
                if may_send && connection.waiting_bytes() < WAITING_BYTES_MAX {
                    let _ = connection.send_bytes(&bytes);
                }
            }
            Act::Glance => {
                attacker.acts += 1;
                connection.reading = true;
                self.read(slot, true);
                if let Some(connection) = &mut self.attackers[slot].connection {
                    connection.reading = false;
                }
            }
            Act::Vanish => {
                attacker.connection = None;
                self.connected -= 1;
                self.schedule_reconnect(slot);
                return Ok(());
            }
        }
        if self.attackers[slot].connection.is_some() {
            self.schedule_action(slot);
        }
        Ok(())
    }

    fn dial(&mut self, slot: usize) -> Result<()> {
        let kind = self.attackers[slot].kind;
        let opening = kind.opening(slot, self.opened);
        self.opened += 1;
        self.tallies.entry(kind).or_default().opened += 1;
        let mut connection = match self.connect(kind, slot, opening) {
            Ok(connection) => connection,
            Err(error) => {
                self.count(slot, format!("not connected: {}", error.kind()));
                self.schedule_reconnect(slot);
                return Ok(());
            }
        };
        // It must read the answer to the handshake before it sends frames.
        connection.reading = kind.reads() || kind == Kind::PageHog;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.stream(), Token(slot), interest)?;
        let attacker = &mut self.attackers[slot];
        (attacker.connection, attacker.acts) = (Some(connection), 0);
        self.connected += 1;
        self.connected_max = self.connected_max.max(self.connected);
        self.schedule_action(slot);
        Ok(())
    }

    fn connect(&self, kind: Kind, slot: usize, opening: Vec<u8>) -> io::Result<Connection> {
        let [third, fourth] = kind.address(slot);
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, third, fourth), 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        if !kind.reads() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        }
        socket.bind(&from.into())?;
        socket.set_nonblocking(true)?;
        match socket.connect(&self.to.into()) {
            Err(error)
                if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
            {
                return Err(error);
            }
            _ => {}
        }
        Connection::over(mio::net::TcpStream::from_std(TcpStream::from(socket)), opening)
    }

    fn read(&mut self, slot: usize, has_hung_up: bool) {
        let Self { attackers, buffer, accept, .. } = self;
        let Attacker { kind, connection: Some(connection), .. } = &mut attackers[slot] else {
            return;
        };
        // After a hang-up, a Close frame with the reason may still be buffered.
        connection.reading |= has_hung_up;
        let end = connection.read(buffer, accept, has_hung_up, || 0, |_, _| {});
        let Some(end) = end else {
            connection.reading &= kind.reads() || !connection.is_open();
            return;
        };
        attackers[slot].connection = None;
        self.connected -= 1;
        self.count(slot, end_name(&end));
        self.schedule_reconnect(slot);
    }

    fn count(&mut self, slot: usize, end: String) {
        let tally = self.tallies.entry(self.attackers[slot].kind).or_default();
        *tally.ends.entry(end).or_default() += 1;
    }

    /// Schedules the next action.
    fn schedule_action(&mut self, slot: usize) {
        if let Some(every_ms) = self.attackers[slot].kind.every_ms() {
            self.wake(slot, every_ms);
        }
    }

    /// Schedules the next connection.
    fn schedule_reconnect(&mut self, slot: usize) {
        self.wake(slot, self.attackers[slot].kind.pause_ms());
    }

    fn wake(&mut self, slot: usize, after_ms: u64) {
        let due_ns = self.now_ns() + after_ms * 1_000_000;
        self.attackers[slot].due_ns = due_ns;
        self.turns.push(Reverse((due_ns, slot)));
    }

    fn now_ns(&self) -> u64 {
        ns(self.start.elapsed())
    }
}

/// Returns the name of an end.
fn end_name(end: &End) -> String {
    match end {
        End::Closed(code) => format!("closed {code}"),
        End::Lost(_) => "cut off".to_owned(),
        End::Broken(line) => match line.strip_prefix("HTTP/1.1 ") {
            Some(status) => format!("HTTP {}", status.get(..3).unwrap_or(status)),
            None => "broken".to_owned(),
        },
    }
}
