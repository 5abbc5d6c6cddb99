//! The state that all sessions share, and the start of a session.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio::time::Instant;
use xmeet_shared::CloseCode;

use super::Session;
use super::close::SessionEnd;
use super::connection::Connection;
use super::keepalive::Keepalive;
use super::reader::{MessageLimits, Reader};
use super::stats::ConnectionStats;
use crate::hub::{self, Hub, JoinError, JoinRequest};
use crate::limits::budgets::StoreBudgets;
use crate::limits::counters::LimitKind;
use crate::limits::ns_since;
use crate::limits::pace::PaceRates;
use crate::wire::outbox::{CloseReason, Outbox, OutboxLimits};

/// Close reason of all connections at a shutdown.
pub const GOING_AWAY: CloseReason =
    CloseReason { code: CloseCode::GoingAway, reason: "the server is going away: come back" };
const SESSION_PANICKED: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the connection was restarted: come back",
};
const ROOM_FULL: CloseReason =
    CloseReason { code: CloseCode::RoomFull, reason: "the room is full: come back later" };
const TOO_MANY_ROOMS: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "this server has as many rooms as it takes: come back later",
};
const TOO_MANY_JOIN: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "too many are joining this room: come back in a moment",
};

/// The limits of every session.
#[derive(Debug)]
pub struct SessionLimits {
    pub message: MessageLimits,
    pub outbox: Arc<OutboxLimits>,
    /// The rate limit of one client.
    pub pace: PaceRates,
    /// The daily storage budgets of addresses and rooms.
    pub budgets: StoreBudgets,
}

/// The state that all sessions share.
#[derive(Debug)]
pub struct Sessions {
    pub hub: Arc<Hub>,
    pub keepalive: Keepalive,
    pub limits: SessionLimits,
    /// Rate limits and budgets measure time from this instant.
    pub started: Instant,
    /// The time by which all connections must have ended. Set at a shutdown.
    pub deadline: OnceLock<Instant>,
}

impl Sessions {
    /// Returns the time for rate limits and budgets, in nanoseconds since the start. If there are
    /// neither, returns 0 without reading the clock.
    pub(super) fn now_ns(&self) -> u64 {
        let needs_time = self.limits.pace.are_set() || self.limits.budgets.are_set();
        if needs_time { ns_since(self.started) } else { 0 }
    }

    /// Returns the close reason for a connection that could not join. If a limit was the cause, counts a
    /// hit of that limit.
    pub(super) fn close_reason(&self, error: &JoinError) -> CloseReason {
        match error {
            JoinError::History(_) => hub::NO_HISTORY,
            JoinError::RoomFull => {
                self.count_hit(LimitKind::RoomMembers);
                ROOM_FULL
            }
            JoinError::TooManyRooms => {
                self.count_hit(LimitKind::Rooms);
                TOO_MANY_ROOMS
            }
            JoinError::TooManyJoin => {
                self.count_hit(LimitKind::RoomJoins);
                TOO_MANY_JOIN
            }
            JoinError::TakenOver => hub::TAKEN_OVER,
            JoinError::Abandoned | JoinError::GoingAway => GOING_AWAY,
        }
    }

    /// Counts that a client has reached a limit.
    pub(super) fn count_hit(&self, kind: LimitKind) {
        self.hub.metrics().limits.count(kind);
    }

    /// Asks every session to close, for a shutdown. Each session first carries out and answers the
    /// messages that its client has sent. All sessions end by `deadline`, whatever their clients do.
    pub fn close_all(&self, deadline: Instant) {
        // A second call does not move the deadline.
        let _ = self.deadline.set(deadline);
        self.keepalive.close_all(GOING_AWAY);
        self.hub.end_admission();
    }

    /// Returns a future that runs the session of a connection. It completes once the connection is
    /// closed and the member has left the room.
    pub fn session(
        self: Arc<Self>,
        connection: Connection,
        request: JoinRequest,
    ) -> impl Future<Output = ()> + Send {
        let Connection { id, address, reading, writing, early, permit } = connection;
        let stats = ConnectionStats::open(id, address, self.hub.metrics());
        let outbox = Arc::new(Outbox::new(writing, Arc::clone(&self.limits.outbox)));
        let origin = permit.as_ref().and_then(|permit| permit.address());
        let incoming = self.keepalive.incoming().new_charge(&outbox, origin);
        let reader = Reader::new(reading, &early, self.limits.message, incoming);
        // Thousands of idle sessions wait in `run`. The futures of `join` and `finish` are boxed, so
        // that the idle sessions reserve no memory for them.
        let joining = Box::pin(Session::join(self, stats, reader, outbox, request, permit));
        async move {
            let Some(mut session) = joining.await else { return };
            // If this session panics, the others go on.
            let guarded_run = AssertUnwindSafe(session.run());
            let end = guarded_run.catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(connection = session.stats.id().number(), "a session panicked");
                session.sessions.hub.metrics().connections.panics.inc();
                SessionEnd::Server(SESSION_PANICKED)
            });
            Box::pin(session.finish(end)).await;
        }
    }
}
