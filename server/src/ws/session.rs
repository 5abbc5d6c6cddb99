//! One client's session: joins its connection to a room, from greeting to goodbye.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::net::TcpStream;
use xmeet_shared::{ClientCommand, CloseCode, ErrorCode, Nickname, RoomId, SessionToken};

use super::closing::{self, Closing};
use super::decoder::Received;
use super::frame;
use super::keeper::{Keeper, Pulse};
use super::outbox::{Ending, Outbox};
use super::reader::{self, Reader};
use super::stream::{ReadHalf, WriteHalf};
use crate::hub::{self, Departure, EnterError, Hub, Membership, RoomEnded};

/// What every connection is closed with when the server shuts down.
pub const GOING_AWAY: Ending =
    Ending { code: CloseCode::GoingAway, reason: "the server is going away: come back" };
const SESSION_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the connection was restarted: come back" };
const NO_HISTORY: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "the room's history cannot be read now: come back",
};

/// What is still read, without waiting, from a connection that another one takes over, in bytes of
/// text. Its client may have sent on without end.
const TAKEN_OVER_TEXT_BYTES_MAX: usize = 1024 * 1024;

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
    pub reading: ReadHalf,
    /// Its sending half.
    pub writing: Box<dyn WriteHalf>,
    /// What came together with the handshake.
    pub early: Vec<u8>,
}

impl Connection {
    /// A plain TCP connection.
    #[must_use]
    pub fn tcp(stream: TcpStream, early: Vec<u8>) -> Self {
        let (reading, writing) = stream.into_split();
        Self { reading: Box::new(reading), writing: Box::new(writing), early }
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
    /// Runs a session until it has ended and left its room.
    pub async fn run(self: Arc<Self>, connection: Connection, visitor: Visitor) {
        let Connection { reading, writing, early } = connection;
        let mut reader = Reader::new(reading, &early, self.limits.frame_bytes_max);
        let outbox = Arc::new(Outbox::new(writing, self.limits.outbox_bytes_max));
        drop(early);
        let heartbeat_of = visitor.token.as_ref().map(|_| visitor.room.clone());
        let entered = Box::pin(self.hub.enter(visitor, &outbox)).await;
        let membership = match entered {
            Ok(membership) => membership,
            Err(error) => {
                let ending = match error {
                    EnterError::History(_) => NO_HISTORY,
                    EnterError::TakenOver => hub::TAKEN_OVER,
                };
                return Box::pin(closing::close(reader, outbox, Closing::Server(ending))).await;
            }
        };
        let heartbeat = heartbeat_of.map(|room| self.hub.heartbeat(room, membership.pid().clone()));
        let pulse = self.keeper.watch(&outbox, heartbeat);
        let talk = Talk {
            reader: &mut reader,
            membership: &membership,
            outbox: &outbox,
            pulse: &pulse,
            keeper: &self.keeper,
        };
        // A panic ends this session alone.
        let end = AssertUnwindSafe(talk.run()).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a session panicked");
            Closing::Server(SESSION_PANICKED)
        });
        Box::pin(part(reader, outbox, membership, end)).await;
    }
}

/// Ends a session in its room and on its connection.
async fn part(mut reader: Reader, outbox: Arc<Outbox>, membership: Membership, end: Closing) {
    let departure = match end {
        Closing::Client(Some(code)) if code == CloseCode::Normal.as_u16() => Departure::Left,
        _ => Departure::Lost,
    };
    match end {
        Closing::Server(GOING_AWAY) => {
            // Everybody is told to go at the same time: nobody needs to see the others leave.
            closing::close(reader, outbox, end).await;
            membership.leave(departure).await;
        }
        Closing::Server(hub::TAKEN_OVER) => {
            say_what_has_come(&mut reader, &membership).await;
            tokio::join!(membership.leave(departure), closing::close(reader, outbox, end));
        }
        _ => {
            tokio::join!(membership.leave(departure), closing::close(reader, outbox, end));
        }
    }
}

/// What the client had sent before another connection took over is said first, so that it is in
/// the log before the other one's greeting is cut.
async fn say_what_has_come(reader: &mut Reader, membership: &Membership) {
    let mut text_bytes = 0;
    while text_bytes <= TAKEN_OVER_TEXT_BYTES_MAX
        && let Some(received) = reader.next_now()
    {
        let Received::Text(text) = received else { continue };
        text_bytes += text.len();
        let done = match ClientCommand::parse(&text) {
            Ok(Some(ClientCommand::Say(_))) => membership.say(text).await,
            Ok(Some(ClientCommand::ChangeName(nickname))) => membership.change_name(nickname).await,
            // Nobody would read the answer.
            Ok(Some(ClientCommand::History(_)) | None) | Err(_) => Ok(()),
        };
        if done.is_err() {
            return;
        }
    }
}

/// A session between greeting and goodbye.
struct Talk<'a> {
    reader: &'a mut Reader,
    membership: &'a Membership,
    outbox: &'a Outbox,
    pulse: &'a Pulse,
    keeper: &'a Keeper,
}

impl Talk<'_> {
    async fn run(mut self) -> Closing {
        let outbox = self.outbox;
        tokio::select! {
            // First, so that what a client sent last is not read when it was told to go.
            biased;
            ending = outbox.tend() => Closing::Server(ending),
            end = self.listen() => end,
        }
    }

    /// Carries out what the client sends. While its room is busy nothing more is read from it.
    async fn listen(&mut self) -> Closing {
        loop {
            let received = match self.reader.next().await {
                Ok(received) => received,
                Err(reader::End::Gone) => return Closing::Lost,
                Err(reader::End::Broken(ending)) => return Closing::Server(ending),
            };
            self.keeper.heard(self.pulse);
            let done = match received {
                Received::Text(text) => self.obey(text).await,
                Received::Binary => {
                    let words = "binary frames mean nothing here: send text";
                    self.membership.refuse(ErrorCode::Unsupported, words.to_owned()).await
                }
                Received::Ping(payload) => {
                    self.outbox.send(&[frame::pong(&payload)]);
                    Ok(())
                }
                Received::Pong => Ok(()),
                Received::Close(code) => return Closing::Client(code),
            };
            if let Err(RoomEnded) = done {
                return Closing::Server(hub::ROOM_ENDED);
            }
        }
    }

    async fn obey(&self, text: String) -> Result<(), RoomEnded> {
        match ClientCommand::parse(&text) {
            Ok(None) => Ok(()),
            Ok(Some(ClientCommand::Say(_))) => self.membership.say(text).await,
            Ok(Some(ClientCommand::ChangeName(nickname))) => {
                self.membership.change_name(nickname).await
            }
            Ok(Some(ClientCommand::History(cursor))) => {
                self.outbox.expect_page();
                self.membership.history(cursor).await?;
                self.outbox.page_written().await;
                Ok(())
            }
            Err(error) => self.membership.refuse(error.code(), error.to_string()).await,
        }
    }
}
