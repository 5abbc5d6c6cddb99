//! A room shows nothing that is too old, though nobody says anything that would drive it out.

use xmeet_shared::{Cursor, Nickname, Pid, UnixMillis};

use super::{Effect, Input, Kept, MemberKey, Message, Room, Stored};

const AGE_MS_MAX: UnixMillis = 1000;

/// A room that holds messages of these times, with the ids 11, 12 and so on.
fn room(times: &[UnixMillis]) -> Room {
    let kept = |(id, ts): (u64, &UnixMillis)| {
        let from = Pid::new(0, 1, 1);
        let nickname = Nickname::new("a").unwrap();
        let message = Message { from, nickname, text: String::new(), ts: *ts };
        Kept { id, message: message.into() }
    };
    let tail: Vec<_> = (11..).zip(times).map(kept).collect();
    let newest = 10 + tail.len() as u64;
    Room::new(Stored { oldest: 1, newest, tail }, 100).forgetting_after(Some(AGE_MS_MAX))
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
