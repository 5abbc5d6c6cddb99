//! A message: who, when, what, and for our own how far it has come.

use leptos::prelude::*;
use xmeet_shared::Pid;

use super::avatar::avatar;
use super::button::small_button;
use super::live::{attribute, flag, live, steady, words};
use super::message_text::message_text;
use super::name_marks::{mark, name_marks};
use crate::browser;
use crate::connection::Phase;
use crate::mentions::may_mention;
use crate::room::log::Message;
use crate::room::outbox::{Delivery, LocalId};
use crate::room::{MessageRow, RowKey};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::LocalTime;

fn delivery_name(delivery: Delivery) -> String {
    let name = match delivery {
        Delivery::Waiting => "waiting",
        Delivery::Sending => "sending",
        Delivery::Unconfirmed => "unconfirmed",
    };
    name.to_owned()
}

/// A message. Its text is that of its key for good; all else follows the row.
pub fn message_row(key: RowKey, message: &Message) -> AnyView {
    let store = Store::get();
    let is = move |read: fn(&MessageRow) -> bool| {
        flag(move || store.message_row(key).is_some_and(|row| read(&row)))
    };
    let id = attribute(move || store.message_row(key)?.message.id.map(|id| id.to_string()));
    let pending = attribute(move || store.message_row(key)?.delivery.map(delivery_name));
    let mention = mention(key, message);
    let is_mention = move || mention.is_some_and(|holds| holds.get());
    view! {
        <div
            class="row message"
            class:head=is(|row| row.is_head)
            class:own=is(|row| row.is_own)
            class:mention=flag(is_mention)
            data-row="message"
            data-key=key.name()
            data-mention=attribute(move || is_mention().then(|| "true".to_owned()))
            data-id=id
            data-pending=pending
            role="article"
            tabindex="-1"
        >
            {byline(key)}
            {mention.map(|_| mark("at", Some(Settings::words().mentions_you), "@".into_any()))}
            {message_text(&message.text)}
            {message.local.map(|local| delivery_note(local, key))}
        </div>
    }
    .into_any()
}

/// Whether it mentions us; `None` where it mentions nobody, as most do.
fn mention(key: RowKey, message: &Message) -> Option<RwSignal<bool>> {
    let store = Store::get();
    let text = message.text.clone();
    may_mention(&text).then(|| {
        steady(move || {
            let is_others = store.message_row(key).is_some_and(|row| !row.is_own);
            is_others && store.mentions_me(&text)
        })
    })
}

/// Who said it and when. It stands in every row; a row that continues the one above shows only
/// the time, and only when pointed at.
fn byline(key: RowKey) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    // The server's time once it is kept, and another wall clock where the time zone changes.
    let time = move || {
        let _ = store.zones.get();
        let at = store.message_row(key).map_or(0, |row| row.message.at);
        LocalTime::new(at, browser::offset_minutes(at))
    };
    let full_time = attribute(move || Some(text.moment(&time())));
    let clock = words(move || time().clock());
    // Before the first greeting a text of our own has no author yet, so this may change too.
    let author = move || match store.message_row(key) {
        Some(MessageRow { message, .. }) => (message.from.clone(), message.name.to_string()),
        None => (Pid::from_wire(""), String::new()),
    };
    let style = steady(move || {
        let (pid, name) = author();
        store.name_style(&pid, &name)
    });
    let seal = live(move || avatar(style.get().hue, &author().1));
    let names = live(move || {
        let ((pid, name), style) = (author(), style.get());
        let hue = style.hue.to_string();
        let [tag, warning] = name_marks(&pid, style);
        view! { <bdi class="author" data-hue=hue>{name}</bdi>{tag}{warning} }
    });
    view! {
        {seal}
        <div class="byline">
            {names}<time title=full_time>{clock}</time>
        </div>
    }
    .into_any()
}

/// How far one of our own has come, and what can be done when that is not known.
fn delivery_note(local: LocalId, key: RowKey) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    live(move || {
        let delivery = store.message_row(key)?.delivery?;
        let words = match delivery {
            // It waits behind another text of the same author.
            Delivery::Waiting if store.phase() == Phase::Connected => text.waiting_turn,
            Delivery::Waiting => text.waiting,
            Delivery::Sending if store.is_cut.get() => text.waiting,
            Delivery::Sending => text.sending,
            Delivery::Unconfirmed => text.unconfirmed,
        };
        let again = matches!(delivery, Delivery::Unconfirmed).then(|| {
            small_button("small pending-resend", text.send_again, move || store.send_again(local))
        });
        let back = (!matches!(delivery, Delivery::Sending)).then(|| {
            small_button("small pending-edit", text.put_back, move || {
                store.put_back(local);
                browser::focus("#composer");
            })
        });
        Some(view! { <div class="delivery"><span>{words}</span>{again}{back}</div> })
    })
}
