//! Goal: a lost member stays exactly for its grace period, and never has two connections. Method: the
//! test passes all times as arguments.

use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

use super::*;
use crate::limits::bucket::Rate;
use crate::limits::pace::{PaceRates, cost};
use crate::wire::stream::{WriteHalf, Writing};
use crate::wire::test_socket::limits;

const GRACE: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);

type Answer = oneshot::Receiver<Result<(MemberKey, Pid, Pace), JoinError>>;

/// A socket that accepts no bytes.
struct Deaf;

impl WriteHalf for Deaf {
    fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn token(member: MemberKey) -> Option<SessionToken> {
    Some(SessionToken::new(&format!("{member:022}")).unwrap())
}

fn pid(member: MemberKey) -> Pid {
    Pid::new(0, member, 1)
}

/// Creates a connection with the token of a member.
fn newcomer(member: MemberKey) -> (Newcomer, Answer) {
    let (reply, answer) = oneshot::channel();
    let outbox = Arc::new(Outbox::new(Writing::Other(Box::new(Deaf)), limits(1000)));
    let nickname = Nickname::new("n").unwrap();
    (Newcomer { nickname, token: token(member), outbox, permit: None, reply }, answer)
}

/// Creates members 1, 2, … with open connections.
fn members(grace: Duration, count: MemberKey) -> (Resumption, Vec<Arc<Outbox>>) {
    let mut resumption = Resumption::new(grace);
    let mut outboxes = Vec::new();
    for member in 1..=count {
        let (newcomer, _) = newcomer(member);
        let Arrival::Joins(newcomer) = resumption.arrive(newcomer) else {
            panic!("the member is unknown")
        };
        resumption.remember(member, &pid(member), newcomer.token, &newcomer.outbox);
        outboxes.push(newcomer.outbox);
    }
    (resumption, outboxes)
}

fn lose(resumption: &mut Resumption, member: MemberKey, now: Instant) {
    let parting = part(resumption, member, false, now);
    assert!(matches!(parting, DisconnectOutcome::GracePeriodStarted), "{parting:?}");
}

fn part(
    resumption: &mut Resumption,
    member: MemberKey,
    is_clean: bool,
    now: Instant,
) -> DisconnectOutcome {
    resumption.disconnected(member, is_clean, Pace::default(), now)
}

/// Returns the pace of a member that has sent a message.
fn spent() -> Pace {
    let mut pace = Pace::default();
    let rates = PaceRates { messages: Rate::per_second(1, 200), ..PaceRates::default() };
    pace.message(rates, (cost::SAY, 1), 0);
    assert_ne!(pace, Pace::default());
    pace
}

fn come_back(resumption: &mut Resumption, member: MemberKey) {
    match resumption.arrive(newcomer(member).0) {
        Arrival::Resumes(key, back, ..) => assert_eq!((key, back), (member, pid(member))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn grace_periods_end_in_the_order_of_disconnects() {
    let (mut resumption, _) = members(GRACE, 3);
    let start = Instant::now();
    assert_eq!((resumption.deadline(), resumption.pop_expired(start + GRACE)), (None, None));
    for (after_seconds, member) in [(0, 2), (1, 3), (2, 1)] {
        lose(&mut resumption, member, start + after_seconds * SECOND);
    }
    for (after_seconds, member) in [(0, 2), (1, 3), (2, 1)] {
        let until = start + after_seconds * SECOND + GRACE;
        assert_eq!(resumption.deadline(), Some(until));
        assert_eq!(resumption.pop_expired(until - Duration::from_nanos(1)), None);
        assert_eq!(resumption.pop_expired(until), Some(member));
        let arrival = resumption.arrive(newcomer(member).0);
        assert!(matches!(arrival, Arrival::Joins(_)), "the member has left: {arrival:?}");
    }
    assert_eq!(resumption.deadline(), None);
    assert!(resumption.by_token.is_empty() && resumption.members.is_empty());
}

#[test]
fn second_disconnect_starts_a_new_grace_period() {
    let (mut resumption, _) = members(GRACE, 2);
    let start = Instant::now();
    lose(&mut resumption, 1, start);
    lose(&mut resumption, 2, start + SECOND);
    come_back(&mut resumption, 1);
    // Only the other member has a grace period.
    assert_eq!(resumption.deadline(), Some(start + SECOND + GRACE));
    lose(&mut resumption, 1, start + 2 * SECOND);
    assert_eq!(resumption.pop_expired(start + GRACE), None, "that was the first loss");
    assert_eq!(resumption.pop_expired(start + 2 * SECOND + GRACE), Some(2));
    assert_eq!(resumption.pop_expired(start + 2 * SECOND + GRACE), Some(1));
    assert_eq!(resumption.pop_expired(start + 3 * GRACE), None);
}

#[test]
fn stale_deadline_behind_a_valid_one_is_ignored() {
    let (mut resumption, _) = members(GRACE, 2);
    let start = Instant::now();
    lose(&mut resumption, 1, start);
    lose(&mut resumption, 2, start);
    come_back(&mut resumption, 2);
    assert_eq!(resumption.pop_expired(start + GRACE), Some(1));
    assert_eq!(resumption.pop_expired(start + GRACE), None);
    assert_eq!(resumption.deadline(), None);
    assert!(resumption.lost.is_empty());
}

#[test]
fn takeover_tells_the_open_connection_to_end_and_waits() {
    let (mut resumption, outboxes) = members(GRACE, 2);
    let (second, mut second_answer) = newcomer(1);
    assert!(matches!(resumption.arrive(second), Arrival::AwaitsTakeover));
    assert!(outboxes[0].is_closed() && !outboxes[1].is_closed());
    let (third, mut third_answer) = newcomer(1);
    assert!(matches!(resumption.arrive(third), Arrival::AwaitsTakeover));
    assert_eq!(second_answer.try_recv().unwrap(), Err(JoinError::TakenOver));
    match part(&mut resumption, 1, false, Instant::now()) {
        DisconnectOutcome::TakenOver(taken, pace, newcomer) => {
            assert_eq!(taken, pid(1));
            newcomer.reply.send(Ok((1, taken, pace))).unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(third_answer.try_recv().unwrap(), Ok((1, pid(1), Pace::default())));
    assert_eq!(resumption.deadline(), None, "no member is lost");
    // The third connection is now the member's.
    lose(&mut resumption, 1, Instant::now());
    come_back(&mut resumption, 1);
}

#[test]
fn resume_and_takeover_keep_the_rate_limit() {
    let (mut resumption, _) = members(GRACE, 1);
    let now = Instant::now();
    assert!(matches!(
        resumption.disconnected(1, false, spent(), now),
        DisconnectOutcome::GracePeriodStarted
    ));
    match resumption.arrive(newcomer(1).0) {
        Arrival::Resumes(_, _, pace, _) => assert_eq!(pace, spent()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::AwaitsTakeover));
    match resumption.disconnected(1, false, spent(), now) {
        DisconnectOutcome::TakenOver(_, pace, _) => assert_eq!(pace, spent()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connection_waiting_for_a_leaving_member_becomes_a_new_member() {
    let (mut resumption, _) = members(GRACE, 1);
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::AwaitsTakeover));
    let parting = part(&mut resumption, 1, true, Instant::now());
    assert!(matches!(parting, DisconnectOutcome::Leaves(Some(_))), "{parting:?}");
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::Joins(_)));
}

#[test]
fn member_without_a_token_has_no_grace_period() {
    let mut resumption = Resumption::new(GRACE);
    let (Newcomer { outbox, .. }, _) = newcomer(1);
    resumption.remember(1, &pid(1), None, &outbox);
    assert!(matches!(
        part(&mut resumption, 1, false, Instant::now()),
        DisconnectOutcome::Leaves(None)
    ));
    assert_eq!(resumption.deadline(), None);
}

#[test]
fn grace_of_zero_still_allows_takeover() {
    let (mut resumption, _) = members(Duration::ZERO, 2);
    assert!(matches!(
        part(&mut resumption, 2, false, Instant::now()),
        DisconnectOutcome::Leaves(None)
    ));
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::AwaitsTakeover));
    assert!(matches!(
        part(&mut resumption, 1, false, Instant::now()),
        DisconnectOutcome::TakenOver(..)
    ));
    assert!(matches!(
        part(&mut resumption, 1, false, Instant::now()),
        DisconnectOutcome::Leaves(None)
    ));
    assert!(resumption.by_token.is_empty() && resumption.members.is_empty());
}

#[test]
fn longest_grace_period_does_not_overflow() {
    let (mut resumption, _) = members(Duration::from_secs(u64::MAX), 1);
    let now = Instant::now();
    lose(&mut resumption, 1, now);
    assert_eq!(resumption.deadline(), Some(now + GRACE_MAX));
}

#[test]
fn lost_member_can_be_removed_early_and_a_connected_one_cannot() {
    let (mut resumption, _) = members(GRACE, 3);
    let now = Instant::now();
    for member in [3, 1] {
        lose(&mut resumption, member, now);
    }
    assert_eq!(resumption.pop_lost(), Some(3));
    assert_eq!(resumption.pop_lost(), Some(1));
    assert_eq!(resumption.pop_lost(), None);
    assert!(matches!(resumption.arrive(newcomer(2).0), Arrival::AwaitsTakeover));
}

#[test]
fn repeated_resumes_do_not_grow_the_list_of_lost_members() {
    let (mut resumption, _) = members(GRACE, 3);
    let mut now = Instant::now();
    for _ in 0..10_000 {
        now += Duration::from_millis(1);
        assert!(matches!(
            part(&mut resumption, 1, false, now),
            DisconnectOutcome::GracePeriodStarted
        ));
        assert!(resumption.lost.len() <= LOST_SPARE + 2 * 3);
        let (newcomer, _answer) = newcomer(1);
        assert!(matches!(resumption.arrive(newcomer), Arrival::Resumes(1, ..)));
    }
    assert!(matches!(part(&mut resumption, 2, false, now), DisconnectOutcome::GracePeriodStarted));
    assert!(matches!(
        part(&mut resumption, 1, false, now + SECOND),
        DisconnectOutcome::GracePeriodStarted
    ));
    assert_eq!(resumption.pop_expired(now + GRACE), Some(2));
    assert_eq!(resumption.pop_expired(now + GRACE), None);
    assert_eq!(resumption.pop_expired(now + GRACE + SECOND), Some(1));
}
