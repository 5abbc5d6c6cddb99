//! A simulated WebSocket of a browser. Frames have delays, and the connection can end at any byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::time::sleep;
use xmeet_server::hub::JoinRequest;
use xmeet_server::session::Sessions;
use xmeet_server::session::connection::Connection;
use xmeet_server::session::stats::ConnectionId;
use xmeet_server::wire::stream::{Reading, Writing};

use crate::pipe::{Down, Up, UpEnd};
use crate::timeline::Timeline;
use crate::wire::{self, Frame, Parser};

/// Capacity of the direction to the page, in bytes.
const CAPACITY_BYTES: usize = 60_000;

/// The close code of a connection that ended without one.
const CODE_ABNORMAL: u16 = 1006;

/// An event of a socket.
#[derive(Debug)]
pub(crate) enum Event {
    Frame(String),
    Closed(u16),
}

/// The events of all sockets of a page, each with the number of its socket.
pub(crate) type Events = mpsc::UnboundedSender<(u64, Event)>;

/// An open socket. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Socket {
    up: Up,
    down: Down,
    out: mpsc::UnboundedSender<Vec<u8>>,
    /// Whether the network drops all bytes without closing either end.
    is_silent: Arc<AtomicBool>,
}

impl Socket {
    pub(crate) fn open(
        sessions: &Arc<Sessions>,
        request: JoinRequest,
        timeline: Timeline,
        rng: &mut Rng,
        (number, events): (u64, Events),
    ) -> Self {
        let (up, down) = (Up::default(), Down::new(CAPACITY_BYTES, timeline));
        let connection = Connection {
            id: ConnectionId::next(),
            address: None,
            reading: Reading::Other(Box::new(up.clone())),
            writing: Writing::Other(down.server_end()),
            early: Vec::new(),
            permit: None,
        };
        tokio::spawn(Arc::clone(sessions).session(connection, request));
        let (out, outgoing) = mpsc::unbounded_channel();
        let is_silent = Arc::<AtomicBool>::default();
        let socket = Self { up, down, out, is_silent };
        let latency_ms_max = rng.choice([0, 20, 300, 1500]).unwrap();
        tokio::spawn(socket.sending(outgoing, rng.fork(), latency_ms_max));
        tokio::spawn(socket.receiving(rng.fork(), latency_ms_max, move |event| {
            let _ = events.send((number, event));
        }));
        socket
    }

    pub(crate) fn send(&self, frame: &str) {
        let _ = self.out.send(wire::text(frame));
    }

    /// Both directions of the connection.
    pub(crate) fn wires(&self) -> (Up, Down) {
        (self.up.clone(), self.down.clone())
    }

    /// Closes both ends.
    pub(crate) fn cut(&self, how: UpEnd) {
        self.up.end(how);
        self.down.hang_up();
    }

    /// Lets the network drop all bytes from now on.
    pub(crate) fn silence(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    fn sending(
        &self,
        mut outgoing: mpsc::UnboundedReceiver<Vec<u8>>,
        mut rng: Rng,
        latency_ms_max: u64,
    ) -> impl Future<Output = ()> + use<> {
        let (up, is_silent) = (self.up.clone(), Arc::clone(&self.is_silent));
        async move {
            while let Some(bytes) = outgoing.recv().await {
                pause(&mut rng, latency_ms_max).await;
                if !is_silent.load(Ordering::Relaxed) && !up.push(&bytes) {
                    return;
                }
            }
        }
    }

    fn receiving<F: Fn(Event)>(
        &self,
        mut rng: Rng,
        latency_ms_max: u64,
        report: F,
    ) -> impl Future<Output = ()> + use<F> {
        let (up, down, is_silent) =
            (self.up.clone(), self.down.clone(), Arc::clone(&self.is_silent));
        let out = self.out.clone();
        async move {
            let (mut parser, mut code) = (Parser::default(), CODE_ABNORMAL);
            while down.filled().await {
                pause(&mut rng, latency_ms_max).await;
                parser.feed(&down.take(usize::MAX));
                if is_silent.load(Ordering::Relaxed) {
                    continue;
                }
                while let Some((_, frame)) = parser.next().expect("the server sends frames") {
                    match frame {
                        Frame::Text(text) => report(Event::Frame(text)),
                        Frame::Ping(payload) => drop(out.send(wire::pong(&payload))),
                        Frame::Close(sent) => {
                            code = sent.unwrap_or(CODE_ABNORMAL);
                            up.push(&wire::close(sent));
                        }
                    }
                }
            }
            up.end(UpEnd::Eof);
            if !is_silent.load(Ordering::Relaxed) {
                report(Event::Closed(code));
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.cut(UpEnd::Eof);
    }
}

async fn pause(rng: &mut Rng, ms_max: u64) {
    let ms = rng.u64(..=ms_max);
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}
