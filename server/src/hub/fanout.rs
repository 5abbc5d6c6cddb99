//! Brings a room's frames to its members, in the room's order.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::section::{Answer, Order, SECTION_MEMBERS_MAX, Seat, Section};
use crate::room::MemberKey;
use crate::ws::outbox::Outbox;

/// Orders that may wait for a section. A room that is ahead of its own writing by so many batches
/// waits for the writing, which waits for nobody.
const SECTION_ORDERS_MAX: usize = 16;

/// All members that have been greeted.
pub(super) struct Fanout {
    tasks: TaskTracker,
    /// Written to by the room's own task. The members of most rooms are all in it.
    near: Section,
    far: Vec<Far>,
    /// Who is in which of the far sections.
    far_seats: HashMap<MemberKey, (usize, Arc<Outbox>)>,
}

/// A section with a task of its own.
struct Far {
    orders: mpsc::Sender<Order>,
    members: usize,
}

impl Far {
    fn takes(&self) -> bool {
        // A closed one has panicked.
        self.members < SECTION_MEMBERS_MAX && !self.orders.is_closed()
    }

    async fn tell(&self, order: Order) {
        // Fails where the section has panicked; its members are told to come back.
        let _ = self.orders.send(order).await;
    }
}

impl Fanout {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        let (near, far, far_seats) = (Section::default(), Vec::new(), HashMap::new());
        Self { tasks, near, far, far_seats }
    }

    /// How many members frames go to.
    pub(super) fn len(&self) -> usize {
        self.near.len() + self.far_seats.len()
    }

    /// Whether the room's own task does not write to all members by itself.
    pub(super) fn is_large(&self) -> bool {
        !self.far.is_empty()
    }

    /// Where a member's frames go, if it is here.
    pub(super) fn outbox(&self, member: MemberKey) -> Option<&Arc<Outbox>> {
        let far = || self.far_seats.get(&member).map(|(_, outbox)| outbox);
        self.near.outbox(member).or_else(far)
    }

    /// Takes a member in that has been greeted.
    pub(super) async fn seat(&mut self, (member, outbox): Seat) {
        if self.near.len() < SECTION_MEMBERS_MAX {
            return self.near.obey(Order::Seat((member, outbox))).await;
        }
        let place = self.free_place();
        self.far[place].members += 1;
        self.far_seats.insert(member, (place, Arc::clone(&outbox)));
        self.far[place].tell(Order::Seat((member, outbox))).await;
    }

    /// Sends nothing more to a member.
    pub(super) async fn unseat(&mut self, member: MemberKey) {
        let Some((place, _)) = self.far_seats.remove(&member) else {
            return self.near.obey(Order::Unseat(member)).await;
        };
        self.far[place].members -= 1;
        self.far[place].tell(Order::Unseat(member)).await;
        while self.far.last().is_some_and(|far| far.members == 0) {
            self.far.pop();
        }
    }

    /// Sends whole frames to everybody.
    pub(super) async fn deliver(&mut self, batch: Bytes) {
        for far in self.far.iter().filter(|far| far.members > 0) {
            far.tell(Order::Deliver(batch.clone())).await;
        }
        self.near.obey(Order::Deliver(batch)).await;
        self.near.flush().await;
    }

    /// Sends an answer to a member, behind everything that it was sent before.
    pub(super) async fn answer(&mut self, member: MemberKey, answer: Answer) {
        if let Some((place, outbox)) = self.far_seats.get(&member) {
            self.far[*place].tell(Order::Answer(Arc::clone(outbox), answer)).await;
        } else if let Some(outbox) = self.near.outbox(member) {
            let order = Order::Answer(Arc::clone(outbox), answer);
            self.near.obey(order).await;
        }
    }

    fn free_place(&mut self) -> usize {
        let free = self.far.iter().position(Far::takes);
        free.unwrap_or_else(|| {
            let (orders, inbox) = mpsc::channel(SECTION_ORDERS_MAX);
            self.tasks.spawn(Section::default().run(inbox));
            self.far.push(Far { orders, members: 0 });
            self.far.len() - 1
        })
    }
}
