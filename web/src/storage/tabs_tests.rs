//! Tests of the entries of tabs, and that each text is sent once even if its tab closes or freezes.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::entries::Memory;
use super::*;
use crate::room::log::{Log, Message};
use crate::room::outbox::{Delivery, Outbox};

fn tea() -> RoomId {
    RoomId::new("tea").unwrap()
}

fn saved(texts: &[&str]) -> Vec<SavedEntry> {
    let mut outbox = Outbox::default();
    for text in texts {
        outbox.push((*text).into(), 5);
    }
    outbox.saved()
}

fn texts(entries: Vec<SavedEntry>) -> Vec<String> {
    Outbox::restore(entries).entries().map(|entry| entry.text.to_string()).collect()
}

/// Calls `run` with a tab's entries of one room in a storage of `bytes_max`.
fn with_tab<R>(
    bytes_max: Option<usize>,
    run: impl FnOnce(&TabRoom<'_, Memory>, &Memory) -> R,
) -> R {
    let (entries, keys, room) = (Memory::default(), Keys::of(""), tea());
    entries.bytes_max.set(bytes_max);
    run(&TabRoom { entries: &entries, keys: &keys, room: &room, tab: "own" }, &entries)
}

#[test]
fn stored_texts_of_any_kind_are_read_unchanged() {
    let kinds = ["a b", "100% %41", "一 二\n三\r\n", "?", " ", "😀 ?"];
    with_tab(None, |tab, _| {
        assert!(tab.set_outbox(&saved(&kinds)));
        assert_eq!(texts(tab.outbox()), kinds);
        assert!(tab.set_draft("half\ntyped"));
        assert_eq!(tab.draft(), "half\ntyped");
    });
}

#[test]
fn chinese_text_is_stored_without_escapes() {
    let text = "汉".repeat(10_000);
    assert!(saved(&[&text])[0].to_line().chars().count() < 10_100);
}

#[test]
fn full_storage_removes_the_outdated_outbox() {
    with_tab(Some(200), |tab, entries| {
        assert!(tab.set_outbox(&saved(&["one"])));
        assert!(!tab.set_outbox(&saved(&["one", &"x".repeat(300)])));
        assert_eq!(tab.outbox(), [], "the old text may be sent by now");
        assert!(tab.set_outbox(&saved(&["two"])));
        entries.bytes_max.set(Some(0));
        assert!(!tab.set_outbox(&saved(&["three"])));
        assert_eq!(tab.outbox(), []);
    });
}

#[test]
fn full_storage_evicts_other_rooms_for_unsent_texts() {
    with_tab(Some(700), |tab, entries| {
        for number in 0..5 {
            let room = RoomId::new(&format!("old{number}")).unwrap();
            assert!(entries.set(&tab.keys.of_room(Kind::Read, &room), &"x".repeat(80)));
        }
        assert!(tab.set_outbox(&saved(&[&"y".repeat(400)])));
        assert_eq!(tab.outbox().len(), 1);
    });
}

#[test]
fn full_storage_never_evicts_unsent_texts_of_other_rooms() {
    with_tab(Some(900), |tab, entries| {
        let room = RoomId::new("other").unwrap();
        let other = TabRoom { entries, keys: tab.keys, room: &room, tab: "theirs" };
        assert!(other.set_outbox(&saved(&[&"x".repeat(400)])));
        assert!(!tab.set_outbox(&saved(&[&"y".repeat(600)])), "the text is reported as not stored");
        assert!(!tab.set_draft(&"y".repeat(600)));
        assert_eq!(other.outbox().len(), 1);
    });
}

#[test]
fn unsent_texts_of_all_rooms_are_limited_together() {
    with_tab(None, |tab, entries| {
        let large = "x".repeat(OUTBOX_BYTES_MAX / 2);
        let kept = (0..20).filter(|number| {
            let room = RoomId::new(&format!("room {number}")).unwrap();
            TabRoom { entries, keys: tab.keys, room: &room, tab: "t" }.set_outbox(&saved(&[&large]))
        });
        assert_eq!(kept.count(), rooms::ROOM_BYTES_MAX / (OUTBOX_BYTES_MAX / 2) - 1);
    });
}

#[test]
fn outbox_and_draft_beyond_their_limits_are_reported() {
    with_tab(None, |tab, _| {
        let large = "x".repeat(OUTBOX_BYTES_MAX / 3);
        assert!(!tab.set_outbox(&saved(&[&large, &large, &large, &large])));
        assert_eq!(tab.outbox().len(), 2, "the oldest texts that fit");
        assert!(!tab.set_draft(&"x".repeat(DRAFT_BYTES_MAX + 1)));
        assert_eq!(tab.draft(), "");
    });
}

#[test]
fn entries_of_a_closed_tab_are_taken_over_once() {
    with_tab(None, |tab, _| {
        let gone = tab.of("gone");
        assert!(gone.set_outbox(&saved(&["first"])) && tab.set_outbox(&saved(&["second"])));
        assert!(gone.set_draft("their draft") && tab.set_draft("my draft"));
        gone.set_member(&Member { token: "t".to_owned(), pids: vec![Pid::from_wire("<0.1.1>")] });
        tab.set_member(&Member { token: "mine".to_owned(), pids: vec![Pid::from_wire("<0.2.1>")] });
        for _ in 0..2 {
            tab.absorb("gone", false);
            assert_eq!(texts(tab.outbox()), ["first", "second"]);
            assert_eq!(tab.draft(), "their draft\nmy draft");
            assert_eq!(tab.member().token, "mine");
            assert_eq!(tab.member().pids.len(), 2);
        }
        assert_eq!(tabs_of(tab.entries, tab.keys, tab.room), ["own"]);
    });
}

#[test]
fn entries_of_a_closed_tab_that_do_not_fit_stay() {
    with_tab(None, |tab, _| {
        let gone = tab.of("gone");
        let large = "x".repeat(OUTBOX_BYTES_MAX / 2);
        assert!(gone.set_outbox(&saved(&[&large])) && tab.set_outbox(&saved(&[&large])));
        tab.absorb("gone", false);
        assert_eq!((gone.outbox().len(), tab.outbox().len()), (1, 1));
    });
}

#[test]
fn texts_that_another_tab_may_send_are_unconfirmed() {
    with_tab(None, |tab, _| {
        let gone = tab.of("gone");
        assert!(gone.set_outbox(&saved(&["whose?"])));
        tab.absorb("gone", true);
        let outbox = Outbox::restore(tab.outbox());
        assert!(outbox.entries().all(|entry| entry.delivery == Delivery::Unconfirmed));
        assert!(outbox.next_to_send().is_none());
        assert_eq!(outbox.saved(), tab.outbox(), "a reload keeps them unconfirmed");
    });
}

/// The state of an open page.
struct Page {
    tab: String,
    outbox: Outbox,
    pid: Option<Pid>,
    is_frozen: bool,
}

/// A browser with its storage and locks, and a server that stores each text that arrives.
struct World {
    entries: Memory,
    keys: Keys,
    room: RoomId,
    held: BTreeSet<String>,
    pages: Vec<Page>,
    tabs: u32,
    pids: u32,
    typed: Vec<String>,
    kept: Vec<(Pid, Arc<str>)>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    Duplicate(usize),
    /// The page closes or crashes without a last write.
    Close(usize),
    Reload(usize),
    Freeze(usize, bool),
    Type(usize),
    Connect(usize),
    /// The page sends a text. The flags tell whether it reaches the server, and whether its echo
    /// arrives.
    Send(usize, bool, bool),
}

impl World {
    fn new() -> Self {
        Self {
            entries: Memory::default(),
            keys: Keys::of("/chat"),
            room: tea(),
            held: BTreeSet::new(),
            pages: Vec::new(),
            tabs: 0,
            pids: 0,
            typed: Vec::new(),
            kept: Vec::new(),
        }
    }

    fn part<'a>(&'a self, tab: &'a str) -> TabRoom<'a, Memory> {
        TabRoom { entries: &self.entries, keys: &self.keys, room: &self.room, tab }
    }

    /// Opens a page as `tab::begin` does. `known` is the id in the tab's storage.
    fn begin(&mut self, known: Option<String>) -> Page {
        let left = tabs_of(&self.entries, &self.keys, &self.room);
        let candidates = known.map_or_else(|| left.clone(), |known| vec![known]);
        let free = candidates.into_iter().find(|id| !self.held.contains(id));
        let tab = free.unwrap_or_else(|| {
            self.tabs += 1;
            format!("tab{}", self.tabs)
        });
        self.held.insert(tab.clone());
        for other in left.iter().filter(|other| !self.held.contains(*other)) {
            self.part(&tab).absorb(other, false);
        }
        let outbox = Outbox::restore(self.part(&tab).outbox());
        Page { tab, outbox, pid: None, is_frozen: false }
    }

    fn save(&self, page: usize) {
        let page = &self.pages[page];
        assert!(self.part(&page.tab).set_outbox(&page.outbox.saved()));
    }

    fn connect(&mut self, page: usize) {
        self.pids += 1;
        let pid = Pid::from_wire(&format!("<0.{}.1>", self.pids));
        let mut log = Log::default();
        for (index, (from, text)) in self.kept.iter().enumerate() {
            log.insert(Message {
                id: Some(index as u64 + 1),
                from: from.clone(),
                name: "me".into(),
                text: text.clone(),
                at: 0,
                local: None,
            });
        }
        let outbox = &mut self.pages[page].outbox;
        outbox.confirm_from_history(&mut log);
        outbox.requeue_missing();
        self.pages[page].pid = Some(pid);
        self.save(page);
    }

    fn send(&mut self, page: usize, arrives: bool, comes_back: bool) {
        let Some(pid) = self.pages[page].pid.clone() else { return };
        let Some((local, text)) =
            self.pages[page].outbox.next_to_send().map(|entry| (entry.local, entry.text.clone()))
        else {
            return;
        };
        self.pages[page].outbox.mark_sent(local, pid.clone(), self.kept.len() as u64);
        self.save(page);
        if arrives {
            self.kept.push((pid.clone(), text.clone()));
        }
        if arrives && comes_back {
            self.pages[page].outbox.confirm(&pid, &text);
            self.save(page);
        } else {
            self.pages[page].pid = None;
        }
    }

    fn close(&mut self, page: usize) -> String {
        let page = self.pages.remove(page);
        self.held.remove(&page.tab);
        page.tab
    }

    fn step(&mut self, step: Step) {
        let count = self.pages.len();
        let awake = |world: &Self, page: usize| {
            let page = (count > 0).then(|| page % count)?;
            (!world.pages[page].is_frozen).then_some(page)
        };
        match step {
            Step::Open => {
                let page = self.begin(None);
                self.pages.push(page);
            }
            Step::Duplicate(page) if count > 0 => {
                let known = self.pages[page % count].tab.clone();
                let page = self.begin(Some(known));
                self.pages.push(page);
            }
            Step::Close(page) if count > 0 => drop(self.close(page % count)),
            Step::Freeze(page, is_frozen) if count > 0 => {
                self.pages[page % count].is_frozen = is_frozen;
            }
            Step::Reload(page) => {
                if let Some(page) = awake(self, page) {
                    let known = self.close(page);
                    let page = self.begin(Some(known));
                    self.pages.push(page);
                }
            }
            Step::Type(page) => {
                if let Some(page) = awake(self, page) {
                    let text = format!("text {}", self.typed.len());
                    self.pages[page].outbox.push(text.as_str().into(), 0);
                    self.typed.push(text);
                    self.save(page);
                }
            }
            Step::Connect(page) => {
                if let Some(page) = awake(self, page) {
                    self.connect(page);
                }
            }
            Step::Send(page, arrives, comes_back) => {
                if let Some(page) = awake(self, page) {
                    self.send(page, arrives, comes_back);
                }
            }
            Step::Duplicate(_) | Step::Close(_) | Step::Freeze(..) => {}
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let page = 0usize..4;
    prop_oneof![
        1 => Just(Step::Open),
        1 => page.clone().prop_map(Step::Duplicate),
        1 => page.clone().prop_map(Step::Close),
        1 => page.clone().prop_map(Step::Reload),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is)| Step::Freeze(page, is)),
        3 => page.clone().prop_map(Step::Type),
        3 => page.clone().prop_map(Step::Connect),
        4 => (page, any::<bool>(), any::<bool>()).prop_map(|(page, a, b)| Step::Send(page, a, b)),
    ]
}

proptest! {
    /// Tabs open, duplicate, close, reload and freeze, and connections close during a sending. In the
    /// end each text is stored once or left for the person to decide.
    #[test]
    fn any_tab_lifecycle_sends_each_text_once_or_asks_the_person(
        steps in prop::collection::vec(any_step(), 0..80)
    ) {
        let mut world = World::new();
        world.step(Step::Open);
        for step in steps {
            world.step(step);
        }
        while !world.pages.is_empty() {
            world.close(0);
        }
        world.step(Step::Open);
        world.step(Step::Connect(0));
        for _ in 0..world.typed.len() {
            world.step(Step::Send(0, true, true));
        }
        let asked: Vec<_> = world.pages[0].outbox.entries().collect();
        prop_assert!(asked.iter().all(|entry| entry.delivery == Delivery::Unconfirmed));
        for text in &world.typed {
            let said = world.kept.iter().filter(|(_, kept)| **kept == **text).count();
            let is_asked = asked.iter().filter(|entry| *entry.text == **text).count();
            prop_assert_eq!(said + is_asked, 1, "{}", text);
        }
    }
}
