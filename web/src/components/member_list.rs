//! Who is in the room: beside the messages, or over them where there is no room beside. Of a long
//! list only what is near the view is on the page, and a field finds the others by name.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;

use super::avatar::avatar;
use super::button::icon_button;
use super::each::{Item, each};
use super::icon;
use super::live::{attribute, effect, flag, live, steady, when, words};
use super::name_marks::{name_marks, named};
use crate::browser;
use crate::member_window::FILTER_FROM;
use crate::room::members::Person;
use crate::settings::Settings;
use crate::store::Store;

/// The panel. Open over the messages it is a dialog: focus moves in, Escape closes and restores.
#[component]
pub fn MemberPanel() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let open = store.members_open;
    let mut was_open = open.get_untracked();
    effect(move || {
        let is_open = open.get();
        if is_open && !was_open {
            browser::focus_next_frame(".members .close");
            browser::next_frame(move || store.show_members_in_view());
        }
        was_open = is_open;
    });
    browser::next_frame(move || store.show_members_in_view());
    let has_filter = move || {
        store.count() >= FILTER_FROM || store.member_filter.with(|filter| !filter.is_empty())
    };
    let close = move || close(store);
    let role = move || if open.get() { "dialog" } else { "complementary" };
    let role = attribute(move || Some(role().to_owned()));
    let is_modal = attribute(move || open.get().then(|| "true".to_owned()));
    let count = words(move || store.count_text());
    view! {
        <div class="veil" class:open=flag(move || open.get()) on:click=move |_| close()></div>
        <section
            id="members"
            class="members"
            class:open=flag(move || open.get())
            role=role
            aria-modal=is_modal
            aria-label=text.members
            tabindex="-1"
        >
            <div class="members-head">
                <h2>{text.members}</h2>
                <span aria-hidden="true">{count}</span>
                {icon_button("quiet close members-close", text.members_close, icon::CROSS, close)}
            </div>
            {when(has_filter, filter)}
            <ul
                id="member-list"
                aria-label=text.members
                tabindex="0"
                on:scroll=move |_| store.show_members_in_view()
            >
                {each(move || store.members_on_page().into_iter().map(Item::Person).collect())}
            </ul>
        </section>
    }
}

/// Finds members by name: the browser's own search sees only what is on the page.
fn filter() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let filtered = move || store.member_filter.with(|filter| !filter.is_empty());
    let found =
        words(
            move || {
                if filtered() { (text.members_found)(store.members_found()) } else { String::new() }
            },
        );
    view! {
        <div class="member-filter">
            <input
                type="search"
                aria-label=text.member_filter
                placeholder=text.member_filter
                autocomplete="off"
                value=store.member_filter.get_untracked()
                on:input=move |event| store.filter_members(event_target_value(&event))
            />
            <p class="note members-found" role="status">{found}</p>
        </div>
    }
    .into_any()
}

fn close(store: Store) {
    store.members_open.set(false);
    // Once the header is live again.
    browser::focus_next_frame(".members-toggle");
}

/// Closes the panel at Escape, wherever the focus is: it moves in a frame after the panel opens.
pub fn close_at_escape() {
    let store = Store::get();
    browser::on_key(move |event| {
        if event.key() == "Escape" && store.members_open.get_untracked() {
            close(store);
        }
    });
}

/// One member, under the name of the moment.
pub fn entry(person: Person) -> AnyView {
    let store = Store::get();
    let Person { pid, name } = person;
    let (id, name) = (pid.to_string(), name.to_string());
    let is_self = {
        let pid = pid.clone();
        steady(move || store.is_me(&pid))
    };
    let own = attribute(move || is_self.get().then(|| "true".to_owned()));
    let style = {
        let (pid, name) = (pid.clone(), name.clone());
        steady(move || store.name_style(&pid, &name))
    };
    let place = {
        let pid = pid.clone();
        attribute(move || store.member_place(&pid).map(|place| place.to_string()))
    };
    let size = {
        let pid = pid.clone();
        attribute(move || store.member_place(&pid).map(|_| store.count().to_string()))
    };
    let body = live(move || {
        let style = style.get();
        let named = named(avatar(style.hue, &name), name.clone(), name_marks(&pid, style));
        view! { {named}{is_self.get().then(own_controls)} }
    });
    view! {
        <li
            {..custom_attribute("aria-posinset", place)}
            {..custom_attribute("aria-setsize", size)}
            data-pid=id
            data-self=own
        >
            {body}
        </li>
    }
    .into_any()
}

/// What stands behind one's own name.
fn own_controls() -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let rename = move || {
        store.members_open.set(false);
        store.is_renaming.set(true);
    };
    view! {
        <span class="you">{text.you}</span>
        {icon_button("quiet rename-self", text.rename, icon::PENCIL, rename)}
    }
    .into_any()
}
