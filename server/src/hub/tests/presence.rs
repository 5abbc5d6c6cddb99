//! Goal: many joins and leaves cost the members of a large room few writes, independent of what a busy
//! member does, and all members see one order. Method: the real hub without a history, in virtual time.
//! The tests read the events of each member, and count its writes.

use tokio::time::sleep;

use super::joins::{MS, presence, start_entering, world};
use super::*;

/// Members of a large room. Shards write to most of them.
const MANY: usize = 300;

async fn many_members(world: &World) -> Vec<(Membership, Line)> {
    let mut members = Vec::new();
    for _ in 0..MANY {
        let (member, line) = start_entering(world, None, pending());
        members.push((member.await.unwrap().unwrap(), line));
    }
    sleep(1000 * MS).await;
    for (_, line) in &members {
        line.sent.take();
        line.sent.1.store(0, Ordering::SeqCst);
    }
    members
}

#[tokio::test(start_paused = true)]
async fn joins_and_leaves_in_a_large_room_take_few_writes_per_member() {
    const COMERS: usize = 100;
    let world = world(0);
    let members = many_members(&world).await;
    for _ in 0..COMERS {
        let (entering, _) = start_entering(&world, None, pending());
        tokio::spawn(async move {
            if let Ok(member) = entering.await.unwrap() {
                member.leave(Disconnect::Clean).await;
            }
        });
        sleep(10 * MS).await;
    }
    sleep(1000 * MS).await;
    for (_, line) in &members {
        let writes = line.sent.1.load(Ordering::SeqCst);
        // Two hundred events take two writes per window of 200 ms, and a few at both ends.
        assert!(writes <= 16, "{writes} writes");
        let (mut joined, mut left) = presence(line);
        joined.sort();
        left.sort();
        assert_eq!((joined.len(), &joined), (COMERS, &left), "each join has its leave");
    }
}

/// An action that one member repeats 20 times a second while others join and leave.
#[derive(Debug, Clone, Copy)]
enum Busy {
    Nothing,
    AsksForNewestPage,
    SendsBarriers,
    ComesBack,
}

impl Busy {
    async fn act(self, world: &World, member: Membership, line: &mut Line) -> Membership {
        match self {
            Self::Nothing => {}
            Self::AsksForNewestPage => {
                line.outbox.expect_answer();
                member.history(Cursor(0)).unwrap();
            }
            Self::SendsBarriers => {
                let _ = line.outbox.expect_barrier();
                member.barrier().unwrap();
            }
            Self::ComesBack => {
                member.leave(Disconnect::Lost).await;
                let (entering, back) = start_entering(world, Some(BUSY_TOKEN), pending());
                *line = back;
                return entering.await.unwrap().unwrap();
            }
        }
        member
    }
}

const BUSY_TOKEN: &str = "a-token-of-enough-length-1";

/// Events for every member.
fn events(line: &Line) -> Vec<(String, &'static str)> {
    let envelopes = line.sent.take_envelopes().into_iter();
    let events = envelopes.map(|envelope| (envelope.from.to_string(), envelope.message.kind()));
    events.filter(|(_, kind)| ["join", "leave", "normal", "changename"].contains(kind)).collect()
}

/// Lets newcomers join and leave a room of 300 for a second, while one more member is busy. Checks that
/// all members received all events in one order. Returns the number of writes to each of the 300.
async fn writes_beside(busy: Busy, is_chatty: bool) -> Vec<usize> {
    let world = world(0);
    let (entering, mut busy_line) = start_entering(&world, Some(BUSY_TOKEN), pending());
    let mut busy_member = entering.await.unwrap().unwrap();
    let members = many_members(&world).await;
    busy_line.sent.take();
    let mut busy_saw = Vec::new();
    for round in 0..100_usize {
        let (entering, _) = start_entering(&world, None, pending());
        tokio::spawn(async move {
            if let Ok(member) = entering.await.unwrap() {
                member.leave(Disconnect::Clean).await;
            }
        });
        if let Some((speaks, _)) = members.get(round).filter(|_| is_chatty && round % 10 == 0) {
            speaks.say(round.to_string()).unwrap();
        }
        sleep(7 * MS).await;
        if round % 5 == 0 {
            busy_saw.extend(events(&busy_line));
            busy_member = busy.act(&world, busy_member, &mut busy_line).await;
        }
        sleep(3 * MS).await;
    }
    sleep(1000 * MS).await;
    busy_saw.extend(events(&busy_line));
    let first = events(&members[0].1);
    assert_eq!(first.len(), if is_chatty { 210 } else { 200 });
    for (_, line) in &members[1..] {
        assert_eq!(events(line), first);
    }
    if !matches!(busy, Busy::ComesBack) {
        assert_eq!(busy_saw, first, "{busy:?}");
    }
    members.iter().map(|(_, line)| line.sent.1.load(Ordering::SeqCst)).collect()
}

#[tokio::test(start_paused = true)]
async fn replies_to_one_member_cost_others_no_writes() {
    for is_chatty in [false, true] {
        let alone = writes_beside(Busy::Nothing, is_chatty).await;
        for busy in [Busy::AsksForNewestPage, Busy::SendsBarriers, Busy::ComesBack] {
            let beside = writes_beside(busy, is_chatty).await;
            for (alone, beside) in alone.iter().zip(&beside) {
                assert!(beside <= alone, "{busy:?}: {beside} writes instead of {alone}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_member_leaves_a_busy_room_after_its_grace_period() {
    let world = World::with(|settings| {
        settings.history_kept_messages = 0;
        settings.resume_grace = 1000 * MS;
    });
    let (entering, _line) = start_entering(&world, Some(BUSY_TOKEN), pending());
    let lost = entering.await.unwrap().unwrap();
    let mut members = Vec::new();
    // Enough members that the room yields while it writes to them.
    for _ in 0..20 {
        let (member, line) = start_entering(&world, None, pending());
        members.push((member.await.unwrap().unwrap(), line));
    }
    let (speaks, _) = members.pop().unwrap();
    lost.leave(Disconnect::Lost).await;
    sleep(10 * MS).await;
    members[0].1.sent.take();
    let flood = tokio::spawn(async move {
        loop {
            // Fails while the inbox is full, so that the inbox is never empty.
            let _ = speaks.say("x".to_owned());
            crate::turns::yield_without_io_poll().await;
        }
    });
    tokio::time::advance(2000 * MS).await;
    let mut heard = Vec::new();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        heard.extend(members[0].1.sent.take());
    }
    flood.abort();
    assert!(heard.len() > 100, "{} heard", heard.len());
    assert!(heard.contains(&ServerMessage::Leave), "{} heard", heard.len());
}

/// Returns the members that a client knows from its greeting, and from the joins and leaves after it.
fn members_as_told(line: &Line) -> Vec<String> {
    let mut members: Vec<String> = Vec::new();
    for envelope in line.sent.take_envelopes() {
        let from = envelope.from.to_string();
        match envelope.message {
            ServerMessage::Members(list) => {
                members = list.into_iter().map(|member| member.pid.to_string()).collect();
            }
            ServerMessage::Join(_) => {
                assert!(!members.contains(&from), "{from} joins twice");
                members.push(from);
            }
            ServerMessage::Leave => {
                let at = members.iter().position(|member| *member == from);
                members.remove(at.expect("the leaving member is known"));
            }
            _ => {}
        }
    }
    members
}

#[tokio::test(start_paused = true)]
async fn greeting_within_a_batch_is_followed_by_the_rest_of_the_batch() {
    let world = world(0);
    let (entering, _line) = start_entering(&world, Some(BUSY_TOKEN), pending());
    let mut comes_back = entering.await.unwrap().unwrap();
    let mut members = many_members(&world).await;
    let mut lines = Vec::new();
    for round in 0..60 {
        members.pop().unwrap().0.leave(Disconnect::Clean).await;
        sleep((round % 7) * MS).await;
        comes_back.leave(Disconnect::Lost).await;
        let (entering, line) = start_entering(&world, Some(BUSY_TOKEN), pending());
        comes_back = entering.await.unwrap().unwrap();
        // The events stay unread until the next round.
        lines.push(line);
        let (entering, line) = start_entering(&world, None, pending());
        members.insert(0, (entering.await.unwrap().unwrap(), line));
    }
    sleep(1000 * MS).await;
    let mut expected = members_as_told(&lines[59]);
    expected.sort();
    assert_eq!(expected.len(), 301);
    for (member, line) in &members[..60] {
        let mut told = members_as_told(line);
        told.sort();
        assert_eq!(told, expected, "{}", member.pid());
    }
    for line in &lines[..59] {
        members_as_told(line);
    }
}

#[tokio::test(start_paused = true)]
async fn message_delivers_delayed_joins_and_leaves_before_it() {
    let world = world(0);
    let mut members = many_members(&world).await;
    let (leaves, _) = members.pop().unwrap();
    let (leaves_too, _) = members.pop().unwrap();
    let (speaks, line) = &members[0];
    leaves.leave(Disconnect::Clean).await;
    sleep(10 * MS).await;
    line.sent.take();
    // Within the window, the join waits for further events.
    leaves_too.leave(Disconnect::Clean).await;
    sleep(10 * MS).await;
    assert_eq!(line.sent.take(), []);
    speaks.say("x".to_owned()).unwrap();
    sleep(10 * MS).await;
    for (_, line) in &members[1..] {
        let kinds: Vec<_> = line.sent.take().iter().map(ServerMessage::kind).collect();
        assert!(kinds.ends_with(&["leave", "normal"]), "{kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delayed_joins_and_leaves_arrive_when_their_window_ends() {
    let world = world(0);
    let mut members = many_members(&world).await;
    for _ in 0..2 {
        let (leaves, _) = members.pop().unwrap();
        leaves.leave(Disconnect::Clean).await;
        sleep(10 * MS).await;
    }
    sleep(1000 * MS).await;
    for (_, line) in &members {
        let leaves = line.sent.take().iter().filter(|m| **m == ServerMessage::Leave).count();
        assert_eq!(leaves, 2);
    }
}
