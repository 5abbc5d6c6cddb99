//! The protocol client: thousands of connections in one thread and one poll. It must be much
//! cheaper than the server it loads, so every connection reads into one shared buffer and nothing
//! is allocated for a frame.

mod connection;
mod parts;
pub(crate) mod wire;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

pub(crate) use connection::{Connection, End};
pub(crate) use parts::parts_of;

/// Events for each call of poll.
const EVENTS_MAX: usize = 1024;

/// The size of the buffer that all connections share. The largest frame must fit: a greeting with some
/// thousand members.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Receives the events of connections. Times are in nanoseconds on the fleet's clock.
pub(crate) trait Listener {
    /// Handles a text frame.
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64);
    /// Handles the end of a connection.
    fn ended(&mut self, connection: usize, end: End);
}

/// How to wait for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Polls without sleeping, because waking a sleeping CPU would count as the server's time. Needs a CPU
    /// of its own.
    Spin,
    /// Sleeps until an event.
    Sleep,
}

/// All connections of a run.
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    /// The events of a turn: connection, writable, closed by the peer.
    ready: Vec<(usize, bool, bool)>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    accept: String,
    start: Instant,
    wait: Wait,
    busy: Duration,
}

/// Converts a duration to nanoseconds.
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Fleet {
    pub(crate) fn new(wait: Wait) -> Result<Self> {
        Ok(Self {
            poll: Poll::new().context("cannot create a poll")?,
            events: Events::with_capacity(EVENTS_MAX),
            ready: Vec::with_capacity(EVENTS_MAX),
            connections: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            accept: wire::expected_accept(),
            start: Instant::now(),
            wait,
            busy: Duration::ZERO,
        })
    }

    /// Returns the nanoseconds since the fleet was created.
    pub(crate) fn now_ns(&self) -> u64 {
        ns(self.start.elapsed())
    }

    /// Returns the time spent on handling events. Near the whole time, the client is the bottleneck.
    pub(crate) fn busy(&self) -> Duration {
        self.busy
    }

    /// Starts a connection. Its number is the number of connections before it.
    pub(crate) fn dial(&mut self, to: SocketAddr, room: &str, nickname: &str) -> Result<()> {
        let mut connection = Connection::dial(to, wire::request(room, nickname))
            .context("cannot open a connection")?;
        let token = Token(self.connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.stream(), token, interest)?;
        self.connections.push(connection);
        Ok(())
    }

    /// Sends a text, and buffers it as far as the socket does not take it.
    pub(crate) fn send(&mut self, connection: usize, text: &[u8]) {
        // After a failed write, reading finds the end of the connection.
        let _ = self.connections[connection].send(wire::TEXT, text);
    }

    /// Stops reading from a connection.
    pub(crate) fn stall(&mut self, connection: usize) {
        self.connections[connection].reading = false;
    }

    /// Resumes reading. Reads at once, because the events so far were ignored.
    pub(crate) fn resume(&mut self, connection: usize, listener: &mut impl Listener) {
        self.connections[connection].reading = true;
        self.read(connection, true, listener);
    }

    /// Handles the events that are there. Sleeps up to `limit` for them, unless it spins.
    pub(crate) fn turn(&mut self, limit: Duration, listener: &mut impl Listener) -> Result<()> {
        let timeout = if self.wait == Wait::Spin { Duration::ZERO } else { limit };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other.context("polling failed")?,
        }
        if self.events.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut ready = std::mem::take(&mut self.ready);
        let flags = |event: &Event| (event.token().0, event.is_writable(), event.is_read_closed());
        ready.extend(self.events.iter().map(flags));
        for (index, writable, to_end) in ready.drain(..) {
            if writable {
                let _ = self.connections[index].flush();
            }
            self.read(index, to_end, listener);
        }
        self.ready = ready;
        self.busy += began.elapsed();
        Ok(())
    }

    fn read(&mut self, index: usize, to_end: bool, listener: &mut impl Listener) {
        let Self { connections, buffer, accept, start, .. } = self;
        let clock = || ns(start.elapsed());
        let connection = &mut connections[index];
        if let Some(end) = connection.read(buffer, accept, to_end, clock, |frame, at_ns| {
            listener.text(index, frame, at_ns);
        }) {
            let _ = self.poll.registry().deregister(self.connections[index].stream());
            self.connections[index].shut_down();
            listener.ended(index, end);
        }
    }
}
