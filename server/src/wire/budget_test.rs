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
    let frame = budget.with_charge(vec![0; 500], 600);
    let held: Vec<_> = (0..1000).map(|_| frame.clone()).collect();
    assert_eq!((budget.held_bytes(), budget.share_bytes()), (600, 200));
    let rest = frame.slice(499..);
    drop((frame, held));
    assert_eq!(budget.held_bytes(), 600);
    drop(rest);
    assert_eq!((budget.held_bytes(), budget.share_bytes()), (0, 500));
}

#[test]
fn all_parts_share_one_budget() {
    let budget = budget(1000);
    let half = budget.with_charge(Vec::new(), 500);
    assert!(!budget.is_under_pressure());
    let accepted = budget.charge(Part::Accepted, 300);
    let mut incoming = budget.charge(Part::Incoming, 100);
    assert!(budget.is_under_pressure());
    assert_eq!(budget.share_bytes(), 50);
    incoming.set(400);
    assert_eq!((budget.share_bytes(), budget.held_bytes()), (0, 1200), "over the bound");
    drop(half);
    assert_eq!(budget.share_bytes(), 150);
    assert_eq!(budget.part_bytes(Part::Incoming), 400);
    drop((accepted, incoming));
    assert_eq!(budget.held_bytes(), 0);
}

#[test]
fn small_message_passes_the_share_but_not_the_budget() {
    let budget = budget(100_000);
    let first = budget.charge(Part::Accepted, 40_000);
    assert!(budget.is_accepted_over_share());
    assert!(!budget.accepts(SMALL_MESSAGE_BYTES_MAX + 1));
    assert!(budget.accepts(SMALL_MESSAGE_BYTES_MAX));
    let outgoing = budget.charge(Part::Outgoing, 60_000);
    assert!(!budget.accepts(1));
    drop(first);
    assert!(budget.accepts(1_000_000), "else one that is too large would wait for ever");
    drop(outgoing);
    assert!(budget.accepts(30_000));
}

/// Time limit of each wait, in virtual time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a task that waits until the budget accepts a message of this size.
async fn wait(budget: &Arc<MemoryBudget>, bytes: usize) -> JoinHandle<Charge> {
    let (budget, queued) = (Arc::clone(budget), budget.queue().len());
    let waiting = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.accept(bytes).await }
    });
    yield_now().await;
    assert_eq!(budget.queue().len(), queued + 1, "it waits");
    waiting
}

async fn accepted(waiting: JoinHandle<Charge>) -> Charge {
    timeout(PATIENCE, waiting).await.expect("there is memory for it").unwrap()
}

#[tokio::test(start_paused = true)]
async fn small_message_that_fits_passes_a_large_one() {
    let budget = budget(100_000);
    let mut outgoing = budget.charge(Part::Outgoing, 90_000);
    let first = budget.charge(Part::Accepted, 10_000);
    let large = wait(&budget, 50_000).await;
    let small = wait(&budget, 1000).await;
    outgoing.set(80_000);
    let small = accepted(small).await;
    assert!(!large.is_finished());
    drop((first, small));
    assert_eq!(accepted(large).await.bytes(), 50_000, "none is accepted: any fits");
}

/// In any order of sizes, no message waits while it fits. The exception for an oldest message that
/// others have passed too often does not occur here.
#[tokio::test(start_paused = true)]
async fn no_message_waits_while_there_is_memory_for_it() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let budget = budget(100_000);
        let mut outgoing = budget.charge(Part::Outgoing, 99_000);
        let _first = budget.charge(Part::Accepted, 1000);
        let mut waiting: Vec<_> = (0..60).map(|number| 200 << (number % 8)).collect();
        rng.shuffle(&mut waiting);
        let mut messages = Vec::new();
        for bytes in &waiting {
            messages.push((*bytes, wait(&budget, *bytes).await));
        }
        let mut held = Vec::new();
        for _ in 0..400 {
            match rng.u8(0..4) {
                0 if !held.is_empty() => drop(held.swap_remove(rng.usize(..held.len()))),
                1 if !messages.is_empty() => {
                    let cancelled = messages.swap_remove(rng.usize(..messages.len())).1;
                    cancelled.abort();
                    assert!(cancelled.await.unwrap_err().is_cancelled());
                }
                _ => outgoing.set(rng.usize(20_000..99_000)),
            }
            for _ in 0..waiting.len() {
                yield_now().await;
            }
            let (done, still) = messages.into_iter().partition(|(_, task)| task.is_finished());
            messages = still;
            let done: Vec<(usize, JoinHandle<Charge>)> = done;
            for (_, task) in done {
                held.push(task.await.unwrap());
            }
            let forgotten = messages.iter().find(|(bytes, _)| budget.accepts(*bytes));
            assert!(forgotten.is_none(), "seed {seed}: {forgotten:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn endless_small_messages_do_not_starve_a_large_one() {
    let budget = budget(100_000);
    let mut small = VecDeque::from([budget.charge(Part::Accepted, 1000)]);
    let mut refused = None;
    let large = wait(&budget, 90_000).await;
    for _ in 0..PASSES_MAX + 10 {
        // Each message arrives before the previous one is stored.
        match budget.try_accept(1000) {
            Some(charge) => small.push_back(charge),
            None => refused = Some(wait(&budget, 1000).await),
        }
        small.pop_front();
        yield_now().await;
        if refused.is_some() {
            break;
        }
    }
    let large = accepted(large).await;
    drop(large);
    let refused = refused.expect("small ones wait until the large one is accepted");
    assert_eq!(accepted(refused).await.bytes(), 1000);
}

#[tokio::test(start_paused = true)]
async fn one_release_wakes_a_bounded_number_of_sessions() {
    const WAITING: usize = 5000;
    let budget = budget(100_000_000);
    let outgoing = budget.charge(Part::Outgoing, 99_999_000);
    let _first = budget.charge(Part::Accepted, 1000);
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        waiting.push(wait(&budget, 1000).await);
    }
    drop(outgoing);
    assert_eq!(budget.queue().len(), WAITING - GRANTS_MAX);
    let mut held = Vec::new();
    for message in waiting {
        held.push(accepted(message).await);
    }
    drop(held);
    assert_eq!(budget.held_bytes(), 1000);
}

/// A session that ends after its wake-up and before its next poll passes its memory on.
#[tokio::test(start_paused = true)]
async fn cancelled_message_releases_its_memory_to_the_next() {
    let budget = budget(100_000);
    let outgoing = budget.charge(Part::Outgoing, 99_000);
    let _first = budget.charge(Part::Accepted, 1000);
    let (large, other) = (wait(&budget, 40_000).await, wait(&budget, 30_000).await);
    drop(outgoing);
    assert_eq!((budget.queue().len(), budget.held_bytes()), (1, 41_000));
    large.abort();
    assert!(large.await.is_err());
    assert_eq!(accepted(other).await.bytes(), 30_000);
    assert_eq!((budget.queue().len(), budget.held_bytes()), (0, 1000));
}

#[tokio::test(start_paused = true)]
async fn all_waiting_messages_are_accepted_as_memory_is_freed() {
    let budget = budget(100_000);
    let outgoing = budget.charge(Part::Outgoing, 99_000);
    let first = budget.charge(Part::Accepted, 1000);
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..50 {
        let budget = Arc::clone(&budget);
        // Each charge counts until the next step. The sum never exceeds the budget.
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
    let all = async {
        while let Some(outcome) = waiting.join_next().await {
            outcome.unwrap();
        }
    };
    timeout(PATIENCE, all).await.expect("no message waits for ever");
    assert_eq!(budget.held_bytes(), 0);
}
