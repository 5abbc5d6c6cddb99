//! Members who come back: which connection belongs to which member, and for how long a member
//! whose connection is lost is waited for. A member keeps its pace from one connection to the next.
//!
//! Tokens live here alone, in memory, one for each member that has one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use xmeet_shared::{Nickname, Pid, SessionToken};

use super::{EnterError, TAKEN_OVER};
use crate::limits::gate::Place;
use crate::limits::pace::Pace;
use crate::room::MemberKey;
use crate::ws::outbox::Outbox;

/// The longest that a member is waited for, whatever the settings say: a year, for which there is a
/// deadline on every clock.
const GRACE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Lost members that are noted more than once before that is put right, beside twice as many as
/// there are members.
const LOST_SPARE: usize = 16;

/// How a session in the room is told who it is.
pub(super) type Entered = oneshot::Sender<Result<(MemberKey, Pid, Pace), EnterError>>;

/// A connection that wants to come in.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) nickname: Nickname,
    pub(super) token: Option<SessionToken>,
    pub(super) outbox: Arc<Outbox>,
    /// Its place, where places are counted.
    pub(super) place: Option<Arc<Place>>,
    pub(super) entered: Entered,
}

/// What is to be done with a connection that comes in.
#[derive(Debug)]
pub(super) enum Arrival {
    /// It is a new member.
    Joins(Newcomer),
    /// It is this member, whose old connection is gone.
    Returns(MemberKey, Pid, Pace, Newcomer),
    /// It waits until the old connection, which has been told to end, is gone.
    Waits,
}

/// What is to be done with a member whose connection has ended.
#[derive(Debug)]
pub(super) enum Parting {
    /// It is gone for good. A connection that waited to take it over is a new member.
    Leaves(Option<Newcomer>),
    /// It is waited for.
    IsMissed,
    /// A connection that waited takes it over.
    IsTakenOver(Pid, Pace, Newcomer),
}

/// The members of one room that can come back.
#[derive(Debug)]
pub(super) struct Resumption {
    grace: Duration,
    by_token: HashMap<SessionToken, MemberKey>,
    members: BTreeMap<MemberKey, Resumable>,
    /// Members that were lost, the first lost first. A member that came back and was lost again
    /// stands here twice; only what agrees with its own deadline counts.
    lost: VecDeque<(Instant, MemberKey)>,
}

#[derive(Debug)]
struct Resumable {
    pid: Pid,
    token: SessionToken,
    connection: Link,
}

#[derive(Debug)]
enum Link {
    Open(Arc<Outbox>),
    /// Open still, and told to end.
    Ending(Newcomer),
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

    /// Says what a connection is.
    pub(super) fn arrive(&mut self, newcomer: Newcomer) -> Arrival {
        let known = newcomer.token.as_ref().and_then(|token| self.by_token.get(token));
        let Some(&member) = known else { return Arrival::Joins(newcomer) };
        let Some(resumable) = self.members.get_mut(&member) else {
            return Arrival::Joins(newcomer);
        };
        match &mut resumable.connection {
            Link::Lost { pace, .. } => {
                let pace = mem::take(pace);
                resumable.connection = Link::Open(Arc::clone(&newcomer.outbox));
                Arrival::Returns(member, resumable.pid.clone(), pace, newcomer)
            }
            Link::Open(outbox) => {
                outbox.end(TAKEN_OVER);
                resumable.connection = Link::Ending(newcomer);
                Arrival::Waits
            }
            Link::Ending(_) => {
                let Link::Ending(earlier) =
                    mem::replace(&mut resumable.connection, Link::Ending(newcomer))
                else {
                    unreachable!("it was one a line ago");
                };
                let _ = earlier.entered.send(Err(EnterError::TakenOver));
                Arrival::Waits
            }
        }
    }

    /// Remembers a member that has just joined, if it has a token.
    pub(super) fn remember(
        &mut self,
        member: MemberKey,
        pid: &Pid,
        token: Option<SessionToken>,
        outbox: &Arc<Outbox>,
    ) {
        let Some(token) = token else { return };
        self.by_token.insert(token.clone(), member);
        let connection = Link::Open(Arc::clone(outbox));
        self.members.insert(member, Resumable { pid: pid.clone(), token, connection });
    }

    /// Says what becomes of a member whose connection has ended.
    pub(super) fn part(
        &mut self,
        member: MemberKey,
        is_clean: bool,
        pace: Pace,
        now: Instant,
    ) -> Parting {
        let Some(Resumable { pid, token, connection }) = self.forget(member) else {
            return Parting::Leaves(None);
        };
        let waiting = if let Link::Ending(newcomer) = connection { Some(newcomer) } else { None };
        let until = now + self.grace;
        let (connection, parting) = match waiting {
            waiting if is_clean => return Parting::Leaves(waiting),
            Some(newcomer) => {
                let connection = Link::Open(Arc::clone(&newcomer.outbox));
                (connection, Parting::IsTakenOver(pid.clone(), pace, newcomer))
            }
            None if self.grace.is_zero() => return Parting::Leaves(None),
            None => {
                self.lost.push_back((until, member));
                (Link::Lost { until, pace }, Parting::IsMissed)
            }
        };
        self.by_token.insert(token.clone(), member);
        self.members.insert(member, Resumable { pid, token, connection });
        if self.lost.len() > LOST_SPARE + 2 * self.members.len() {
            // Somebody is lost and comes back again and again.
            let mut lost = mem::take(&mut self.lost);
            lost.retain(|(until, member)| self.is_lost(*member, *until));
            self.lost = lost;
        }
        parting
    }

    /// When to call [`Self::expired`] next.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        while let Some((until, member)) = self.lost.front().copied() {
            if self.is_lost(member, until) {
                return Some(until);
            }
            self.lost.pop_front();
        }
        None
    }

    /// Forgets a member that was waited for long enough, and says which.
    pub(super) fn expired(&mut self, now: Instant) -> Option<MemberKey> {
        let until = self.deadline()?;
        if until > now { None } else { self.give_up() }
    }

    /// Forgets the member that is waited for longest, and says which.
    pub(super) fn give_up(&mut self) -> Option<MemberKey> {
        self.deadline()?;
        let (_, member) = self.lost.pop_front()?;
        self.forget(member);
        Some(member)
    }

    fn is_lost(&self, member: MemberKey, since: Instant) -> bool {
        let connection = self.members.get(&member).map(|resumable| &resumable.connection);
        matches!(connection, Some(Link::Lost { until, .. }) if *until == since)
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
