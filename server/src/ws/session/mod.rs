//! One client's session: joins its connection to a room, from greeting to goodbye.

mod ending;

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};
use xmeet_shared::{ClientCommand, CloseCode, ErrorCode};

use super::account::Account;
use super::closing::{self, Closing};
use super::connection::{Connection, Visitor};
use super::decoder::Received;
use super::frame;
use super::keeper::Keeper;
use super::outbox::{Ending, Outbox, OutboxLimits};
pub use super::reader::MessageLimits;
use super::reader::{End, Reader};
use crate::hub::{self, EnterError, Hub, Membership, RoomEnded, Unsent};
use crate::limits::gate::Place;
use crate::limits::hits::LimitKind;
use crate::limits::ns_since;
use crate::limits::pace::{PaceRates, Verdict, cost, cost_of};

/// What every connection is closed with when the server shuts down.
pub const GOING_AWAY: Ending =
    Ending { code: CloseCode::GoingAway, reason: "the server is going away: come back" };
const SESSION_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the connection was restarted: come back" };
const ROOM_FULL: Ending =
    Ending { code: CloseCode::RoomFull, reason: "the room is full: come back later" };
const TOO_MANY_ROOMS: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "this server has as many rooms as it takes: come back later",
};
const FLOODED: Ending = Ending {
    code: CloseCode::Policy,
    reason: "too many messages, again and again, after being told to wait",
};

/// What a client may have said that is not stored yet, in bytes, and a message more. Thousands who say
/// much at once would otherwise hold gigabytes where the disk is slow.
const UNSTORED_BYTES_MAX: usize = 128 * 1024;

/// How much a session may take and hold, and how fast.
#[derive(Debug)]
pub struct SessionLimits {
    /// What one message of the client may take.
    pub message: MessageLimits,
    /// What may wait to be written to it.
    pub outbox: Arc<OutboxLimits>,
    /// How fast the client may speak.
    pub pace: PaceRates,
}

/// What sessions share.
#[derive(Debug)]
pub struct Sessions {
    /// The rooms.
    pub hub: Arc<Hub>,
    /// Who watches the connections.
    pub keeper: Keeper,
    /// What each session may take and hold.
    pub limits: SessionLimits,
    /// What the sessions' time is counted from.
    pub started: Instant,
    /// When all connections must have ended, once the server ends.
    pub deadline: OnceLock<Instant>,
}

impl Sessions {
    /// The time by which paces go. Where there is no limit no clock is asked.
    fn now_ns(&self) -> u64 {
        if self.limits.pace.are_set() { ns_since(self.started) } else { 0 }
    }

    fn count_hit(&self, kind: LimitKind) {
        self.hub.metrics().limits.count(kind);
    }

    /// Ends every session: what its client had sent is done first and answered. It takes until
    /// `deadline` at most, whatever the clients do.
    pub fn end_all(&self, deadline: Instant) {
        // The first one counts.
        let _ = self.deadline.set(deadline);
        self.keeper.end_all(GOING_AWAY);
    }

    /// A session, to be run until it has ended and left its room.
    pub fn session(
        self: Arc<Self>,
        connection: Connection,
        visitor: Visitor,
    ) -> impl Future<Output = ()> + Send {
        let Connection { id, address, reading, writing, early, place } = connection;
        let account = Account::open(id, address, self.hub.metrics());
        let reader = Reader::new(reading, &early, self.limits.message);
        let outbox = Arc::new(Outbox::new(writing, Arc::clone(&self.limits.outbox)));
        // There are thousands of these, waiting in `talk`: all that is needed only before and
        // after it has memory of its own.
        let entering = Session::enter(self, account, reader, outbox, visitor, place);
        let entering = Box::pin(entering);
        async move {
            let Some(mut session) = entering.await else { return };
            // A panic ends this session alone.
            let talk = AssertUnwindSafe(session.talk());
            let end = talk.catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(connection = session.account.id().number(), "a session panicked");
                session.sessions.hub.metrics().connections.panics.inc();
                Closing::Server(SESSION_PANICKED)
            });
            Box::pin(session.part(end)).await;
        }
    }
}

/// A session that is in its room.
struct Session {
    sessions: Arc<Sessions>,
    account: Account,
    reader: Reader,
    outbox: Arc<Outbox>,
    membership: Membership,
    /// What the client said since it was last waited for that all of it is stored, in bytes.
    unstored_bytes: usize,
    /// What the room must be waited for to take. It stays here when the waiting is cut short.
    unsent: Option<Unsent>,
    /// Held until the session has ended.
    _place: Option<Arc<Place>>,
}

impl Session {
    async fn enter(
        sessions: Arc<Sessions>,
        mut account: Account,
        reader: Reader,
        outbox: Arc<Outbox>,
        visitor: Visitor,
        place: Option<Arc<Place>>,
    ) -> Option<Self> {
        let heartbeat_of = visitor.token.as_ref().map(|_| visitor.room.clone());
        let membership = match sessions.hub.enter(visitor, &outbox, place.as_ref()).await {
            Ok(membership) => membership,
            Err(error) => {
                let ending = match error {
                    EnterError::History(_) => hub::NO_HISTORY,
                    EnterError::RoomFull => {
                        sessions.count_hit(LimitKind::RoomMembers);
                        ROOM_FULL
                    }
                    EnterError::TooManyRooms => {
                        sessions.count_hit(LimitKind::Rooms);
                        TOO_MANY_ROOMS
                    }
                    EnterError::TakenOver => hub::TAKEN_OVER,
                };
                let (metrics, closing) = (sessions.hub.metrics(), Closing::Server(ending));
                account.received(reader.read_bytes(), 0, metrics);
                closing::close(reader, Arc::clone(&outbox), closing).await;
                account.close(closing, outbox.written_bytes(), metrics);
                return None;
            }
        };
        let heartbeat =
            heartbeat_of.map(|room| sessions.hub.heartbeat(room, membership.pid().clone()));
        sessions.keeper.watch(&outbox, heartbeat);
        Some(Self {
            sessions,
            account,
            reader,
            outbox,
            membership,
            unstored_bytes: 0,
            unsent: None,
            _place: place,
        })
    }

    /// Carries out what the client sends, until one of the two sides ends it.
    async fn talk(&mut self) -> Closing {
        let outbox = Arc::clone(&self.outbox);
        tokio::select! {
            // First, so that what a client sent last is not read when it was told to go.
            biased;
            ending = outbox.tend() => Closing::Server(ending),
            ending = outbox.overdue() => Closing::Server(ending),
            end = self.listen() => end,
        }
    }

    /// While its room is busy nothing more is read from a client.
    async fn listen(&mut self) -> Closing {
        loop {
            let received = match self.reader.next().await {
                Ok(Some(received)) => received,
                Ok(None) => {
                    self.sessions.keeper.heard(&self.outbox);
                    continue;
                }
                Err(End::Gone) => return Closing::Lost,
                Err(End::Broken(ending)) => return Closing::Server(ending),
            };
            self.count(&received);
            let verdict = match self.take(received) {
                ControlFlow::Continue(verdict) => verdict,
                ControlFlow::Break(closing) => return closing,
            };
            if self.unsent.is_some()
                && let Err(RoomEnded) = Box::pin(self.insist()).await
            {
                return Closing::Server(hub::ROOM_ENDED);
            }
            if self.unstored_bytes > UNSTORED_BYTES_MAX
                && let Err(RoomEnded) = Box::pin(self.catch_up()).await
            {
                return Closing::Server(hub::ROOM_ENDED);
            }
            let written_bytes = self.outbox.answer_written().await;
            self.note_written(verdict, written_bytes);
            let rest = verdict.rest();
            if !rest.is_zero() {
                // What the client sends meanwhile fills its own buffers, its answer to a ping too. In
                // memory of its own: few sessions ever do this.
                self.outbox.hold_up(true);
                Box::pin(sleep(rest)).await;
                self.sessions.keeper.heard(&self.outbox);
                self.outbox.hold_up(false);
            }
        }
    }

    /// Waits until the room takes what it did not take at once. Meanwhile no answer to a ping is read.
    async fn insist(&mut self) -> Result<(), RoomEnded> {
        self.outbox.hold_up(true);
        let outcome = self.membership.insist(&mut self.unsent).await;
        // It has not been read for as long, so it has all its time to answer.
        self.sessions.keeper.heard(&self.outbox);
        self.outbox.hold_up(false);
        outcome
    }

    /// Waits until everything that the client said is stored.
    async fn catch_up(&mut self) -> Result<(), RoomEnded> {
        self.unstored_bytes = 0;
        self.outbox.expect_answer();
        self.unsent = self.membership.mark().err();
        self.insist().await?;
        self.outbox.answer_written().await;
        Ok(())
    }

    /// What was waited for has been written: that the client is to wait, or a page of so many bytes.
    fn note_written(&mut self, verdict: Verdict, bytes: u64) {
        let (rates, pace) = (self.sessions.limits.pace, &mut self.membership.pace);
        match verdict {
            Verdict::Refuse { is_news: true, .. } => pace.note_told(self.sessions.now_ns()),
            Verdict::Take { .. } if bytes > 0 => {
                pace.note_page(rates, bytes, self.sessions.now_ns());
            }
            _ => {}
        }
    }

    fn count(&mut self, received: &Received) {
        let messages = match received {
            Received::Text(_) | Received::Binary(_) => 1,
            Received::Ping(_) | Received::Pong | Received::Close(_) => 0,
        };
        let bytes = self.reader.read_bytes();
        self.account.received(bytes, messages, self.sessions.hub.metrics());
    }

    /// Does what a message asks for, and says what is to be waited for before the next is read.
    fn take(&mut self, received: Received) -> ControlFlow<Closing, Verdict> {
        self.sessions.keeper.heard(&self.outbox);
        let verdict = match received {
            Received::Text(text) => self.obey(text),
            Received::Binary(bytes) => {
                let verdict = self.judge(cost::BAD, bytes);
                if let Verdict::Take { .. } = verdict {
                    let words = "binary frames mean nothing here: send text".to_owned();
                    self.unsent = self.membership.refuse(ErrorCode::Unsupported, words).err();
                }
                verdict
            }
            Received::Ping(payload) => {
                self.outbox.send(&[frame::pong(&payload)]);
                self.judge_control(payload.len())
            }
            Received::Pong => self.judge_control(0),
            Received::Close(code) => return ControlFlow::Break(Closing::Client(code)),
        };
        match verdict {
            Verdict::Take { .. } => ControlFlow::Continue(verdict),
            Verdict::Refuse { kind, retry_after_ms, is_news, .. } => {
                if is_news {
                    self.outbox.expect_answer();
                }
                self.hold_off(kind, retry_after_ms, is_news);
                ControlFlow::Continue(verdict)
            }
            Verdict::End => {
                self.sessions.count_hit(LimitKind::Flooded);
                ControlFlow::Break(Closing::Server(FLOODED))
            }
        }
    }

    /// Answers a message that was too much.
    fn hold_off(&mut self, kind: LimitKind, retry_after_ms: u64, is_awaited: bool) {
        self.sessions.count_hit(kind);
        let time = match retry_after_ms {
            ..500 => "a moment".to_owned(),
            500..=1000 => "1 second".to_owned(),
            _ => format!("{} seconds", retry_after_ms.div_ceil(1000)),
        };
        let what = if kind == LimitKind::PageBytes { "too much history" } else { "too much" };
        let words = format!("{what} at once: wait {time}");
        self.unsent = self.membership.hold_off(words, retry_after_ms, is_awaited).err();
    }

    fn judge(&mut self, tokens: u64, bytes: usize) -> Verdict {
        let now_ns = self.sessions.now_ns();
        self.membership.pace.message(self.sessions.limits.pace, (tokens, bytes as u64), now_ns)
    }

    fn judge_page(&mut self, bytes: usize) -> Verdict {
        let now_ns = self.sessions.now_ns();
        self.membership.pace.page(self.sessions.limits.pace, bytes as u64, now_ns)
    }

    fn judge_control(&mut self, bytes: usize) -> Verdict {
        let now_ns = self.sessions.now_ns();
        self.membership.pace.control(self.sessions.limits.pace, bytes as u64, now_ns)
    }

    fn obey(&mut self, text: String) -> Verdict {
        let command = ClientCommand::parse(&text);
        let verdict = match command {
            Ok(Some(ClientCommand::History(_))) => self.judge_page(text.len()),
            _ => self.judge(cost_of(&command), text.len()),
        };
        let Verdict::Take { .. } = verdict else { return verdict };
        let sent = match command {
            Ok(None) => Ok(()),
            Ok(Some(ClientCommand::Say(_))) => {
                self.unstored_bytes += text.len();
                self.membership.say(text)
            }
            Ok(Some(ClientCommand::ChangeName(nickname))) => self.membership.change_name(nickname),
            Ok(Some(ClientCommand::History(cursor))) => {
                self.outbox.expect_answer();
                self.membership.history(cursor)
            }
            Err(error) => self.membership.refuse(error.code(), error.to_string()),
        };
        self.unsent = sent.err();
        verdict
    }
}
