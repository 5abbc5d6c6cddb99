//! Who comes into a room and who goes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use xmeet_shared::Pid;

use super::RoomTask;
use crate::history::HistoryError;
use crate::hub::coming::{Seat, TOO_MUCH_HISTORY};
use crate::hub::resumption::{Arrival, Newcomer, Parting};
use crate::hub::{Departure, EnterError, Envoy, Letter, NO_HISTORY, pages};
use crate::limits::pace::Pace;
use crate::metrics::ResumeOutcome;
use crate::room::{Input, MemberKey, Snapshot};

/// Frames of a greeting.
const GREETING_FRAMES: u64 = 4;

impl RoomTask {
    /// Answers everybody who wanted to come into a room that cannot be opened.
    pub(super) fn turn_away(&self, inbox: &mut mpsc::Receiver<Letter>, error: &HistoryError) {
        while !self.hub.retire(&self.id, inbox) {
            while let Ok(letter) = inbox.try_recv() {
                if let Envoy::Enter(Newcomer { entered, .. }) = *letter {
                    let _ = entered.send(Err(EnterError::History(error.clone())));
                }
            }
        }
    }

    /// Says what a connection that comes in is to the room, if it is anything yet.
    pub(super) fn let_in(&mut self, newcomer: Newcomer, member_count: usize) -> Option<Input> {
        match self.resumption.arrive(newcomer) {
            Arrival::Joins(newcomer) if member_count >= self.hub.settings.members_per_room_max => {
                let _ = newcomer.entered.send(Err(EnterError::RoomFull));
                None
            }
            Arrival::Joins(newcomer) => self.join(newcomer),
            Arrival::Returns(member, pid, pace, newcomer) => {
                self.hub.metrics().rooms.resumed(ResumeOutcome::Returned);
                self.come_back(member, pid, pace, newcomer)
            }
            Arrival::Waits => None,
        }
    }

    fn join(&mut self, newcomer: Newcomer) -> Option<Input> {
        let Newcomer { nickname, token, outbox, place, entered } = newcomer;
        let (member, pid) = self.hub.next_member();
        // A session that is gone already would never say that it leaves.
        entered.send(Ok((member, pid.clone(), Pace::default()))).ok()?;
        let is_extended = token.is_some();
        if is_extended {
            self.hub.metrics().rooms.resumed(ResumeOutcome::New);
        }
        self.resumption.remember(member, &pid, token, &outbox);
        self.coming.push(member, Seat { outbox, place, is_extended });
        Some(Input::Join { member, pid, nickname })
    }

    fn come_back(
        &mut self,
        member: MemberKey,
        pid: Pid,
        pace: Pace,
        newcomer: Newcomer,
    ) -> Option<Input> {
        let Newcomer { nickname, outbox, place, entered, .. } = newcomer;
        if let Err(Ok((_, _, pace))) = entered.send(Ok((member, pid, pace))) {
            // It is lost again, and nobody else wants to be this member by now.
            return match self.resumption.part(member, false, pace, Instant::now()) {
                Parting::Leaves(_) => Some(Input::Leave { member }),
                Parting::IsMissed | Parting::IsTakenOver(..) => None,
            };
        }
        self.coming.push(member, Seat { outbox, place, is_extended: true });
        Some(Input::Return { member, nickname })
    }

    /// Says what a connection that has ended is to the room.
    pub(super) fn part(
        &mut self,
        member: MemberKey,
        departure: Departure,
        pace: Pace,
    ) -> [Option<Input>; 2] {
        let is_clean = departure == Departure::Left;
        match self.resumption.part(member, is_clean, pace, Instant::now()) {
            Parting::Leaves(None) => [Some(Input::Leave { member }), None],
            Parting::Leaves(Some(newcomer)) => [Some(Input::Leave { member }), self.join(newcomer)],
            Parting::IsMissed => [Some(Input::Lose { member }), None],
            Parting::IsTakenOver(pid, pace, newcomer) => {
                self.hub.metrics().rooms.resumed(ResumeOutcome::TookOver);
                [Some(Input::Lose { member }), self.come_back(member, pid, pace, newcomer)]
            }
        }
    }

    /// Greets those who came one right behind the other.
    pub(super) async fn greet(&mut self, members: Vec<(MemberKey, Pid)>, mut snapshot: Snapshot) {
        self.flush().await;
        let hub = Arc::clone(&self.hub);
        let mut _turn = None;
        let is_long = snapshot.absent.is_some();
        // Few rooms have so much on one page.
        if let Some(absent) = snapshot.absent.take() {
            _turn = hub.places.newest().await;
            // Now, for others of an address may have been greeted meanwhile.
            if !self.coming.keep_modest(&members) {
                // Nobody needs any of it.
                return members.iter().for_each(|(member, _)| drop(self.coming.pop(*member)));
            }
            // The store holds all of it by now.
            match pages::messages(&hub, &self.id, absent).await {
                Ok(mut page) => {
                    page.append(&mut snapshot.tail);
                    snapshot.tail = page;
                }
                Err(error) => return self.send_away(members, &error),
            }
        }
        let greeting = self.greeter.cut(&snapshot, &mut self.encoder).await;
        for (member, pid) in members {
            let Some(seat) = self.coming.pop(member) else { continue };
            let Seat { outbox, place, is_extended } = seat;
            let epoch = is_extended.then_some(&*self.hub.settings.epoch);
            let pieces = greeting.of(&pid, epoch, &mut self.encoder);
            let bytes = pieces.iter().map(Bytes::len).sum::<usize>();
            if is_long
                && !outbox.is_over()
                && place.is_some_and(|place| !place.take_greeting(bytes))
            {
                outbox.end(TOO_MUCH_HISTORY);
                continue;
            }
            self.hub.metrics().traffic.sent(GREETING_FRAMES, bytes as u64);
            outbox.send_greeting(pieces);
            self.fanout.seat((member, outbox)).await;
        }
    }

    /// Ends the connections of those who came and cannot be greeted.
    fn send_away(&mut self, members: Vec<(MemberKey, Pid)>, error: &HistoryError) {
        tracing::error!(%error, "a room's newest page could not be read");
        for (member, _) in members {
            if let Some(seat) = self.coming.pop(member) {
                seat.outbox.end(NO_HISTORY);
            }
        }
    }
}
