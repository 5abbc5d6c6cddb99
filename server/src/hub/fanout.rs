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
    /// Written to by the room's own task.
    near: Section,
    /// Its members.
    near_members: usize,
    far: Vec<Far>,
    seats: HashMap<MemberKey, (usize, Arc<Outbox>)>,
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
}

/// The place of the near section among all sections; the far ones follow.
const NEAR: usize = 0;

impl Fanout {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        let (near, far, seats) = (Section::default(), Vec::new(), HashMap::new());
        Self { tasks, near, near_members: 0, far, seats }
    }

    /// Where a member's frames go, if it is here.
    pub(super) fn outbox(&self, member: MemberKey) -> Option<&Arc<Outbox>> {
        self.seats.get(&member).map(|(_, outbox)| outbox)
    }

    /// Takes a member in that has been greeted.
    pub(super) async fn seat(&mut self, (member, outbox): Seat) {
        let place = self.free_place();
        *self.members_of(place) += 1;
        self.seats.insert(member, (place, Arc::clone(&outbox)));
        self.tell(place, Order::Seat((member, outbox))).await;
    }

    /// Sends nothing more to a member.
    pub(super) async fn unseat(&mut self, member: MemberKey) {
        if let Some((place, _)) = self.seats.remove(&member) {
            *self.members_of(place) -= 1;
            self.tell(place, Order::Unseat(member)).await;
            while self.far.last().is_some_and(|far| far.members == 0) {
                self.far.pop();
            }
        }
    }

    /// Sends whole frames to everybody.
    pub(super) async fn deliver(&mut self, batch: Bytes) {
        for far in self.far.iter().filter(|far| far.members > 0) {
            // Fails where the section has panicked; its members are told to come back.
            let _ = far.orders.send(Order::Deliver(batch.clone())).await;
        }
        self.near.obey(Order::Deliver(batch));
        self.near.flush();
    }

    /// Sends an answer to a member, behind everything that it was sent before.
    pub(super) async fn answer(&mut self, member: MemberKey, answer: Answer) {
        if let Some((place, outbox)) = self.seats.get(&member) {
            let (place, order) = (*place, Order::Answer(Arc::clone(outbox), answer));
            self.tell(place, order).await;
        }
    }

    async fn tell(&mut self, place: usize, order: Order) {
        if place == NEAR {
            self.near.obey(order);
        } else {
            let _ = self.far[place - 1].orders.send(order).await;
        }
    }

    fn members_of(&mut self, place: usize) -> &mut usize {
        if place == NEAR { &mut self.near_members } else { &mut self.far[place - 1].members }
    }

    fn free_place(&mut self) -> usize {
        if self.near_members < SECTION_MEMBERS_MAX {
            return NEAR;
        }
        let free = self.far.iter().position(Far::takes);
        1 + free.unwrap_or_else(|| {
            let (orders, inbox) = mpsc::channel(SECTION_ORDERS_MAX);
            self.tasks.spawn(Section::default().run(inbox));
            self.far.push(Far { orders, members: 0 });
            self.far.len() - 1
        })
    }
}
