//! One connection as its client holds it: bytes go out in pieces and late, come in when they are
//! taken, and everything is written into the connection's journal.

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

/// Largest piece in which a client's bytes come, in bytes.
const PIECE_BYTES_MAX: usize = 600;

/// What a client's connections are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// What may be on its way to the client, in bytes.
    pub(crate) capacity_bytes: usize,
    /// The longest time that a piece takes, either way, in virtual milliseconds.
    pub(crate) latency_ms_max: u64,
    /// How much goes through it, either way. `None` is as much as there is.
    pub(crate) bytes_per_second: Option<u64>,
}

/// How often a line with a bandwidth brings bytes, in virtual milliseconds.
const SLICE_MS: u64 = 50;

impl Manner {
    /// What the line brings in one slice of time, in bytes.
    fn slice_bytes(self) -> Option<usize> {
        self.bytes_per_second.map(|bytes| (bytes * SLICE_MS / 1000).max(1) as usize)
    }
}

/// What every client of a run shares.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) timeline: Timeline,
    pub(crate) journals: Arc<Mutex<Vec<Arc<Mutex<Journal>>>>>,
    /// Grows from everything that any client took, and when.
    pub(crate) digest: Arc<Mutex<DefaultHasher>>,
}

/// Frames on their way out, and where in these bytes each of the journal's ends.
struct Outgoing {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    is_last: bool,
}

/// A connection that a client holds.
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
    /// Opens a connection, which begins a session.
    pub(crate) fn open(
        place: &Place,
        rng: &mut Rng,
        manner: Manner,
        (room, nickname, token): (&str, &str, Option<&str>),
    ) -> Self {
        let timeline = place.timeline.clone();
        let (up, down) = (Up::default(), Down::new(manner.capacity_bytes, timeline.clone()));
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
        tokio::spawn(line.sending(outgoing, rng.fork(), manner));
        tokio::spawn(line.receiving(reading, place, rng.fork(), manner));
        line
    }

    /// Sends frames, one behind the other.
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

    /// Reads no more, or reads on.
    pub(crate) fn stall(&self, stalls: bool) {
        self.journal.lock().unwrap().has_stalled |= stalls;
        self.reads.send_replace(!stalls);
    }

    /// Loses the connection, wherever its bytes are.
    pub(crate) fn hang_up(&self, how: UpEnd) {
        let mut journal = self.journal.lock().unwrap();
        if journal.hung_up.is_none() {
            let is_readable = how == UpEnd::Eof;
            journal.hung_up = Some(HungUp { at: self.timeline.now(), is_readable });
        }
        self.up.end(how);
        self.down.hang_up();
    }

    /// Whether it is open, as far as the client knows.
    pub(crate) fn is_open(&self) -> bool {
        let journal = self.journal.lock().unwrap();
        journal.end == End::Open && journal.hung_up.is_none()
    }

    /// The code of the server's Close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self.journal.lock().unwrap().end {
            End::Closed(code) => code,
            End::Open | End::Cut => None,
        }
    }

    /// How much the client has received.
    pub(crate) fn received(&self) -> usize {
        self.journal.lock().unwrap().received.len()
    }

    fn sending(
        &self,
        mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
        mut rng: Rng,
        manner: Manner,
    ) -> impl Future<Output = ()> + use<> {
        let (up, timeline) = (self.up.clone(), self.timeline.clone());
        let journal = Arc::clone(&self.journal);
        async move {
            while let Some(Outgoing { bytes, ends, is_last }) = outgoing.recv().await {
                let (mut start, mut ends) = (0, ends.into_iter().peekable());
                // A crowd of frames comes in a few large pieces.
                let piece_bytes_max = PIECE_BYTES_MAX.max(bytes.len() / 4);
                while start < bytes.len() {
                    pause(&mut rng, manner.latency_ms_max).await;
                    let piece_bytes = match manner.slice_bytes() {
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
        manner: Manner,
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
                pause(&mut rng, manner.latency_ms_max).await;
                if manner.bytes_per_second.is_some() {
                    sleep(Duration::from_millis(SLICE_MS)).await;
                }
                if !*reading.borrow() {
                    continue;
                }
                let bytes = down.take(manner.slice_bytes().unwrap_or(usize::MAX));
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
