//! Goal: a room with a slow and failing store tells everybody the same story as a naive room that
//! does one thing after the other. Method: random inputs go to both; the store's answers come at
//! random places in between; then each member's transcript must be the same.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, Pid, ServerMessage, UnixMillis};

use super::*;

/// What a member is told, as both rooms tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Greeting { members: Vec<(String, String)>, page: Vec<Line> },
    Joined(String, String),
    Left(String),
    Said(Line),
    Renamed(String, String),
    Page(Vec<Line>),
    Refused(ErrorCode),
}

/// A kept message: id, pid, nickname at the time of speaking, text.
type Line = (MessageId, String, String, String);

#[derive(Debug, Clone)]
enum Step {
    Join,
    Leave(usize),
    Say(usize),
    Rename(usize),
    Page(usize, u64),
    Refuse(usize),
    /// The store answers the batch it has, if it has one.
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
        1 => who.clone().prop_map(Step::Rename),
        2 => (who.clone(), 0..5_u64).prop_map(|(who, cursor)| Step::Page(who, cursor)),
        1 => who.prop_map(Step::Refuse),
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

fn line(kept: &Kept) -> Line {
    let Message { from, nickname, text, .. } = &*kept.message;
    (kept.id, from.to_string(), nickname.to_string(), text.clone())
}

/// The room under test with everything around it: outboxes, a store, a clock.
struct Real {
    room: Room,
    stored: Vec<Kept>,
    asked: Option<Vec<std::sync::Arc<Message>>>,
    told: BTreeMap<MemberKey, Vec<Told>>,
    present: Vec<MemberKey>,
    times: Vec<UnixMillis>,
    now: UnixMillis,
}

impl Real {
    fn new(stored: Vec<Kept>, kept_max: u64) -> Self {
        let newest = stored.len() as u64;
        let tail = stored.iter().rev().take(50).rev().cloned().collect();
        let room = Room::new(Stored { oldest: 1, newest, tail }, kept_max);
        let (told, present, times) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { room, stored, asked: None, told, present, times, now: 1000 }
    }

    fn take(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.room.handle(input, self.now, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    /// The store answers; true for "kept".
    fn answer(&mut self, keeps: bool) -> Option<(usize, bool)> {
        let batch = self.asked.take()?;
        let count = batch.len();
        if keeps {
            let first = self.stored.len() as u64 + 1;
            let kept = (first..).zip(batch).map(|(id, message)| Kept { id, message });
            self.stored.extend(kept);
            self.take(Input::Appended { first });
        } else {
            self.take(Input::AppendFailed);
        }
        Some((count, keeps))
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(batch) => {
                assert!(self.asked.is_none(), "a second batch before the answer to the first");
                assert!(!batch.is_empty());
                self.asked = Some(batch);
            }
            Effect::Greet { member, snapshot, .. } => {
                let members = snapshot.members.iter();
                let members =
                    members.map(|m| (m.pid.to_string(), m.nickname.to_string())).collect();
                let page = snapshot.tail.iter().map(line).collect();
                let told = vec![Told::Greeting { members, page }];
                assert!(self.told.insert(member, told).is_none(), "two greetings");
                self.present.push(member);
            }
            Effect::Part { member } => self.present.retain(|m| *m != member),
            Effect::Tell { to, event } => self.tell(to, &event),
            Effect::Page { member, messages, .. } => self.page(member, &messages),
            Effect::ReadPage { member, ids, .. } => {
                let range = index(*ids.start())..=index(*ids.end());
                let messages = self.stored[range].to_vec();
                self.page(member, &messages);
            }
        }
    }

    fn page(&mut self, member: MemberKey, messages: &[Kept]) {
        let page = messages.iter().map(line).collect();
        self.told.get_mut(&member).unwrap().push(Told::Page(page));
    }

    fn tell(&mut self, to: Audience, event: &Event) {
        let from = event.from.to_string();
        let told = match &event.message {
            ServerMessage::Join(name) => Told::Joined(from, name.to_string()),
            ServerMessage::Leave => Told::Left(from),
            ServerMessage::ChangeName(name) => Told::Renamed(from, name.to_string()),
            ServerMessage::Error { code, .. } => Told::Refused(code.unwrap()),
            ServerMessage::Normal { text, id } => {
                let kept = &self.stored[index(id.unwrap())];
                assert_eq!(&kept.message.text, text, "delivered what is not in the store");
                Told::Said(line(kept))
            }
            other => panic!("not an event: {other:?}"),
        };
        if !matches!(event.message, ServerMessage::Error { .. }) {
            self.times.push(event.ts);
        }
        let to = match to {
            Audience::All => self.present.clone(),
            Audience::One(member) => vec![member],
        };
        for member in to {
            self.told.get_mut(&member).unwrap().push(told.clone());
        }
    }
}

fn index(id: MessageId) -> usize {
    usize::try_from(id).unwrap() - 1
}

/// What has a place in the naive room's order.
#[derive(Debug)]
enum Deed {
    Join(MemberKey, Nickname),
    Leave(MemberKey),
    /// Whether the store kept it.
    Say(MemberKey, String, Option<bool>),
    Rename(MemberKey, Nickname),
    Page(MemberKey, u64),
    Refuse(MemberKey),
}

/// Does one thing after the other, and tells it.
fn naive(deeds: Vec<Deed>, stored: &[Kept], kept_max: usize) -> BTreeMap<MemberKey, Vec<Told>> {
    let mut told: BTreeMap<MemberKey, Vec<Told>> = BTreeMap::new();
    let mut members: BTreeMap<MemberKey, Nickname> = BTreeMap::new();
    let mut log: Vec<Line> = stored.iter().map(line).collect();
    let page = |log: &[Line], cursor: u64| {
        let kept = &log[log.len().saturating_sub(kept_max)..];
        kept.rchunks(50).nth(usize::try_from(cursor).unwrap()).unwrap_or_default().to_vec()
    };
    for deed in deeds {
        let event = match deed {
            Deed::Join(member, name) => {
                let joined = Told::Joined(pid(member).to_string(), name.to_string());
                for other in members.keys() {
                    told.get_mut(other).unwrap().push(joined.clone());
                }
                members.insert(member, name);
                let list = members.iter().map(|(m, n)| (pid(*m).to_string(), n.to_string()));
                let greeting = Told::Greeting { members: list.collect(), page: page(&log, 0) };
                told.insert(member, vec![greeting]);
                continue;
            }
            Deed::Leave(member) => {
                members.remove(&member);
                Told::Left(pid(member).to_string())
            }
            Deed::Say(member, text, kept) => {
                if !kept.expect("the store has answered") {
                    told.get_mut(&member).unwrap().push(Told::Refused(ErrorCode::Storage));
                    continue;
                }
                let id = log.len() as u64 + 1;
                let name = members[&member].to_string();
                log.push((id, pid(member).to_string(), name, text));
                Told::Said(log.last().unwrap().clone())
            }
            Deed::Rename(member, name) => {
                members.insert(member, name.clone());
                Told::Renamed(pid(member).to_string(), name.to_string())
            }
            Deed::Page(member, cursor) => {
                told.get_mut(&member).unwrap().push(Told::Page(page(&log, cursor)));
                continue;
            }
            Deed::Refuse(member) => {
                told.get_mut(&member).unwrap().push(Told::Refused(ErrorCode::Unsupported));
                continue;
            }
        };
        for member in members.keys() {
            told.get_mut(member).unwrap().push(event.clone());
        }
    }
    told
}

/// Runs the steps through the room, and writes down what a naive room would have been asked.
fn run(steps: Vec<Step>, real: &mut Real) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = Vec::new();
    let mut here: Vec<MemberKey> = Vec::new();
    let mut settled = 0;
    let settle = |deeds: &mut Vec<Deed>, settled: &mut usize, (count, keeps): (usize, bool)| {
        let says = deeds.iter_mut().filter_map(|deed| match deed {
            Deed::Say(_, _, kept) => Some(kept),
            _ => None,
        });
        says.skip(*settled).take(count).for_each(|kept| *kept = Some(keeps));
        *settled += count;
    };
    for (number, step) in steps.into_iter().enumerate() {
        let member = |who: usize| here.get(who % here.len().max(1)).copied();
        match step {
            Step::Join => {
                let (member, nickname) = (number as MemberKey + 1, nickname(number));
                here.push(member);
                real.take(Input::Join { member, pid: pid(member), nickname: nickname.clone() });
                deeds.push(Deed::Join(member, nickname));
            }
            Step::Leave(who) => {
                let Some(member) = member(who) else { continue };
                here.retain(|other| *other != member);
                real.take(Input::Leave { member });
                deeds.push(Deed::Leave(member));
            }
            Step::Say(who) => {
                let Some(member) = member(who) else { continue };
                let text = format!("text {number}");
                real.take(Input::Say { member, text: text.clone() });
                deeds.push(Deed::Say(member, text, None));
            }
            Step::Rename(who) => {
                let Some(member) = member(who) else { continue };
                let nickname = nickname(number);
                real.take(Input::ChangeName { member, nickname: nickname.clone() });
                deeds.push(Deed::Rename(member, nickname));
            }
            Step::Page(who, cursor) => {
                let Some(member) = member(who) else { continue };
                real.take(Input::History { member, cursor: Cursor(cursor) });
                deeds.push(Deed::Page(member, cursor));
            }
            Step::Refuse(who) => {
                let Some(member) = member(who) else { continue };
                let (code, words) = (ErrorCode::Unsupported, String::new());
                real.take(Input::Refuse { member, code, words });
                deeds.push(Deed::Refuse(member));
            }
            Step::StoreAnswers { keeps } => {
                if let Some(answer) = real.answer(keeps) {
                    settle(&mut deeds, &mut settled, answer);
                }
            }
            Step::ClockJumps(by) => real.now += by,
        }
    }
    while let Some(answer) = real.answer(true) {
        settle(&mut deeds, &mut settled, answer);
    }
    deeds
}

fn stored(ids: RangeInclusive<u64>) -> Vec<Kept> {
    ids.map(|id| {
        let (from, nickname) = (pid(9000 + id), nickname(7));
        let message = Message { from, nickname, text: format!("old {id}"), ts: 0 };
        Kept { id, message: message.into() }
    })
    .collect()
}

proptest! {
    #[test]
    fn a_room_tells_the_same_story_as_a_naive_one(
        steps in steps(),
        stored_before in 0..130_u64,
        kept_max in prop_oneof![0..3_u64, 40..120_u64, Just(10_000)],
    ) {
        let before = stored(1..=stored_before);
        let mut real = Real::new(before.clone(), kept_max);
        let deeds = run(steps, &mut real);
        let expected = naive(deeds, &before, usize::try_from(kept_max).unwrap());
        for (member, transcript) in &expected {
            prop_assert_eq!(&real.told[member], transcript, "member {}", member);
        }
        prop_assert_eq!(real.told.len(), expected.len());
        prop_assert!(real.times.is_sorted(), "times go backwards: {:?}", real.times);
        prop_assert_eq!(real.room.is_idle(), real.present.is_empty());
    }
}

#[test]
fn a_room_that_waits_for_its_store_takes_only_so_much() {
    let mut real = Real::new(Vec::new(), 100);
    real.take(Input::Join { member: 1, pid: pid(1), nickname: nickname(1) });
    let mut taken = 0;
    while !real.room.is_full() {
        real.take(Input::Say { member: 1, text: "x".repeat(64 * 1024) });
        taken += 1;
    }
    assert_eq!(taken, 16, "a mebibyte of text waits at most");
    while real.answer(true).is_some() {}
    assert!(!real.room.is_full());
    assert_eq!(real.stored.len(), taken);
}
