//! Names in lists, with marks behind a name that two members share or that looks like another.

use leptos::prelude::*;
use xmeet_shared::Pid;

use super::icon::{self, Icon};
use crate::identity;
use crate::reactive::attribute;
use crate::room::members::NameStyle;
use crate::settings::Settings;

/// Draws a picture with a name and its marks.
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

/// Returns the marks of a name: a tag if several members have the name, and a warning if the name looks
/// like another.
pub fn name_marks(pid: &Pid, style: NameStyle) -> [Option<AnyView>; 2] {
    let tag = style.is_shared.then(|| mark("tag", None, identity::tag(pid).into_any()));
    let warning = style.is_lookalike.then(|| {
        let words = Settings::text().lookalike;
        mark("lookalike", Some(words), view! { <Icon path=icon::WARNING/> }.into_any())
    });
    [tag, warning]
}

/// Draws a small sign with a tooltip, which screen readers read.
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
