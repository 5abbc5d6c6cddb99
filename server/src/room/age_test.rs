//! A room shows nothing that is too old, though nobody says anything that would drive it out.

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_shared::{Cursor, Nickname, Pid, UnixMillis};

use super::{Effect, Input, Kept, MemberKey, Message, Room, Stored};

const AGE_MS_MAX: UnixMillis = 1000;

/// Messages of these times, the first of which has this id.
fn kept(first: u64, times: &[UnixMillis]) -> Vec<Kept> {
    let kept = |(id, ts): (u64, &UnixMillis)| {
        let from = Pid::new(0, 1, 1);
        let nickname = Nickname::new("a").unwrap();
        let message = Message { from, nickname, text: String::new(), ts: *ts };
        Kept { id, message: message.into() }
    };
    (first..).zip(times).map(kept).collect()
}

/// A room that holds messages of these times, with the ids 11, 12 and so on.
fn room(times: &[UnixMillis]) -> Room {
    let stored =
        Stored { newest: 10 + times.len() as u64, tail: kept(11, times), ..Stored::default() };
    Room::new(stored, 100).forgetting_after(Some(AGE_MS_MAX))
}

fn take(room: &mut Room, input: Input, now: UnixMillis) -> Vec<Effect> {
    let mut effects = Vec::new();
    room.handle(input, now, &mut effects);
    room.settle(&mut effects);
    effects
}

fn join(room: &mut Room, member: MemberKey, now: UnixMillis) -> Vec<u64> {
    let (pid, nickname) = (Pid::new(0, member, 1), Nickname::new("b").unwrap());
    let effects = take(room, Input::Join { member, pid, nickname }, now);
    let Some(Effect::Greet { snapshot, .. }) = effects.last() else { panic!("{effects:?}") };
    snapshot.tail.iter().map(|kept| kept.id).collect()
}

fn page(room: &mut Room, member: MemberKey, cursor: u64, now: UnixMillis) -> Vec<Effect> {
    take(room, Input::History { member, cursor: Cursor(cursor) }, now)
}

#[test]
fn what_is_too_old_is_in_no_greeting_and_on_no_page() {
    let mut room = room(&[100, 200, 300]);
    assert_eq!(join(&mut room, 1, 1100), [11, 12, 13]);
    assert_eq!(join(&mut room, 2, 1201), [13]);
    let effects = page(&mut room, 2, 0, 1301);
    let [Effect::Page { messages, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(messages.len(), 0);
    // What stood before it is gone with it, and is not even read.
    let effects = page(&mut room, 2, 1, 1301);
    assert!(matches!(&effects[..], [Effect::Page { messages, .. }] if messages.is_empty()));
    assert_eq!(join(&mut room, 3, 1301), Vec::<u64>::new());
}

#[test]
fn ids_go_on_when_everything_is_too_old() {
    let mut room = room(&[100]);
    join(&mut room, 1, 5000);
    take(&mut room, Input::Say { member: 1, text: "x".to_owned() }, 5000);
    take(&mut room, Input::Appended { first: 12 }, 5000);
    assert_eq!(join(&mut room, 2, 5000), [12]);
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_keeps_nothing() {
    let mut room = room(&[100, 9_000_000, 200, 300]);
    assert_eq!(join(&mut room, 1, 1250), [14]);
}

#[test]
fn what_a_clock_that_was_ahead_made_does_not_go_by_itself() {
    let mut room = room(&[9_000_000, 9_000_001]);
    assert_eq!(join(&mut room, 1, 1250), [11, 12]);
}

#[test]
fn a_clock_that_was_behind_for_a_moment_takes_nothing_with_it() {
    let mut room = room(&[500, 5, 600]);
    assert_eq!(join(&mut room, 1, 1250), [11, 12, 13]);
    assert_eq!(join(&mut room, 2, 1550), [13]);
}

/// The clock when a message is said.
#[derive(Debug, Clone, Copy)]
enum Said {
    /// Right; so much later than the last one.
    Right(UnixMillis),
    /// Not set yet.
    Behind,
    Ahead,
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let one = prop_oneof![
        8 => (0..100_i64).prop_map(Said::Right),
        1 => Just(Said::Behind),
        1 => Just(Said::Ahead),
    ];
    // Clocks stay wrong for a while.
    vec((one, 1..30_usize), 0..12)
        .prop_map(|runs| runs.into_iter().flat_map(|(one, count)| vec![one; count]).collect())
}

/// A log that remembers all, and reads the rule from its beginning.
struct Naive {
    times: Vec<UnixMillis>,
    gone: usize,
}

impl Naive {
    /// How many go at this time.
    fn forget_old(&mut self, now: UnixMillis) {
        let (from, there) = (now - AGE_MS_MAX, &self.times[self.gone..]);
        let first_timely = there.iter().position(|ts| (from..=now).contains(ts));
        let before = &there[..first_timely.unwrap_or(there.len())];
        self.gone += before.iter().rposition(|ts| *ts < from).map_or(0, |place| place + 1);
    }

    /// The ids of page 0.
    fn page(&self) -> Vec<u64> {
        let ids = self.gone as u64 + 1..=self.times.len() as u64;
        ids.rev().take(50).collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn stored(&self, now: UnixMillis) -> Stored {
        let page = self.times.len().saturating_sub(50).max(self.gone);
        let is_timely = |ts: &&UnixMillis| (now - AGE_MS_MAX..=now).contains(*ts);
        Stored {
            oldest: self.gone as u64 + 1,
            newest: self.times.len() as u64,
            tail: kept(page as u64 + 1, &self.times[page..]),
            timely_before: self.times[self.gone..page].iter().rev().find(is_timely).copied(),
        }
    }
}

proptest! {
    /// The room holds one page, and shows of it what one shows that knows all messages.
    #[test]
    fn what_is_shown_is_what_the_whole_log_says(
        before in said(),
        waits in vec((0..300_i64, 0..20_usize), 0..20),
    ) {
        let mut now = 1_000_000;
        let times = before.iter().map(|said| match said {
            Said::Right(later) => {
                now += later;
                now
            }
            Said::Behind => 5,
            Said::Ahead => 9_000_000_000,
        });
        let mut naive = Naive { times: times.collect(), gone: 0 };
        naive.forget_old(now);
        let stored = naive.stored(now);
        let mut room = Room::new(stored, 10_000).forgetting_after(Some(AGE_MS_MAX));
        prop_assert_eq!(join(&mut room, 1, now), naive.page());
        for (member, (wait, count)) in (2..).zip(waits) {
            now += wait;
            for _ in 0..count {
                take(&mut room, Input::Say { member: 1, text: "x".to_owned() }, now);
                naive.times.push(now);
                take(&mut room, Input::Appended { first: naive.times.len() as u64 }, now);
            }
            naive.forget_old(now);
            prop_assert_eq!(join(&mut room, member, now), naive.page());
        }
    }
}
