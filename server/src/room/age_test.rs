//! A room hides expired messages even if no new message arrives.

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_shared::{Cursor, Nickname, Pid, UnixMillis};

use super::{Action, Effect, Input, MemberKey, Message, Room, RoomHistory, StoredMessage};

const AGE_MS_MAX: UnixMillis = 1000;

/// Creates messages with these timestamps and with ids from `first`.
fn kept(first: u64, times: &[UnixMillis]) -> Vec<StoredMessage> {
    let kept = |(id, ts): (u64, &UnixMillis)| {
        let from = Pid::new(0, 1, 1);
        let nickname = Nickname::new("a").unwrap();
        let message = Message { from, nickname, text: String::new(), ts: *ts };
        StoredMessage { id, message: message.into() }
    };
    (first..).zip(times).map(kept).collect()
}

/// Creates a room with messages of these timestamps. Their ids start at 11.
fn room(times: &[UnixMillis]) -> Room {
    let stored = RoomHistory {
        newest: 10 + times.len() as u64,
        tail: kept(11, times),
        ..RoomHistory::default()
    };
    Room::new(stored, 100).with_retention(Some(AGE_MS_MAX))
}

fn take(room: &mut Room, input: Input, now: UnixMillis) -> Vec<Effect> {
    let mut effects = Vec::new();
    room.handle(input, now, &mut effects);
    room.end_round(&mut effects);
    effects
}

fn join(room: &mut Room, member: MemberKey, now: UnixMillis) -> Vec<u64> {
    let (pid, nickname) = (Pid::new(0, member, 1), Nickname::new("b").unwrap());
    let effects = take(room, Action::Join { pid, nickname }.by(member), now);
    let Some(Effect::Greet { snapshot, .. }) = effects.last() else { panic!("{effects:?}") };
    snapshot.tail.iter().map(|kept| kept.id).collect()
}

fn page(room: &mut Room, member: MemberKey, cursor: u64, now: UnixMillis) -> Vec<Effect> {
    take(room, Action::RequestPage { cursor: Cursor(cursor) }.by(member), now)
}

#[test]
fn expired_messages_are_in_no_greeting_and_on_no_page() {
    let mut room = room(&[100, 200, 300]);
    assert_eq!(join(&mut room, 1, 1100), [11, 12, 13]);
    assert_eq!(join(&mut room, 2, 1201), [13]);
    let effects = page(&mut room, 2, 0, 1301);
    let [Effect::Page { messages, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(messages.len(), 0);
    // Messages before it expire with it, and the room does not read them.
    let effects = page(&mut room, 2, 1, 1301);
    assert!(matches!(&effects[..], [Effect::Page { messages, .. }] if messages.is_empty()));
    assert_eq!(join(&mut room, 3, 1301), Vec::<u64>::new());
}

#[test]
fn ids_continue_when_all_messages_have_expired() {
    let mut room = room(&[100]);
    join(&mut room, 1, 5000);
    take(&mut room, Input::Say { member: 1, text: "x".to_owned(), is_stored: true }, 5000);
    take(&mut room, Input::Appended { first: 12 }, 5000);
    assert_eq!(join(&mut room, 2, 5000), [12]);
}

/// Sends a message that is stored. Returns its timestamp as delivered.
fn say(room: &mut Room, id: u64, now: UnixMillis) -> UnixMillis {
    take(room, Input::Say { member: 1, text: "x".to_owned(), is_stored: true }, now);
    let effects = take(room, Input::Appended { first: id }, now);
    let [Effect::Broadcast(event)] = &effects[..] else { panic!("{effects:?}") };
    event.ts
}

#[test]
fn one_future_message_does_not_move_later_times() {
    let mut room = Room::new(RoomHistory::default(), 1000);
    join(&mut room, 1, 5_000);
    assert_eq!(say(&mut room, 1, 5_000), 5_000);
    assert_eq!(say(&mut room, 2, 86_400_000), 86_400_000);
    assert_eq!(say(&mut room, 3, 5_200), 5_200, "a large step back is followed at once");
    assert_eq!(say(&mut room, 4, 4_900), 5_200, "a small correction reverses no times");
    assert_eq!(say(&mut room, 5, 5_300), 5_300);
    let mut ids = Vec::new();
    for effect in page(&mut room, 1, 0, 5_300) {
        let Effect::Page { messages, .. } = effect else { panic!("{effect:?}") };
        ids.extend(messages.iter().map(|kept| kept.id));
    }
    assert_eq!(ids, [1, 2, 3, 4, 5], "the order is that of the ids");
}

#[test]
fn message_from_the_future_expires_with_older_messages_behind_it() {
    let mut room = room(&[1000]);
    join(&mut room, 1, 1_000);
    assert_eq!(say(&mut room, 12, 50_000_000), 50_000_000);
    assert_eq!(say(&mut room, 13, 1_100), 1_100);
    assert_eq!(join(&mut room, 2, 1_100), [11, 12, 13]);
    assert_eq!(join(&mut room, 3, 1_100 + AGE_MS_MAX + 1), [0; 0]);
}

#[test]
fn one_future_message_keeps_no_expired_message() {
    let mut room = room(&[100, 9_000_000, 200, 300]);
    assert_eq!(join(&mut room, 1, 1250), [14]);
}

#[test]
fn future_message_does_not_expire_by_itself() {
    let mut room = room(&[9_000_000, 9_000_001]);
    assert_eq!(join(&mut room, 1, 1250), [11, 12]);
}

#[test]
fn one_message_from_the_past_expires_no_other() {
    let mut room = room(&[500, 5, 600]);
    assert_eq!(join(&mut room, 1, 1250), [11, 12, 13]);
    assert_eq!(join(&mut room, 2, 1550), [13]);
}

/// The state of the clock when a message is sent.
#[derive(Debug, Clone, Copy)]
enum Said {
    /// Right: this much later than the last right time.
    Right(UnixMillis),
    /// Far in the past, as before a clock is set.
    Behind,
    Ahead,
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let one = prop_oneof![
        8 => (0..100_i64).prop_map(Said::Right),
        1 => Just(Said::Behind),
        1 => Just(Said::Ahead),
    ];
    // A wrong clock stays wrong for several messages.
    vec((one, 1..30_usize), 0..12)
        .prop_map(|runs| runs.into_iter().flat_map(|(one, count)| vec![one; count]).collect())
}

/// A log with all timestamps, which applies the rule of expiry from its beginning.
struct Naive {
    times: Vec<UnixMillis>,
    gone: usize,
}

impl Naive {
    /// Expires messages.
    fn forget_old(&mut self, now: UnixMillis) {
        let (from, there) = (now - AGE_MS_MAX, &self.times[self.gone..]);
        let first_timely = there.iter().position(|ts| (from..=now).contains(ts));
        let before = &there[..first_timely.unwrap_or(there.len())];
        self.gone += before.iter().rposition(|ts| *ts < from).map_or(0, |place| place + 1);
    }

    /// Returns the ids of page 0.
    fn page(&self) -> Vec<u64> {
        let ids = self.gone as u64 + 1..=self.times.len() as u64;
        ids.rev().take(50).collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn stored(&self, now: UnixMillis) -> RoomHistory {
        let page = self.times.len().saturating_sub(50).max(self.gone);
        let is_timely = |ts: &&UnixMillis| (now - AGE_MS_MAX..=now).contains(*ts);
        RoomHistory {
            oldest: self.gone as u64 + 1,
            newest: self.times.len() as u64,
            tail: kept(page as u64 + 1, &self.times[page..]),
            valid_before: self.times[self.gone..page].iter().rev().find(is_timely).copied(),
        }
    }
}

proptest! {
    /// The room holds one page only, but hides the same messages as a log of all.
    #[test]
    fn room_of_one_page_hides_the_same_messages_as_a_full_log(
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
        let mut room = Room::new(stored, 10_000).with_retention(Some(AGE_MS_MAX));
        prop_assert_eq!(join(&mut room, 1, now), naive.page());
        for (member, (wait, count)) in (2..).zip(waits) {
            now += wait;
            for _ in 0..count {
                take(&mut room, Input::Say { member: 1, text: "x".to_owned(), is_stored: true }, now);
                naive.times.push(now);
                take(&mut room, Input::Appended { first: naive.times.len() as u64 }, now);
            }
            naive.forget_old(now);
            prop_assert_eq!(join(&mut room, member, now), naive.page());
        }
    }
}
