//! Goal: incoming messages stay within their share of memory, and a person on a slow line is not closed
//! in place of attackers that hold many partial messages.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::stream::Writing;
use crate::wire::test_socket::{Socket, limits};

const MESSAGE_BYTES: usize = 64 * 1024;

/// A client with a charge for its incoming message.
struct Client {
    outbox: Arc<Outbox>,
    bytes: IncomingCharge,
}

impl Client {
    fn of(incoming: &Arc<Incoming>, address: u32) -> Self {
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, limits(1_000_000)));
        let bytes = incoming.new_charge(&outbox, Some(AddressKey::V4(address)));
        Self { outbox, bytes }
    }

    fn holding(incoming: &Arc<Incoming>, address: u32, bytes: usize) -> Self {
        let mut client = Self::of(incoming, address);
        client.bytes.set(bytes);
        client
    }

    fn is_open(&self) -> bool {
        !self.outbox.is_closed()
    }
}

fn incoming(budget_bytes: usize) -> Arc<Incoming> {
    Arc::new(Incoming::new(Arc::new(MemoryBudget::new(budget_bytes))))
}

fn held_bytes(incoming: &Incoming) -> usize {
    incoming.budget().part_bytes(Part::Incoming)
}

#[test]
fn slow_message_survives_addresses_with_many_incomplete_ones() {
    // A share of 100 messages of the maximum size.
    let incoming = incoming(300 * MESSAGE_BYTES);
    let mut person = Client::of(&incoming, 1);
    let mut attackers = Vec::new();
    for step in 1..=64 {
        person.bytes.set(step * 1024);
        // Each step adds 30 partial messages, all younger than the person's message.
        for number in 0..30 {
            attackers.push(Client::holding(&incoming, 100 + number % 15, 64_000));
        }
        assert!(person.is_open(), "in step {step}");
        assert!(held_bytes(&incoming) <= 100 * MESSAGE_BYTES);
    }
    let open = attackers.iter().filter(|attacker| attacker.is_open()).count();
    assert!((90..=102).contains(&open), "{open}");
    let newest = attackers.iter().rev().take(30).filter(|attacker| attacker.is_open());
    assert_eq!(newest.count(), 30, "of one address the oldest is closed first");
}

#[test]
fn oldest_message_is_closed_if_each_address_holds_one() {
    let incoming = incoming(30 * MESSAGE_BYTES);
    let mut clients = Vec::new();
    for address in 0..20 {
        // Charges the bytes received so far.
        clients.push(Client::holding(&incoming, address, 40_000 + 1000 * address as usize));
    }
    let open: Vec<_> = clients.iter().map(Client::is_open).collect();
    let first_open = open.iter().position(|open| *open).unwrap();
    assert!(first_open > 5, "{open:?}");
    assert!(open[first_open..].iter().all(|open| *open), "{open:?}");
    // A client whose message is complete counts as the youngest.
    clients[first_open].bytes.complete();
    clients[first_open].bytes.set(65_000);
    clients.push(Client::holding(&incoming, 20, 64_000));
    clients.push(Client::holding(&incoming, 21, 64_000));
    assert!(clients[first_open].is_open() && !clients[first_open + 1].is_open());
}

#[test]
fn shrunken_share_closes_connections_and_frees_their_charge() {
    let incoming = incoming(30 * MESSAGE_BYTES);
    let clients: Vec<_> =
        (0..9).map(|address| Client::holding(&incoming, address, MESSAGE_BYTES)).collect();
    assert!(clients.iter().all(Client::is_open));
    let outgoing = incoming.budget().charge(Part::Outgoing, 20 * MESSAGE_BYTES);
    incoming.enforce_share();
    assert_eq!(held_bytes(&incoming), 3 * MESSAGE_BYTES);
    assert_eq!(clients.iter().filter(|client| client.is_open()).count(), 3);
    drop((clients, outgoing));
    assert_eq!(incoming.budget().held_bytes(), 0);
}

#[test]
fn closed_connection_and_small_remainders_are_not_charged() {
    let incoming = incoming(3 * MESSAGE_BYTES);
    let mut first = Client::holding(&incoming, 1, 60_000);
    let second = Client::holding(&incoming, 2, 60_000);
    assert!(!first.is_open() && second.is_open());
    first.bytes.set(65_000);
    assert_eq!(held_bytes(&incoming), 60_000);
    let few: Vec<_> = (0..1000).map(|address| Client::holding(&incoming, address, 512)).collect();
    assert_eq!(held_bytes(&incoming), 60_000);
    drop((few, first, second));
    let state = incoming.lock();
    assert!(state.addresses.is_empty() && state.order.is_empty());
}

proptest! {
    /// After any operations, the charged bytes are those of the open connections and within the share.
    #[test]
    fn counts_follow_the_connections(
        steps in vec((0..12_usize, 0..4_u32, 0..3 * MESSAGE_BYTES, any::<bool>()), 1..200),
    ) {
        let incoming = incoming(20 * MESSAGE_BYTES);
        let mut clients: Vec<Option<Client>> = (0..12).map(|_| None).collect();
        for (slot, address, bytes, is_complete) in steps {
            let client = clients[slot].get_or_insert_with(|| Client::of(&incoming, address));
            client.bytes.set(bytes);
            if is_complete {
                client.bytes.complete();
            }
            for client in &mut clients {
                client.take_if(|client| !client.is_open());
            }
            let open = clients.iter().flatten();
            let expected = open.map(|client| client.bytes.bytes).sum::<usize>();
            prop_assert_eq!(held_bytes(&incoming), expected);
            prop_assert!(expected <= incoming.budget().share_bytes());
            let state = incoming.lock();
            prop_assert_eq!(state.order.len(), state.addresses.len());
        }
    }
}
