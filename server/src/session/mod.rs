//! One client's session: joins its connection to a room, carries out the client's messages, and closes
//! the connection.
//!
//! - `sessions`: the state that all sessions share
//! - `before_join`: reads from a client that waits to join
//! - `reader`: the connection's receiving half
//! - `command`: carries out or refuses one message
//! - `shutdown`, `close`: the end of the session and of the connection
//! - `keepalive`: pings and time-outs of all connections; `incoming`: the memory of their messages
//! - `stats`: traffic counts and log lines

mod before_join;
mod close;
mod command;
pub mod connection;
#[doc(hidden)]
pub mod echo;
pub mod incoming;
pub mod keepalive;
mod reader;
mod sessions;
mod shutdown;
pub mod stats;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::sleep;
use xmeet_shared::{RoomId, ServerMessage};

use crate::hub::{self, JoinError, JoinRequest, Membership, PendingInput, RoomEnded};
use crate::limits::admission::ConnectionPermit;
use crate::wire::budget::SMALL_MESSAGE_BYTES_MAX;
use crate::wire::decoder::Received;
use crate::wire::outbox::Outbox;
use close::SessionEnd;
use command::Next;
pub use reader::MessageLimits;
use reader::Reader;
pub use sessions::{GOING_AWAY, SessionLimits, Sessions};
use stats::ConnectionStats;

/// Bytes of a client's texts that may be unstored, and one message more, before its session waits for
/// the store. Without this bound, thousands of clients would hold gigabytes while the disk is slow.
const UNSTORED_BYTES_MAX: usize = 128 * 1024;

/// A session whose client is a member of a room.
struct Session {
    sessions: Arc<Sessions>,
    stats: ConnectionStats,
    reader: Reader,
    outbox: Arc<Outbox>,
    membership: Membership,
    room: RoomId,
    /// Bytes of the client's texts since the last barrier, which may not be stored yet.
    unstored_bytes: usize,
    /// The answer to a message that was refused. It stays here when the wait before it is cancelled.
    refusal: Option<Box<ServerMessage>>,
    /// Whether the room may not have answered every input of the client yet.
    has_unanswered: bool,
    /// The input that the room did not take at once. It stays here when the wait is cancelled.
    unsent: Option<PendingInput>,
    /// Held until the session has ended.
    permit: Option<Arc<ConnectionPermit>>,
}

impl Session {
    /// Joins the room. Returns `None` if the connection was closed instead.
    async fn join(
        sessions: Arc<Sessions>,
        mut stats: ConnectionStats,
        mut reader: Reader,
        outbox: Arc<Outbox>,
        request: JoinRequest,
        permit: Option<Arc<ConnectionPermit>>,
    ) -> Option<Self> {
        let room = request.room.clone();
        let pid = Arc::new(OnceLock::new());
        let has_heartbeat = request.token.is_some();
        let heartbeat =
            has_heartbeat.then(|| sessions.hub.heartbeat(room.clone(), Arc::clone(&pid)));
        sessions.keepalive.add_connection(&outbox, heartbeat);
        let mut early_end = None;
        let abandoned = async {
            early_end = Some(before_join::watch(&mut reader, &outbox, &sessions.keepalive).await);
        };
        let joining = sessions.hub.join(request, &outbox, permit.as_ref(), abandoned);
        let membership = match joining.await {
            Ok(membership) => membership,
            Err(error) => {
                let rejected = || SessionEnd::Server(sessions.close_reason(&error));
                let early_end = early_end.filter(|_| error == JoinError::Abandoned);
                let end = early_end.unwrap_or_else(rejected);
                let metrics = sessions.hub.metrics();
                stats.received(reader.read_bytes(), 0, metrics);
                close::close(reader, Arc::clone(&outbox), end).await;
                stats.close(end, outbox.written_bytes(), metrics);
                return None;
            }
        };
        let _ = pid.set(membership.pid().clone());
        sessions.keepalive.note_received(&outbox);
        outbox.set_paused(false);
        Some(Self {
            sessions,
            stats,
            reader,
            outbox,
            membership,
            room,
            unstored_bytes: 0,
            refusal: None,
            // The greeting is the answer to the join.
            has_unanswered: true,
            unsent: None,
            permit,
        })
    }

    /// Runs the session until the server or the client ends it.
    async fn run(&mut self) -> SessionEnd {
        let outbox = Arc::clone(&self.outbox);
        tokio::select! {
            // In this order, so that nothing is read any more once the server has closed.
            biased;
            ending = outbox.drive_writes() => SessionEnd::Server(ending),
            ending = outbox.wait_for_write_timeout() => SessionEnd::Server(ending),
            end = self.read_messages() => end,
        }
    }

    /// Carries out the client's messages one after the other. While the room or the store is busy,
    /// reading from the client pauses.
    async fn read_messages(&mut self) -> SessionEnd {
        loop {
            let received = match self.reader.next().await {
                Ok(Some(received)) => received,
                Ok(None) => {
                    self.sessions.keepalive.note_received(&self.outbox);
                    continue;
                }
                Err(end) => return end.into(),
            };
            self.count(&received);
            let next = self.execute(received);
            let is_slow = self.unsent.is_some() || self.unstored_bytes > self.unstored_bytes_max();
            // Boxed, because most messages need no waiting and there are thousands of sessions.
            if is_slow && Box::pin(self.wait_for_room()).await.is_err() {
                return SessionEnd::Server(hub::ROOM_ENDED);
            }
            let waited = match next {
                Next::Read => Ok(()),
                Next::AwaitPage => {
                    self.await_page().await;
                    Ok(())
                }
                Next::Refuse => Box::pin(self.send_refusal()).await,
                Next::Pause(duration) => {
                    Box::pin(self.pause(duration)).await;
                    Ok(())
                }
                Next::Close(end) => return end,
            };
            if let Err(RoomEnded) = waited {
                return SessionEnd::Server(hub::ROOM_ENDED);
            }
        }
    }

    async fn wait_for_room(&mut self) -> Result<(), RoomEnded> {
        self.flush_unsent().await?;
        if self.unstored_bytes > self.unstored_bytes_max() {
            self.await_barrier().await?;
        }
        Ok(())
    }

    /// Waits until the room has taken the input that it did not take at once. The client's pongs are
    /// not read meanwhile, so its deadline is extended.
    async fn flush_unsent(&mut self) -> Result<(), RoomEnded> {
        self.outbox.set_paused(true);
        self.reader.charge_pending_input(self.unsent.as_ref().map_or(0, PendingInput::bytes));
        let outcome = self.membership.flush_pending(&mut self.unsent).await;
        self.reader.charge_pending_input(0);
        self.sessions.keepalive.note_received(&self.outbox);
        self.outbox.set_paused(false);
        outcome
    }

    /// Returns how many bytes of the client's texts may be unstored before it must wait.
    fn unstored_bytes_max(&self) -> usize {
        let is_short = self.sessions.hub.metrics().memory.is_accepted_over_share();
        if is_short { SMALL_MESSAGE_BYTES_MAX } else { UNSTORED_BYTES_MAX }
    }

    /// Waits until everything that the client sent is stored and its answers are in the outbox.
    async fn await_barrier(&mut self) -> Result<(), RoomEnded> {
        if self.outbox.expect_barrier() {
            self.unsent = self.membership.barrier().err();
        }
        self.flush_unsent().await?;
        self.outbox.wait_for_barrier().await;
        self.unstored_bytes = 0;
        self.has_unanswered = false;
        Ok(())
    }

    /// Waits until the page is written, and charges for its bytes.
    async fn await_page(&mut self) {
        let bytes = self.outbox.wait_for_answer().await;
        if bytes > 0 {
            let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
            self.membership.pace.charge_page(rates, bytes, now_ns);
        }
    }

    /// Sends the refusal, behind the answers to earlier messages, and waits until it is written: a
    /// client that does not read its errors cannot cause more of them.
    async fn send_refusal(&mut self) -> Result<(), RoomEnded> {
        if self.has_unanswered {
            self.await_barrier().await?;
        }
        if let Some(error) = self.refusal.take() {
            let hub = &self.sessions.hub;
            let frame = hub.error_frame(&self.room, self.membership.pid(), *error);
            hub.metrics().traffic.sent(1, frame.len() as u64);
            self.outbox.send_answer([frame]);
        }
        self.outbox.wait_for_answer().await;
        Ok(())
    }

    /// Reads nothing for so long. The client's pongs are not read either, so its deadline is extended.
    async fn pause(&mut self, duration: Duration) {
        self.outbox.set_paused(true);
        sleep(duration).await;
        self.sessions.keepalive.note_received(&self.outbox);
        self.outbox.set_paused(false);
    }

    fn count(&mut self, received: &Received) {
        let messages = match received {
            Received::Text(_) | Received::Binary(_) => 1,
            Received::Ping(_) | Received::Pong | Received::Close(_) => 0,
        };
        let bytes = self.reader.read_bytes();
        self.stats.received(bytes, messages, self.sessions.hub.metrics());
    }
}
