//! The runtime around the core: it owns the socket and the timers, gives the core its inputs and
//! carries its effects out. It makes no decisions.

mod setup;
mod socket;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use xmeet_shared::{Nickname, RoomId};

use crate::connection::Millis;
use crate::core::{ClientCore, Effect, Input, Now, PageEffect, StorageWrite, Timer};
use crate::page::socket_url;
use crate::{browser, channel, prefs, storage, tab};
use socket::{Socket, SocketEvent};

/// The interval of [`Input::Tick`].
const TICK_MS: i32 = 1_000;

/// A core, its socket and its timers. It lives as long as the page.
pub struct Runtime {
    room_id: RoomId,
    core: RefCell<ClientCore>,
    socket: RefCell<Option<Socket>>,
    /// Effects that are still to be carried out. An effect may lead to an input whose effects stand
    /// behind those that are here.
    effects: RefCell<VecDeque<Effect>>,
    is_carrying: Cell<bool>,
    /// Whether the page was attended at the last input, as the core has it.
    is_attended: Cell<bool>,
    show: OnceCell<Box<dyn Fn(PageEffect)>>,
}

fn now() -> Now {
    let (elapsed_ms, wall_ms) = (browser::elapsed_ms(), browser::now());
    Now { elapsed_ms, wall_ms, jitter: browser::random() }
}

impl Runtime {
    /// Returns a runtime with what the browser has kept of the room. It does nothing until it is
    /// [started](Self::start).
    #[must_use]
    pub fn new(room_id: RoomId) -> Rc<Self> {
        let core = ClientCore::new(setup::of(&room_id), now());
        Rc::new(Self {
            room_id,
            core: RefCell::new(core),
            socket: RefCell::default(),
            effects: RefCell::default(),
            is_carrying: Cell::default(),
            is_attended: Cell::new(true),
            show: OnceCell::new(),
        })
    }

    /// Listens to the browser and connects. `show` takes the effects that the page shows.
    pub fn start(self: &Rc<Self>, show: impl Fn(PageEffect) + 'static) {
        let _ = self.show.set(Box::new(show));
        self.on("online", || Input::Online);
        self.on("offline", || Input::Offline);
        for event in ["focus", "blur"] {
            self.on(event, || Input::Attended(browser::is_attended()));
        }
        self.on("visibilitychange", || {
            if browser::is_hidden() { Input::Hidden } else { Input::Visible }
        });
        for event in ["pagehide", "visibilitychange"] {
            self.on(event, || Input::Leaving);
        }
        let runtime = Rc::clone(self);
        channel::listen(move |message| runtime.input(Input::TabMessage(message.to_owned())));
        self.input(Input::Start);
        let runtime = Rc::clone(self);
        browser::every(TICK_MS, move || {
            let buffered_bytes = runtime.socket.borrow().as_ref().map_or(0, Socket::buffered_bytes);
            runtime.input(Input::Tick { buffered_bytes });
        });
    }

    fn on(self: &Rc<Self>, event: &str, input: fn() -> Input) {
        let runtime = Rc::clone(self);
        browser::on(event, move || runtime.input(input()));
    }

    /// Reads the core.
    pub fn with<R>(&self, read: impl FnOnce(&ClientCore) -> R) -> R {
        read(&self.core.borrow())
    }

    /// Changes what the core keeps for the page alone.
    pub fn with_mut<R>(&self, change: impl FnOnce(&mut ClientCore) -> R) -> R {
        change(&mut self.core.borrow_mut())
    }

    /// Gives the core an input and carries out what follows from it. Asks the browser first whether
    /// the page is attended: not every change comes with an event.
    pub fn input(self: &Rc<Self>, input: Input) {
        let is_attended = browser::is_attended();
        if self.is_attended.replace(is_attended) != is_attended {
            self.give(Input::Attended(is_attended));
        }
        self.give(input);
    }

    fn give(self: &Rc<Self>, input: Input) {
        let effects = self.core.borrow_mut().handle(input, now());
        self.effects.borrow_mut().extend(effects);
        if self.is_carrying.replace(true) {
            return;
        }
        loop {
            let next = self.effects.borrow_mut().pop_front();
            let Some(effect) = next else { break };
            self.carry_out(effect);
        }
        self.is_carrying.set(false);
    }

    fn carry_out(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Connect { nickname } => self.connect(nickname.as_ref()),
            Effect::CloseSocket => drop(self.socket.take()),
            Effect::Send(frame) => {
                // A socket that has just closed takes nothing; its close follows and is an input.
                let _ = self.socket.borrow().as_ref().is_some_and(|socket| socket.send(&frame));
            }
            Effect::SetTimer { timer, after_ms } => self.set_timer(timer, after_ms),
            Effect::Persist(record) => self.persist(record),
            Effect::RegenerateToken => tab::regenerate_token(&self.room_id),
            Effect::PostToTabs(message) => {
                let _ = channel::post(&message);
            }
            Effect::Page(effect) => {
                if let Some(show) = self.show.get() {
                    show(effect);
                }
            }
        }
    }

    fn connect(self: &Rc<Self>, nickname: Option<&Nickname>) {
        self.socket.take();
        let runtime = Rc::downgrade(self);
        let socket = Socket::open(&self.url(nickname), move |event| {
            let Some(runtime) = runtime.upgrade() else { return };
            runtime.input(match event {
                SocketEvent::Frame(frame) => Input::Frame(frame),
                SocketEvent::Closed { code } => Input::Closed { code },
            });
        });
        *self.socket.borrow_mut() = socket;
    }

    fn url(&self, nickname: Option<&Nickname>) -> String {
        let location = browser::window().location();
        let secure = location.protocol().is_ok_and(|scheme| scheme == "https:");
        let site = location.host().unwrap_or_default() + &browser::site();
        let nickname = nickname.map(Nickname::as_str);
        socket_url(secure, &site, &self.room_id, nickname, &tab::token())
    }

    fn set_timer(self: &Rc<Self>, timer: Timer, after_ms: Millis) {
        let runtime = Rc::clone(self);
        let after_ms = i32::try_from(after_ms).unwrap_or(i32::MAX);
        browser::after(after_ms, move || runtime.input(Input::Timer(timer)));
    }

    fn persist(&self, record: StorageWrite) {
        match record {
            StorageWrite::Outbox(entries) => storage::set_outbox(&self.room_id, &entries),
            StorageWrite::Member(pids) => {
                let member = storage::Member { token: tab::token(), pids };
                storage::set_member(&self.room_id, &member);
            }
            StorageWrite::ReadMark(mark) => {
                storage::set_read_up_to(&self.room_id, mark.id, mark.epoch.as_deref());
            }
            StorageWrite::Nickname(name) => {
                prefs::set_nickname(name.as_ref().map(Nickname::as_str));
            }
            StorageWrite::LinesHidden(are_hidden) => prefs::set_lines_hidden(are_hidden),
        }
    }
}
