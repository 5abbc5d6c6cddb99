//! Goal: a client on a slow line is judged by what it brings and takes, and is never cut off while it
//! goes on; one that stops is. What all clients have on its way in stays within the memory budget.
//! Method: lines with a bandwidth, in virtual time.

use std::sync::Arc;

use xmeet_server::limits::pace::PaceRates;
use xmeet_server::wire::budget::{MemoryBudget, Part, SMALL_MESSAGE_BYTES_MAX};
use xmeet_shared::ServerMessage;

use crate::journal::End;
use crate::line::{Line, Manner};
use crate::scenarios::{Stage, TOKEN, WIDE, has, pass, received, say};
use crate::store::Temper;
use crate::world::in_virtual_time;

/// The largest text, in bytes.
const LARGEST_BYTES: usize = 64 * 1024;

/// What may wait for one client by default, in bytes.
const OUTBOX_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A line with a bandwidth, and what the system takes ahead of it.
fn slow(kbit_per_second: u64) -> Manner {
    let bytes_per_second = Some(kbit_per_second * 1000 / 8);
    Manner { capacity_bytes: 100_000, latency_ms_max: 0, bytes_per_second }
}

fn end(line: &Line) -> End {
    line.journal.lock().unwrap().end
}

/// Says fifty of the largest texts, each character of which takes two bytes on the wire.
async fn fill(stage: &mut Stage, room: &str) -> Line {
    let filler = stage.enter(room, "filler", None, WIDE).await;
    for _ in 0..50 {
        filler.send(say(&"\"".repeat(LARGEST_BYTES)));
        pass(100).await;
    }
    filler
}

#[test]
fn a_greeting_of_the_largest_texts_is_taken_at_256_kbit_per_second() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let mut lines = Vec::new();
        for (room, token) in [("old client", None), ("new client", Some(TOKEN))] {
            let filler = fill(&mut stage, room).await;
            let slow = stage.enter(room, "slow", token, slow(256)).await;
            let mut seconds = 0;
            while received(&slow).len() < 4 {
                assert_eq!(end(&slow), End::Open, "after {seconds} s");
                // Others go on talking.
                filler.send(say(&format!("second {seconds}")));
                pass(5000).await;
                seconds += 5;
                assert!(seconds < 300, "6.5 MB take 205 s");
            }
            assert!(seconds > 190, "it was a slow line: {seconds} s");
            pass(60_000).await;
            assert_eq!(end(&slow), End::Open);
            assert!(has(&slow, |message| {
                matches!(message, ServerMessage::Normal { text, .. } if text == "second 200")
            }));
            lines.extend([filler, slow]);
        }
        stage.end(lines).await;
    });
}

#[test]
fn one_who_takes_nothing_of_a_greeting_is_cut_off_when_its_time_is_over() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let filler = fill(&mut stage, "room").await;
        let stalls = stage.enter("room", "stalls", None, slow(256)).await;
        stalls.stall(true);
        let is_gone = |message: &ServerMessage| *message == ServerMessage::Leave;
        pass(29_000).await;
        assert!(!has(&filler, is_gone));
        pass(5000).await;
        assert!(has(&filler, is_gone));
        stage.end([filler, stalls]).await;
    });
}

#[test]
fn the_largest_text_is_brought_at_64_kbit_per_second_and_one_that_stops_is_given_up() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let text = "x".repeat(LARGEST_BYTES);
        let is_it = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text: said, .. } if *said == text);
        let mut lines = Vec::new();
        // And at half of that.
        for (room, kbit_per_second) in [("a", 64), ("b", 32)] {
            let hears = stage.enter(room, "hears", None, WIDE).await;
            let brings = stage.enter(room, "brings", None, slow(kbit_per_second)).await;
            brings.send(say(&text));
            pass(LARGEST_BYTES as u64 * 8 / kbit_per_second + 1000).await;
            let heard = received(&hears);
            assert_eq!(heard.iter().filter(|received| is_it(&received.message)).count(), 1);
            // Its own text comes back over the same line.
            pass(120_000).await;
            assert!(has(&brings, is_it), "{kbit_per_second} kbit/s");
            assert_eq!(end(&brings), End::Open, "{kbit_per_second} kbit/s");
            lines.extend([hears, brings]);
        }
        // Half a KiB a second.
        let drips = stage.enter("other", "drips", None, slow(4)).await;
        drips.send(say(&text));
        pass(65_000).await;
        assert_eq!(end(&drips), End::Closed(Some(1013)));
        // Its close has a cause.
        drips.journal.lock().unwrap().has_stalled = true;
        stage.end(lines).await;
    });
}

/// The store is stuck, and thirty clients say the largest texts at once: what their rooms take stays
/// within its share, a person's line in another room does not wait, and nothing is lost.
#[test]
fn texts_that_wait_for_a_stuck_store_stay_within_their_share_and_short_lines_pass() {
    const BUDGET_BYTES: usize = 6 * 1024 * 1024;
    const SHARE_BYTES: usize = BUDGET_BYTES / 3;
    const TEXT_BYTES: usize = LARGEST_BYTES - 1000;
    in_virtual_time(async {
        let budget = Arc::new(MemoryBudget::new(BUDGET_BYTES));
        let mut stage = Stage::within(OUTBOX_BYTES_MAX, PaceRates::default(), &budget);
        let person = stage.enter("free", "person", None, WIDE).await;
        let mut crowd = Vec::new();
        for number in 0..42 {
            let room = format!("stuck {}", number % 6);
            let stuck = Temper { delay_ms_min: 20_000, ..Temper::default() };
            stage.world.store.set(&room, stuck);
            crowd.push(stage.enter(&room, "crowd", None, WIDE).await);
        }
        // Rooms are open, and nothing is under way.
        pass(25_000).await;
        for (number, member) in crowd.iter().enumerate() {
            member.send(say(&format!("{number:0TEXT_BYTES$}")));
        }
        let mut most_bytes = 0;
        for second in 0..10 {
            person.send(say(&format!("second {second}")));
            pass(1000).await;
            assert_eq!(received(&person).len(), 4 + second + 1, "a short line does not wait");
            most_bytes = most_bytes.max(budget.part_bytes(Part::Accepted));
        }
        assert!(most_bytes > SHARE_BYTES - 2 * LARGEST_BYTES, "{most_bytes}");
        assert!(most_bytes <= SHARE_BYTES + SMALL_MESSAGE_BYTES_MAX, "{most_bytes}");
        assert!(budget.part_bytes(Part::Incoming) > 5 * LARGEST_BYTES, "the others wait outside");
        pass(120_000).await;
        for member in &crowd {
            assert_eq!(end(member), End::Open);
        }
        assert_eq!(budget.part_bytes(Part::Accepted), 0);
        stage.end(crowd.into_iter().chain([person])).await;
        assert_eq!(budget.held_bytes(), 0);
    });
}
