//! A case of the tables: frames, the pieces in which they are sent, and the expected result.

use crate::support::raw::frame;

/// First bytes of frames: FIN and opcode, or the opcode alone if more fragments follow.
pub(super) const TEXT: u8 = 0x81;
pub(super) const TEXT_BEGUN: u8 = 0x01;
pub(super) const BINARY: u8 = 0x82;
pub(super) const BINARY_BEGUN: u8 = 0x02;
pub(super) const CONTINUED: u8 = 0x00;
pub(super) const CONTINUED_LAST: u8 = 0x80;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

/// The expected end of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The connection stays open.
    Stays,
    /// The client closes, and the server answers with this code.
    Answered(Option<u16>),
    /// The server closes with this code.
    Refused(u16),
}

/// The pieces in which the frames of a case are sent.
#[derive(Debug, Clone, Copy)]
enum Pieces {
    /// All frames at once.
    Together,
    /// Each frame alone.
    Frames,
    /// Each frame alone, after the previous frame has been answered.
    Answered,
    /// Pieces of this many bytes. No piece has bytes of two frames.
    Bytes(usize),
}

/// Bytes of one write.
pub(super) struct Write {
    pub(super) bytes: Vec<u8>,
    /// Answers that must have arrived since the start of the case before the next write.
    pub(super) answers: usize,
}

/// Frames, and the expected result.
pub(super) struct Case {
    pub(super) name: String,
    frames: Vec<Vec<u8>>,
    pieces: Pieces,
    /// The answers to await after this many frames.
    pause: Option<(usize, usize)>,
    pub(super) said: Vec<String>,
    pub(super) pongs: Vec<Vec<u8>>,
    /// Number of binary messages, each of which causes an `error`.
    pub(super) binaries: usize,
    pub(super) end: End,
}

/// Returns a case that sends these frames. It expects no delivered text, and an open connection.
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

    /// Sends the same bytes in pieces of this size.
    pub(super) fn chopped(mut self, bytes: usize) -> Self {
        self.pieces = Pieces::Bytes(bytes);
        self
    }

    /// Sends each frame alone.
    pub(super) fn frame_by_frame(mut self) -> Self {
        self.pieces = Pieces::Frames;
        self
    }

    /// Sends each frame alone, after the previous frame has been answered.
    pub(super) fn one_at_a_time(mut self) -> Self {
        self.pieces = Pieces::Answered;
        self
    }

    /// Waits after this many frames until the answers declared so far have arrived.
    pub(super) fn pauses_behind(mut self, frames: usize) -> Self {
        self.pause = Some((frames, self.pongs.len() + self.said.len() + self.binaries));
        self
    }

    /// Returns the writes.
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

/// Encodes a text in fragments of these payloads.
pub(super) fn fragments(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    message_in_fragments(TEXT, pieces)
}

/// Encodes a message in fragments of these payloads. `first` has the opcode and FIN.
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

/// Encodes a message in fragments of `size` bytes as the suite does. If the last fragment is full, an empty
/// one follows.
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
