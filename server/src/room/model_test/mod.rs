//! Goal: a room with a slow and failing store delivers the same to each member as a naive room that
//! handles one operation at a time. Method: both rooms get the same random inputs, with the store's
//! answers at random places in between, and the transcripts of each member must be equal. The naive room
//! is told how many newcomers the room greeted together, and checks that no operation is between their
//! joins.

mod naive;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::*;
use naive::{Operation, naive};

/// A delivery to a member, in a form that both rooms can produce.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Delivery {
    Greeting { members: Vec<(String, String)>, page: Vec<Line> },
    Joined(String, String),
    Left(String),
    Said(Line),
    Renamed(String, String),
    Page(Vec<Line>),
    Refused(ErrorCode),
    BarrierReached,
}

/// A stored message: id, pid, nickname at that time, text.
type Line = (MessageId, String, String, String);

#[derive(Debug, Clone, Copy)]
enum Step {
    Join,
    Leave(usize),
    Say(usize),
    SayUnstored(usize),
    Rename(usize),
    Page(usize, u64),
    Barrier(usize),
    /// A connection is lost.
    Lose(usize),
    /// A lost member resumes, perhaps with another nickname.
    Return(usize, bool),
    /// The grace period of a lost member ends.
    Expire(usize),
    /// The room's round ends.
    Settle,
    /// The store answers its batch, if it has one.
    StoreAnswers {
        keeps: bool,
    },
    ClockJumps(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..6_usize;
    let step = prop_oneof![
        2 => Just(Step::Join),
        1 => who.clone().prop_map(Step::Leave),
        6 => who.clone().prop_map(Step::Say),
        2 => who.clone().prop_map(Step::SayUnstored),
        1 => who.clone().prop_map(Step::Rename),
        2 => (who.clone(), 0..5_u64).prop_map(|(who, cursor)| Step::Page(who, cursor)),
        1 => who.clone().prop_map(Step::Barrier),
        1 => who.clone().prop_map(Step::Lose),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, renames)| Step::Return(who, renames)),
        1 => who.prop_map(Step::Expire),
        4 => Just(Step::Settle),
        4 => prop::bool::weighted(0.8).prop_map(|keeps| Step::StoreAnswers { keeps }),
        1 => (-50..50_i64).prop_map(Step::ClockJumps),
    ];
    vec(step, 0..400)
}

fn pid(member: MemberKey) -> Pid {
    Pid::new(0, member, 1)
}

fn nickname(number: usize) -> Nickname {
    Nickname::new(&format!("n{number}")).unwrap()
}

fn line(kept: &StoredMessage) -> Line {
    let Message { from, nickname, text, .. } = &*kept.message;
    (kept.id, from.to_string(), nickname.to_string(), text.clone())
}

/// The room under test with outboxes, a store and a clock.
struct Real {
    room: Room,
    stored: Vec<StoredMessage>,
    asked: Option<Vec<std::sync::Arc<Message>>>,
    told: BTreeMap<MemberKey, Vec<Delivery>>,
    present: Vec<MemberKey>,
    /// How many newcomers each group of greetings had.
    groups: Vec<usize>,
    members_left: usize,
    times: Vec<UnixMillis>,
    now: UnixMillis,
}

impl Real {
    fn new(stored: Vec<StoredMessage>, kept_max: u64, text_bytes_max: usize) -> Self {
        let newest = stored.len() as u64;
        let tail = stored.iter().rev().take(50).rev().cloned().collect();
        let stored_room = RoomHistory { newest, tail, ..RoomHistory::default() };
        let room = Room::with_text_bound(stored_room, kept_max, text_bytes_max);
        let (told, present, groups) = (BTreeMap::new(), Vec::new(), Vec::new());
        let times = Vec::new();
        let (asked, members_left, now) = (None, 0, 1000);
        Self { room, stored, asked, told, present, groups, members_left, times, now }
    }

    fn take(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.room.handle(input, self.now, &mut effects);
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn settle(&mut self) {
        let mut effects = Vec::new();
        self.room.end_round(&mut effects);
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    /// Lets the store answer. `keeps` is whether it stored the batch.
    fn answer(&mut self, keeps: bool) -> Option<(usize, bool)> {
        let batch = self.asked.take()?;
        let count = batch.len();
        if keeps {
            let first = self.stored.len() as u64 + 1;
            let kept = (first..).zip(batch).map(|(id, message)| StoredMessage { id, message });
            self.stored.extend(kept);
            self.take(Input::Appended { first });
        } else {
            self.take(Input::AppendFailed);
        }
        self.settle();
        Some((count, keeps))
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(batch) => {
                assert!(self.asked.is_none(), "a second batch before the answer to the first");
                assert!(!batch.is_empty());
                self.asked = Some(batch);
            }
            Effect::Greet { members: greeted, snapshot } => {
                let members = snapshot.roster.members();
                let members: Vec<_> =
                    members.map(|m| (m.pid.to_string(), m.nickname.to_string())).collect();
                let absent = snapshot.absent.map(|ids| self.read(ids)).unwrap_or_default();
                let page: Vec<_> = absent.iter().chain(&snapshot.tail).map(line).collect();
                self.groups.push(greeted.len());
                for (member, _) in greeted {
                    let (members, page) = (members.clone(), page.clone());
                    self.told.entry(member).or_default().push(Delivery::Greeting { members, page });
                    assert!(!self.present.contains(&member), "greeted while it is here");
                    self.present.push(member);
                }
            }
            Effect::BarrierReached { member } => {
                self.told.get_mut(&member).unwrap().push(Delivery::BarrierReached);
            }
            Effect::Finish { .. } => unreachable!("nothing here ends"),
            Effect::Detach { member } => self.present.retain(|m| *m != member),
            Effect::Broadcast(event) => self.tell(None, &event),
            Effect::Reply { member, event } => self.tell(Some(member), &event),
            Effect::Page { member, messages, .. } => self.page(member, &messages),
            Effect::ReadPage { member, ids, .. } => {
                let messages = self.read(ids);
                self.page(member, &messages);
            }
        }
    }

    fn read(&self, ids: RangeInclusive<MessageId>) -> Vec<StoredMessage> {
        self.stored[index(*ids.start())..=index(*ids.end())].to_vec()
    }

    fn page(&mut self, member: MemberKey, messages: &[StoredMessage]) {
        let page = messages.iter().map(line).collect();
        self.told.get_mut(&member).unwrap().push(Delivery::Page(page));
    }

    fn tell(&mut self, to: Option<MemberKey>, event: &Event) {
        let from = event.from.to_string();
        let told = match &event.message {
            ServerMessage::Join(name) => Delivery::Joined(from, name.to_string()),
            ServerMessage::Leave => Delivery::Left(from),
            ServerMessage::ChangeName(name) => Delivery::Renamed(from, name.to_string()),
            ServerMessage::Error { code, .. } => Delivery::Refused(code.unwrap()),
            ServerMessage::Normal { text, id, .. } => {
                let Some(id) = *id else {
                    let said = (0, from, String::new(), text.clone());
                    return self.tell_all(&Delivery::Said(said));
                };
                let kept = &self.stored[index(id)];
                assert_eq!(&kept.message.text, text, "a delivered message is not in the store");
                Delivery::Said(line(kept))
            }
            other => panic!("not an event: {other:?}"),
        };
        if !matches!(event.message, ServerMessage::Error { .. }) {
            self.times.push(event.ts);
        }
        match to {
            None => self.tell_all(&told),
            Some(member) => self.told.get_mut(&member).unwrap().push(told),
        }
    }

    fn tell_all(&mut self, told: &Delivery) {
        for member in &self.present {
            self.told.get_mut(member).unwrap().push(told.clone());
        }
    }
}

fn index(id: MessageId) -> usize {
    usize::try_from(id).unwrap() - 1
}

/// Runs steps through the room, and records the operations for the naive room.
struct Script<'a> {
    real: &'a mut Real,
    operations: Vec<Operation>,
    here: Vec<MemberKey>,
    lost: Vec<(MemberKey, Nickname)>,
    names: BTreeMap<MemberKey, Nickname>,
    /// How many messages the store has answered.
    answered: usize,
}

impl Script<'_> {
    fn run(steps: Vec<Step>, real: &mut Real) -> Vec<Operation> {
        let (operations, here, lost, names) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        let mut script = Script { real, operations, here, lost, names, answered: 0 };
        for (number, step) in steps.into_iter().enumerate() {
            script.step(number, step);
        }
        script.real.settle();
        while script.store_answers(true) {}
        script.real.members_left = script.here.len() + script.lost.len();
        script.operations
    }

    fn step(&mut self, number: usize, step: Step) {
        match step {
            Step::Join => self.join(number as MemberKey + 1, nickname(number)),
            Step::Settle => self.real.settle(),
            Step::ClockJumps(by) => self.real.now += by,
            Step::StoreAnswers { keeps } => {
                self.store_answers(keeps);
            }
            Step::Leave(who)
            | Step::Say(who)
            | Step::SayUnstored(who)
            | Step::Rename(who)
            | Step::Page(who, _)
            | Step::Barrier(who)
            | Step::Lose(who) => {
                if !self.here.is_empty() {
                    let at = who % self.here.len();
                    self.here_does(at, number, step);
                }
            }
            Step::Return(who, _) | Step::Expire(who) => {
                if !self.lost.is_empty() {
                    let (member, old) = self.lost.swap_remove(who % self.lost.len());
                    self.lost_does(member, old, number, step);
                }
            }
        }
    }

    fn join(&mut self, member: MemberKey, nickname: Nickname) {
        self.here.push(member);
        self.names.insert(member, nickname.clone());
        self.real.take(Action::Join { pid: pid(member), nickname: nickname.clone() }.by(member));
        self.operations.push(Operation::Join(member, nickname));
    }

    fn here_does(&mut self, at: usize, number: usize, step: Step) {
        let member = self.here[at];
        let (input, operation) = match step {
            Step::Leave(_) => {
                self.here.remove(at);
                (Action::Leave.by(member), Operation::Leave(member))
            }
            Step::Lose(_) => {
                self.here.remove(at);
                self.lost.push((member, self.names[&member].clone()));
                (Action::ConnectionLost.by(member), Operation::Lose(member))
            }
            Step::Say(_) => {
                let text = format!("text {number}");
                let input = Input::Say { member, text: text.clone(), is_stored: true };
                (input, Operation::Say(member, text, None))
            }
            Step::SayUnstored(_) => {
                let text = format!("text {number}");
                let input = Input::Say { member, text: text.clone(), is_stored: false };
                (input, Operation::SayUnstored(member, text))
            }
            Step::Rename(_) => {
                let nickname = nickname(number);
                self.names.insert(member, nickname.clone());
                let operation = Operation::Rename(member, nickname.clone());
                (Action::ChangeName { nickname }.by(member), operation)
            }
            Step::Page(_, cursor) => (
                Action::RequestPage { cursor: Cursor(cursor) }.by(member),
                Operation::Page(member, cursor),
            ),
            _ => (Action::Barrier.by(member), Operation::Barrier(member)),
        };
        self.real.take(input);
        self.operations.push(operation);
    }

    fn lost_does(&mut self, member: MemberKey, old: Nickname, number: usize, step: Step) {
        if let Step::Return(_, renames) = step {
            let nickname = if renames { nickname(number) } else { old };
            self.here.push(member);
            self.names.insert(member, nickname.clone());
            self.real.take(Action::Resume { nickname: nickname.clone() }.by(member));
            self.operations.push(Operation::Return(member, nickname));
        } else {
            self.real.take(Action::Leave.by(member));
            self.operations.push(Operation::Leave(member));
        }
    }

    /// Lets the store answer its batch, if it has one.
    fn store_answers(&mut self, keeps: bool) -> bool {
        let Some((count, keeps)) = self.real.answer(keeps) else { return false };
        let says = self.operations.iter_mut().filter_map(|operation| match operation {
            Operation::Say(_, _, kept) => Some(kept),
            _ => None,
        });
        says.skip(self.answered).take(count).for_each(|kept| *kept = Some(keeps));
        self.answered += count;
        true
    }
}

fn stored(ids: RangeInclusive<u64>) -> Vec<StoredMessage> {
    ids.map(|id| {
        let (from, nickname) = (pid(9000 + id), nickname(7));
        let message = Message { from, nickname, text: format!("old {id}"), ts: 0 };
        StoredMessage { id, message: message.into() }
    })
    .collect()
}

proptest! {
    #[test]
    fn matches_naive_room(
        steps in steps(),
        stored_before in 0..130_u64,
        kept_max in prop_oneof![0..3_u64, 40..120_u64, Just(10_000)],
        text_bytes_max in prop_oneof![0..300_usize, Just(100_000)],
    ) {
        let before = stored(1..=stored_before);
        let mut real = Real::new(before.clone(), kept_max, text_bytes_max);
        let operations = Script::run(steps, &mut real);
        let kept_max = usize::try_from(kept_max).unwrap();
        let expected = naive(operations, &before, kept_max, &real.groups);
        for (member, transcript) in &expected {
            prop_assert_eq!(&real.told[member], transcript, "member {}", member);
        }
        prop_assert_eq!(real.told.len(), expected.len());
        prop_assert!(real.times.is_sorted(), "times go backwards: {:?}", real.times);
        prop_assert_eq!(real.room.is_idle(), real.members_left == 0);
    }
}

#[test]
fn room_with_a_slow_store_is_full_at_its_bound() {
    let mut real = Real::new(Vec::new(), 100, 100_000);
    real.take(Action::Join { pid: pid(1), nickname: nickname(1) }.by(1));
    let mut taken = 0;
    while !real.room.is_full() {
        real.take(Input::Say { member: 1, text: "x".repeat(64 * 1024), is_stored: true });
        taken += 1;
    }
    real.settle();
    assert_eq!(taken, 16, "a mebibyte of text waits at most");
    while real.answer(true).is_some() {}
    assert!(!real.room.is_full());
    assert_eq!(real.stored.len(), taken);
}
