//! A client's end of a connection. It sends bytes in pieces and with delays, reads at the test's pace, and
//! records everything in a journal.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use xmeet_server::hub::JoinRequest;
use xmeet_server::session::Sessions;
use xmeet_server::session::connection::Connection;
use xmeet_server::session::stats::ConnectionId;
use xmeet_server::wire::stream::{Reading, Writing};
use xmeet_shared::{Envelope, Nickname, RoomId, SessionToken};

use crate::journal::{Command, End, HungUp, Journal, Received, Sent};
use crate::pipe::{Down, Up, UpEnd};
use crate::timeline::Timeline;
use crate::wire::{self, Frame, Parser};
use crate::world::START_TS;

/// Maximum piece of a client's bytes.
const PIECE_BYTES_MAX: usize = 600;

/// The properties of a client's connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkProfile {
    /// Capacity of the direction to the client, in bytes.
    pub(crate) capacity_bytes: usize,
    /// Maximum latency of a piece in each direction, in virtual milliseconds.
    pub(crate) latency_ms_max: u64,
    /// Bandwidth in each direction; `None` is unlimited.
    pub(crate) bytes_per_second: Option<u64>,
}

/// Interval in which a line with a bandwidth delivers bytes, in virtual milliseconds.
const SLICE_MS: u64 = 50;

impl LinkProfile {
    /// Returns the bytes that the line delivers per interval.
    fn slice_bytes(self) -> Option<usize> {
        self.bytes_per_second.map(|bytes| (bytes * SLICE_MS / 1000).max(1) as usize)
    }
}

/// The state that all clients of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) timeline: Timeline,
    pub(crate) journals: Arc<Mutex<Vec<Arc<Mutex<Journal>>>>>,
    /// A digest of all bytes that clients read, with their times.
    pub(crate) digest: Arc<Mutex<DefaultHasher>>,
}

/// Encoded frames, and the end of each frame of the journal in these bytes.
struct Outgoing {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    is_last: bool,
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) journal: Arc<Mutex<Journal>>,
    pub(crate) room: String,
    pub(crate) token: Option<String>,
    timeline: Timeline,
    up: Up,
    down: Down,
    out: mpsc::UnboundedSender<Outgoing>,
    reads: watch::Sender<bool>,
}

impl Line {
    /// Opens a connection and starts its session.
    pub(crate) fn open(
        place: &Place,
        rng: &mut Rng,
        link: LinkProfile,
        (room, nickname, token): (&str, &str, Option<&str>),
    ) -> Self {
        let timeline = place.timeline.clone();
        let (up, down) = (Up::default(), Down::new(link.capacity_bytes, timeline.clone()));
        let journal = Journal {
            room: room.to_owned(),
            token: token.map(str::to_owned),
            opened: timeline.now(),
            sent: Vec::new(),
            received: Vec::new(),
            hung_up: None,
            end: End::Open,
            has_stalled: false,
            was_full: false,
            settled: None,
            garbage: None,
        };
        let journal = Arc::new(Mutex::new(journal));
        place.journals.lock().unwrap().push(Arc::clone(&journal));
        let connection = Connection {
            id: ConnectionId::next(),
            address: None,
            reading: Reading::Other(Box::new(up.clone())),
            writing: Writing::Other(down.server_end()),
            early: Vec::new(),
            permit: None,
        };
        let request = JoinRequest {
            room: RoomId::new(room).unwrap(),
            nickname: Nickname::new(nickname).unwrap(),
            token: token.map(|token| SessionToken::new(token).unwrap()),
            is_stored: true,
        };
        tokio::spawn(Arc::clone(&place.sessions).session(connection, request));
        let (out, outgoing) = mpsc::unbounded_channel();
        let (reads, reading) = watch::channel(true);
        let line = Self {
            journal,
            room: room.to_owned(),
            token: token.map(str::to_owned),
            timeline,
            up,
            down,
            out,
            reads,
        };
        tokio::spawn(line.sending(outgoing, rng.fork(), link));
        tokio::spawn(line.receiving(reading, place, rng.fork(), link));
        line
    }

    /// Sends frames in order.
    pub(crate) fn send(&self, commands: impl IntoIterator<Item = Command>) {
        let (mut bytes, mut ends, mut is_last) = (Vec::new(), Vec::new(), false);
        let mut journal = self.journal.lock().unwrap();
        for what in commands {
            bytes.extend(encode(&what));
            is_last |= matches!(what, Command::Goodbye(_));
            ends.push((bytes.len(), journal.sent.len()));
            journal.sent.push(Sent { what, arrived: None });
        }
        let _ = self.out.send(Outgoing { bytes, ends, is_last });
    }

    /// Stops or resumes reading.
    pub(crate) fn stall(&self, stalls: bool) {
        self.journal.lock().unwrap().has_stalled |= stalls;
        self.reads.send_replace(!stalls);
    }

    /// Ends the connection at once, even inside a frame.
    pub(crate) fn hang_up(&self, how: UpEnd) {
        let mut journal = self.journal.lock().unwrap();
        if journal.hung_up.is_none() {
            let is_readable = how == UpEnd::Eof;
            journal.hung_up = Some(HungUp { at: self.timeline.now(), is_readable });
        }
        self.up.end(how);
        self.down.hang_up();
    }

    /// Returns whether the connection is open for the client.
    pub(crate) fn is_open(&self) -> bool {
        let journal = self.journal.lock().unwrap();
        journal.end == End::Open && journal.hung_up.is_none()
    }

    /// Returns the code of the server's Close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self.journal.lock().unwrap().end {
            End::Closed(code) => code,
            End::Open | End::Cut => None,
        }
    }

    /// Returns the number of received frames.
    pub(crate) fn received(&self) -> usize {
        self.journal.lock().unwrap().received.len()
    }

    fn sending(
        &self,
        mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
        mut rng: Rng,
        link: LinkProfile,
    ) -> impl Future<Output = ()> + use<> {
        let (up, timeline) = (self.up.clone(), self.timeline.clone());
        let journal = Arc::clone(&self.journal);
        async move {
            while let Some(Outgoing { bytes, ends, is_last }) = outgoing.recv().await {
                let (mut start, mut ends) = (0, ends.into_iter().peekable());
                // A burst arrives in a few large pieces.
                let piece_bytes_max = PIECE_BYTES_MAX.max(bytes.len() / 4);
                while start < bytes.len() {
                    pause(&mut rng, link.latency_ms_max).await;
                    let piece_bytes = match link.slice_bytes() {
                        Some(bytes) => {
                            sleep(Duration::from_millis(SLICE_MS)).await;
                            bytes
                        }
                        None => rng.usize(1..=piece_bytes_max),
                    };
                    let end = (start + piece_bytes).min(bytes.len());
                    let now = timeline.now();
                    if !up.push(&bytes[start..end]) {
                        return;
                    }
                    let mut journal = journal.lock().unwrap();
                    while let Some((_, sent)) = ends.next_if(|(place, _)| *place <= end) {
                        journal.sent[sent].arrived = Some(now);
                    }
                    start = end;
                }
                if is_last {
                    return;
                }
            }
        }
    }

    fn receiving(
        &self,
        mut reading: watch::Receiver<bool>,
        place: &Place,
        mut rng: Rng,
        link: LinkProfile,
    ) -> impl Future<Output = ()> + use<> {
        let (digest, journal) = (Arc::clone(&place.digest), Arc::clone(&self.journal));
        let number = place.journals.lock().unwrap().len();
        let (up, down, out) = (self.up.clone(), self.down.clone(), self.out.clone());
        let timeline = self.timeline.clone();
        async move {
            let mut parser = Parser::default();
            while reading.wait_for(|reads| *reads).await.is_ok() {
                if !down.filled().await {
                    break;
                }
                pause(&mut rng, link.latency_ms_max).await;
                if link.bytes_per_second.is_some() {
                    sleep(Duration::from_millis(SLICE_MS)).await;
                }
                if !*reading.borrow() {
                    continue;
                }
                let bytes = down.take(link.slice_bytes().unwrap_or(usize::MAX));
                {
                    let mut digest = digest.lock().unwrap();
                    digest.write_usize(number);
                    digest.write_u64(timeline.ms());
                    digest.write(&bytes);
                }
                parser.feed(&bytes);
                let mut journal = journal.lock().unwrap();
                if let Err(fault) = journal.take(&mut parser, &down, &timeline, &out) {
                    journal.garbage = Some(fault);
                }
            }
            let mut journal = journal.lock().unwrap();
            journal.was_full = down.was_full();
            if journal.end == End::Open && journal.hung_up.is_none() {
                journal.end = End::Cut;
            }
            up.end(UpEnd::Eof);
        }
    }
}

impl Journal {
    fn take(
        &mut self,
        parser: &mut Parser,
        down: &Down,
        timeline: &Timeline,
        out: &mpsc::UnboundedSender<Outgoing>,
    ) -> Result<(), String> {
        let answer = |bytes, is_last| {
            let _ = out.send(Outgoing { bytes, ends: Vec::new(), is_last });
        };
        self.was_full = down.was_full();
        while let Some((start, frame)) = parser.next()? {
            if let End::Closed(_) = self.end {
                return Err("a frame behind the Close frame".to_owned());
            }
            match frame {
                Frame::Text(text) => {
                    let Envelope { from, xnest, message, ts, .. } =
                        Envelope::parse(&text).map_err(|error| error.to_string())?;
                    if xnest.as_str() != self.room {
                        return Err("a frame of another room".to_owned());
                    }
                    let ((written, is_prompt), taken) = (down.written(start), timeline.now());
                    let dated_ms = ts.map_or(0, |ts| u64::try_from(ts - START_TS).unwrap_or(0));
                    let received = Received { written, is_prompt, taken, dated_ms, from, message };
                    self.received.push(received);
                }
                Frame::Ping(payload) => answer(wire::pong(&payload), false),
                Frame::Close(code) => {
                    self.end = End::Closed(code);
                    answer(wire::close(code), true);
                }
            }
        }
        Ok(())
    }
}

async fn pause(rng: &mut Rng, ms_max: u64) {
    let ms = rng.u64(..=ms_max);
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}

fn encode(command: &Command) -> Vec<u8> {
    match command {
        Command::Say(text) => wire::text(text),
        Command::Rename(name) => wire::text(&format!("@changename:{name}")),
        Command::History(cursor) => wire::text(&format!("@history:{cursor}")),
        Command::BadRename => wire::text("@changename: "),
        Command::BadCursor => wire::text("@history:x"),
        Command::Binary => wire::binary(&[0, 1, 2]),
        Command::Empty => wire::text(""),
        Command::Goodbye(code) => wire::close(*code),
    }
}
