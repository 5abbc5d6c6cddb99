//! A part of a room's members, and the writing to them. A small room is one section, which its task
//! writes to itself; of a large one every further section is a task of its own, so that the writing
//! is spread over the cores and other rooms get their turn in between.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::ROOM_ENDED;
use crate::room::MemberKey;
use crate::turns::let_others_run;
use crate::ws::outbox::Outbox;

/// Members of one section at most. Writing to all of them takes well under a millisecond.
pub(super) const SECTION_MEMBERS_MAX: usize = 64;

/// Members that are written to before other tasks get their turn: a message of a quiet room does
/// not wait for all the writing of a busy one.
const WRITES_PER_TURN: usize = 8;

/// Batches that a section writes to each member in one call, when it has fallen behind.
const BATCHES_PER_WRITE_MAX: usize = 16;

/// Where the frames of one member go.
pub(super) type Seat = (MemberKey, Arc<Outbox>);

/// What a section is told, in the room's order.
#[derive(Debug)]
pub(super) enum Order {
    /// Whole frames for everybody in it.
    Deliver(Bytes),
    /// An answer for one member.
    Answer(Arc<Outbox>, Answer),
    /// Somebody comes in, already greeted.
    Seat(Seat),
    /// Somebody goes, whose connection takes nothing more.
    Unseat(MemberKey),
}

/// An answer to one member.
#[derive(Debug)]
pub(super) enum Answer {
    /// A frame.
    Frame(Bytes),
    /// What the session waits for, one frame in pieces: a history page, or the error instead of it,
    /// or that its client is to wait.
    Awaited(Vec<Bytes>),
    /// Nothing, and nothing will follow.
    Nothing,
}

/// The members. They are told to come back when it is dropped with them in it.
#[derive(Debug, Default)]
pub(super) struct Section {
    seats: Vec<Seat>,
    waiting: Vec<Bytes>,
}

impl Section {
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn outbox(&self, member: MemberKey) -> Option<&Arc<Outbox>> {
        self.seats.iter().find(|(key, _)| *key == member).map(|(_, outbox)| outbox)
    }

    /// Carries out an order. Batches may wait until [`Self::flush`].
    pub(super) async fn obey(&mut self, order: Order) {
        match order {
            Order::Deliver(batch) => {
                self.waiting.push(batch);
                if self.waiting.len() == BATCHES_PER_WRITE_MAX {
                    self.flush().await;
                }
            }
            Order::Answer(outbox, answer) => {
                self.flush().await;
                match answer {
                    Answer::Frame(frame) => outbox.send(&[frame]),
                    Answer::Awaited(pieces) => outbox.send_answer(pieces),
                    Answer::Nothing => outbox.finish(),
                }
            }
            Order::Seat(seat) => {
                self.flush().await;
                self.seats.push(seat);
            }
            Order::Unseat(member) => {
                if let Some(at) = self.seats.iter().position(|(key, _)| *key == member) {
                    self.seats.swap_remove(at);
                }
            }
        }
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        for seats in self.seats.chunks(WRITES_PER_TURN) {
            for (_, outbox) in seats {
                outbox.send(&self.waiting);
            }
            if seats.len() == WRITES_PER_TURN {
                let_others_run().await;
            }
        }
        self.waiting.clear();
    }

    /// Carries out orders until there will be no more.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            self.obey(order).await;
            while let Ok(order) = orders.try_recv() {
                self.obey(order).await;
            }
            self.flush().await;
        }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        for (_, outbox) in &self.seats {
            outbox.end(ROOM_ENDED);
        }
    }
}
