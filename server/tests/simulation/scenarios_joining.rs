//! Goal: a greeting whose page the store takes long to read holds nobody else up, and comes out right
//! whatever happens to its connection meanwhile. Method: runs that are laid out, over a store that
//! writes at once and reads slowly, and then checked as all runs are.

use std::time::Duration;

use tokio::time::Instant;
use xmeet_shared::ServerMessage;

use crate::journal::{Command, End};
use crate::line::Line;
use crate::pipe::UpEnd;
use crate::scenarios::{OUTBOX_BYTES_MAX, Stage, TOKEN, WIDE, has, pass, received, say};
use crate::store::Temper;
use crate::world::in_virtual_time;

/// What reading a page takes, in virtual milliseconds.
const READ_MS: u64 = 3000;

/// Texts so long that a room holds only the newest of them.
const TEXT_BYTES: usize = 700;

/// A room with more history than it holds, whose store reads slowly, and a member that talks.
async fn slow_room(outbox_bytes_max: usize) -> (Stage, Line) {
    let mut stage = Stage::new(outbox_bytes_max);
    let talks = stage.enter("room", "talks", None, WIDE).await;
    talks.send((0..5).map(|number| Command::Say(format!("{number:0TEXT_BYTES$}"))));
    pass(10).await;
    stage.world.store.set("room", Temper { read_ms: READ_MS, ..Temper::default() });
    (stage, talks)
}

fn is_greeted(line: &Line) -> bool {
    has(line, |message| matches!(message, ServerMessage::History(_)))
}

fn end(line: &Line) -> End {
    line.journal.lock().unwrap().end
}

#[test]
fn messages_go_on_while_greetings_wait_for_a_store_that_reads_slowly() {
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
        // Two are read at a time.
        pass(6 * READ_MS).await;
        assert!(newcomers.iter().all(is_greeted));
        stage.end(newcomers.into_iter().chain([talks])).await;
    });
}

#[test]
fn connection_that_leaves_is_lost_or_is_taken_over_before_its_greeting_comes_out_right() {
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
fn too_much_withheld_closes_the_newcomer_alone_with_1013() {
    in_virtual_time(async {
        let (mut stage, talks) = slow_room(OUTBOX_BYTES_MAX).await;
        let comes = stage.enter("room", "comes", None, WIDE).await;
        let mut said = 0;
        while comes.is_open() {
            talks.send(say(&format!("{said} {}", "y".repeat(TEXT_BYTES))));
            said += 1;
            pass(10).await;
            assert!(said * TEXT_BYTES < 2 * OUTBOX_BYTES_MAX, "nothing bounds what is withheld");
        }
        assert_eq!(end(&comes), End::Closed(Some(1013)));
        assert!(talks.is_open() && !is_greeted(&comes));
        pass(10).await;
        assert!(has(&talks, |message| *message == ServerMessage::Leave));
    });
}

#[test]
fn shutdown_greets_answers_and_closes_who_waits_for_its_page() {
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
