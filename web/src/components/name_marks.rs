//! Names as they stand in lists, with marks behind those that could be taken for somebody else's.

use leptos::prelude::*;
use xmeet_shared::Pid;

use super::icon::{self, Icon};
use super::live::attribute;
use crate::identity;
use crate::room::members::NameStyle;
use crate::settings::Settings;

/// A picture and the name of what it shows, with marks.
pub fn named(picture: AnyView, name: String, [tag, warning]: [Option<AnyView>; 2]) -> AnyView {
    let title = name.clone();
    view! {
        {picture}
        <span class="member">
            <bdi class="member-name" title=title>{name}</bdi>
            {tag}
            {warning}
        </span>
    }
    .into_any()
}

/// A tag for one of several who bear a name, and a warning for a name that looks like another.
pub fn name_marks(pid: &Pid, style: NameStyle) -> [Option<AnyView>; 2] {
    let tag = style.is_shared.then(|| mark("tag", None, identity::tag(pid).into_any()));
    let warning = style.is_lookalike.then(|| {
        let words = Settings::words().lookalike;
        mark("lookalike", Some(words), view! { <Icon path=icon::WARNING/> }.into_any())
    });
    [tag, warning]
}

/// A small sign, with what it means for those who cannot see it or do not know it.
pub fn mark(class: &'static str, words: Option<&'static str>, sign: AnyView) -> AnyView {
    let words = move || words.map(str::to_owned);
    let role = attribute(move || words().map(|_| "img".to_owned()));
    view! {
        <span class=class role=role aria-label=attribute(words) title=attribute(words)>
            {sign}
        </span>
    }
    .into_any()
}
