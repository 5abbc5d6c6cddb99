//! A simulated person with a client, who joins, talks, requests pages, stalls, loses the connection,
//! resumes and leaves. A seed decides all actions and their times.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::journal::Command;
use crate::line::{Line, LinkProfile, Place};
use crate::pipe::UpEnd;

/// Maximum time between two actions of a client, in virtual milliseconds.
const GAP_MS_MAX: u64 = 1200;

/// Close codes of clients. Only the first one is a leave.
const GOODBYES: [Option<u16>; 5] = [Some(1000), Some(1000), Some(1001), Some(3000), None];

/// Messages of a burst that exceeds a room's inbox and its pending messages.
const CROWD_MESSAGES: u64 = 700;

/// Largest message, in bytes.
const TEXT_BYTES_MAX: usize = 900;

/// The properties of a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientProfile {
    pub(crate) number: usize,
    pub(crate) rooms: Vec<String>,
    pub(crate) link: LinkProfile,
    pub(crate) has_tokens: bool,
    pub(crate) grace_ms: u64,
    /// Whether it sometimes sends a burst of messages.
    pub(crate) floods: bool,
}

pub(crate) struct Client {
    place: Place,
    rng: Rng,
    profile: ClientProfile,
    /// A counter that makes names, texts and tokens unique.
    last_number: u64,
    nickname: String,
    line: Option<Line>,
}

impl Client {
    pub(crate) fn new(place: Place, rng: Rng, profile: ClientProfile) -> Self {
        let nickname = String::new();
        let mut client = Self { place, rng, profile, last_number: 0, nickname, line: None };
        client.nickname = client.fresh("n");
        client
    }

    /// Performs random actions until a time in virtual milliseconds.
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

    /// Records how much was received when the run is quiet, and leaves.
    pub(crate) fn leave(self) {
        if let Some(line) = self.line.filter(Line::is_open) {
            let received = line.received();
            line.journal.lock().unwrap().settled = Some(received);
            line.send([Command::Goodbye(Some(1000))]);
        }
    }

    fn come(&mut self) {
        let room = self.rng.choice(&self.profile.rooms).unwrap().clone();
        let token = self.profile.has_tokens.then(|| self.fresh("token-of-enough-length-"));
        self.open(&room, token.as_deref());
    }

    /// Reconnects with the same token and the same or another name, within the grace period or later.
    async fn come_back(&mut self, line: &Line) {
        const TAKEN_OVER: u16 = 4001;
        let wait_ms = match self.rng.u32(..10) {
            0..6 => GAP_MS_MAX,
            6..8 => self.profile.grace_ms,
            _ => self.profile.grace_ms * 3,
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
        let line = Line::open(&self.place, &mut self.rng, self.profile.link, request);
        if self.rng.u32(..5) == 0 {
            // The client does not wait for its greeting.
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
            _ if self.profile.floods => {
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
        // Longer than the timeout of a ping.
        const SILENCE_MS_MAX: u64 = 90_000;
        line.stall(true);
        let is_long = self.rng.u32(..10) == 0;
        self.pause(if is_long { SILENCE_MS_MAX } else { STALL_MS_MAX }).await;
        line.stall(false);
    }

    /// Loses the connection, perhaps inside a message.
    async fn be_cut_off(&mut self, line: &Line) {
        if self.rng.bool() {
            line.send([Command::Say(self.text())]);
            self.pause(self.profile.link.latency_ms_max * 2).await;
        }
        let how = if self.rng.bool() { UpEnd::Eof } else { UpEnd::Reset };
        line.hang_up(how);
    }

    /// Opens another connection, which takes over this one.
    async fn take_over(&mut self, line: &Line) {
        line.send([Command::Say(self.text()), Command::Say(self.text())]);
        self.pause(self.profile.link.latency_ms_max * 3).await;
        if self.rng.bool() {
            self.nickname = self.fresh("n");
        }
        self.open(&line.room.clone(), line.token.clone().as_deref());
        if self.rng.u32(..4) == 0 {
            // A third connection takes over the second one.
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
        format!("{kind}{}-{}", self.profile.number, self.last_number)
    }

    async fn pause(&mut self, ms_max: u64) {
        sleep(Duration::from_millis(self.rng.u64(..=ms_max))).await;
    }
}
