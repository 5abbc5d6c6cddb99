//! The protocol client: thousands of connections in one thread and one poll. It must be much
//! cheaper than the server it loads, so every connection reads into one shared buffer and nothing
//! is allocated for a frame.

mod connection;
mod seen;
pub(crate) mod wire;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

pub(crate) use connection::{Connection, End};
pub(crate) use seen::see;

/// Events taken from the system at once.
const EVENTS_MAX: usize = 1024;

/// What every connection reads into; the largest frame must fit, a greeting of some thousand
/// members.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Who learns what comes in. Times are nanoseconds on the fleet's clock.
pub(crate) trait Listener {
    /// A text frame has come.
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64);
    /// The connection is over.
    fn ended(&mut self, connection: usize, end: End);
}

/// How to spend the time while nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Ask again at once: waking a sleeping CPU would be charged to the server's writes. Needs a
    /// CPU of its own.
    Spin,
    /// Sleep until something comes.
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

/// A time in nanoseconds, as everything here counts it.
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Fleet {
    pub(crate) fn new(wait: Wait) -> Result<Self> {
        Ok(Self {
            poll: Poll::new().context("the system gives no poll")?,
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

    /// Nanoseconds since the fleet was made.
    pub(crate) fn now_ns(&self) -> u64 {
        ns(self.start.elapsed())
    }

    /// The time spent on what came in: near the whole time, it is the client that is measured.
    pub(crate) fn busy(&self) -> Duration {
        self.busy
    }

    /// Starts a connection; its number is how many there were before it.
    pub(crate) fn dial(&mut self, to: SocketAddr, room: &str, nickname: &str) -> Result<()> {
        let mut connection = Connection::dial(to, wire::request(room, nickname))
            .context("no further connection can be opened")?;
        let token = Token(self.connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.stream(), token, interest)?;
        self.connections.push(connection);
        Ok(())
    }

    /// Sends a text, or keeps what the system does not take yet.
    pub(crate) fn send(&mut self, connection: usize, text: &[u8]) {
        // A failed write shows again as the connection's end when it is read.
        let _ = self.connections[connection].send(wire::TEXT, text);
    }

    /// From now on nothing is read from the connection.
    pub(crate) fn stall(&mut self, connection: usize) {
        self.connections[connection].reading = false;
    }

    /// Reads again, and what waits at once: it was told when nobody listened.
    pub(crate) fn resume(&mut self, connection: usize, listener: &mut impl Listener) {
        self.connections[connection].reading = true;
        self.read(connection, true, listener);
    }

    /// Handles what is there; sleeps at most `limit` for it where sleeping is allowed.
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
            self.connections[index].hang_up();
            listener.ended(index, end);
        }
    }
}
