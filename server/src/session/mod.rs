//! One client's session: joins its connection to a room, carries out the client's messages, and closes
//! the connection.
//!
//! - `sessions`: the state that all sessions share
//! - `before_join`: reads from a client that waits to join
//! - `reader`: the connection's receiving half
//! - `command`: carries out one message, or refuses it
//! - `shutdown`, `close`: the end of the session and of the connection
//! - `keepalive`: pings and time-outs of all connections
//! - `incoming`: the memory of all incomplete messages
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

/// A session waits for the store once its client has more than this many bytes of unstored texts.
/// Without this bound, thousands of clients would hold gigabytes while the disk is slow.
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
    /// The error for a refused message, until the session sends the error. The error stays here if the
    /// wait before it is cancelled.
    refusal: Option<Box<ServerMessage>>,
    /// Whether the room may still have inputs of the client to answer.
    has_unanswered: bool,
    /// An input that the room could not take at once. The input stays here if the wait for the room is
    /// cancelled.
    unsent: Option<PendingInput>,
    /// Held until the session has ended.
    permit: Option<Arc<ConnectionPermit>>,
}

impl Session {
    /// Joins the room. Returns `None` if the client could not join or gave up; the connection is then
    /// closed.
    async fn join(
        sessions: Arc<Sessions>,
        mut stats: ConnectionStats,
        mut reader: Reader,
        outbox: Arc<Outbox>,
        request: JoinRequest,
        permit: Option<Arc<ConnectionPermit>>,
    ) -> Option<Self> {
        // 1. Watch the connection. A client with a resume token also receives heartbeats. They contain
        //    the client's pid, which is known only after the join.
        let room = request.room.clone();
        let pid = Arc::new(OnceLock::new());
        let has_heartbeat = request.token.is_some();
        let heartbeat =
            has_heartbeat.then(|| sessions.hub.heartbeat(room.clone(), Arc::clone(&pid)));
        sessions.keepalive.add_connection(&outbox, heartbeat);

        // 2. Wait for the join. If the client gives up, `early_end` tells how the connection ended.
        let mut early_end = None;
        let abandoned = async {
            early_end = Some(
                before_join::read_while_waiting(&mut reader, &outbox, &sessions.keepalive).await,
            );
        };
        let joining = sessions.hub.join(request, &outbox, permit.as_ref(), abandoned);
        let membership = match joining.await {
            Ok(membership) => membership,
            Err(error) => {
                let end = match early_end {
                    Some(end) if error == JoinError::Abandoned => end,
                    _ => SessionEnd::Server(sessions.close_reason(&error)),
                };
                let metrics = sessions.hub.metrics();
                stats.count_received(reader.read_bytes(), 0, metrics);
                close::close(reader, Arc::clone(&outbox), end).await;
                stats.close(end, outbox.written_bytes(), metrics);
                return None;
            }
        };

        // 3. The client is a member now.
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
            // The room answers the join with the greeting.
            has_unanswered: true,
            unsent: None,
            permit,
        })
    }

    /// Runs the session until the server or the client ends it.
    async fn run(&mut self) -> SessionEnd {
        let outbox = Arc::clone(&self.outbox);
        tokio::select! {
            // The branches are polled in this order. So the session reads no further message once the
            // server has closed the connection.
            biased;
            close_reason = outbox.drive_writes() => SessionEnd::Server(close_reason),
            close_reason = outbox.wait_for_write_timeout() => SessionEnd::Server(close_reason),
            end = self.read_messages() => end,
        }
    }

    /// Carries out the client's messages one after the other, and returns how the session ended. While
    /// the room or the store is busy, the session reads nothing from the client.
    async fn read_messages(&mut self) -> SessionEnd {
        loop {
            // 1. Read a message.
            let received = match self.reader.next().await {
                Ok(Some(received)) => received,
                // A part of a message has arrived, so the client is alive.
                Ok(None) => {
                    self.sessions.keepalive.note_received(&self.outbox);
                    continue;
                }
                Err(error) => return error.into(),
            };
            self.count_received(&received);

            // 2. Carry the message out. The room or the store may be busy.
            let next_step = self.execute(received);
            let must_wait =
                self.unsent.is_some() || self.unstored_bytes > self.unstored_bytes_max();
            // The future is boxed, because few messages need this wait and thousands of sessions would
            // reserve memory for it.
            if must_wait && Box::pin(self.wait_for_room()).await.is_err() {
                return SessionEnd::Server(hub::ROOM_ENDED);
            }

            // 3. Do what must come before the next message.
            match next_step {
                Next::Read => {}
                Next::AwaitPage => self.await_page().await,
                Next::Refuse => {
                    if let Err(RoomEnded) = Box::pin(self.send_refusal()).await {
                        return SessionEnd::Server(hub::ROOM_ENDED);
                    }
                }
                Next::Pause(duration) => Box::pin(self.pause(duration)).await,
                Next::Close(end) => return end,
            }
        }
    }

    /// Waits until the room has taken the unsent input. If the client has too many unstored bytes, also
    /// waits until its texts are stored.
    async fn wait_for_room(&mut self) -> Result<(), RoomEnded> {
        self.flush_unsent().await?;
        if self.unstored_bytes > self.unstored_bytes_max() {
            self.await_barrier().await?;
        }
        Ok(())
    }

    /// Waits until the room has taken the unsent input, if there is one. Meanwhile the session reads no
    /// pongs, so the keepalive extends the client's deadline.
    async fn flush_unsent(&mut self) -> Result<(), RoomEnded> {
        self.outbox.set_paused(true);
        self.reader.charge_pending_input(self.unsent.as_ref().map_or(0, PendingInput::bytes));
        let result = self.membership.flush_pending(&mut self.unsent).await;
        self.reader.charge_pending_input(0);
        self.sessions.keepalive.note_received(&self.outbox);
        self.outbox.set_paused(false);
        result
    }

    /// Returns how many bytes of unstored texts the client may have before its session waits for the
    /// store: fewer while memory is short.
    fn unstored_bytes_max(&self) -> usize {
        let is_memory_short = self.sessions.hub.metrics().memory.is_accepted_over_share();
        if is_memory_short { SMALL_MESSAGE_BYTES_MAX } else { UNSTORED_BYTES_MAX }
    }

    /// Sends a barrier to the room and waits until the room reaches it. All earlier texts of the client
    /// are then stored, and all answers to the client are in the outbox.
    async fn await_barrier(&mut self) -> Result<(), RoomEnded> {
        // A barrier may already be on its way, if an earlier wait was cancelled.
        if self.outbox.expect_barrier() {
            self.unsent = self.membership.barrier().err();
        }
        self.flush_unsent().await?;
        self.outbox.wait_for_barrier().await;
        self.unstored_bytes = 0;
        self.has_unanswered = false;
        Ok(())
    }

    /// Waits until the requested history page is written to the client, and charges the client's rate
    /// limit for the page's bytes.
    async fn await_page(&mut self) {
        let page_bytes = self.outbox.wait_for_answer().await;
        if page_bytes > 0 {
            let (rates, now_ns) = (self.sessions.limits.pace, self.sessions.now_ns());
            self.membership.pace.charge_page(rates, page_bytes, now_ns);
        }
    }

    /// Sends the error for a refused message, after the answers to earlier messages. Waits until the
    /// error is written: a client that does not read its errors cannot cause more of them.
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

    /// Reads nothing from the client for this time. Meanwhile the session reads no pongs, so the
    /// keepalive extends the client's deadline.
    async fn pause(&mut self, duration: Duration) {
        self.outbox.set_paused(true);
        sleep(duration).await;
        self.sessions.keepalive.note_received(&self.outbox);
        self.outbox.set_paused(false);
    }

    /// Counts a message and the received bytes. Control frames are no messages.
    fn count_received(&mut self, received: &Received) {
        let messages = match received {
            Received::Text(_) | Received::Binary(_) => 1,
            Received::Ping(_) | Received::Pong | Received::Close(_) => 0,
        };
        let bytes = self.reader.read_bytes();
        self.stats.count_received(bytes, messages, self.sessions.hub.metrics());
    }
}
