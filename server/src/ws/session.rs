//! One client's session: joins its connection to a room, from greeting to goodbye.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::net::TcpStream;
use xmeet_shared::{ClientCommand, CloseCode, ErrorCode, Nickname, RoomId, SessionToken};

use super::closing::{self, Closing};
use super::decoder::Received;
use super::frame;
use super::keeper::Keeper;
use super::outbox::{Ending, Outbox};
use super::reader::{End, Reader};
use super::stream::{Reading, Writing};
use crate::hub::{self, Departure, EnterError, Hub, Membership, RoomEnded, Unsent};

/// What every connection is closed with when the server shuts down.
pub const GOING_AWAY: Ending =
    Ending { code: CloseCode::GoingAway, reason: "the server is going away: come back" };
const SESSION_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the connection was restarted: come back" };
const NO_HISTORY: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "the room's history cannot be read now: come back",
};

/// What is still read, without waiting, from a connection that another one takes over, in bytes.
/// Its client may have sent on without end.
const TAKEN_OVER_BYTES_MAX: usize = 1024 * 1024;

/// What a message counts in that beside its text, in bytes: many small ones are much to say.
const TAKEN_OVER_MESSAGE_BYTES: usize = 64;

/// How many bytes a session may take and hold.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Largest message that is taken from the client, in bytes.
    pub frame_bytes_max: usize,
    /// What may wait to be written to it, in bytes.
    pub outbox_bytes_max: usize,
}

/// Who wants to come in, and where to.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The room.
    pub room: RoomId,
    /// The name.
    pub nickname: Nickname,
    /// What the client resumes by, if it asked for that.
    pub token: Option<SessionToken>,
}

/// A connection past its handshake.
pub struct Connection {
    /// Its receiving half.
    pub reading: Reading,
    /// Its sending half.
    pub writing: Writing,
    /// What came together with the handshake.
    pub early: Vec<u8>,
}

impl Connection {
    /// A plain TCP connection.
    #[must_use]
    pub fn tcp(stream: TcpStream, early: Vec<u8>) -> Self {
        let (reading, writing) = stream.into_split();
        Self { reading: Reading::Tcp(reading), writing: Writing::Tcp(writing), early }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("early_bytes", &self.early.len()).finish_non_exhaustive()
    }
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
}

impl Sessions {
    /// A session, to be run until it has ended and left its room.
    pub fn session(
        self: Arc<Self>,
        connection: Connection,
        visitor: Visitor,
    ) -> impl Future<Output = ()> + Send {
        let Connection { reading, writing, early } = connection;
        let reader = Reader::new(reading, &early, self.limits.frame_bytes_max);
        let outbox = Arc::new(Outbox::new(writing, self.limits.outbox_bytes_max));
        // There are thousands of these, waiting in `talk`: all that is needed only before and
        // after it has memory of its own.
        let entering = Box::pin(Session::enter(self, reader, outbox, visitor));
        async move {
            let Some(mut session) = entering.await else { return };
            // A panic ends this session alone.
            let talk = AssertUnwindSafe(session.talk());
            let end = talk.catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!("a session panicked");
                Closing::Server(SESSION_PANICKED)
            });
            Box::pin(session.part(end)).await;
        }
    }
}

/// A session that is in its room.
struct Session {
    sessions: Arc<Sessions>,
    reader: Reader,
    outbox: Arc<Outbox>,
    membership: Membership,
    /// What the room must be waited for to take. It stays here when the waiting is cut short.
    unsent: Option<Unsent>,
}

impl Session {
    async fn enter(
        sessions: Arc<Sessions>,
        reader: Reader,
        outbox: Arc<Outbox>,
        visitor: Visitor,
    ) -> Option<Self> {
        let heartbeat_of = visitor.token.as_ref().map(|_| visitor.room.clone());
        let membership = match sessions.hub.enter(visitor, &outbox).await {
            Ok(membership) => membership,
            Err(error) => {
                let ending = match error {
                    EnterError::History(_) => NO_HISTORY,
                    EnterError::TakenOver => hub::TAKEN_OVER,
                };
                closing::close(reader, outbox, Closing::Server(ending)).await;
                return None;
            }
        };
        let heartbeat =
            heartbeat_of.map(|room| sessions.hub.heartbeat(room, membership.pid().clone()));
        sessions.keeper.watch(&outbox, heartbeat);
        Some(Self { sessions, reader, outbox, membership, unsent: None })
    }

    /// Carries out what the client sends, until one of the two sides ends it.
    async fn talk(&mut self) -> Closing {
        let outbox = Arc::clone(&self.outbox);
        tokio::select! {
            // First, so that what a client sent last is not read when it was told to go.
            biased;
            ending = outbox.tend() => Closing::Server(ending),
            end = self.listen() => end,
        }
    }

    /// While its room is busy nothing more is read from a client.
    async fn listen(&mut self) -> Closing {
        loop {
            let received = match self.reader.next().await {
                Ok(received) => received,
                Err(End::Gone) => return Closing::Lost,
                Err(End::Broken(ending)) => return Closing::Server(ending),
            };
            if let Received::Close(code) = received {
                return Closing::Client(code);
            }
            if let Err(unsent) = self.take(received) {
                self.unsent = Some(unsent);
                if let Err(RoomEnded) = Box::pin(self.membership.insist(&mut self.unsent)).await {
                    return Closing::Server(hub::ROOM_ENDED);
                }
            }
            self.outbox.page_written().await;
        }
    }

    fn take(&self, received: Received) -> Result<(), Unsent> {
        self.sessions.keeper.heard(&self.outbox);
        match received {
            Received::Text(text) => self.obey(text),
            Received::Binary => {
                let words = "binary frames mean nothing here: send text";
                self.membership.refuse(ErrorCode::Unsupported, words.to_owned())
            }
            Received::Ping(payload) => {
                self.outbox.send(&[frame::pong(&payload)]);
                Ok(())
            }
            Received::Pong | Received::Close(_) => Ok(()),
        }
    }

    fn obey(&self, text: String) -> Result<(), Unsent> {
        match ClientCommand::parse(&text) {
            Ok(None) => Ok(()),
            Ok(Some(ClientCommand::Say(_))) => self.membership.say(text),
            Ok(Some(ClientCommand::ChangeName(nickname))) => self.membership.change_name(nickname),
            Ok(Some(ClientCommand::History(cursor))) => {
                self.outbox.expect_page();
                self.membership.history(cursor)
            }
            Err(error) => self.membership.refuse(error.code(), error.to_string()),
        }
    }

    /// Ends the session in its room and on its connection.
    async fn part(mut self, end: Closing) {
        if let Closing::Server(hub::TAKEN_OVER) = end {
            self.say_what_has_come().await;
        }
        let departure = match end {
            Closing::Client(Some(code)) if code == CloseCode::Normal.as_u16() => Departure::Left,
            _ => Departure::Lost,
        };
        let Self { reader, outbox, membership, .. } = self;
        if let Closing::Server(GOING_AWAY) = end {
            // Everybody is told to go at the same time: nobody needs to see the others leave.
            closing::close(reader, outbox, end).await;
            membership.leave(departure).await;
        } else {
            tokio::join!(membership.leave(departure), closing::close(reader, outbox, end));
        }
    }

    /// What the client had sent before another connection took over is said first, so that it is
    /// in the log before the other one's greeting is cut.
    async fn say_what_has_come(&mut self) {
        let mut bytes = 0;
        loop {
            // The first time it is what the room was waited for to take when this began: without
            // it there would be a gap.
            if self.membership.insist(&mut self.unsent).await.is_err()
                || bytes > TAKEN_OVER_BYTES_MAX
            {
                return;
            }
            let Some(received) = self.reader.next_now() else { return };
            let Received::Text(text) = received else { continue };
            bytes += text.len() + TAKEN_OVER_MESSAGE_BYTES;
            let sent = match ClientCommand::parse(&text) {
                Ok(Some(ClientCommand::Say(_))) => self.membership.say(text),
                Ok(Some(ClientCommand::ChangeName(name))) => self.membership.change_name(name),
                // Nobody would read the answer.
                Ok(Some(ClientCommand::History(_)) | None) | Err(_) => Ok(()),
            };
            self.unsent = sent.err();
        }
    }
}
