//! Goal: newcomers join a room even if many others try to join at the same time. Method: the real hub
//! without a history, in virtual time.

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::limits::addresses::AddressLimits;
use crate::limits::admission::{Admission, AdmissionLimits};
use crate::limits::bucket::Rate;
use crate::limits::forwarded::Proxies;
use crate::limits::network::Peer;

pub(super) const MS: Duration = Duration::from_millis(1);

/// Creates a hub without a history. Its rooms admit this many newcomers per second, and five times as
/// many in a burst; 0 is no limit.
pub(super) fn world(joins_per_second: u64) -> World {
    World::with(|settings| {
        settings.history_kept_messages = 0;
        settings.joins_per_room = Rate::per_second(joins_per_second, 5 * joins_per_second);
    })
}

pub(super) type Entering = (JoinHandle<Result<Membership, JoinError>>, Line);

/// Starts a join. `abandoned` cancels it.
pub(super) fn start_entering(
    world: &World,
    token: Option<&str>,
    abandoned: impl Future<Output = ()> + Send + 'static,
) -> Entering {
    let (join_request, line) = World::join_request(token);
    let (hub, outbox) = (Arc::clone(&world.hub), Arc::clone(&line.outbox));
    (tokio::spawn(async move { hub.join(join_request, &outbox, None, abandoned).await }), line)
}

/// Returns the pids of the joins and of the leaves that a member received.
pub(super) fn presence(line: &Line) -> (Vec<String>, Vec<String>) {
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    for envelope in line.sent.take_envelopes() {
        let from = envelope.from.to_string();
        match envelope.message {
            ServerMessage::Join(_) => joined.push(from),
            ServerMessage::Leave => {
                assert!(joined.contains(&from), "{from} left and had not joined");
                left.push(from);
            }
            _ => {}
        }
    }
    (joined, left)
}

#[tokio::test(start_paused = true)]
async fn newcomers_over_the_join_rate_join_in_order() {
    const RATE: usize = 10;
    let world = world(RATE as u64);
    let mut crowd = Vec::new();
    for _ in 0..9 * RATE {
        crowd.push(start_entering(&world, None, pending()).0);
        tokio::task::yield_now().await;
    }
    let reply = |crowd: &Vec<JoinHandle<_>>| crowd.iter().filter(|e| e.is_finished()).count();
    sleep(MS).await;
    assert_eq!(reply(&crowd), 5 * RATE, "as many as the burst");
    sleep(1000 * MS).await;
    assert_eq!(reply(&crowd), 6 * RATE, "one second's share more");
    let mut serials = Vec::new();
    let mut inside = Vec::new();
    for entering in crowd {
        let member = entering.await.unwrap().unwrap();
        serials.push(member.pid().to_string().split('.').nth(1).unwrap().parse::<u64>().unwrap());
        inside.push(member);
    }
    assert!(serials.is_sorted(), "{serials:?}");
}

#[tokio::test(start_paused = true)]
async fn newcomer_beyond_the_longest_wait_is_rejected() {
    const RATE: usize = 10;
    let world = world(RATE as u64);
    let mut crowd = Vec::new();
    for _ in 0..40 * RATE {
        crowd.push(start_entering(&world, None, pending()).0);
        tokio::task::yield_now().await;
    }
    let (mut inside, mut refused) = (Vec::new(), 0);
    for entering in crowd {
        match entering.await.unwrap() {
            Ok(member) => inside.push(member),
            Err(error) => {
                assert_eq!(error, JoinError::TooManyJoin);
                refused += 1;
            }
        }
    }
    // The burst, and half of the joins of 10 s, because all come from one address.
    assert!((9 * RATE..=11 * RATE).contains(&inside.len()), "{} inside", inside.len());
    assert_eq!(inside.len() + refused, 40 * RATE);
}

#[tokio::test(start_paused = true)]
async fn newcomer_that_disconnects_while_it_waits_is_announced_to_no_member() {
    let world = world(1);
    let mut inside = Vec::new();
    for _ in 0..5 {
        let (member, line) = start_entering(&world, None, pending());
        inside.push((member.await.unwrap().unwrap(), line));
    }
    let witness = &inside[0].1;
    witness.sent.take();
    let (abandoned, _) = start_entering(&world, None, sleep(100 * MS));
    let (stays, _) = start_entering(&world, None, pending());
    assert_eq!(abandoned.await.unwrap().unwrap_err(), JoinError::Abandoned);
    let stays = stays.await.unwrap().unwrap();
    sleep(5000 * MS).await;
    assert_eq!(presence(witness), (vec![stays.pid().to_string()], vec![]));
}

#[tokio::test(start_paused = true)]
async fn resuming_member_does_not_wait_in_the_join_queue() {
    const TOKEN: &str = "a-token-of-enough-length-1";
    let world = world(1);
    let (member, _line) = start_entering(&world, Some(TOKEN), pending());
    let member = member.await.unwrap().unwrap();
    let pid = member.pid().clone();
    let _crowd: Vec<_> = (0..15).map(|_| start_entering(&world, None, pending())).collect();
    sleep(MS).await;
    member.leave(Disconnect::Lost).await;
    let (back, _line) = start_entering(&world, Some(TOKEN), pending());
    sleep(MS).await;
    assert!(back.is_finished());
    assert_eq!(*back.await.unwrap().unwrap().pid(), pid);
}

#[tokio::test(start_paused = true)]
async fn later_newcomer_with_the_same_token_replaces_the_waiting_one() {
    const TOKEN: &str = "a-token-of-enough-length-1";
    let world = world(1);
    let _crowd: Vec<_> = (0..8).map(|_| start_entering(&world, None, pending())).collect();
    sleep(MS).await;
    let (earlier, _) = start_entering(&world, Some(TOKEN), pending());
    sleep(MS).await;
    let (later, _line) = start_entering(&world, Some(TOKEN), pending());
    assert_eq!(earlier.await.unwrap().unwrap_err(), JoinError::TakenOver);
    assert!(later.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn takeover_of_a_leaving_member_waits_in_the_join_queue() {
    const TOKEN: &str = "a-token-of-enough-length-1";
    let world = world(1);
    let (member, _line) = start_entering(&world, Some(TOKEN), pending());
    let member = member.await.unwrap().unwrap();
    let pid = member.pid().clone();
    let crowd: Vec<_> = (0..8).map(|_| start_entering(&world, None, pending())).collect();
    let (takes_over, _line) = start_entering(&world, Some(TOKEN), pending());
    sleep(MS).await;
    member.leave(Disconnect::Clean).await;
    sleep(MS).await;
    assert!(!takes_over.is_finished(), "it is a newcomer, and four are before it");
    assert_ne!(*takes_over.await.unwrap().unwrap().pid(), pid);
    assert!(crowd.iter().all(|(entering, _)| entering.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn shutdown_rejects_waiting_newcomers() {
    let world = world(1);
    let _crowd: Vec<_> = (0..5).map(|_| start_entering(&world, None, pending())).collect();
    sleep(MS).await;
    let (waits, _) = start_entering(&world, None, pending());
    sleep(MS).await;
    assert!(!waits.is_finished());
    world.hub.end_admission();
    assert_eq!(waits.await.unwrap().unwrap_err(), JoinError::GoingAway);
}

/// Creates a permit of a connection from this address.
fn permit(admission: &Arc<Admission>, last_octet: u8) -> Arc<ConnectionPermit> {
    admission.admit(Peer::Tcp([192, 0, 2, last_octet].into())).unwrap()
}

fn admission() -> Arc<Admission> {
    let address =
        AddressLimits { connections_max: 1000, connects: None, rooms: None, greetings: None };
    let limits = AdmissionLimits { connections_max: 10_000, rooms_max: 10, address: Some(address) };
    Arc::new(Admission::new(limits, Proxies::default(), Arc::default(), false))
}

/// Starts a join from an address, or without an address.
fn start_entering_from(world: &World, permit: Option<Arc<ConnectionPermit>>) -> Entering {
    let (join_request, line) = World::join_request(None);
    let (hub, outbox) = (Arc::clone(&world.hub), Arc::clone(&line.outbox));
    let entering = async move { hub.join(join_request, &outbox, permit.as_ref(), pending()).await };
    (tokio::spawn(entering), line)
}

/// Lets `attackers` addresses send far more newcomers than the queue can hold, one address after the
/// other or in turn. The first address may be unknown. Then one newcomer of another address joins.
/// Returns how many newcomers of each attacker were admitted, and the outcome of the last newcomer.
async fn attack(
    attackers: u8,
    is_first_unknown: bool,
    is_in_turn: bool,
) -> (Vec<usize>, Result<Membership, JoinError>) {
    const RATE: usize = 10;
    let each = 20 * RATE / usize::from(attackers).min(10);
    let world = world(RATE as u64);
    let admission = admission();
    let mut order: Vec<u8> = (0..attackers).flat_map(|number| vec![number; each]).collect();
    if is_in_turn {
        order = (0..each).flat_map(|_| 0..attackers).collect();
    }
    let mut crowd = Vec::new();
    for number in order {
        let is_known = number > 0 || !is_first_unknown;
        let permit = is_known.then(|| permit(&admission, 1 + number));
        crowd.push((number, start_entering_from(&world, permit).0));
        tokio::task::yield_now().await;
    }
    let other =
        if is_first_unknown || attackers % 2 == 1 { Some(permit(&admission, 200)) } else { None };
    let outcome = start_entering_from(&world, other).0.await.unwrap();
    let (mut admitted, mut members) = (vec![0; usize::from(attackers)], Vec::new());
    for (number, entering) in crowd {
        match entering.await.unwrap() {
            Ok(member) => {
                admitted[usize::from(number)] += 1;
                members.push(member);
            }
            Err(error) => assert_eq!(error, JoinError::TooManyJoin),
        }
    }
    (admitted, outcome)
}

#[tokio::test(start_paused = true)]
async fn newcomer_gets_a_place_in_a_queue_that_many_addresses_fill() {
    for attackers in [1, 2, 5, 50] {
        for is_first_unknown in [false, true] {
            for is_in_turn in [false, true] {
                let (admitted, outcome) = attack(attackers, is_first_unknown, is_in_turn).await;
                let case = format!("{attackers} {is_first_unknown} {is_in_turn}: {admitted:?}");
                assert!(outcome.is_ok(), "{case}");
                assert!(admitted.iter().sum::<usize>() >= 50, "the burst at least: {case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_fills_half_of_the_queue_at_most() {
    let (admitted, outcome) = attack(1, false, false).await;
    // The burst, and half of the queue.
    assert!((90..=110).contains(&admitted[0]), "{admitted:?}");
    assert!(outcome.is_ok());
    let world = world(10);
    let admission = admission();
    let _crowd: Vec<_> =
        (0..300).map(|_| start_entering_from(&world, Some(permit(&admission, 1)))).collect();
    sleep(MS).await;
    let others: Vec<_> =
        (2..30).map(|octet| start_entering_from(&world, Some(permit(&admission, octet)))).collect();
    for (entering, _line) in others {
        entering.await.unwrap().expect("it gets in");
    }
}
