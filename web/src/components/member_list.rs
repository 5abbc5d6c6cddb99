//! The member list, beside the messages or, in a narrow window, over them. Only the part of a long
//! list that is near the view is on the page. A filter finds other members by name.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use web_sys::HtmlButtonElement;

use super::avatar::avatar;
use super::button::{icon_button, picture_button};
use super::icon::{self, Icon};
use super::name_marks::{name_marks, named};
use crate::browser;
use crate::context::{MemberList, Panels, RoomView};
use crate::member_window::FILTER_FROM;
use crate::reactive::{
    ElementRef, attribute, dynamic, effect, flag, keyed_list, memo, reactive_text, show_if,
};
use crate::room::members::Person;
use crate::settings::Settings;

/// The panel. Over the messages it is a dialog: the focus moves in, Escape closes it, and the focus
/// moves back.
#[component]
pub fn MemberPanel() -> impl IntoView {
    let (text, room, members) = (Settings::text(), RoomView::get(), MemberList::get());
    let panels = Panels::get();
    let is_open = panels.is_member_list_open;
    let close_button = ElementRef::<HtmlButtonElement>::new();
    focus_when_opened(is_open, close_button, members);
    // The list has no height before it is on the page.
    browser::next_frame(move || members.view_changed());
    let has_filter = move || room.member_count() >= FILTER_FROM || members.is_filtered();
    let close = move || panels.close_member_list();
    let close_icon = view! { <Icon path=icon::CROSS/> }.into_any();
    let close_label = move || text.members_close.to_owned();
    let role = move || if is_open.get() { "dialog" } else { "complementary" };
    view! {
        <div class="backdrop" class:open=flag(move || is_open.get()) on:click=move |_| close()></div>
        <section
            id="members"
            class="members"
            class:open=flag(move || is_open.get())
            role=attribute(move || Some(role().to_owned()))
            aria-modal=attribute(move || is_open.get().then(|| "true".to_owned()))
            aria-label=text.members
            tabindex="-1"
        >
            <div class="members-head">
                <h2>{text.members}</h2>
                <span aria-hidden="true">{reactive_text(move || room.member_count_text())}</span>
                {picture_button(
                    "quiet close members-close",
                    close_button,
                    close_label,
                    close_icon,
                    close,
                )}
            </div>
            {show_if(has_filter, filter)}
            <ul
                id="member-list"
                node_ref=members.list
                aria-label=text.members
                tabindex="0"
                on:scroll=move |_| members.view_changed()
            >
                {keyed_list(move || members.on_page(), entry)}
            </ul>
        </section>
    }
}

fn focus_when_opened(
    is_open: RwSignal<bool>,
    close: ElementRef<HtmlButtonElement>,
    members: MemberList,
) {
    let mut was_open = is_open.get_untracked();
    effect(move || {
        let is_open = is_open.get();
        if is_open && !was_open {
            browser::next_frame(move || {
                if let Some(close) = close.get() {
                    let _ = close.focus();
                }
                members.view_changed();
            });
        }
        was_open = is_open;
    });
}

/// The field that filters the list by name: the browser's own search sees only the entries on the
/// page.
fn filter() -> AnyView {
    let (text, members) = (Settings::text(), MemberList::get());
    let found = move || {
        if members.is_filtered() {
            (text.members_found)(members.found() as u64)
        } else {
            String::new()
        }
    };
    view! {
        <div class="member-filter">
            <input
                type="search"
                aria-label=text.member_filter
                placeholder=text.member_filter
                autocomplete="off"
                value=members.filter.get_untracked()
                on:input=move |event| members.set_filter(event_target_value(&event))
            />
            <p class="note members-found" role="status">{reactive_text(found)}</p>
        </div>
    }
    .into_any()
}

/// Closes the panel at Escape. The key counts on the whole page, because the focus moves into the
/// panel one frame after it opens.
pub fn close_at_escape() {
    let panels = Panels::get();
    browser::on_key(move |event| {
        if event.key() == "Escape" && panels.is_member_list_open.get_untracked() {
            panels.close_member_list();
        }
    });
}

/// Draws one member with its present name.
fn entry(person: Person) -> AnyView {
    let (room, members) = (RoomView::get(), MemberList::get());
    let Person { pid, name } = person;
    let id = pid.to_string();
    let is_self = {
        let pid = pid.clone();
        memo(move || room.is_me(&pid))
    };
    let style = {
        let (pid, name) = (pid.clone(), name.clone());
        memo(move || room.name_style(&pid, &name))
    };
    let position = {
        let pid = pid.clone();
        attribute(move || members.position(&pid).map(|position| position.to_string()))
    };
    let size = {
        let pid = pid.clone();
        attribute(move || members.position(&pid).map(|_| room.member_count().to_string()))
    };
    let body = dynamic(move || {
        let style = style.get();
        let named = named(avatar(style.hue, &name), name.to_string(), name_marks(&pid, style));
        view! { {named}{is_self.get().then(own_controls)} }
    });
    view! {
        <li
            {..custom_attribute("aria-posinset", position)}
            {..custom_attribute("aria-setsize", size)}
            data-pid=id
            data-self=attribute(move || is_self.get().then(|| "true".to_owned()))
        >
            {body}
        </li>
    }
    .into_any()
}

/// The controls behind one's own name.
fn own_controls() -> AnyView {
    let (text, panels) = (Settings::text(), Panels::get());
    let rename = move || panels.open_rename();
    view! {
        <span class="you">{text.you}</span>
        {icon_button("quiet rename-self", text.rename, icon::PENCIL, rename)}
    }
    .into_any()
}
