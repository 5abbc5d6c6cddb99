//! A person with a client: comes, talks, asks, stalls, is cut off, comes back, goes. What it does
//! and when is drawn from its own seed.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::journal::Command;
use crate::line::{Line, Manner, Place};
use crate::pipe::UpEnd;

/// The longest time between two things that a client does, in virtual milliseconds.
const GAP_MS_MAX: u64 = 1200;

/// Codes that a client says goodbye with; only the first means that it leaves for good.
const GOODBYES: [Option<u16>; 5] = [Some(1000), Some(1000), Some(1001), Some(3000), None];

/// Messages in a crowd of them: together more than a room's inbox and a room take.
const CROWD_MESSAGES: u64 = 700;

/// Largest message, in bytes.
const TEXT_BYTES_MAX: usize = 900;

/// What a client is like and what it may do.
#[derive(Debug, Clone)]
pub(crate) struct Nature {
    pub(crate) number: usize,
    pub(crate) rooms: Vec<String>,
    pub(crate) manner: Manner,
    pub(crate) has_tokens: bool,
    pub(crate) grace_ms: u64,
    /// Whether it sends a crowd of messages at once, now and then.
    pub(crate) floods: bool,
}

pub(crate) struct Client {
    place: Place,
    rng: Rng,
    nature: Nature,
    /// Numbers its names, texts and tokens, so that no two are alike.
    last_number: u64,
    nickname: String,
    line: Option<Line>,
}

impl Client {
    pub(crate) fn new(place: Place, rng: Rng, nature: Nature) -> Self {
        let nickname = String::new();
        let mut client = Self { place, rng, nature, last_number: 0, nickname, line: None };
        client.nickname = client.fresh("n");
        client
    }

    /// Does this and that until a moment, which is given in virtual milliseconds.
    pub(crate) async fn live(&mut self, until_ms: u64) {
        while self.place.timeline.ms() < until_ms {
            match self.line.take() {
                Some(line) if line.is_open() => self.act(line).await,
                Some(line) => self.come_back(&line).await,
                None => self.come(),
            }
            self.pause(GAP_MS_MAX).await;
        }
        if let Some(line) = &self.line {
            line.stall(false);
        }
    }

    /// Notes what has been received once everything is quiet, and leaves.
    pub(crate) fn leave(self) {
        if let Some(line) = self.line.filter(Line::is_open) {
            let received = line.received();
            line.journal.lock().unwrap().settled = Some(received);
            line.send([Command::Goodbye(Some(1000))]);
        }
    }

    fn come(&mut self) {
        let room = self.rng.choice(&self.nature.rooms).unwrap().clone();
        let token = self.nature.has_tokens.then(|| self.fresh("token-of-enough-length-"));
        self.open(&room, token.as_deref());
    }

    /// Comes back with the same token: under the same name or another, in time or too late.
    async fn come_back(&mut self, line: &Line) {
        const TAKEN_OVER: u16 = 4001;
        let wait_ms = match self.rng.u32(..10) {
            0..6 => GAP_MS_MAX,
            6..8 => self.nature.grace_ms,
            _ => self.nature.grace_ms * 3,
        };
        self.pause(wait_ms).await;
        if line.close_code() == Some(TAKEN_OVER) || line.token.is_none() {
            return self.come();
        }
        if self.rng.u32(..4) == 0 {
            self.nickname = self.fresh("n");
        }
        self.open(&line.room.clone(), line.token.clone().as_deref());
    }

    fn open(&mut self, room: &str, token: Option<&str>) {
        let request = (room, self.nickname.as_str(), token);
        let line = Line::open(&self.place, &mut self.rng, self.nature.manner, request);
        if self.rng.u32(..5) == 0 {
            // It does not wait for its greeting.
            line.send([Command::Say(self.text())]);
        }
        self.line = Some(line);
    }

    async fn act(&mut self, line: Line) {
        match self.rng.u32(..100) {
            0..50 => {
                let few = 1 + self.rng.u64(..3) * self.rng.u64(..3);
                let texts: Vec<_> = (0..few).map(|_| Command::Say(self.text())).collect();
                line.send(texts);
            }
            50..57 => {
                self.nickname = self.fresh("n");
                line.send([Command::Rename(self.nickname.clone())]);
            }
            57..66 => line.send([Command::History(self.rng.u64(..4)), Command::Say(self.text())]),
            66..71 => {
                let bad = [
                    Command::BadRename,
                    Command::BadCursor,
                    Command::Binary,
                    Command::Empty,
                    Command::History(u64::MAX),
                ];
                line.send(self.rng.choice(bad));
            }
            71..80 => self.stall(&line).await,
            80..87 => self.be_cut_off(&line).await,
            87..92 if line.token.is_some() => return self.take_over(&line).await,
            92..96 => {
                line.send([Command::Goodbye(self.rng.choice(GOODBYES).unwrap())]);
                self.pause(GAP_MS_MAX).await;
            }
            _ if self.nature.floods => {
                let texts: Vec<_> =
                    (0..CROWD_MESSAGES).map(|_| Command::Say(self.fresh("crowd "))).collect();
                line.send(texts);
            }
            _ => {}
        }
        self.line = Some(line);
    }

    async fn stall(&mut self, line: &Line) {
        const STALL_MS_MAX: u64 = 8000;
        // Longer than a ping may stay unanswered.
        const SILENCE_MS_MAX: u64 = 90_000;
        line.stall(true);
        let is_long = self.rng.u32(..10) == 0;
        self.pause(if is_long { SILENCE_MS_MAX } else { STALL_MS_MAX }).await;
        line.stall(false);
    }

    /// In the middle of a message, perhaps.
    async fn be_cut_off(&mut self, line: &Line) {
        if self.rng.bool() {
            line.send([Command::Say(self.text())]);
            self.pause(self.nature.manner.latency_ms_max * 2).await;
        }
        let how = if self.rng.bool() { UpEnd::Eof } else { UpEnd::Reset };
        line.hang_up(how);
    }

    /// Opens another connection while this one is open, and leaves it to its end.
    async fn take_over(&mut self, line: &Line) {
        line.send([Command::Say(self.text()), Command::Say(self.text())]);
        self.pause(self.nature.manner.latency_ms_max * 3).await;
        if self.rng.bool() {
            self.nickname = self.fresh("n");
        }
        self.open(&line.room.clone(), line.token.clone().as_deref());
        if self.rng.u32(..4) == 0 {
            // So does yet another one.
            let (room, token) = (line.room.clone(), line.token.clone());
            self.open(&room, token.as_deref());
        }
    }

    fn text(&mut self) -> String {
        let length = self.rng.usize(..30) * self.rng.usize(..TEXT_BYTES_MAX / 30);
        self.fresh("text ") + " " + &"x".repeat(length)
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.last_number += 1;
        format!("{kind}{}-{}", self.nature.number, self.last_number)
    }

    async fn pause(&mut self, ms_max: u64) {
        sleep(Duration::from_millis(self.rng.u64(..=ms_max))).await;
    }
}
