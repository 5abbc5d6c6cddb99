//! Goal: a panic in one part of a room is counted, and ends every connection that it affects. Method: a
//! real SQLite store, and sockets that panic on demand.

use super::*;

#[tokio::test]
async fn room_panic_ends_one_room_and_its_members_reconnect() {
    let world = World::new();
    let (member, line) = world.enter().await;
    world.set_store_mode(PANICS);
    member.unwrap().say("x".to_owned()).unwrap();
    assert_eq!(soon(line.outbox.drive_writes()).await, ROOM_ENDED);
    until(|| world.hub.room_panics() == 1).await;
    world.set_store_mode(WORKS);
    let (member, line) = world.enter().await;
    // A member who has left receives nothing more.
    let member = member.unwrap();
    member.say("y".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
}

#[tokio::test]
async fn long_greeting_that_panics_is_counted_and_ends_its_newcomer_alone() {
    let world = World::new();
    let (first, first_line) = world.enter_long_room().await;
    world.set_store_mode(PANICS);
    let (newcomer, line) = world.enter().await;
    let _newcomer = newcomer.unwrap();
    soon(line.outbox.drive_writes()).await;
    assert_eq!(world.hub.metrics().panics.counted("greeting"), 1);
    assert_eq!(world.hub.room_panics(), 0);
    world.set_store_mode(WORKS);
    first.say("y".to_owned()).unwrap();
    let is_said = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text, .. } if text == "y");
    wait_for(&first_line, is_said).await;
}

/// A panic during one of several greetings closes that newcomer and the newcomers after it.
#[tokio::test]
async fn panic_in_a_long_greeting_closes_the_newcomers_not_greeted() {
    let world = World::new();
    let _first = world.enter_long_room().await;
    world.set_store_mode(STALLS_READS);
    // The room handles all three joins in one round, so one greeting task has them.
    let crowd = [World::join_request(None), World::join_request(None), World::join_request(None)];
    let [a, b, c] = &crowd;
    let enter = |(join_request, line): &(JoinRequest, Line)| {
        let (hub, join_request, outbox) =
            (Arc::clone(&world.hub), join_request.clone(), Arc::clone(&line.outbox));
        async move { hub.join(join_request, &outbox, None, pending()).await.unwrap() }
    };
    let _members = soon(async { tokio::join!(enter(a), enter(b), enter(c)) }).await;
    b.1.sent.2.store(true, Ordering::SeqCst);
    world.set_store_mode(WORKS);
    for (_, line) in &crowd[1..] {
        soon(async {
            let mut tending = std::pin::pin!(line.outbox.drive_writes());
            while tending.as_mut().now_or_never().is_none() {
                world.history.reads.notify_waiters();
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(a.1.outbox.is_greeted() && !a.1.outbox.is_closed());
    assert_eq!(world.hub.metrics().panics.counted("greeting"), 1);
    assert_eq!(world.hub.room_panics(), 0);
}

#[tokio::test]
async fn panic_in_the_rooms_own_greeting_closes_all_its_connections() {
    let world = World::new();
    let (_first, first_line) = world.enter().await;
    let (join_request, line) = World::join_request(None);
    line.sent.2.store(true, Ordering::SeqCst);
    let _entered = soon(world.hub.join(join_request, &line.outbox, None, pending())).await;
    assert_eq!(soon(line.outbox.drive_writes()).await, ROOM_ENDED);
    assert_eq!(soon(first_line.outbox.drive_writes()).await, ROOM_ENDED);
    assert_eq!(world.hub.room_panics(), 1);
}

/// A panic of a shard also closes members that the shard has not subscribed yet.
#[tokio::test]
async fn shard_panic_closes_members_not_subscribed_yet() {
    let panics = Arc::new(crate::metrics::Panics::default());
    let mut fanout = crate::fanout::Fanout::new(TaskTracker::new(), Arc::clone(&panics));
    let mut lines = Vec::new();
    for member in 0..crate::fanout::SHARD_MEMBERS_MAX as u64 + 3 {
        let (_, line) = World::join_request(None);
        line.outbox.send_greeting([]);
        lines.push(line);
        fanout.subscribe(member, &lines[member as usize].outbox, 0).await;
        if member == crate::fanout::SHARD_MEMBERS_MAX as u64 {
            lines[member as usize].sent.2.store(true, Ordering::SeqCst);
            let answer = crate::fanout::Reply::Frame(Bytes::from_static(b"x"));
            // The shard has not run yet, so the next two members are in its queue when it panics.
            fanout.reply(member, Vec::new(), answer).await;
        }
    }
    for line in &lines[crate::fanout::SHARD_MEMBERS_MAX..] {
        assert_eq!(soon(line.outbox.drive_writes()).await, ROOM_ENDED);
    }
    assert_eq!(panics.counted("shard"), 1);
    assert!(lines[0].outbox.drive_writes().now_or_never().is_none());
}

#[tokio::test]
async fn shard_panic_is_counted_and_closes_its_members_alone() {
    let world = World::new();
    let mut members = Vec::new();
    for _ in 0..crate::fanout::SHARD_MEMBERS_MAX + 2 {
        let (member, line) = world.enter().await;
        members.push((member.unwrap(), line));
    }
    let (near, far) = members.split_at(crate::fanout::SHARD_MEMBERS_MAX);
    far[0].1.sent.2.store(true, Ordering::SeqCst);
    near[0].0.say("x".to_owned()).unwrap();
    for (_, line) in far {
        soon(line.outbox.drive_writes()).await;
    }
    assert_eq!(world.hub.metrics().panics.counted("shard"), 1);
    assert_eq!(world.hub.room_panics(), 0);
    near[1].0.say("y".to_owned()).unwrap();
    let is_second = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text, .. } if text == "y");
    wait_for(&near[0].1, is_second).await;
}
