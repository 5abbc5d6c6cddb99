//! Goal: a member is waited for exactly as long as it is missed, and is always on one connection.
//! Method: moments of the test's own; no time goes by.

use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

use super::*;
use crate::limits::bucket::Rate;
use crate::limits::pace::{PaceRates, cost};
use crate::ws::stream::{WriteHalf, Writing};
use crate::ws::test_socket::limits;

const GRACE: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);

type Answer = oneshot::Receiver<Result<(MemberKey, Pid, Pace), EnterError>>;

/// A socket that takes nothing.
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

/// A connection with the token of that member.
fn newcomer(member: MemberKey) -> (Newcomer, Answer) {
    let (entered, answer) = oneshot::channel();
    let outbox = Arc::new(Outbox::new(Writing::Other(Box::new(Deaf)), limits(1000)));
    let nickname = Nickname::new("n").unwrap();
    (Newcomer { nickname, token: token(member), outbox, place: None, entered }, answer)
}

/// Members 1, 2, … on open connections.
fn members(grace: Duration, count: MemberKey) -> (Resumption, Vec<Arc<Outbox>>) {
    let mut resumption = Resumption::new(grace);
    let mut outboxes = Vec::new();
    for member in 1..=count {
        let (newcomer, _) = newcomer(member);
        let Arrival::Joins(newcomer) = resumption.arrive(newcomer) else {
            panic!("nobody knows it")
        };
        resumption.remember(member, &pid(member), newcomer.token, &newcomer.outbox);
        outboxes.push(newcomer.outbox);
    }
    (resumption, outboxes)
}

fn lose(resumption: &mut Resumption, member: MemberKey, now: Instant) {
    let parting = part(resumption, member, false, now);
    assert!(matches!(parting, Parting::IsMissed), "{parting:?}");
}

fn part(resumption: &mut Resumption, member: MemberKey, is_clean: bool, now: Instant) -> Parting {
    resumption.part(member, is_clean, Pace::default(), now)
}

/// The pace of a member that has spoken.
fn spent() -> Pace {
    let mut pace = Pace::default();
    let rates = PaceRates { messages: Rate::per_second(1, 200), ..PaceRates::default() };
    pace.message(rates, (cost::SAY, 1), 0);
    assert_ne!(pace, Pace::default());
    pace
}

fn come_back(resumption: &mut Resumption, member: MemberKey) {
    match resumption.arrive(newcomer(member).0) {
        Arrival::Returns(key, back, ..) => assert_eq!((key, back), (member, pid(member))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_are_given_up_in_the_order_in_which_they_were_lost() {
    let (mut resumption, _) = members(GRACE, 3);
    let start = Instant::now();
    assert_eq!((resumption.deadline(), resumption.expired(start + GRACE)), (None, None));
    for (after_seconds, member) in [(0, 2), (1, 3), (2, 1)] {
        lose(&mut resumption, member, start + after_seconds * SECOND);
    }
    for (after_seconds, member) in [(0, 2), (1, 3), (2, 1)] {
        let until = start + after_seconds * SECOND + GRACE;
        assert_eq!(resumption.deadline(), Some(until));
        assert_eq!(resumption.expired(until - Duration::from_nanos(1)), None);
        assert_eq!(resumption.expired(until), Some(member));
        let arrival = resumption.arrive(newcomer(member).0);
        assert!(matches!(arrival, Arrival::Joins(_)), "it is nobody now: {arrival:?}");
    }
    assert_eq!(resumption.deadline(), None);
    assert!(resumption.by_token.is_empty() && resumption.members.is_empty());
}

#[test]
fn a_member_that_was_lost_again_is_waited_for_anew() {
    let (mut resumption, _) = members(GRACE, 2);
    let start = Instant::now();
    lose(&mut resumption, 1, start);
    lose(&mut resumption, 2, start + SECOND);
    come_back(&mut resumption, 1);
    // Only the other one is waited for.
    assert_eq!(resumption.deadline(), Some(start + SECOND + GRACE));
    lose(&mut resumption, 1, start + 2 * SECOND);
    assert_eq!(resumption.expired(start + GRACE), None, "that was the first loss");
    assert_eq!(resumption.expired(start + 2 * SECOND + GRACE), Some(2));
    assert_eq!(resumption.expired(start + 2 * SECOND + GRACE), Some(1));
    assert_eq!(resumption.expired(start + 3 * GRACE), None);
}

#[test]
fn a_deadline_behind_one_that_still_counts_is_stale_all_the_same() {
    let (mut resumption, _) = members(GRACE, 2);
    let start = Instant::now();
    lose(&mut resumption, 1, start);
    lose(&mut resumption, 2, start);
    come_back(&mut resumption, 2);
    assert_eq!(resumption.expired(start + GRACE), Some(1));
    assert_eq!(resumption.expired(start + GRACE), None);
    assert_eq!(resumption.deadline(), None);
    assert!(resumption.lost.is_empty());
}

#[test]
fn a_connection_that_is_open_is_told_to_end_and_waited_for() {
    let (mut resumption, outboxes) = members(GRACE, 2);
    let (second, mut second_answer) = newcomer(1);
    assert!(matches!(resumption.arrive(second), Arrival::Waits));
    assert!(outboxes[0].is_over() && !outboxes[1].is_over());
    let (third, mut third_answer) = newcomer(1);
    assert!(matches!(resumption.arrive(third), Arrival::Waits));
    assert_eq!(second_answer.try_recv().unwrap(), Err(EnterError::TakenOver));
    match part(&mut resumption, 1, false, Instant::now()) {
        Parting::IsTakenOver(taken, pace, newcomer) => {
            assert_eq!(taken, pid(1));
            newcomer.entered.send(Ok((1, taken, pace))).unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(third_answer.try_recv().unwrap(), Ok((1, pid(1), Pace::default())));
    assert_eq!(resumption.deadline(), None, "nobody is missed");
    // The third one is now what can be lost.
    lose(&mut resumption, 1, Instant::now());
    come_back(&mut resumption, 1);
}

#[test]
fn a_member_keeps_its_pace_when_it_comes_back_and_when_it_is_taken_over() {
    let (mut resumption, _) = members(GRACE, 1);
    let now = Instant::now();
    assert!(matches!(resumption.part(1, false, spent(), now), Parting::IsMissed));
    match resumption.arrive(newcomer(1).0) {
        Arrival::Returns(_, _, pace, _) => assert_eq!(pace, spent()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::Waits));
    match resumption.part(1, false, spent(), now) {
        Parting::IsTakenOver(_, pace, _) => assert_eq!(pace, spent()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_who_waited_for_a_member_that_leaves_is_a_new_member() {
    let (mut resumption, _) = members(GRACE, 1);
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::Waits));
    let parting = part(&mut resumption, 1, true, Instant::now());
    assert!(matches!(parting, Parting::Leaves(Some(_))), "{parting:?}");
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::Joins(_)));
}

#[test]
fn a_member_without_a_token_is_not_waited_for() {
    let mut resumption = Resumption::new(GRACE);
    let (Newcomer { outbox, .. }, _) = newcomer(1);
    resumption.remember(1, &pid(1), None, &outbox);
    assert!(matches!(part(&mut resumption, 1, false, Instant::now()), Parting::Leaves(None)));
    assert_eq!(resumption.deadline(), None);
}

#[test]
fn without_a_grace_nobody_is_missed_but_an_open_connection_is_taken_over() {
    let (mut resumption, _) = members(Duration::ZERO, 2);
    assert!(matches!(part(&mut resumption, 2, false, Instant::now()), Parting::Leaves(None)));
    assert!(matches!(resumption.arrive(newcomer(1).0), Arrival::Waits));
    assert!(matches!(part(&mut resumption, 1, false, Instant::now()), Parting::IsTakenOver(..)));
    assert!(matches!(part(&mut resumption, 1, false, Instant::now()), Parting::Leaves(None)));
    assert!(resumption.by_token.is_empty() && resumption.members.is_empty());
}

#[test]
fn the_longest_grace_is_one() {
    let (mut resumption, _) = members(Duration::from_secs(u64::MAX), 1);
    let now = Instant::now();
    lose(&mut resumption, 1, now);
    assert_eq!(resumption.deadline(), Some(now + GRACE_MAX));
}

#[test]
fn who_is_missed_can_be_given_up_and_who_is_here_cannot() {
    let (mut resumption, _) = members(GRACE, 3);
    let now = Instant::now();
    for member in [3, 1] {
        lose(&mut resumption, member, now);
    }
    assert_eq!(resumption.give_up(), Some(3));
    assert_eq!(resumption.give_up(), Some(1));
    assert_eq!(resumption.give_up(), None);
    assert!(matches!(resumption.arrive(newcomer(2).0), Arrival::Waits));
}

#[test]
fn who_is_lost_and_back_again_and_again_is_not_noted_each_time() {
    let (mut resumption, _) = members(GRACE, 3);
    let mut now = Instant::now();
    for _ in 0..10_000 {
        now += Duration::from_millis(1);
        assert!(matches!(part(&mut resumption, 1, false, now), Parting::IsMissed));
        assert!(resumption.lost.len() <= LOST_SPARE + 2 * 3);
        let (newcomer, _answer) = newcomer(1);
        assert!(matches!(resumption.arrive(newcomer), Arrival::Returns(1, ..)));
    }
    assert!(matches!(part(&mut resumption, 2, false, now), Parting::IsMissed));
    assert!(matches!(part(&mut resumption, 1, false, now + SECOND), Parting::IsMissed));
    assert_eq!(resumption.expired(now + GRACE), Some(2));
    assert_eq!(resumption.expired(now + GRACE), None);
    assert_eq!(resumption.expired(now + GRACE + SECOND), Some(1));
}
