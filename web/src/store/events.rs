//! What the connection and the browser bring.

use leptos::prelude::*;
use xmeet_shared::{ClientCommand, CloseCode, Cursor, Envelope, Nickname};

use super::pause::seconds_until;
use super::{Store, Turn, flush};
use crate::connection::{Input, Link, LinkEvent, Phase};
use crate::page::socket_url;
use crate::room::Changes;
use crate::{browser, prefs, tab};

/// Where the member list has room beside the messages; `styles/room.css` says the same.
pub const MEMBERS_BESIDE: &str = "(min-width: 50rem)";

/// How often the connection's timers are looked at.
const TICK_MS: i32 = 1_000;

/// How long a history page may take.
const PAGE_TIMEOUT_MS: i32 = 10_000;

impl Store {
    pub(super) fn connect(self) {
        let link = Link::new(move || self.url(), move |event| self.on_link(event));
        *self.inner().link.borrow_mut() = Some(link);
        self.input(Input::Start);
        browser::every(TICK_MS, move || self.tick());
        for (event, input) in [("online", Input::Online), ("offline", Input::Offline)] {
            browser::on(event, move || self.input(input));
        }
        // Where the member list stands beside the messages, it cannot be open over them.
        browser::on("resize", move || {
            if self.members_open.get_untracked() && browser::matches_media(MEMBERS_BESIDE) {
                self.members_open.set(false);
            }
            if self.is_narrow.get_untracked() != super::is_narrow() {
                self.is_narrow.set(super::is_narrow());
            }
        });
        browser::on("visibilitychange", move || {
            self.input(if browser::is_hidden() { Input::Hidden } else { Input::Visible });
            if browser::is_hidden() {
                self.flush_out_of_sight();
            }
        });
    }

    pub(super) fn input(self, input: Input) {
        let link = self.inner().link.borrow().clone();
        if let Some(link) = link {
            link.input(input);
        }
    }

    pub(super) fn transmit(self, frame: &str) -> bool {
        let link = self.inner().link.borrow().clone();
        link.is_some_and(|link| link.send(frame))
    }

    fn url(self) -> String {
        let inner = self.inner();
        let location = browser::window().location();
        let secure = location.protocol().is_ok_and(|scheme| scheme == "https:");
        let site = location.host().unwrap_or_default() + &browser::site();
        let nickname = inner.nickname.borrow();
        let nickname = nickname.as_ref().map(Nickname::as_str);
        socket_url(secure, &site, &inner.room_id, nickname, &tab::token())
    }

    fn tick(self) {
        let is_answered = !self.inner().model.borrow().outbox().is_sending();
        self.input(if is_answered { Input::Tick } else { Input::TickUnanswered });
        self.show_wait(untrack(|| self.phase()));
        self.show_pause();
        self.note_zone();
        let today = flush::today(browser::now());
        if self.inner().today.put(today) {
            self.inner().today.tell();
            self.schedule_flush();
        }
    }

    fn show_wait(self, phase: Phase) {
        let (Phase::Retrying { retry_at } | Phase::Lost { retry_at }) = phase else { return };
        let left_s = seconds_until(retry_at);
        if self.retry_in_s.get_untracked() != left_s {
            self.retry_in_s.set(left_s);
        }
    }

    /// Whoever travels, or whose clock changes to summer time, has other times on every row.
    fn note_zone(self) {
        let minutes = browser::offset_minutes(browser::now());
        if self.inner().zone_minutes.replace(minutes) != minutes {
            self.zones.update(|zones| *zones += 1);
            self.schedule_flush();
        }
    }

    fn turn_to(self, phase: Phase) {
        let inner = self.inner();
        let was_connected = inner.phase.with_untracked(|phase| *phase == Phase::Connected);
        let was_lost = inner.turn.with_untracked(|turn| *turn == Turn::Lost);
        if phase == Phase::Connected && was_lost {
            inner.turn.set(Turn::Back);
        } else if phase != Phase::Connected && was_connected {
            inner.turn.set(Turn::Lost);
        }
    }

    fn on_link(self, event: LinkEvent) {
        if let LinkEvent::Closed { code } = event {
            self.is_full.set(code == CloseCode::RoomFull.as_u16());
        }
        match event {
            LinkEvent::Frame(frame) => {
                // A frame of a later version, or one that makes no sense, is none of ours.
                if let Ok(envelope) = Envelope::parse(&frame) {
                    let changes = self.inner().model.borrow_mut().apply(envelope, browser::now());
                    self.changed(changes);
                }
            }
            LinkEvent::Phase(phase) => {
                self.turn_to(phase);
                self.note_outage(phase);
                self.inner().phase.set(phase);
                self.show_wait(phase);
            }
            LinkEvent::Closed { code } if code == CloseCode::TakenOver.as_u16() => {
                tab::draw_token();
                self.inner().model.borrow_mut().taken_over();
            }
            LinkEvent::Closed { code } if code == CloseCode::TooLarge.as_u16() => {
                let changes = self.inner().model.borrow_mut().found_too_large();
                self.changed(changes);
            }
            LinkEvent::Closed { .. } => {}
            LinkEvent::Lost => {
                self.inner().model.borrow_mut().lost();
                self.hush();
                self.schedule_flush();
            }
            LinkEvent::Probe => {
                if self.transmit(&ClientCommand::History(Cursor(0)).to_string()) {
                    self.inner().model.borrow_mut().probe_sent();
                }
            }
        }
    }

    fn changed(self, changes: Changes) {
        let Changes { rows, members, outbox, is_replay, heard, is_greeted, notice, .. } = changes;
        let Changes { returned, refused_name, ask, ask_again_ms, .. } = changes;
        if is_replay {
            self.hush();
        }
        if let Some(message) = heard {
            let is_mention = untrack(|| self.mentions_me(&message.text));
            self.call(&message, is_mention);
        }
        if rows || members {
            self.schedule_flush();
        }
        if members {
            self.inner().people_changed.set(true);
            self.remember_name();
        }
        if is_greeted {
            self.input(Input::Greeted);
            let inner = self.inner();
            prefs::set_own_pids(&inner.room_id, inner.model.borrow().own_pids());
            self.find_unread();
        }
        if let Some(notice) = notice {
            if let Some(wait_ms) = notice.retry_after_ms {
                self.pause(wait_ms);
            }
            self.set_notice(Some(notice));
        }
        if let Some(text) = returned {
            self.give_back(&text);
        }
        // A form that is open has something newer in it.
        if let Some(name) = refused_name.filter(|_| !self.is_renaming.get_untracked()) {
            *self.inner().refused_name.borrow_mut() = Some(name);
            self.is_renaming.set(true);
        }
        if let Some(cursor) = ask {
            self.ask_page(cursor);
        }
        if let Some(wait_ms) = ask_again_ms {
            let number = self.inner().model.borrow().request_number();
            self.ask_again(number, wait_ms);
        }
        if outbox {
            self.outbox_changed();
        }
        self.tell_unread();
    }

    /// Our name as the room has it is the one to come back with.
    fn remember_name(self) {
        let inner = self.inner();
        let Some(name) = inner.model.borrow().my_name() else { return };
        let name = Nickname::from_handshake(&name);
        if *inner.nickname.borrow() != name || prefs::nickname().is_none() {
            prefs::set_nickname(name.as_ref().map(Nickname::as_str));
            *inner.nickname.borrow_mut() = name;
        }
    }

    /// Asks for a page that the model wants.
    pub(super) fn ask_page(self, cursor: Cursor) {
        let number = self.inner().model.borrow().request_number();
        let is_sent = self.transmit(&ClientCommand::History(cursor).to_string());
        browser::after(if is_sent { PAGE_TIMEOUT_MS } else { 0 }, move || {
            if self.inner().model.borrow_mut().time_out(number) {
                self.outbox_changed();
            }
        });
        self.schedule_flush();
    }

    /// Keeps the outbox and sends what may be sent.
    pub(super) fn outbox_changed(self) {
        let inner = self.inner();
        loop {
            let next = inner.model.borrow().next_to_send();
            let Some((local, text)) = next else { break };
            if !self.transmit(&text) {
                break;
            }
            inner.model.borrow_mut().sent(local);
        }
        prefs::set_outbox(&inner.room_id, &inner.model.borrow().outbox().saved());
        self.schedule_flush();
    }
}
