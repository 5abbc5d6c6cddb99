//! A case of the tables: frames, the pieces in which they are sent, and what must come of them.

use crate::support::raw::frame;

/// First bytes of frames: FIN and opcode, or the opcode alone where more fragments follow.
pub(super) const TEXT: u8 = 0x81;
pub(super) const TEXT_BEGUN: u8 = 0x01;
pub(super) const BINARY: u8 = 0x82;
pub(super) const BINARY_BEGUN: u8 = 0x02;
pub(super) const CONTINUED: u8 = 0x00;
pub(super) const CONTINUED_LAST: u8 = 0x80;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

/// How a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The connection is as good as before.
    Stays,
    /// The client closes, and this is the code in the server's answer.
    Answered(Option<u16>),
    /// The server closes over it with this code.
    Refused(u16),
}

/// The pieces in which the frames of a case are sent.
#[derive(Debug, Clone, Copy)]
enum Pieces {
    /// All at once.
    Together,
    /// Each frame by itself.
    Frames,
    /// Each frame by itself, once the frame before it has been answered.
    Answered,
    /// So many bytes at a time. No piece has bytes of two frames.
    Bytes(usize),
}

/// Bytes that are given to the system in one call.
pub(super) struct Write {
    pub(super) bytes: Vec<u8>,
    /// Answers that must have come since the case began before more is sent.
    pub(super) answers: usize,
}

/// Frames, and what must come of them.
pub(super) struct Case {
    pub(super) name: String,
    frames: Vec<Vec<u8>>,
    pieces: Pieces,
    /// The answers to wait for behind so many frames.
    pause: Option<(usize, usize)>,
    pub(super) said: Vec<String>,
    pub(super) pongs: Vec<Vec<u8>>,
    /// Binary messages, each of which is answered by an `error`.
    pub(super) binaries: usize,
    pub(super) end: End,
}

/// Returns a case that sends these frames, of which nothing is said, and after which the connection
/// stays.
pub(super) fn case(name: impl Into<String>, frames: &[Vec<u8>]) -> Case {
    Case {
        name: name.into(),
        frames: frames.to_vec(),
        pieces: Pieces::Together,
        pause: None,
        said: Vec::new(),
        pongs: Vec::new(),
        binaries: 0,
        end: End::Stays,
    }
}

impl Case {
    pub(super) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    pub(super) fn says(mut self, text: impl Into<String>) -> Self {
        self.said.push(text.into());
        self
    }

    pub(super) fn pongs(mut self, payload: &[u8]) -> Self {
        self.pongs.push(payload.to_vec());
        self
    }

    pub(super) fn binary(mut self) -> Self {
        self.binaries += 1;
        self
    }

    pub(super) fn answered(mut self, code: impl Into<Option<u16>>) -> Self {
        self.end = End::Answered(code.into());
        self
    }

    pub(super) fn refused(mut self, code: u16) -> Self {
        self.end = End::Refused(code);
        self
    }

    /// Sends the same bytes, so many at a time.
    pub(super) fn chopped(mut self, bytes: usize) -> Self {
        self.pieces = Pieces::Bytes(bytes);
        self
    }

    /// Sends each frame by itself.
    pub(super) fn frame_by_frame(mut self) -> Self {
        self.pieces = Pieces::Frames;
        self
    }

    /// Sends each frame by itself, once the frame before it has been answered.
    pub(super) fn one_at_a_time(mut self) -> Self {
        self.pieces = Pieces::Answered;
        self
    }

    /// Waits behind so many frames until as much has come back as the case has declared so far.
    pub(super) fn pauses_behind(mut self, frames: usize) -> Self {
        self.pause = Some((frames, self.pongs.len() + self.said.len() + self.binaries));
        self
    }

    /// Returns what is sent, piece by piece.
    pub(super) fn writes(&self) -> Vec<Write> {
        let (paused, awaited) = self.pause.unwrap_or_default();
        match self.pieces {
            Pieces::Together => {
                let (first, then) = self.frames.split_at(paused);
                let batches = [(first.concat(), awaited), (then.concat(), 0)];
                let batches = batches.into_iter().filter(|(bytes, _)| !bytes.is_empty());
                batches.map(|(bytes, answers)| Write { bytes, answers }).collect()
            }
            Pieces::Bytes(size) => {
                let chunks = self.frames.iter().flat_map(|frame| frame.chunks(size));
                chunks.map(|bytes| Write { bytes: bytes.to_vec(), answers: 0 }).collect()
            }
            Pieces::Frames | Pieces::Answered => {
                let answers = |sent| match self.pieces {
                    Pieces::Answered => sent,
                    _ if sent == paused => awaited,
                    _ => 0,
                };
                let frames = self.frames.iter().zip(1..);
                frames.map(|(f, sent)| Write { bytes: f.clone(), answers: answers(sent) }).collect()
            }
        }
    }
}

pub(super) fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// Fragments of these payloads, as one text.
pub(super) fn fragments(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    message_in_fragments(TEXT, pieces)
}

/// Fragments of these payloads, as one message that begins with `first` and FIN.
pub(super) fn message_in_fragments(first: u8, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = pieces.len() - 1;
    let first_byte = |at| match at {
        0 if last == 0 => first,
        0 => first & 0x0f,
        _ if at == last => CONTINUED_LAST,
        _ => CONTINUED,
    };
    pieces.iter().enumerate().map(|(at, piece)| frame(first_byte(at), piece)).collect()
}

/// Fragments of `size` bytes as the suite cuts them: behind one that fills the last of them, an
/// empty one ends the message.
pub(super) fn cut_as_in_the_suite(first: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    if payload.len() <= size {
        return vec![frame(first, payload)];
    }
    let mut pieces: Vec<_> = payload.chunks(size).collect();
    if payload.len().is_multiple_of(size) {
        pieces.push(b"");
    }
    message_in_fragments(first, &pieces)
}
