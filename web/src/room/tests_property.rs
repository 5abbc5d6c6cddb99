//! Any interleaving of live events, pages, losses, returns and readers that move gives a part of the
//! true log: each id once, in order, with what was said, gaps where ids are missing, and all of it
//! for whoever reads on; and the true member list. Against a naive server kept beside it.

use std::collections::VecDeque;

use proptest::prelude::*;
use xmeet_shared::{Cursor, Envelope, ErrorCode, MessageId, Record, ServerMessage};

use super::tests::{error, frame, name, record, said};
use super::*;

/// What can happen.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Somebody says something.
    Speak(u8),
    /// Somebody comes or goes.
    Toggle(u8),
    /// Somebody takes another name.
    Rename(u8),
    /// The person types something.
    Type(u8),
    /// The server reads one frame of ours.
    Serve,
    /// The server reads one frame of ours, and puts it off if it asks for a page.
    PutOff,
    /// The wait for the page that was put off last is over.
    Wake,
    /// One frame of the server's arrives.
    Arrive,
    /// The view nears the top of the list.
    LoadOlder,
    /// The view nears a gap.
    LoadGap,
    /// The connection goes; what was under way with it.
    Lose,
    /// The connection comes back.
    Return,
    /// The server drops its oldest messages.
    Trim(u8),
    /// The reader is this far up, or at the bottom, and what is far from there is dropped.
    Read(Option<u8>),
    /// The person wants to see the newest message.
    Jump,
    /// Many things are said at once.
    Burst,
    /// The connection goes, and comes back to a server whose store was wiped.
    Wipe,
}

/// Fewer than in earnest, so that something is dropped often.
pub(super) const HELD_MAX: usize = 90;

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Speak),
        1 => any::<u8>().prop_map(Step::Toggle),
        1 => any::<u8>().prop_map(Step::Rename),
        2 => any::<u8>().prop_map(Step::Type),
        8 => Just(Step::Serve),
        2 => Just(Step::PutOff),
        2 => Just(Step::Wake),
        12 => Just(Step::Arrive),
        4 => Just(Step::LoadOlder),
        2 => Just(Step::LoadGap),
        1 => Just(Step::Lose),
        2 => Just(Step::Return),
        1 => any::<u8>().prop_map(Step::Trim),
        4 => any::<Option<u8>>().prop_map(Step::Read),
        2 => Just(Step::Jump),
        1 => Just(Step::Burst),
        1 => Just(Step::Wipe),
    ]
}

/// A frame of ours on its way to the server.
pub(super) enum Up {
    Page(Cursor),
    Say(String),
}

/// A naive server with one client under test, and the wires between them.
pub(super) struct World {
    pub(super) log: Vec<Record>,
    kept_from: MessageId,
    /// Everybody present, ourselves included.
    others: Vec<(String, String)>,
    connections: u32,
    /// Counts the stores that there were.
    epoch: u32,
    /// How many texts of ours went with a store.
    wiped: usize,
    /// Texts that may stand in a history that was wiped and in a later one.
    said_again: usize,
    is_up: bool,
    pub(super) up: VecDeque<Up>,
    down: VecDeque<Envelope>,
    pub(super) room: Room,
    typed: Vec<String>,
    /// The numbers of the page requests that were put off.
    put_off: Vec<u64>,
}

impl World {
    pub(super) fn new(messages: usize) -> Self {
        let log = (1..=messages as u64).map(|id| record(id, "p0", &format!("old{id}"))).collect();
        Self {
            log,
            kept_from: 1,
            others: vec![("p0".into(), "n0".into())],
            connections: 0,
            epoch: 0,
            wiped: 0,
            said_again: 0,
            is_up: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            room: Room::new(Vec::new(), Vec::new()),
            typed: Vec::new(),
            put_off: Vec::new(),
        }
    }

    fn me(&self) -> String {
        format!("me{}", self.connections)
    }

    fn page(&self, cursor: Cursor) -> Vec<Record> {
        let newest = self.log.len() as u64;
        let ids = cursor.ids(&(self.kept_from..=newest));
        let at = |id: MessageId| self.log[usize::try_from(id).unwrap() - 1].clone();
        ids.map(|ids| ids.map(at).collect()).unwrap_or_default()
    }

    fn tell(&mut self, envelope: Envelope) {
        if self.is_up {
            self.down.push_back(envelope);
        }
    }

    fn speak(&mut self, from: &str, text: &str) {
        let id = self.log.len() as u64 + 1;
        self.log.push(record(id, from, text));
        self.tell(frame(from, said(id, text)));
    }

    fn toggle(&mut self, who: u8) {
        let pid = format!("p{}", who % 4);
        if let Some(place) = self.others.iter().position(|(other, _)| *other == pid) {
            self.others.remove(place);
            self.tell(frame(&pid, ServerMessage::Leave));
        } else {
            self.others.push((pid.clone(), "new".into()));
            self.tell(frame(&pid, ServerMessage::Join(name("new"))));
        }
    }

    fn rename(&mut self, who: u8) {
        if let Some((pid, called)) = self.others.get_mut(usize::from(who) % 4) {
            *called = format!("called{who}");
            let (pid, called) = (pid.clone(), called.clone());
            self.tell(frame(&pid, ServerMessage::ChangeName(name(&called))));
        }
    }

    fn serve(&mut self) {
        match self.up.pop_front() {
            Some(Up::Page(cursor)) => {
                let page = self.page(cursor);
                let me = self.me();
                self.tell(frame(&me, ServerMessage::History(page)));
            }
            Some(Up::Say(text)) => {
                let me = self.me();
                self.speak(&me, &text);
            }
            None => {}
        }
    }

    /// Frames that come are taken in, and what may be sent is.
    fn arrive(&mut self) {
        if let Some(envelope) = self.down.pop_front() {
            let changes = self.room.apply(envelope, 0);
            self.up.extend(changes.ask.map(Up::Page));
            self.put_off.extend(changes.ask_again_ms.map(|_| self.room.request_number()));
        }
        self.pump();
    }

    fn wake(&mut self) {
        let number = self.put_off.pop();
        let ask = number.and_then(|number| self.room.ask_again(number));
        self.up.extend(ask.map(Up::Page));
    }

    fn pump(&mut self) {
        while let Some((local, text)) = self.room.next_to_send() {
            self.up.push_back(Up::Say(text.to_string()));
            self.room.sent(local);
        }
    }

    pub(super) fn go_back(&mut self) {
        if self.is_up {
            return;
        }
        self.connections += 1;
        self.is_up = true;
        let me = self.me();
        self.others.push((me.clone(), format!("n{me}")));
        let present = self.others.clone();
        let epoch = Some(self.epoch.to_string());
        self.room.apply(frame(&me, ServerMessage::SelfId { pid: tests::pid(&me), epoch }), 0);
        let page = self.page(Cursor(0));
        let changes = self.room.apply(frame(&me, ServerMessage::History(page)), 0);
        self.up.extend(changes.ask.map(Up::Page));
        let member = |(pid, called): &(String, String)| xmeet_shared::Member {
            pid: tests::pid(pid),
            nickname: name(called),
        };
        let members = ServerMessage::Members(present.iter().map(member).collect());
        self.room.apply(frame(&me, members), 0);
        self.pump();
    }

    fn lose(&mut self) {
        self.is_up = false;
        let me = self.me();
        self.others.retain(|(pid, _)| *pid != me);
        self.up.clear();
        self.down.clear();
        self.room.lost();
    }

    fn wipe(&mut self) {
        self.lose();
        self.wiped += self.ours();
        // Kept, though nobody here has heard of it: the new history has it only if it is said again.
        let here = self.room.outbox().entries().count();
        self.said_again = (self.wiped + here).saturating_sub(self.typed.len()).max(self.said_again);
        self.log.clear();
        self.kept_from = 1;
        self.epoch += 1;
        self.go_back();
    }

    /// How many texts of ours the server has.
    fn ours(&self) -> usize {
        self.log.iter().filter(|record| record.from.as_str().starts_with("me")).count()
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Speak(n) => self.speak("p0", &format!("s{n}")),
            Step::Toggle(who) => self.toggle(*who),
            Step::Rename(who) => self.rename(*who),
            Step::Type(n) => {
                let text = format!("t{}", n % 3);
                self.room.say(&text, 0);
                self.typed.push(text);
                self.pump();
            }
            Step::Serve => self.serve(),
            Step::PutOff => match self.up.front() {
                Some(Up::Page(_)) => {
                    self.up.pop_front();
                    self.tell(frame(&self.me(), error(ErrorCode::RateLimited)));
                }
                _ => self.serve(),
            },
            Step::Wake => self.wake(),
            Step::Arrive => self.arrive(),
            Step::LoadOlder => {
                let ask = self.room.load_older(true);
                self.up.extend(ask.map(Up::Page));
            }
            Step::LoadGap => {
                let gap = self.gaps().pop();
                let side = |gap: GapRow| if gap.is_tail { gap.first } else { gap.last };
                let ask = gap.and_then(|gap| self.room.load(side(gap), true));
                self.up.extend(ask.map(Up::Page));
            }
            Step::Read(up) => {
                let reader = up.map(|up| self.room.log().head().saturating_sub(u64::from(up)));
                self.room.log.trim(reader, HELD_MAX);
            }
            Step::Jump => {
                let ask = self.room.load_newest();
                self.up.extend(ask.map(Up::Page));
            }
            Step::Wipe => self.wipe(),
            Step::Burst => (0..70).for_each(|n| self.speak("p0", &format!("b{n}"))),
            Step::Lose => self.lose(),
            Step::Return => self.go_back(),
            Step::Trim(n) => {
                let newest = self.log.len() as u64;
                self.kept_from = (self.kept_from + u64::from(n % 40)).min(newest.max(1));
            }
        }
    }

    fn gaps(&self) -> Vec<GapRow> {
        let rows = self.room.rows(&mut |_| 0);
        rows.into_iter()
            .filter_map(|(_, row)| match row {
                Row::Gap(gap) if gap.is_kept => Some(gap),
                _ => None,
            })
            .collect()
    }

    /// Whatever is on the wires arrives.
    pub(super) fn run(&mut self) {
        while !self.up.is_empty() || !self.down.is_empty() || !self.put_off.is_empty() {
            self.serve();
            self.arrive();
            self.wake();
        }
    }

    /// The connection holds and the person scrolls everywhere, until nothing more comes.
    fn settle(&mut self) {
        self.go_back();
        loop {
            self.run();
            self.step(&Step::LoadOlder);
            self.step(&Step::LoadGap);
            if self.up.is_empty() {
                break;
            }
        }
    }
}

/// Rows are in order, each id stands once, says what was said, and names are not doubled.
pub(super) fn check_rows(world: &World) -> Result<(), TestCaseError> {
    let rows = world.room.rows(&mut |_| 0);
    let keys: std::collections::HashSet<_> = rows.iter().map(|(key, _)| *key).collect();
    prop_assert_eq!(keys.len(), rows.len(), "two rows of one name");
    let mut next: Option<MessageId> = None;
    for (_, row) in rows {
        match row {
            Row::Message(MessageRow { message, .. }) => {
                let Some(id) = message.id else { continue };
                prop_assert!(next.is_none_or(|next| next == id), "{id} after {next:?}");
                let truth = &world.log[usize::try_from(id).unwrap() - 1];
                prop_assert_eq!(&*message.text, truth.payload.as_str());
                prop_assert_eq!(&message.from, &truth.from);
                next = Some(id + 1);
            }
            Row::Gap(gap) => {
                prop_assert_eq!(next, Some(gap.first));
                next = Some(gap.last + 1);
            }
            Row::Top(_) | Row::Day(_) | Row::Lines(_) | Row::Unread => {}
        }
    }
    let heard = world.room.log().head();
    prop_assert!(next.is_none_or(|next| next == heard + 1), "{next:?} after {heard}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_gives_the_true_log(
        messages in 0usize..260,
        steps in prop::collection::vec(any_step(), 0..250),
    ) {
        let mut world = World::new(messages);
        for step in &steps {
            world.step(step);
            check_rows(&world)?;
        }
        world.settle();
        check_rows(&world)?;
        prop_assert!(world.gaps().is_empty());
        let newest = world.log.len() as u64;
        prop_assert_eq!(world.room.log().head(), newest);
        prop_assert_eq!(world.room.log().newest().unwrap_or(0), newest);
        for id in world.kept_from..=newest {
            prop_assert!(world.room.log().get(id).is_some(), "{} is missing", id);
        }
        let present: Vec<_> = world.others.iter().map(|(pid, _)| pid.clone()).collect();
        let shown: Vec<_> =
            world.room.people().iter().map(|person| person.pid.as_str().to_owned()).collect();
        prop_assert_eq!(shown, present);
        // What was typed is in the log, in its order, or still here for the person to decide about.
        let kept = world.ours() + world.wiped - world.said_again;
        let here = world.room.outbox().entries().count();
        prop_assert!(kept <= world.typed.len(), "something was said twice");
        prop_assert!(kept + here >= world.typed.len(), "something typed was lost");
        prop_assert!(world.room.next_to_send().is_none());
    }
}
