//! Goal: a room with a slow and failing store tells everybody the same story as a naive room that
//! does one thing after the other. Method: random inputs go to both; the store's answers come at
//! random places in between; then each member's transcript must be the same. The naive room is told
//! only how many newcomers were greeted together, and holds them to be neighbours in the order.

use std::collections::{BTreeMap, BTreeSet};
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
    /// A connection is lost.
    Lose(usize),
    /// One of the lost comes back, perhaps under another name.
    Return(usize, bool),
    /// One of the lost was waited for long enough.
    Expire(usize),
    /// The inputs since the last one came together.
    Settle,
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
        1 => who.clone().prop_map(Step::Refuse),
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
    /// How many were greeted together, each time.
    groups: Vec<usize>,
    members_left: usize,
    times: Vec<UnixMillis>,
    now: UnixMillis,
}

impl Real {
    fn new(stored: Vec<Kept>, kept_max: u64) -> Self {
        let newest = stored.len() as u64;
        let tail = stored.iter().rev().take(50).rev().cloned().collect();
        let room = Room::new(Stored { oldest: 1, newest, tail }, kept_max);
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
        self.room.settle(&mut effects);
        effects.into_iter().for_each(|effect| self.carry_out(effect));
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
                let page: Vec<_> = snapshot.tail.iter().map(line).collect();
                self.groups.push(greeted.len());
                for (member, _) in greeted {
                    let (members, page) = (members.clone(), page.clone());
                    self.told.entry(member).or_default().push(Told::Greeting { members, page });
                    assert!(!self.present.contains(&member), "greeted while it is here");
                    self.present.push(member);
                }
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
                let Some(id) = *id else {
                    let said = (0, from, String::new(), text.clone());
                    return self.tell_all(Told::Said(said));
                };
                let kept = &self.stored[index(id)];
                assert_eq!(&kept.message.text, text, "delivered what is not in the store");
                Told::Said(line(kept))
            }
            other => panic!("not an event: {other:?}"),
        };
        if !matches!(event.message, ServerMessage::Error { .. }) {
            self.times.push(event.ts);
        }
        match to {
            Audience::All => self.tell_all(told),
            Audience::One(member) => self.told.get_mut(&member).unwrap().push(told),
        }
    }

    fn tell_all(&mut self, told: Told) {
        for member in &self.present {
            self.told.get_mut(member).unwrap().push(told.clone());
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
    Lose(MemberKey),
    Return(MemberKey, Nickname),
}

/// Does one thing after the other, and tells it.
fn naive(
    deeds: Vec<Deed>,
    stored: &[Kept],
    kept_max: usize,
    groups: &[usize],
) -> BTreeMap<MemberKey, Vec<Told>> {
    let mut room = Naive {
        log: stored.iter().map(line).collect(),
        kept_max,
        told: BTreeMap::new(),
        members: BTreeMap::new(),
        away: BTreeSet::new(),
    };
    let mut groups = groups.iter().copied();
    // Came in and not greeted yet, and how many more come with them.
    let mut newcomers: Vec<MemberKey> = Vec::new();
    let mut expected = 0;
    for deed in deeds {
        match deed {
            Deed::Join(member, _) | Deed::Return(member, _) => {
                if expected == 0 {
                    expected = groups.next().expect("somebody was never greeted");
                }
                expected -= 1;
                room.comes(deed);
                newcomers.push(member);
                if expected == 0 {
                    room.greet(&newcomers);
                    newcomers.clear();
                }
            }
            deed => {
                assert_eq!(expected, 0, "greeted together, and {deed:?} stands between");
                room.does(deed);
            }
        }
    }
    room.told
}

struct Naive {
    log: Vec<Line>,
    kept_max: usize,
    told: BTreeMap<MemberKey, Vec<Told>>,
    members: BTreeMap<MemberKey, Nickname>,
    /// Members to whom nothing is sent.
    away: BTreeSet<MemberKey>,
}

impl Naive {
    fn page(&self, cursor: u64) -> Vec<Line> {
        let kept = &self.log[self.log.len().saturating_sub(self.kept_max)..];
        kept.rchunks(50).nth(usize::try_from(cursor).unwrap()).unwrap_or_default().to_vec()
    }

    fn comes(&mut self, deed: Deed) {
        match deed {
            Deed::Join(member, name) => {
                self.tell_all(&Told::Joined(pid(member).to_string(), name.to_string()));
                self.members.insert(member, name);
                self.away.insert(member);
            }
            Deed::Return(member, name) => {
                if self.members.insert(member, name.clone()).unwrap() != name {
                    self.tell_all(&Told::Renamed(pid(member).to_string(), name.to_string()));
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn greet(&mut self, newcomers: &[MemberKey]) {
        let members = self.members.iter().map(|(m, n)| (pid(*m).to_string(), n.to_string()));
        let greeting = Told::Greeting { members: members.collect(), page: self.page(0) };
        for member in newcomers {
            self.told.entry(*member).or_default().push(greeting.clone());
            self.away.remove(member);
        }
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Leave(member) => {
                self.members.remove(&member);
                self.tell_all(&Told::Left(pid(member).to_string()));
            }
            Deed::Lose(member) => {
                self.away.insert(member);
            }
            Deed::Say(member, text, _) if self.kept_max == 0 => {
                self.tell_all(&Told::Said((0, pid(member).to_string(), String::new(), text)));
            }
            Deed::Say(member, text, kept) => {
                if !kept.expect("the store has answered") {
                    return self.tell(member, Told::Refused(ErrorCode::Storage));
                }
                let id = self.log.len() as u64 + 1;
                let name = self.members[&member].to_string();
                let said = (id, pid(member).to_string(), name, text);
                self.log.push(said.clone());
                self.tell_all(&Told::Said(said));
            }
            Deed::Rename(member, name) => {
                self.members.insert(member, name.clone());
                self.tell_all(&Told::Renamed(pid(member).to_string(), name.to_string()));
            }
            Deed::Page(member, cursor) => self.tell(member, Told::Page(self.page(cursor))),
            Deed::Refuse(member) => self.tell(member, Told::Refused(ErrorCode::Unsupported)),
            Deed::Join(..) | Deed::Return(..) => unreachable!("it comes"),
        }
    }

    fn tell(&mut self, member: MemberKey, told: Told) {
        self.told.get_mut(&member).unwrap().push(told);
    }

    fn tell_all(&mut self, told: &Told) {
        for member in self.members.keys().filter(|member| !self.away.contains(member)) {
            self.told.get_mut(member).unwrap().push(told.clone());
        }
    }
}

/// Runs the steps through the room, and writes down what a naive room would have been asked.
fn run(steps: Vec<Step>, real: &mut Real) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = Vec::new();
    let mut here: Vec<MemberKey> = Vec::new();
    let mut lost: Vec<(MemberKey, Nickname)> = Vec::new();
    let mut names: BTreeMap<MemberKey, Nickname> = BTreeMap::new();
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
                names.insert(member, nickname.clone());
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
                names.insert(member, nickname.clone());
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
            Step::Lose(who) => {
                let Some(member) = member(who) else { continue };
                here.retain(|other| *other != member);
                lost.push((member, names[&member].clone()));
                real.take(Input::Lose { member });
                deeds.push(Deed::Lose(member));
            }
            Step::Return(who, renames) => {
                if lost.is_empty() {
                    continue;
                }
                let (member, old) = lost.swap_remove(who % lost.len());
                let nickname = if renames { nickname(number) } else { old };
                here.push(member);
                names.insert(member, nickname.clone());
                real.take(Input::Return { member, nickname: nickname.clone() });
                deeds.push(Deed::Return(member, nickname));
            }
            Step::Expire(who) => {
                if lost.is_empty() {
                    continue;
                }
                let (member, _) = lost.swap_remove(who % lost.len());
                real.take(Input::Leave { member });
                deeds.push(Deed::Leave(member));
            }
            Step::Settle => real.settle(),
            Step::StoreAnswers { keeps } => {
                if let Some(answer) = real.answer(keeps) {
                    settle(&mut deeds, &mut settled, answer);
                }
            }
            Step::ClockJumps(by) => real.now += by,
        }
    }
    real.settle();
    while let Some(answer) = real.answer(true) {
        settle(&mut deeds, &mut settled, answer);
    }
    real.members_left = here.len() + lost.len();
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
        let kept_max = usize::try_from(kept_max).unwrap();
        let expected = naive(deeds, &before, kept_max, &real.groups);
        for (member, transcript) in &expected {
            prop_assert_eq!(&real.told[member], transcript, "member {}", member);
        }
        prop_assert_eq!(real.told.len(), expected.len());
        prop_assert!(real.times.is_sorted(), "times go backwards: {:?}", real.times);
        prop_assert_eq!(real.room.is_idle(), real.members_left == 0);
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
    real.settle();
    assert_eq!(taken, 16, "a mebibyte of text waits at most");
    while real.answer(true).is_some() {}
    assert!(!real.room.is_full());
    assert_eq!(real.stored.len(), taken);
}
