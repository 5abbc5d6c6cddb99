//! Resumption: which connection belongs to which member, and the grace period of members whose
//! connection is lost. A member keeps the state of its rate limit from one connection to the next.
//!
//! Session tokens are kept here alone, and in memory only.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use xmeet_shared::{Nickname, Pid, SessionToken};

use super::{JoinError, TAKEN_OVER};
use crate::limits::admission::ConnectionPermit;
use crate::limits::pace::Pace;
use crate::room::MemberKey;
use crate::wire::outbox::Outbox;

/// The longest grace period: a year. A longer one could overflow a deadline.
const GRACE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The list of lost members is cleaned when it has this many entries more than twice the members.
const LOST_SPARE: usize = 16;

/// Answers the session's join request.
pub(super) type JoinReply = oneshot::Sender<Result<(MemberKey, Pid, Pace), JoinError>>;

/// A connection that wants to join.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) nickname: Nickname,
    pub(super) token: Option<SessionToken>,
    pub(super) outbox: Arc<Outbox>,
    /// The connection's permit, if connections are limited.
    pub(super) permit: Option<Arc<ConnectionPermit>>,
    pub(super) reply: JoinReply,
}

/// How a newcomer's token relates to the members of the room.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A new member.
    Joins(Newcomer),
    /// This member, whose earlier connection has ended.
    Resumes(MemberKey, Pid, Pace, Newcomer),
    /// A member whose earlier connection is still open. That connection was told to end, and the
    /// newcomer waits for its end.
    AwaitsTakeover,
}

/// What becomes of a member whose connection has ended.
#[derive(Debug)]
pub(super) enum DisconnectOutcome {
    /// The member leaves. A connection that waited to take it over becomes a new member.
    Leaves(Option<Newcomer>),
    /// The member stays for its grace period.
    GracePeriodStarted,
    /// A connection that waited takes the member over.
    TakenOver(Pid, Pace, Newcomer),
}

/// The members of one room that can resume.
#[derive(Debug)]
pub(super) struct Resumption {
    grace: Duration,
    by_token: HashMap<SessionToken, MemberKey>,
    members: BTreeMap<MemberKey, Resumable>,
    /// The ends of grace periods, earliest first. An entry counts only if the member is lost until that
    /// very instant: a member that resumed leaves its entry behind.
    lost: VecDeque<(Instant, MemberKey)>,
}

#[derive(Debug)]
struct Resumable {
    pid: Pid,
    token: SessionToken,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Open(Arc<Outbox>),
    /// Still open and told to end. The newcomer waits for that.
    CloseReason(Newcomer),
    Lost {
        until: Instant,
        pace: Pace,
    },
}

impl Resumption {
    pub(super) fn new(grace: Duration) -> Self {
        let (by_token, members, lost) = (HashMap::new(), BTreeMap::new(), VecDeque::new());
        Self { grace: grace.min(GRACE_MAX), by_token, members, lost }
    }

    /// Returns whether a newcomer has the token of a member.
    pub(super) fn knows(&self, newcomer: &Newcomer) -> bool {
        newcomer.token.as_ref().is_some_and(|token| self.by_token.contains_key(token))
    }

    /// Assigns a newcomer to its member. Tells an earlier connection that is still open to end.
    pub(super) fn arrive(&mut self, newcomer: Newcomer) -> Arrival {
        let known = newcomer.token.as_ref().and_then(|token| self.by_token.get(token));
        let Some(&member) = known else { return Arrival::Joins(newcomer) };
        let Some(resumable) = self.members.get_mut(&member) else {
            return Arrival::Joins(newcomer);
        };
        match &mut resumable.connection {
            Connection::Lost { pace, .. } => {
                let pace = mem::take(pace);
                resumable.connection = Connection::Open(Arc::clone(&newcomer.outbox));
                Arrival::Resumes(member, resumable.pid.clone(), pace, newcomer)
            }
            Connection::Open(outbox) => {
                outbox.close_with(TAKEN_OVER);
                resumable.connection = Connection::CloseReason(newcomer);
                Arrival::AwaitsTakeover
            }
            Connection::CloseReason(_) => {
                let Connection::CloseReason(earlier) =
                    mem::replace(&mut resumable.connection, Connection::CloseReason(newcomer))
                else {
                    unreachable!("the match arm has checked this");
                };
                let _ = earlier.reply.send(Err(JoinError::TakenOver));
                Arrival::AwaitsTakeover
            }
        }
    }

    /// Adds a member that has just joined, if it has a token.
    pub(super) fn remember(
        &mut self,
        member: MemberKey,
        pid: &Pid,
        token: Option<SessionToken>,
        outbox: &Arc<Outbox>,
    ) {
        let Some(token) = token else { return };
        self.by_token.insert(token.clone(), member);
        let connection = Connection::Open(Arc::clone(outbox));
        self.members.insert(member, Resumable { pid: pid.clone(), token, connection });
    }

    /// Handles the end of a member's connection. `is_clean` is whether the client closed it with 1000,
    /// after which there is no grace period.
    pub(super) fn disconnected(
        &mut self,
        member: MemberKey,
        is_clean: bool,
        pace: Pace,
        now: Instant,
    ) -> DisconnectOutcome {
        let Some(Resumable { pid, token, connection }) = self.forget(member) else {
            return DisconnectOutcome::Leaves(None);
        };
        let waiting =
            if let Connection::CloseReason(newcomer) = connection { Some(newcomer) } else { None };
        let until = now + self.grace;
        let (connection, outcome) = match waiting {
            waiting if is_clean => return DisconnectOutcome::Leaves(waiting),
            Some(newcomer) => {
                let connection = Connection::Open(Arc::clone(&newcomer.outbox));
                (connection, DisconnectOutcome::TakenOver(pid.clone(), pace, newcomer))
            }
            None if self.grace.is_zero() => return DisconnectOutcome::Leaves(None),
            None => {
                self.lost.push_back((until, member));
                (Connection::Lost { until, pace }, DisconnectOutcome::GracePeriodStarted)
            }
        };
        self.by_token.insert(token.clone(), member);
        self.members.insert(member, Resumable { pid, token, connection });
        if self.lost.len() > LOST_SPARE + 2 * self.members.len() {
            // A member disconnects and resumes again and again.
            let mut lost = mem::take(&mut self.lost);
            lost.retain(|(until, member)| self.is_lost(*member, *until));
            self.lost = lost;
        }
        outcome
    }

    /// Returns the pid of a member that can resume, `None` for any other.
    pub(super) fn pid(&self, member: MemberKey) -> Option<&Pid> {
        self.members.get(&member).map(|resumable| &resumable.pid)
    }

    /// Returns when the next grace period ends.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        while let Some((until, member)) = self.lost.front().copied() {
            if self.is_lost(member, until) {
                return Some(until);
            }
            self.lost.pop_front();
        }
        None
    }

    /// Removes and returns a member whose grace period has ended.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<MemberKey> {
        let until = self.deadline()?;
        if until > now { None } else { self.pop_lost() }
    }

    /// Removes and returns the member whose grace period ends first, before its end.
    pub(super) fn pop_lost(&mut self) -> Option<MemberKey> {
        self.deadline()?;
        let (_, member) = self.lost.pop_front()?;
        self.forget(member);
        Some(member)
    }

    fn is_lost(&self, member: MemberKey, since: Instant) -> bool {
        let connection = self.members.get(&member).map(|resumable| &resumable.connection);
        matches!(connection, Some(Connection::Lost { until, .. }) if *until == since)
    }

    fn forget(&mut self, member: MemberKey) -> Option<Resumable> {
        let resumable = self.members.remove(&member)?;
        self.by_token.remove(&resumable.token);
        Some(resumable)
    }
}

#[cfg(test)]
#[path = "resumption_test.rs"]
mod tests;
