//! Goal: a greeting whose page is read slowly delays no other member, and is correct even if its connection
//! leaves, is lost or is taken over meanwhile. Method: fixed runs over a store with fast writes and slow
//! reads, checked like random runs.

use std::time::Duration;

use tokio::time::Instant;
use xmeet_shared::ServerMessage;

use crate::journal::{Command, End};
use crate::line::Line;
use crate::pipe::UpEnd;
use crate::scenarios::{OUTBOX_BYTES_MAX, Stage, TOKEN, WIDE, has, pass, received, say};
use crate::store::StoreFaults;
use crate::world::in_virtual_time;

/// Duration of a read of a page, in virtual milliseconds.
const READ_MS: u64 = 3000;

/// Length of texts of which a room holds only the newest.
const TEXT_BYTES: usize = 700;

/// Creates a room with more history than it holds, a store with slow reads, and a member that talks.
async fn slow_room(outbox_bytes_max: usize) -> (Stage, Line) {
    let mut stage = Stage::new(outbox_bytes_max);
    let talks = stage.enter("room", "talks", None, WIDE).await;
    talks.send((0..5).map(|number| Command::Say(format!("{number:0TEXT_BYTES$}"))));
    pass(10).await;
    stage.world.store.set("room", StoreFaults { read_ms: READ_MS, ..StoreFaults::default() });
    (stage, talks)
}

fn is_greeted(line: &Line) -> bool {
    has(line, |message| matches!(message, ServerMessage::History(_)))
}

fn end(line: &Line) -> End {
    line.journal.lock().unwrap().end
}

#[test]
fn messages_are_delivered_while_greetings_wait_for_a_slow_store() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(1_000_000).await;
        let mut newcomers = Vec::new();
        for number in 0..10 {
            newcomers.push(stage.enter("room", &format!("comes {number}"), None, WIDE).await);
            talks.send(say(&format!("said meanwhile {number}")));
            pass(50).await;
        }
        let sent = talks.journal.lock().unwrap().sent.clone();
        let said = received(&talks).into_iter().filter(|r| r.message.kind() == "normal");
        for (sent, received) in sent.iter().zip(said) {
            assert_eq!(sent.arrived.unwrap().ms, received.taken.ms, "{sent:?}");
        }
        assert!(newcomers.iter().all(|line| !is_greeted(line)));
        // The hub reads two pages at a time.
        pass(6 * READ_MS).await;
        assert!(newcomers.iter().all(is_greeted));
        stage.end(newcomers.into_iter().chain([talks])).await;
    });
}

#[test]
fn leave_loss_and_takeover_before_the_greeting_are_handled() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(1_000_000).await;
        let leaves = stage.enter("room", "leaves", None, WIDE).await;
        let old = stage.enter("room", "same", Some(TOKEN), WIDE).await;
        let lost = stage.enter("room", "lost", Some("another-token-long-enough"), WIDE).await;
        let speaks = stage.enter("room", "speaks", None, WIDE).await;
        speaks.send(say("before it is greeted"));
        speaks.send([Command::History(0), Command::Rename("renamed".to_owned())]);
        old.send(say("before it is taken over"));
        pass(100).await;
        leaves.send([Command::Goodbye(Some(1000))]);
        lost.hang_up(UpEnd::Reset);
        let new = stage.enter("room", "same", Some(TOKEN), WIDE).await;
        talks.send(say("meanwhile"));
        pass(100).await;
        assert_eq!((end(&leaves), end(&old)), (End::Closed(Some(1000)), End::Closed(Some(4001))));
        let back = stage.enter("room", "lost", Some("another-token-long-enough"), WIDE).await;
        assert!(![&leaves, &old, &lost].into_iter().any(is_greeted));
        pass(6 * READ_MS).await;
        assert!([&new, &back, &speaks].into_iter().all(is_greeted));
        stage.end([talks, speaks, new, back]).await;
    });
}

#[test]
fn newcomer_with_too_many_withheld_bytes_is_closed_with_1013() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(OUTBOX_BYTES_MAX).await;
        let comes = stage.enter("room", "comes", None, WIDE).await;
        let mut said = 0;
        while comes.is_open() {
            talks.send(say(&format!("{said} {}", "y".repeat(TEXT_BYTES))));
            said += 1;
            pass(10).await;
            assert!(said * TEXT_BYTES < 2 * OUTBOX_BYTES_MAX, "the withheld bytes have no bound");
        }
        assert_eq!(end(&comes), End::Closed(Some(1013)));
        assert!(talks.is_open() && !is_greeted(&comes));
        pass(10).await;
        assert!(has(&talks, |message| *message == ServerMessage::Leave));
    });
}

#[test]
fn shutdown_greets_answers_and_closes_a_newcomer_that_waits_for_its_page() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(1_000_000).await;
        let comes = stage.enter("room", "comes", Some(TOKEN), WIDE).await;
        comes.send(say("its last word"));
        pass(10).await;
        let sessions = &stage.world.place.sessions;
        sessions.close_all(Instant::now() + Duration::from_millis(4 * READ_MS));
        pass(5 * READ_MS).await;
        for line in [&talks, &comes] {
            assert_eq!(end(line), End::Closed(Some(1001)));
            let own = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text, .. } if text == "its last word");
            assert!(has(line, own));
        }
        assert!(is_greeted(&comes));
        stage.world.must_be_empty().await.unwrap();
    });
}

#[test]
fn shutdown_does_not_wait_for_a_page_beyond_its_deadline() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(1_000_000).await;
        let comes = stage.enter("room", "comes", None, WIDE).await;
        stage.world.place.sessions.close_all(Instant::now() + Duration::from_millis(READ_MS / 3));
        pass(READ_MS / 2).await;
        for line in [&talks, &comes] {
            assert_eq!(end(line), End::Closed(Some(1001)));
        }
        assert!(!is_greeted(&comes));
        stage.world.must_be_empty().await.unwrap();
    });
}
