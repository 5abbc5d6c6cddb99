//! Goal: incoming messages stay within their share of memory. The server closes the connections of
//! attackers with many partial messages, and not the connection of a person on a slow line.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::stream::Writing;
use crate::wire::test_socket::{Socket, limits};

const MESSAGE_BYTES: usize = 64 * 1024;

/// A client with a charge for its incoming message.
struct Client {
    outbox: Arc<Outbox>,
    charge: IncomingCharge,
}

impl Client {
    fn connect(incoming: &Arc<Incoming>, address: u32) -> Self {
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, limits(1_000_000)));
        let charge = incoming.new_charge(&outbox, Some(AddressKey::V4(address)));
        Self { outbox, charge }
    }

    /// Connects a client and charges it for this many bytes of an incomplete message.
    fn with_partial_message(incoming: &Arc<Incoming>, address: u32, bytes: usize) -> Self {
        let mut client = Self::connect(incoming, address);
        client.charge.set(bytes);
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
fn slow_message_survives_attackers_with_many_partial_messages() {
    // The share is half of the free memory: 100 messages of 300, while 200 are free.
    let incoming = incoming(300 * MESSAGE_BYTES);
    let mut person = Client::connect(&incoming, 1);
    let mut attackers = Vec::new();
    for step in 1..=64 {
        person.charge.set(step * 1024);
        // Each step adds two partial messages from each of 15 addresses, all younger than the person's
        // message.
        for number in 0..30 {
            let address = 100 + number % 15;
            attackers.push(Client::with_partial_message(&incoming, address, 64_000));
        }
        assert!(person.is_open(), "in step {step}");
        assert!(held_bytes(&incoming) <= 100 * MESSAGE_BYTES);
    }
    let open_count = attackers.iter().filter(|attacker| attacker.is_open()).count();
    // The share is enough for 102 messages of 64,000 bytes.
    assert!((90..=102).contains(&open_count), "{open_count} attackers are open");
    let open_newest = attackers.iter().rev().take(30).filter(|attacker| attacker.is_open());
    assert_eq!(open_newest.count(), 30, "each address loses its oldest connections first");
}

#[test]
fn oldest_message_is_closed_if_each_address_has_one() {
    // The share is 10 messages of 64 KiB. That is too little for the messages of 20 clients.
    let incoming = incoming(30 * MESSAGE_BYTES);
    let mut clients = Vec::new();
    for address in 0..20 {
        // The oldest messages are the shortest, so that only their age can close them first.
        let bytes = 40_000 + 1000 * address as usize;
        clients.push(Client::with_partial_message(&incoming, address, bytes));
    }
    let are_open: Vec<_> = clients.iter().map(Client::is_open).collect();
    let first_open = are_open.iter().position(|is_open| *is_open).unwrap();
    assert!(first_open > 5, "{are_open:?}");
    assert!(are_open[first_open..].iter().all(|is_open| *is_open), "{are_open:?}");

    // The client with the oldest message begins a new one, which is then the youngest.
    clients[first_open].charge.note_complete();
    clients[first_open].charge.set(65_000);
    clients.push(Client::with_partial_message(&incoming, 20, 64_000));
    clients.push(Client::with_partial_message(&incoming, 21, 64_000));
    assert!(clients[first_open].is_open() && !clients[first_open + 1].is_open());
}

#[test]
fn shrunken_share_closes_connections_and_frees_their_charge() {
    let incoming = incoming(30 * MESSAGE_BYTES);
    let clients: Vec<_> = (0..9)
        .map(|address| Client::with_partial_message(&incoming, address, MESSAGE_BYTES))
        .collect();
    assert!(clients.iter().all(Client::is_open));

    // Outgoing frames now take two thirds of the budget.
    let outgoing = incoming.budget().charge(Part::Outgoing, 20 * MESSAGE_BYTES);
    incoming.enforce_share();
    assert_eq!(held_bytes(&incoming), 3 * MESSAGE_BYTES);
    assert_eq!(clients.iter().filter(|client| client.is_open()).count(), 3);
    drop((clients, outgoing));
    assert_eq!(incoming.budget().held_bytes(), 0);
}

#[test]
fn closed_connections_and_short_messages_are_not_charged() {
    let incoming = incoming(3 * MESSAGE_BYTES);
    let mut first = Client::with_partial_message(&incoming, 1, 60_000);
    let second = Client::with_partial_message(&incoming, 2, 60_000);
    assert!(!first.is_open() && second.is_open());

    // More bytes on a closed connection.
    first.charge.set(65_000);
    assert_eq!(held_bytes(&incoming), 60_000);

    // Messages that are short enough to be free of charge.
    let short: Vec<_> = (0..1000)
        .map(|address| Client::with_partial_message(&incoming, address, UNCOUNTED_BYTES_MAX))
        .collect();
    assert_eq!(held_bytes(&incoming), 60_000);
    drop((short, first, second));
    let state = incoming.lock();
    assert!(state.addresses.is_empty() && state.order.is_empty());
}

proptest! {
    /// After any operations, the charged bytes are those of the open connections and within the share.
    #[test]
    fn charged_bytes_are_those_of_the_open_connections(
        steps in vec((0..12_usize, 0..4_u32, 0..3 * MESSAGE_BYTES, any::<bool>()), 1..200),
    ) {
        let incoming = incoming(20 * MESSAGE_BYTES);
        // Each step sets the memory of one of twelve clients, which have four addresses.
        let mut clients: Vec<Option<Client>> = (0..12).map(|_| None).collect();
        for (slot, address, bytes, is_complete) in steps {
            let client = clients[slot].get_or_insert_with(|| Client::connect(&incoming, address));
            client.charge.set(bytes);
            if is_complete {
                client.charge.note_complete();
            }
            for open_client in &mut clients {
                open_client.take_if(|client| !client.is_open());
            }
            let open_clients = clients.iter().flatten();
            let expected_bytes = open_clients.map(|client| client.charge.bytes).sum::<usize>();
            prop_assert_eq!(held_bytes(&incoming), expected_bytes);
            prop_assert!(expected_bytes <= incoming.budget().share_bytes());
            let state = incoming.lock();
            prop_assert_eq!(state.order.len(), state.addresses.len());
        }
    }
}
