//! All attackers, in one thread: who is connected, what each does next, and how they end.

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

/// Events taken from the system at once.
const EVENTS_MAX: usize = 1024;

/// What every connection reads into, in bytes.
const BUFFER_BYTES: usize = 1024 * 1024;

/// How long a turn may sleep.
const TURN_MAX: Duration = Duration::from_millis(5);

/// Attackers that act in one turn at most, so that none waits long for the others.
const ACTS_PER_TURN: usize = 200;

/// The time within which all of them appear.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What a server's receive window of an attacker is, in bytes: those that do not read should fill
/// it soon.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// One attacker. Its address and its kind stay, its connections come and go.
struct Attacker {
    kind: Kind,
    connection: Option<Connection>,
    acts: u64,
    /// When its turn is. One that stands for another moment is of a connection that is gone.
    due_ns: u64,
}

/// What became of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Connections that it opened.
    pub(super) opened: u64,
    /// How they ended, and how often, but for those that it left itself.
    pub(super) ends: BTreeMap<String, u64>,
}

/// The attackers.
pub(super) struct Swarm {
    to: SocketAddr,
    poll: Poll,
    events: Events,
    attackers: Vec<Attacker>,
    /// When whose turn is, in nanoseconds since the start; the soonest first.
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
    /// So many attackers, none of them connected yet. With some kinds only they are all of these.
    pub(super) fn new(to: SocketAddr, connections: usize, only: &[Kind]) -> Result<Self> {
        let mut attackers = Vec::new();
        let is_meant = |kind: &Kind| only.is_empty() || only.contains(kind);
        let shares: Vec<_> = SHARES.into_iter().filter(|(kind, _)| is_meant(kind)).collect();
        let all = shares.iter().map(|(_, share)| share).sum::<usize>();
        for (kind, share) in shares {
            // One at least, however small the run.
            for _ in 0..(connections * share / all).max(1) {
                attackers.push(Attacker { kind, connection: None, acts: 0, due_ns: 0 });
            }
        }
        let attackers_count = attackers.len() as u64;
        let every_ns = ns(ARRIVAL) / attackers_count;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // All kinds come mixed.
        let mut turns = BinaryHeap::new();
        for (slot, attacker) in attackers.iter_mut().enumerate() {
            attacker.due_ns = every_ns * (random.next() % attackers_count);
            turns.push(Reverse((attacker.due_ns, slot)));
        }
        Ok(Self {
            to,
            poll: Poll::new().context("the system gives no poll")?,
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

    /// Attacks for some milliseconds at most.
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
                // A failed write shows again as the end, when it is read.
                let _ = connection.flush();
            }
            self.read(slot, is_over);
        }
        Ok(())
    }

    /// All go. What became of each kind, and how many connections there were at once.
    pub(super) fn end(self) -> (BTreeMap<Kind, Tally>, usize) {
        (self.tallies, self.connected_max)
    }

    fn act(&mut self, slot: usize) -> Result<()> {
        let attacker = &mut self.attackers[slot];
        let Some(connection) = &mut attacker.connection else { return self.dial(slot) };
        let act = attacker.kind.act(attacker.acts, &mut self.random);
        attacker.acts += 1;
        match act {
            Act::Send(bytes) => {
                // Whoever is not let in yet would only lose the answer.
                let may_send = attacker.kind == Kind::SlowHeader || connection.is_open();
                if may_send && connection.waiting_bytes() < WAITING_BYTES_MAX {
                    let _ = connection.send_bytes(&bytes);
                }
            }
            Act::Glance => {
                connection.reading = true;
                self.read(slot, true);
                if let Some(connection) = &mut self.attackers[slot].connection {
                    connection.reading = false;
                }
            }
            Act::Vanish => {
                attacker.connection = None;
                self.connected -= 1;
                self.rest(slot);
                return Ok(());
            }
        }
        if self.attackers[slot].connection.is_some() {
            self.go_on(slot);
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
                self.rest(slot);
                return Ok(());
            }
        };
        // Whoever acts must know that it is let in.
        connection.reading = kind.reads() || kind == Kind::PageHog;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.stream(), Token(slot), interest)?;
        let attacker = &mut self.attackers[slot];
        (attacker.connection, attacker.acts) = (Some(connection), 0);
        self.connected += 1;
        self.connected_max = self.connected_max.max(self.connected);
        self.go_on(slot);
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

    fn read(&mut self, slot: usize, is_over: bool) {
        let Self { attackers, buffer, accept, .. } = self;
        let Attacker { kind, connection: Some(connection), .. } = &mut attackers[slot] else {
            return;
        };
        // The end is there: what stands before it says why.
        connection.reading |= is_over;
        let end = connection.read(buffer, accept, is_over, || 0, |_, _| {});
        let Some(end) = end else {
            connection.reading &= kind.reads() || !connection.is_open();
            return;
        };
        attackers[slot].connection = None;
        self.connected -= 1;
        self.count(slot, told(&end));
        self.rest(slot);
    }

    fn count(&mut self, slot: usize, end: String) {
        let tally = self.tallies.entry(self.attackers[slot].kind).or_default();
        *tally.ends.entry(end).or_default() += 1;
    }

    /// Its turn comes again while it is connected.
    fn go_on(&mut self, slot: usize) {
        if let Some(every_ms) = self.attackers[slot].kind.every_ms() {
            self.wake(slot, every_ms);
        }
    }

    /// Its turn comes again to connect anew.
    fn rest(&mut self, slot: usize) {
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

/// An end in a few words.
fn told(end: &End) -> String {
    match end {
        End::Closed(code) => format!("closed {code}"),
        End::Lost(_) => "cut off".to_owned(),
        End::Broken(line) => match line.strip_prefix("HTTP/1.1 ") {
            Some(status) => format!("HTTP {}", status.get(..3).unwrap_or(status)),
            None => "broken".to_owned(),
        },
    }
}
