//! Goal: a client on a slow line stays connected while it makes progress, and is closed when it stops. The
//! incoming messages of all clients stay within the memory budget. Method: lines with a bandwidth, in
//! virtual time.

use std::sync::Arc;

use xmeet_server::limits::pace::PaceRates;
use xmeet_server::wire::budget::{MemoryBudget, Part, SMALL_MESSAGE_BYTES_MAX};
use xmeet_shared::ServerMessage;

use crate::journal::End;
use crate::line::{Line, LinkProfile};
use crate::scenarios::{Stage, TOKEN, WIDE, has, pass, received, say};
use crate::store::StoreFaults;
use crate::world::in_virtual_time;

/// The largest text, in bytes.
const LARGEST_BYTES: usize = 64 * 1024;

/// Default bound of an outbox, in bytes.
const OUTBOX_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A line with a bandwidth, and the size of the system's buffer before it.
fn slow(kbit_per_second: u64) -> LinkProfile {
    let bytes_per_second = Some(kbit_per_second * 1000 / 8);
    LinkProfile { capacity_bytes: 100_000, latency_ms_max: 0, bytes_per_second }
}

fn end(line: &Line) -> End {
    line.journal.lock().unwrap().end
}

/// Sends fifty of the largest texts. Each character takes two bytes on the wire.
async fn fill(stage: &mut Stage, room: &str) -> Line {
    let filler = stage.enter(room, "filler", None, WIDE).await;
    for _ in 0..50 {
        filler.send(say(&"\"".repeat(LARGEST_BYTES)));
        pass(100).await;
    }
    filler
}

#[test]
fn greeting_of_the_largest_texts_arrives_at_256_kbit_per_second() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let mut lines = Vec::new();
        for (room, token) in [("old client", None), ("new client", Some(TOKEN))] {
            let filler = fill(&mut stage, room).await;
            let slow = stage.enter(room, "slow", token, slow(256)).await;
            let mut seconds = 0;
            while received(&slow).len() < 4 {
                assert_eq!(end(&slow), End::Open, "after {seconds} s");
                // Other members continue to talk.
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
fn client_that_reads_nothing_of_its_greeting_is_closed_at_the_deadline() {
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
fn largest_text_arrives_at_64_kbit_per_second_and_a_stalled_one_is_closed() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let text = "x".repeat(LARGEST_BYTES);
        let is_it = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text: said, .. } if *said == text);
        let mut lines = Vec::new();
        // The same with half the bandwidth.
        for (room, kbit_per_second) in [("a", 64), ("b", 32)] {
            let hears = stage.enter(room, "hears", None, WIDE).await;
            let brings = stage.enter(room, "brings", None, slow(kbit_per_second)).await;
            brings.send(say(&text));
            pass(LARGEST_BYTES as u64 * 8 / kbit_per_second + 1000).await;
            let heard = received(&hears);
            assert_eq!(heard.iter().filter(|received| is_it(&received.message)).count(), 1);
            // The client's own text comes back over the same line.
            pass(120_000).await;
            assert!(has(&brings, is_it), "{kbit_per_second} kbit/s");
            assert_eq!(end(&brings), End::Open, "{kbit_per_second} kbit/s");
            lines.extend([hears, brings]);
        }
        // The rate is half a KiB per second.
        let drips = stage.enter("other", "drips", None, slow(4)).await;
        drips.send(say(&text));
        pass(65_000).await;
        assert_eq!(end(&drips), End::Closed(Some(1013)));
        // The checker expects a cause of the close.
        drips.journal.lock().unwrap().has_stalled = true;
        stage.end(lines).await;
    });
}

/// The store is stuck, and thirty clients send the largest texts at once. Their texts stay within the share
/// of incoming messages, a short text in another room does not wait, and no text is lost.
#[test]
fn texts_for_a_stuck_store_stay_within_their_share_and_short_texts_pass() {
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
            let stuck = StoreFaults { delay_ms_min: 20_000, ..StoreFaults::default() };
            stage.world.store.set(&room, stuck);
            crowd.push(stage.enter(&room, "crowd", None, WIDE).await);
        }
        // All rooms are open, and no message is in progress.
        pass(25_000).await;
        for (number, member) in crowd.iter().enumerate() {
            member.send(say(&format!("{number:0TEXT_BYTES$}")));
        }
        let mut most_bytes = 0;
        for second in 0..10 {
            person.send(say(&format!("second {second}")));
            pass(1000).await;
            assert_eq!(received(&person).len(), 4 + second + 1, "a short text does not wait");
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
