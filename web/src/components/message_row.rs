//! A message: who, when, what, and for our own how far it has come.

use leptos::prelude::*;
use xmeet_shared::MessageId;

use super::avatar::Avatar;
use super::button::small_button;
use super::live::{attribute, flag, live};
use super::message_text::message_text;
use crate::room::log::Message;
use crate::room::outbox::{Delivery, LocalId};
use crate::room::{MessageRow, Row};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::LocalTime;
use crate::{browser, identity};

/// What of a message row can change.
#[derive(Clone, Copy, Default, PartialEq)]
struct State {
    id: Option<MessageId>,
    is_head: bool,
    is_own: bool,
    delivery: Option<Delivery>,
}

fn delivery_name(delivery: Delivery) -> String {
    let name = match delivery {
        Delivery::Waiting => "waiting",
        Delivery::Sending => "sending",
        Delivery::Unconfirmed => "unconfirmed",
    };
    name.to_owned()
}

/// A message. Its text and time are those it began with; all else follows the row.
pub fn message_row(row: RwSignal<Row>, message: &Message) -> AnyView {
    let time = LocalTime::new(message.at, browser::offset_minutes(message.at));
    let state = Memo::new(move |_| {
        row.with(|row| match row {
            Row::Message(row) => State {
                id: row.message.id,
                is_head: row.is_head,
                is_own: row.is_own,
                delivery: row.delivery,
            },
            _ => State::default(),
        })
    });
    view! {
        <div
            class="row message"
            class:head=flag(move || state.get().is_head)
            class:own=flag(move || state.get().is_own)
            data-row="message"
            data-id=attribute(move || state.get().id.map(|id| id.to_string()))
            data-pending=attribute(move || state.get().delivery.map(delivery_name))
        >
            {byline(row, time)}
            {message_text(&message.text)}
            {message.local.map(|local| delivery_note(local, state))}
        </div>
    }
    .into_any()
}

/// Who said it and when. It stands in every row; a row that continues the one above shows only
/// the time, and only when pointed at.
fn byline(row: RwSignal<Row>, time: LocalTime) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let full_time = format!("{} {}", (text.date)(time.day), time.clock_and_zone());
    // Before the first greeting a text of our own has no author yet, so this may change too.
    let author = Memo::new(move |_| {
        row.with(|row| match row {
            Row::Message(MessageRow { message, .. }) => {
                let name = message.name.to_string();
                let is_shared = store.is_shared_name(&name);
                (message.from.clone(), name, is_shared)
            }
            _ => (xmeet_shared::Pid::from_wire(""), String::new(), false),
        })
    });
    let seal = live(move || {
        let (pid, name, is_shared) = author.get();
        let hue = identity::hue(&pid, &name, is_shared);
        view! { <Avatar hue name/> }
    });
    let names = live(move || {
        let (pid, name, is_shared) = author.get();
        let hue = identity::hue(&pid, &name, is_shared).to_string();
        let tag = is_shared.then(|| view! { <span class="tag">{identity::tag(&pid)}</span> });
        view! { <bdi class="author" data-hue=hue data-testid="author">{name}</bdi>{tag} }
    });
    view! {
        {seal}
        <div class="byline">
            {names}<time data-testid="time" title=full_time>{time.clock()}</time>
        </div>
    }
    .into_any()
}

/// How far one of our own has come, and what can be done when that is not known.
fn delivery_note(local: LocalId, state: Memo<State>) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    live(move || {
        let delivery = state.get().delivery?;
        let words = match delivery {
            Delivery::Waiting => text.waiting,
            Delivery::Sending => text.sending,
            Delivery::Unconfirmed => text.unconfirmed,
        };
        let again = matches!(delivery, Delivery::Unconfirmed).then(|| {
            small_button("pending-resend", text.send_again, move || store.send_again(local))
        });
        let back = (!matches!(delivery, Delivery::Sending)).then(|| {
            small_button("pending-edit", text.put_back, move || {
                store.put_back(local);
                browser::focus("#composer");
            })
        });
        Some(view! { <div class="delivery"><span>{words}</span>{again}{back}</div> })
    })
}
