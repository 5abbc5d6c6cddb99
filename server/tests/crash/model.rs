//! A model of the history that grows with each round, and the check against it.
//!
//! It is independent of sockets and processes. `model_test.rs` shows that it finds each kind of fault.

use std::collections::{BTreeMap, BTreeSet};

use xmeet_shared::{MessageId, Pid, limits::HISTORY_PAGE_MESSAGES};

use crate::fault::Fault;

/// A message with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) id: MessageId,
    pub(crate) from: Pid,
    pub(crate) text: String,
}

/// The record of one connection. Its sent texts are unique.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) room: String,
    pub(crate) pid: Pid,
    /// Sent texts in order. The server may have handled any number of them.
    pub(crate) sent: Vec<String>,
    /// The newest page in the greeting, if it arrived.
    pub(crate) greeting: Option<Vec<Said>>,
    /// Live messages in the order received.
    pub(crate) live: Vec<Said>,
    /// Messages of requested pages.
    pub(crate) pages: Vec<Said>,
}

/// A room's history, read while no other client is connected.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) room: String,
    pub(crate) pid: Pid,
    pub(crate) greeting: Vec<Said>,
    /// All pages, from page 0.
    pub(crate) pages: Vec<Vec<Said>>,
}

/// Counts of what was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages in all histories.
    pub(crate) kept: usize,
    /// Received messages, live or in pages, that were compared with the history.
    pub(crate) received: usize,
    /// Stored messages that no client received, because the crash came before the delivery.
    pub(crate) kept_unseen: usize,
    /// Sent messages that are not stored.
    pub(crate) cut_off: usize,
}

/// All messages known to be stored, and all pids ever assigned.
#[derive(Debug, Default)]
pub(crate) struct Model {
    rooms: BTreeMap<String, Vec<Said>>,
    pids: BTreeSet<Pid>,
}

impl Model {
    /// Compares the journals of a round with the rooms after the restart. The rooms' messages are then
    /// known to be stored.
    pub(crate) fn check(
        &mut self,
        journals: &[Journal],
        readings: &[Reading],
    ) -> Result<Tally, Fault> {
        let given_out = journals.iter().map(|journal| &journal.pid);
        for pid in given_out.chain(readings.iter().map(|reading| &reading.pid)) {
            if !self.pids.insert(pid.clone()) {
                return Err(Fault::PidReused { pid: pid.clone() });
            }
        }
        let mut unread: BTreeSet<&str> = self.rooms.keys().map(String::as_str).collect();
        unread.extend(journals.iter().map(|journal| journal.room.as_str()));
        let mut tally = Tally::default();
        let mut rooms = BTreeMap::new();
        for reading in readings {
            unread.remove(reading.room.as_str());
            let there: Vec<_> =
                journals.iter().filter(|journal| journal.room == reading.room).collect();
            let held = whole(reading)?;
            self.check_room(&reading.room, &held, &there, &mut tally)?;
            rooms.insert(reading.room.clone(), held);
        }
        if let Some(room) = unread.first() {
            return Err(Fault::NotRead { room: (*room).to_owned() });
        }
        self.rooms = rooms;
        Ok(tally)
    }

    fn check_room(
        &self,
        room: &str,
        held: &[Said],
        there: &[&Journal],
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let known = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        if held.len() < known.len() {
            let (known, held) = (known.len(), held.len());
            return Err(Fault::Shrunk { room: room.to_owned(), known, held });
        }
        if let Some((_, now)) = known.iter().zip(held).find(|(before, now)| before != now) {
            return Err(Fault::Changed { room: room.to_owned(), id: now.id });
        }
        let kept = check_new(room, &held[known.len()..], there)?;
        let mut newest_seen = known.len() as MessageId;
        for journal in there {
            check_live_order(journal)?;
            for said in journal.received() {
                check_received(journal, said, held)?;
                newest_seen = newest_seen.max(said.id);
                tally.received += 1;
            }
        }
        tally.kept += held.len();
        tally.kept_unseen += held.len() - newest_seen as usize;
        tally.cut_off += there.iter().map(|journal| journal.sent.len()).sum::<usize>() - kept;
        Ok(())
    }
}

impl Journal {
    /// Creates the journal of a connection that has its pid only.
    pub(crate) fn new(room: &str, pid: Pid) -> Self {
        let (sent, live, pages) = (Vec::new(), Vec::new(), Vec::new());
        Self { room: room.to_owned(), pid, sent, greeting: None, live, pages }
    }

    fn received(&self) -> impl Iterator<Item = &Said> {
        self.greeting.iter().flatten().chain(&self.live).chain(&self.pages)
    }
}

/// Joins the pages. Checks that each page has the ids of the protocol, and that the greeting equals the
/// newest page.
fn whole(reading: &Reading) -> Result<Vec<Said>, Fault> {
    let room = || reading.room.clone();
    let held: Vec<Said> = reading.pages.iter().rev().flatten().cloned().collect();
    for (expected, said) in (1..).zip(&held) {
        if said.id != expected {
            return Err(Fault::WrongId { room: room(), expected, found: said.id });
        }
    }
    for (number, page) in reading.pages.iter().enumerate() {
        let is_last = number + 1 == reading.pages.len();
        let full = HISTORY_PAGE_MESSAGES as usize;
        if page.len() > full || page.is_empty() || (!is_last && page.len() < full) {
            return Err(Fault::PageLength { room: room(), page: number, length: page.len() });
        }
    }
    if reading.greeting != reading.pages.first().map_or(&[][..], Vec::as_slice) {
        return Err(Fault::GreetingDiffers { room: room() });
    }
    Ok(held)
}

/// Checks that the new messages are a prefix of the sent texts of each connection of this round, each once
/// and in order. Returns the number of new messages.
fn check_new(room: &str, new: &[Said], there: &[&Journal]) -> Result<usize, Fault> {
    let sent: BTreeMap<_, _> = there.iter().map(|journal| (&journal.pid, &journal.sent)).collect();
    let mut kept = BTreeMap::<&Pid, usize>::new();
    for Said { id, from, text } in new {
        let (room, id) = (room.to_owned(), *id);
        let sent = sent.get(from).map_or(&[][..], |sent| sent.as_slice());
        let next = kept.entry(from).or_default();
        match sent.iter().position(|sent| sent == text) {
            Some(place) if place == *next => *next += 1,
            Some(place) if place < *next => return Err(Fault::Doubled { room, id }),
            Some(_) => return Err(Fault::OutOfTurn { room, id }),
            None => return Err(Fault::Foreign { room, id }),
        }
    }
    Ok(new.len())
}

/// Checks that the live messages start after the greeting and have no gap.
fn check_live_order(journal: &Journal) -> Result<(), Fault> {
    let newest = journal.greeting.as_ref().and_then(|page| page.last()).map_or(0, |said| said.id);
    for (expected, said) in (newest + 1..).zip(&journal.live) {
        if said.id != expected {
            let (room, pid) = (journal.room.clone(), journal.pid.clone());
            return Err(Fault::DeliveryOrder { room, pid, expected, found: said.id });
        }
    }
    Ok(())
}

fn check_received(journal: &Journal, said: &Said, held: &[Said]) -> Result<(), Fault> {
    let (room, pid, id) = (journal.room.clone(), journal.pid.clone(), said.id);
    match said.id.checked_sub(1).and_then(|index| held.get(index as usize)) {
        None => Err(Fault::Lost { room, pid, id }),
        Some(kept) if kept != said => Err(Fault::NotAsReceived { room, pid, id }),
        Some(_) => Ok(()),
    }
}
