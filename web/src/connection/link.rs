//! Drives the machine: turns browser events and timers into its inputs, and its effects into
//! sockets. The only owner of the socket.

use std::cell::RefCell;
use std::rc::Rc;

use super::machine::{Effect, Input, Machine, Phase};
use super::socket::{Socket, SocketEvent};
use crate::browser;

/// What the link tells the store.
#[derive(Debug)]
pub enum LinkEvent {
    /// A text frame from the server.
    Frame(String),
    /// The phase may have changed.
    Phase(Phase),
    /// The server closed the connection; [`LinkEvent::Lost`] follows.
    Closed {
        /// Why.
        code: u16,
    },
    /// The socket that frames were sent on is gone.
    Lost,
    /// Something should be asked that the server answers.
    Probe,
}

/// A connection that keeps itself alive.
pub struct Link {
    machine: RefCell<Machine>,
    socket: RefCell<Option<Socket>>,
    /// The address to dial; asked anew for each attempt, for the nickname may have changed.
    url: Box<dyn Fn() -> String>,
    on_event: Box<dyn Fn(LinkEvent)>,
}

impl Link {
    /// A link that dials `url` and reports to `on_event`. It does nothing until
    /// [`Input::Start`].
    pub fn new(
        url: impl Fn() -> String + 'static,
        on_event: impl Fn(LinkEvent) + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            machine: RefCell::new(Machine::new(browser::now())),
            socket: RefCell::new(None),
            url: Box::new(url),
            on_event: Box::new(on_event),
        })
    }

    /// Takes in what happened, and does what follows from it.
    pub fn input(self: &Rc<Self>, input: Input) {
        let (before, effect, after) = {
            let mut machine = self.machine.borrow_mut();
            let before = machine.phase();
            let effect = machine.handle(input, browser::now(), browser::random());
            (before, effect, machine.phase())
        };
        if before != after && !matches!(after, Phase::Connected) {
            self.drop_socket();
        }
        match effect {
            Some(Effect::Open) => self.open(),
            Some(Effect::Close) => self.drop_socket(),
            Some(Effect::Probe) => (self.on_event)(LinkEvent::Probe),
            None => {}
        }
        if before != after {
            (self.on_event)(LinkEvent::Phase(after));
        }
    }

    /// Hands a text frame to the socket. False when there is none that takes it.
    #[must_use]
    pub fn send(&self, frame: &str) -> bool {
        self.socket.borrow().as_ref().is_some_and(|socket| socket.send(frame))
    }

    fn drop_socket(&self) {
        if self.socket.take().is_some() {
            (self.on_event)(LinkEvent::Lost);
        }
    }

    fn open(self: &Rc<Self>) {
        self.drop_socket();
        let link = Rc::downgrade(self);
        let socket = Socket::open(&(self.url)(), move |event| {
            let Some(link) = link.upgrade() else { return };
            match event {
                SocketEvent::Frame(frame) => {
                    link.input(Input::Heard);
                    (link.on_event)(LinkEvent::Frame(frame));
                }
                SocketEvent::Closed { code } => {
                    (link.on_event)(LinkEvent::Closed { code });
                    link.input(Input::Closed { code });
                }
            }
        });
        *self.socket.borrow_mut() = socket;
    }
}
