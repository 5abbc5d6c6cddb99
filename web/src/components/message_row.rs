//! A message: author, time, text, and the delivery state of an own message.

use leptos::prelude::*;
use xmeet_shared::Pid;

use super::avatar::avatar;
use super::button::label_button;
use super::message_text::message_text;
use super::name_marks::{mark, name_marks};
use crate::browser;
use crate::connection::Phase;
use crate::context::{Client, MessageBox, RoomView};
use crate::mentions::may_mention;
use crate::reactive::{Computed, attribute, dynamic, flag, memo, reactive_text};
use crate::room::log::Message;
use crate::room::outbox::{Delivery, LocalId};
use crate::room::{MessageRow, RowKey};
use crate::settings::Settings;
use crate::time::LocalTime;

fn delivery_name(delivery: Delivery) -> String {
    let name = match delivery {
        Delivery::Waiting => "waiting",
        Delivery::Sending => "sending",
        Delivery::Unconfirmed => "unconfirmed",
    };
    name.to_owned()
}

/// Draws a message. The text of a key never changes; everything else follows the row.
pub fn message_row(key: RowKey, message: &Message) -> AnyView {
    let room = RoomView::get();
    let is = move |read: fn(&MessageRow) -> bool| {
        flag(move || room.message_row(key).is_some_and(|row| read(&row)))
    };
    let id = attribute(move || room.message_row(key)?.message.id.map(|id| id.to_string()));
    let pending = attribute(move || room.message_row(key)?.delivery.map(delivery_name));
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
            {mention.map(|_| mark("at", Some(Settings::text().mentions_you), "@".into_any()))}
            {message_text(&message.text)}
            {message.local.map(|local| delivery_note(local, key))}
        </div>
    }
    .into_any()
}

/// Returns whether a message mentions us. `None` if the text can mention no member.
fn mention(key: RowKey, message: &Message) -> Option<Computed<bool>> {
    let room = RoomView::get();
    let text = message.text.clone();
    may_mention(&text).then(|| {
        memo(move || {
            let is_others = room.message_row(key).is_some_and(|row| !row.is_own);
            is_others && room.mentions_me(&text)
        })
    })
}

/// Draws author and time. Each row has them; a row that continues the one above shows only the time,
/// and only on hover.
fn byline(key: RowKey) -> AnyView {
    let (text, room) = (Settings::text(), RoomView::get());
    // The time changes when the server has stored the message, and with the time zone.
    let time = move || {
        room.track_zone();
        let at = room.message_row(key).map_or(0, |row| row.message.at);
        LocalTime::new(at, browser::offset_minutes(at))
    };
    let full_time = attribute(move || Some(text.moment(&time())));
    let clock = reactive_text(move || time().clock());
    // The author changes too: an own message has none before the first greeting.
    let author = move || match room.message_row(key) {
        Some(MessageRow { message, .. }) => (message.from.clone(), message.name.to_string()),
        None => (Pid::from_wire(""), String::new()),
    };
    let style = memo(move || {
        let (pid, name) = author();
        room.name_style(&pid, &name)
    });
    let picture = dynamic(move || avatar(style.get().hue, &author().1));
    let names = dynamic(move || {
        let ((pid, name), style) = (author(), style.get());
        let hue = style.hue.to_string();
        let [tag, warning] = name_marks(&pid, style);
        view! { <bdi class="author" data-hue=hue>{name}</bdi>{tag}{warning} }
    });
    view! {
        {picture}
        <div class="byline">
            {names}<time title=full_time>{clock}</time>
        </div>
    }
    .into_any()
}

/// Draws the delivery state of an own message, with buttons for what the person can do about it.
fn delivery_note(local: LocalId, key: RowKey) -> AnyView {
    let (text, room, client) = (Settings::text(), RoomView::get(), Client::get());
    let message_box = MessageBox::get();
    dynamic(move || {
        let delivery = room.message_row(key)?.delivery?;
        let words = match delivery {
            // Another message of the same author must be stored first.
            Delivery::Waiting if room.status().phase.get() == Phase::Connected => text.waiting_turn,
            Delivery::Waiting => text.waiting,
            Delivery::Sending if room.status().is_interrupted.get() => text.waiting,
            Delivery::Sending => text.sending,
            Delivery::Unconfirmed => text.unconfirmed,
        };
        let again = matches!(delivery, Delivery::Unconfirmed).then(|| {
            label_button("small pending-resend", text.send_again, move || client.send_again(local))
        });
        let back = (!matches!(delivery, Delivery::Sending)).then(|| {
            label_button("small pending-edit", text.put_back, move || {
                client.take_back(local);
                message_box.focus();
            })
        });
        Some(view! { <div class="delivery"><span>{words}</span>{again}{back}</div> })
    })
}
