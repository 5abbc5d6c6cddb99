//! Messages that a room does not accept at once wait for memory and for a place in the inbox.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::*;

/// Time limit of each wait, in virtual time.
const PATIENCE: Duration = Duration::from_secs(10);

const BUDGET_BYTES: usize = 100_000;

/// Creates a room whose inbox holds one message.
fn room() -> (mpsc::Sender<Box<RoomCommand>>, Receiver<Box<RoomCommand>>, Arc<MemoryBudget>) {
    let (sender, inbox) = mpsc::channel(1);
    (sender, inbox, Arc::new(MemoryBudget::new(BUDGET_BYTES)))
}

fn member(room: &mpsc::Sender<Box<RoomCommand>>, budget: &Arc<MemoryBudget>) -> Membership {
    let key = (MemberKey::default(), Pid::new(0, 7, 1), Pace::default());
    Membership::new(key, true, room.clone(), Arc::clone(budget))
}

fn flush_pending(
    member: Membership,
    unsent: PendingInput,
) -> JoinHandle<(Membership, Option<PendingInput>)> {
    tokio::spawn(async move {
        let mut unsent = Some(unsent);
        member.flush_pending(&mut unsent).await.unwrap();
        (member, unsent)
    })
}

/// Takes the next text from a room's inbox.
fn next_text(inbox: &mut Receiver<Box<RoomCommand>>) -> Option<String> {
    match *inbox.try_recv().ok()? {
        RoomCommand::Input(Input::Say { text, .. }, _) => Some(text),
        _ => None,
    }
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn message_keeps_its_charge_while_it_waits_for_the_inbox() {
    let (room, mut inbox, budget) = room();
    let outgoing = budget.charge(Part::Outgoing, BUDGET_BYTES - 1000);
    let accepted = budget.charge(Part::Accepted, 1000);
    let (large, other) = (member(&room, &budget), member(&room, &budget));
    let unsent = large.say("x".repeat(40_000)).unwrap_err();
    let waiting = flush_pending(large, unsent);
    settle().await;
    other.barrier().unwrap();
    drop(outgoing);
    settle().await;
    assert!(!waiting.is_finished() && budget.held_bytes() > 40_000, "{}", budget.held_bytes());
    // Memory is scarce again, but the message has its charge.
    let _outgoing = budget.charge(Part::Outgoing, BUDGET_BYTES);
    assert_eq!(next_text(&mut inbox), None);
    let (_large, unsent) = timeout(PATIENCE, waiting).await.expect("there is a place").unwrap();
    assert!(unsent.is_none());
    assert_eq!(next_text(&mut inbox).map(|text| text.len()), Some(40_000));
    drop(accepted);
}

#[tokio::test(start_paused = true)]
async fn cancelled_wait_gives_the_memory_back_and_keeps_the_message() {
    let (room, mut inbox, budget) = room();
    let outgoing = budget.charge(Part::Outgoing, BUDGET_BYTES - 1000);
    let accepted = budget.charge(Part::Accepted, 1000);
    let (large, other) = (member(&room, &budget), member(&room, &budget));
    let mut unsent = Some(large.say("x".repeat(40_000)).unwrap_err());
    other.barrier().unwrap();
    drop(outgoing);
    assert!(timeout(Duration::from_millis(1), large.flush_pending(&mut unsent)).await.is_err());
    drop(accepted);
    assert_eq!(next_text(&mut inbox), None);
    assert_eq!((budget.held_bytes(), unsent.is_some()), (0, true));
    timeout(PATIENCE, large.flush_pending(&mut unsent)).await.expect("there is a place").unwrap();
    assert_eq!(next_text(&mut inbox).map(|text| text.len()), Some(40_000));
}
