//! Tests of the check: a faultless round passes, and each fault in it is found.

use xmeet_shared::{MessageId, Pid};

use crate::fault::Fault;
use crate::model::{Journal, Model, Reading, Said, Tally};

const ROOM: &str = "r";

/// Stored messages of each round: more than two pages, so that there is a page in the middle.
const KEPT: MessageId = 130;

/// Number of stored messages that a client received.
const RECEIVED: MessageId = 120;

/// Sent texts of each of the two authors. Some are not stored.
const SENT_EACH: usize = 70;

/// Creates a faultless round of two authors who take turns.
struct Round {
    journals: Vec<Journal>,
    held: Vec<Said>,
    reader: Pid,
}

fn pid(name: &str, round: u64) -> Pid {
    Pid::from_wire(&format!("<{name}.{round}>"))
}

impl Round {
    /// Creates the round after `before`.
    fn after(before: &[Said], round: u64) -> Self {
        let authors = [pid("a", round), pid("b", round)];
        let mut held = before.to_vec();
        let mut journals: Vec<_> =
            authors.iter().map(|pid| Journal::new(ROOM, pid.clone())).collect();
        for journal in &mut journals {
            journal.sent = (0..SENT_EACH).map(|number| number.to_string()).collect();
        }
        for turn in 0..KEPT {
            let from = authors[turn as usize % 2].clone();
            let id = held.len() as MessageId + 1;
            held.push(Said { id, from, text: (turn / 2).to_string() });
        }
        let (first, last) = (before.len(), before.len() + RECEIVED as usize);
        journals[0].greeting = Some(before[first.saturating_sub(50)..].to_vec());
        journals[0].live = held[first..last].to_vec();
        journals[1].pages = held[first + 20..first + 60].to_vec();
        Self { journals, held, reader: pid("reader", round) }
    }

    fn reading(&self) -> Reading {
        let mut end = self.held.len();
        let mut pages = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(50);
            pages.push(self.held[start..end].to_vec());
            end = start;
        }
        let greeting = pages.first().cloned().unwrap_or_default();
        Reading { room: ROOM.to_owned(), pid: self.reader.clone(), greeting, pages }
    }

    fn check(&self, model: &mut Model) -> Result<Tally, Fault> {
        model.check(&self.journals, &[self.reading()])
    }

    /// Assigns the ids again, as a faulty server could.
    fn number(&mut self) {
        for (id, said) in (1..).zip(&mut self.held) {
            said.id = id;
        }
    }
}

/// Returns the fault of a changed first round.
fn fault_of(change: impl FnOnce(&mut Round)) -> Fault {
    let mut round = Round::after(&[], 1);
    change(&mut round);
    round.check(&mut Model::default()).expect_err("the fault is found")
}

/// Returns the fault of a changed second round after a faultless first one.
fn fault_of_the_second(change: impl FnOnce(&mut Round)) -> Fault {
    let mut model = Model::default();
    let first = Round::after(&[], 1);
    first.check(&mut model).unwrap();
    let mut second = Round::after(&first.held, 2);
    change(&mut second);
    second.check(&mut model).expect_err("the fault is found")
}

fn room() -> String {
    ROOM.to_owned()
}

#[test]
fn faultless_rounds_pass() {
    let mut model = Model::default();
    let first = Round::after(&[], 1);
    let tally = first.check(&mut model).unwrap();
    assert_eq!(tally, Tally { kept: 130, received: 160, kept_unseen: 10, cut_off: 10 });
    let second = Round::after(&first.held, 2);
    let tally = second.check(&mut model).unwrap();
    assert_eq!(tally, Tally { kept: 260, received: 210, kept_unseen: 10, cut_off: 10 });
}

#[test]
fn empty_room_passes() {
    let round = Round { journals: Vec::new(), held: Vec::new(), reader: pid("reader", 1) };
    assert_eq!(round.check(&mut Model::default()), Ok(Tally::default()));
}

#[test]
fn lost_received_message_is_found() {
    let found = fault_of(|round| round.held.truncate(RECEIVED as usize - 1));
    assert_eq!(found, Fault::Lost { room: room(), pid: pid("a", 1), id: RECEIVED });
    // A message that only a page contained.
    let found = fault_of(|round| {
        round.held.truncate(59);
        round.journals[0].live.truncate(10);
    });
    assert_eq!(found, Fault::Lost { room: room(), pid: pid("b", 1), id: 60 });
    // A message in the middle, so that all later ones get smaller ids.
    let found = fault_of(|round| {
        round.held.remove(40);
        round.number();
    });
    assert_eq!(found, Fault::OutOfTurn { room: room(), id: 42 });
}

#[test]
fn gaps_and_repeated_ids_are_found() {
    let found = fault_of(|round| drop(round.held.remove(70)));
    assert_eq!(found, Fault::WrongId { room: room(), expected: 71, found: 72 });
    let found = fault_of(|round| round.held.insert(70, round.held[70].clone()));
    assert_eq!(found, Fault::WrongId { room: room(), expected: 72, found: 71 });
    let found = fault_of(|round| drop(round.held.remove(0)));
    assert_eq!(found, Fault::WrongId { room: room(), expected: 1, found: 2 });
    let found = fault_of(|round| round.held.swap(3, 4));
    assert_eq!(found, Fault::WrongId { room: room(), expected: 4, found: 5 });
}

#[test]
fn message_stored_twice_is_found() {
    let found = fault_of(|round| {
        round.held.push(round.held[125].clone());
        round.number();
    });
    assert_eq!(found, Fault::Doubled { room: room(), id: 131 });
}

#[test]
fn reordered_messages_are_found() {
    // Two messages of one author that no client received.
    let found = fault_of(|round| {
        round.held.swap(126, 128);
        round.number();
    });
    assert_eq!(found, Fault::OutOfTurn { room: room(), id: 127 });
    // Two adjacent received messages of different authors. The order of each author is unchanged.
    let found = fault_of(|round| {
        round.held.swap(10, 11);
        round.number();
    });
    assert_eq!(found, Fault::NotAsReceived { room: room(), pid: pid("a", 1), id: 11 });
}

#[test]
fn changed_text_or_author_is_found() {
    let found = fault_of(|round| round.held[129].text.push('!'));
    assert_eq!(found, Fault::Foreign { room: room(), id: 130 });
    let found = fault_of(|round| round.journals[1].pages[0].text.push('!'));
    assert_eq!(found, Fault::NotAsReceived { room: room(), pid: pid("b", 1), id: 21 });
    let found = fault_of(|round| round.journals[0].live[20].from = pid("b", 1));
    assert_eq!(found, Fault::NotAsReceived { room: room(), pid: pid("a", 1), id: 21 });
}

#[test]
fn message_received_with_another_id_is_found() {
    let found = fault_of(|round| round.journals[1].pages[0].id += 1);
    assert_eq!(found, Fault::NotAsReceived { room: room(), pid: pid("b", 1), id: 22 });
    let found = fault_of(|round| round.journals[1].pages[0].id = 0);
    assert_eq!(found, Fault::Lost { room: room(), pid: pid("b", 1), id: 0 });
    let found = fault_of(|round| round.journals[0].live[20].id = 20);
    let (room, pid) = (room(), pid("a", 1));
    assert_eq!(found, Fault::DeliveryOrder { room, pid, expected: 21, found: 20 });
}

#[test]
fn gap_in_live_messages_is_found() {
    let found = fault_of(|round| drop(round.journals[0].live.remove(5)));
    let (expected, found_id) = (6, 7);
    let fault = Fault::DeliveryOrder { room: room(), pid: pid("a", 1), expected, found: found_id };
    assert_eq!(found, fault);
    let found = fault_of_the_second(|round| drop(round.journals[0].live.remove(0)));
    let (room, pid, expected) = (room(), pid("a", 2), KEPT + 1);
    assert_eq!(found, Fault::DeliveryOrder { room, pid, expected, found: KEPT + 2 });
}

#[test]
fn message_that_no_client_sent_is_found() {
    let foreign = |from: Pid, text: &str| {
        let said = Said { id: KEPT + 1, from, text: text.to_owned() };
        fault_of(|round| round.held.push(said))
    };
    let fault = Fault::Foreign { room: room(), id: KEPT + 1 };
    assert_eq!(foreign(pid("a", 1), "never said"), fault);
    assert_eq!(foreign(pid("c", 1), "65"), fault);
    // The author sent the text in another room.
    let found = fault_of(|round| {
        round.journals[1].room = "other".to_owned();
        round.journals[1].pages.clear();
    });
    assert_eq!(found, Fault::Foreign { room: room(), id: 2 });
}

#[test]
fn change_of_an_earlier_round_is_found() {
    let found = fault_of_the_second(|round| round.held[3].text.push('!'));
    assert_eq!(found, Fault::Changed { room: room(), id: 4 });
    let found = fault_of_the_second(|round| round.held[3].from = pid("a", 2));
    assert_eq!(found, Fault::Changed { room: room(), id: 4 });
    let found = fault_of_the_second(|round| round.held.truncate(100));
    assert_eq!(found, Fault::Shrunk { room: room(), known: 130, held: 100 });
    // A text that an earlier round lost cannot appear later.
    let found = fault_of_the_second(|round| {
        round.held[130] = Said { id: 131, from: pid("a", 1), text: "65".to_owned() };
    });
    assert_eq!(found, Fault::Foreign { room: room(), id: 131 });
}

#[test]
fn reused_pid_is_found() {
    let found = fault_of(|round| round.journals[1].pid = pid("a", 1));
    assert_eq!(found, Fault::PidReused { pid: pid("a", 1) });
    let found = fault_of_the_second(|round| round.journals[1].pid = pid("b", 1));
    assert_eq!(found, Fault::PidReused { pid: pid("b", 1) });
    let found = fault_of_the_second(|round| round.reader = pid("reader", 1));
    assert_eq!(found, Fault::PidReused { pid: pid("reader", 1) });
}

#[test]
fn inconsistent_pages_are_found() {
    let found = |change: &dyn Fn(&mut Reading)| {
        let round = Round::after(&[], 1);
        let mut reading = round.reading();
        change(&mut reading);
        Model::default().check(&round.journals, &[reading]).expect_err("the fault is found")
    };
    let fault = found(&|reading| drop(reading.greeting.pop()));
    assert_eq!(fault, Fault::GreetingDiffers { room: room() });
    let fault = found(&|reading| {
        let early = reading.pages[0].remove(0);
        reading.pages[1].push(early);
    });
    assert_eq!(fault, Fault::PageLength { room: room(), page: 0, length: 49 });
}

#[test]
fn room_that_was_not_read_is_found() {
    let mut model = Model::default();
    let round = Round::after(&[], 1);
    let fault = Fault::NotRead { room: room() };
    assert_eq!(model.check(&round.journals, &[]), Err(fault.clone()));
    let mut model = Model::default();
    round.check(&mut model).unwrap();
    assert_eq!(model.check(&[], &[]), Err(fault));
}
