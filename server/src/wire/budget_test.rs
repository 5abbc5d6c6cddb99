//! Tests of the memory budget: charges, and the acceptance of messages.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::*;
use crate::wire::memory_queue::PASSES_MAX;

fn budget(bytes_max: usize) -> Arc<MemoryBudget> {
    Arc::new(MemoryBudget::new(bytes_max))
}

#[test]
fn shared_frame_is_charged_once_until_its_last_part_is_dropped() {
    let budget = budget(1000);
    // A frame of 500 bytes that takes 600 bytes of memory.
    let frame = budget.with_charge(vec![0; 500], 600);
    let clones: Vec<_> = (0..1000).map(|_| frame.clone()).collect();
    assert_eq!((budget.held_bytes(), budget.share_bytes()), (600, 200));
    let last_byte = frame.slice(499..);
    drop((frame, clones));
    assert_eq!(budget.held_bytes(), 600);
    drop(last_byte);
    assert_eq!((budget.held_bytes(), budget.share_bytes()), (0, 500));
}

#[test]
fn all_parts_share_one_budget() {
    let budget = budget(1000);
    let frames = budget.with_charge(Vec::new(), 500);
    assert!(!budget.is_under_pressure(), "half of the budget is free");
    let accepted = budget.charge(Part::Accepted, 300);
    let mut incoming = budget.charge(Part::Incoming, 100);
    assert!(budget.is_under_pressure());
    assert_eq!(budget.share_bytes(), 50, "half of the free 100 bytes");
    incoming.set(400);
    assert_eq!((budget.share_bytes(), budget.held_bytes()), (0, 1200), "the budget is exceeded");
    drop(frames);
    assert_eq!(budget.share_bytes(), 150);
    assert_eq!(budget.part_bytes(Part::Incoming), 400);
    drop((accepted, incoming));
    assert_eq!(budget.held_bytes(), 0);
}

#[test]
fn small_message_may_exceed_the_share_but_not_the_budget() {
    let budget = budget(100_000);
    let accepted = budget.charge(Part::Accepted, 40_000);
    assert!(budget.is_accepted_over_share());

    // The share is half of the free 60,000 bytes, and 40,000 bytes are accepted.
    assert!(!budget.may_accept(SMALL_MESSAGE_BYTES_MAX + 1));
    assert!(budget.may_accept(SMALL_MESSAGE_BYTES_MAX));

    // The budget is used up.
    let outgoing = budget.charge(Part::Outgoing, 60_000);
    assert!(!budget.may_accept(1));
    drop(accepted);
    assert!(budget.may_accept(1_000_000), "any message fits while no other is accepted");
    drop(outgoing);
    assert!(budget.may_accept(30_000));
}

/// The time limit of each wait, in virtual time.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Starts a task that waits until the budget accepts a message of this many bytes.
async fn start_waiting(budget: &Arc<MemoryBudget>, bytes: usize) -> JoinHandle<Charge> {
    let queue_len = budget.lock_queue().len();
    let message = tokio::spawn({
        let budget = Arc::clone(budget);
        async move { budget.accept(bytes).await }
    });
    yield_now().await;
    assert_eq!(budget.lock_queue().len(), queue_len + 1, "the message is in the queue");
    message
}

/// Waits until the budget has accepted a message, and returns the message's charge.
async fn wait_until_accepted(message: JoinHandle<Charge>) -> Charge {
    timeout(WAIT_MAX, message).await.expect("the budget accepts the message").unwrap()
}

#[tokio::test(start_paused = true)]
async fn small_message_that_fits_passes_a_large_one() {
    let budget = budget(100_000);
    let mut outgoing = budget.charge(Part::Outgoing, 90_000);
    let first = budget.charge(Part::Accepted, 10_000);
    let large = start_waiting(&budget, 50_000).await;
    let small = start_waiting(&budget, 1000).await;

    // Now 10 kB are free.
    outgoing.set(80_000);
    let small_charge = wait_until_accepted(small).await;
    assert!(!large.is_finished());

    // Any message fits while no other is accepted.
    drop((first, small_charge));
    assert_eq!(wait_until_accepted(large).await.bytes(), 50_000);
}

/// In any order of sizes, no message waits while it fits. There are too few messages to reach the limit
/// of [`PASSES_MAX`], after which all messages wait for the oldest.
#[tokio::test(start_paused = true)]
async fn no_message_waits_while_there_is_memory_for_it() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let budget = budget(100_000);
        let mut outgoing = budget.charge(Part::Outgoing, 99_000);
        let _first = budget.charge(Part::Accepted, 1000);

        // 60 messages wait, of eight sizes from 200 B to 25 kB.
        let mut sizes: Vec<_> = (0..60).map(|number| 200 << (number % 8)).collect();
        rng.shuffle(&mut sizes);
        let mut waiting = Vec::new();
        for bytes in &sizes {
            waiting.push((*bytes, start_waiting(&budget, *bytes).await));
        }

        let mut charges = Vec::new();
        for _ in 0..400 {
            // 1. Store an accepted message, cancel a waiting one, or change the outgoing frames.
            match rng.u8(0..4) {
                0 if !charges.is_empty() => drop(charges.swap_remove(rng.usize(..charges.len()))),
                1 if !waiting.is_empty() => {
                    let (_, cancelled) = waiting.swap_remove(rng.usize(..waiting.len()));
                    cancelled.abort();
                    assert!(cancelled.await.unwrap_err().is_cancelled());
                }
                _ => outgoing.set(rng.usize(20_000..99_000)),
            }

            // 2. Let all tasks run, and take the charges of the accepted messages.
            for _ in 0..sizes.len() {
                yield_now().await;
            }
            let mut still_waiting = Vec::new();
            for (bytes, task) in waiting {
                if task.is_finished() {
                    charges.push(task.await.unwrap());
                } else {
                    still_waiting.push((bytes, task));
                }
            }
            waiting = still_waiting;

            // 3. No message that still waits fits.
            let forgotten = waiting.iter().find(|(bytes, _)| budget.may_accept(*bytes));
            assert!(forgotten.is_none(), "seed {seed}: {forgotten:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn endless_small_messages_do_not_starve_a_large_one() {
    let budget = budget(100_000);
    let mut small_charges = VecDeque::from([budget.charge(Part::Accepted, 1000)]);
    let mut waiting_small = None;
    let large = start_waiting(&budget, 90_000).await;
    for _ in 0..PASSES_MAX + 10 {
        // Each small message arrives before the previous one is stored.
        match budget.try_accept(1000) {
            Some(charge) => small_charges.push_back(charge),
            None => waiting_small = Some(start_waiting(&budget, 1000).await),
        }
        small_charges.pop_front();
        yield_now().await;
        if waiting_small.is_some() {
            break;
        }
    }
    drop(wait_until_accepted(large).await);
    let waiting_small = waiting_small.expect("at last a small message waits for the large one");
    assert_eq!(wait_until_accepted(waiting_small).await.bytes(), 1000);
}

#[tokio::test(start_paused = true)]
async fn one_release_wakes_a_bounded_number_of_sessions() {
    const WAITING_COUNT: usize = 5000;
    let budget = budget(100_000_000);
    let outgoing = budget.charge(Part::Outgoing, 99_999_000);
    let _first = budget.charge(Part::Accepted, 1000);
    let mut waiting = Vec::new();
    for _ in 0..WAITING_COUNT {
        waiting.push(start_waiting(&budget, 1000).await);
    }
    drop(outgoing);
    assert_eq!(budget.lock_queue().len(), WAITING_COUNT - GRANTS_MAX);

    // Each woken session accepts further messages.
    let mut charges = Vec::new();
    for message in waiting {
        charges.push(wait_until_accepted(message).await);
    }
    drop(charges);
    assert_eq!(budget.held_bytes(), 1000);
}

/// A session may end after the budget has accepted its message, and before the session runs again. Its
/// memory then goes to the next message.
#[tokio::test(start_paused = true)]
async fn cancelled_message_releases_its_memory_to_the_next() {
    let budget = budget(100_000);
    let outgoing = budget.charge(Part::Outgoing, 99_000);
    let _accepted = budget.charge(Part::Accepted, 1000);
    let first = start_waiting(&budget, 40_000).await;
    let second = start_waiting(&budget, 30_000).await;

    // The budget accepts the first message. The second exceeds the share.
    drop(outgoing);
    assert_eq!((budget.lock_queue().len(), budget.held_bytes()), (1, 41_000));
    first.abort();
    assert!(first.await.is_err());
    assert_eq!(wait_until_accepted(second).await.bytes(), 30_000);
    assert_eq!((budget.lock_queue().len(), budget.held_bytes()), (0, 1000));
}

#[tokio::test(start_paused = true)]
async fn all_waiting_messages_are_accepted_as_memory_is_freed() {
    let budget = budget(100_000);
    let outgoing = budget.charge(Part::Outgoing, 99_000);
    let first = budget.charge(Part::Accepted, 1000);
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..50 {
        let budget = Arc::clone(&budget);
        // Each message is stored one turn after it is accepted.
        waiting.spawn(async move {
            let charge = budget.accept(1000 + 400 * number).await;
            yield_now().await;
            assert!(budget.held_bytes() <= 100_000, "{}", budget.held_bytes());
            drop(charge);
        });
    }
    yield_now().await;
    assert!(waiting.try_join_next().is_none());
    drop(outgoing);
    drop(first);
    let all_accepted = async {
        while let Some(result) = waiting.join_next().await {
            result.unwrap();
        }
    };
    timeout(WAIT_MAX, all_accepted).await.expect("the budget accepts every message");
    assert_eq!(budget.held_bytes(), 0);
}
