//! Somebody came, went, or took another name. Several who came and went in a row are one line that
//! can be opened.

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live, truth, when, words};
use crate::browser;
use crate::i18n::Text;
use crate::room::log::{Line, LineKind};
use crate::room::{Row, RowKey, Run};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::LocalTime;

/// The lines of a row; none once it is gone from the list.
fn run_of(key: RowKey) -> Run {
    match Store::get().row(key, Clone::clone) {
        Some(Row::Lines(run)) => run,
        _ => Run::default(),
    }
}

fn time_of(line: &Line) -> LocalTime {
    LocalTime::new(line.at, browser::offset_minutes(line.at))
}

fn kind_of(run: &Run) -> &'static str {
    match run.lines() {
        [line] => match line.kind {
            LineKind::Join => "join",
            LineKind::Leave => "leave",
            LineKind::Rename(_) => "changename",
        },
        _ => "run",
    }
}

/// One line or several.
pub fn line_row(key: RowKey) -> AnyView {
    let text = Settings::words();
    let is_open = RwSignal::new(false);
    let kind = attribute(move || Some(kind_of(&run_of(key)).to_owned()));
    let title = attribute(move || Some(text.moment(&time_of(run_of(key).lines().last()?))));
    let summary = live(move || {
        let run = run_of(key);
        match run.lines() {
            [line] => one(text, line),
            _ => several(text, &run),
        }
    });
    view! {
        <div class="row line" data-row="system" data-kind=kind title=title tabindex="-1">
            <span>{summary}</span>
            {when(move || run_of(key).lines().len() > 1, move || toggle(is_open))}
            {when(move || is_open.get(), move || opened(key))}
        </div>
    }
    .into_any()
}

fn name(name: &str) -> AnyView {
    view! { <bdi>{name.to_owned()}</bdi> }.into_any()
}

fn one(text: &Text, line: &Line) -> Vec<AnyView> {
    let (before, after) = match line.kind {
        LineKind::Join => text.joined,
        LineKind::Leave => text.left,
        LineKind::Rename(_) => text.renamed,
    };
    let mut parts = vec![before.into_any(), name(&line.name), after.into_any()];
    if let LineKind::Rename(new) = &line.kind {
        parts.push(name(new));
    }
    parts
}

/// Who came and who went, a few by name.
fn several(text: &Text, run: &Run) -> Vec<AnyView> {
    let mut parts = Vec::new();
    for told in run.told() {
        let (before, after) = if told.came { text.joined } else { text.left };
        let between = if parts.is_empty() { "" } else { " · " };
        parts.extend([between.into_any(), before.into_any()]);
        for (place, who) in told.names.iter().enumerate() {
            let comma = if place > 0 { text.comma } else { "" };
            parts.extend([comma.into_any(), name(who)]);
        }
        if told.more > 0 {
            parts.push((text.more_people)(told.more).into_any());
        }
        parts.push(after.into_any());
    }
    parts
}

fn toggle(is_open: RwSignal<bool>) -> AnyView {
    let text = Settings::words();
    let label = move || if is_open.get() { text.show_less } else { text.show_more }.to_owned();
    view! {
        <button
            type="button"
            class="small"
            data-testid="run-toggle"
            aria-expanded=truth(move || is_open.get())
            on:click=move |_| is_open.update(|open| *open = !*open)
        >
            {words(label)}
        </button>
    }
    .into_any()
}

/// Each line by itself, and a way to be rid of all such lines.
fn opened(key: RowKey) -> AnyView {
    let (text, store) = (Settings::words(), Store::get());
    let lines = live(move || {
        let mut lines = Vec::new();
        for line in run_of(key).lines() {
            let time = time_of(line);
            let parts = one(text, line);
            let full_time = text.moment(&time);
            let time = format!(" {}", time.clock());
            lines.push(view! { <p title=full_time>{parts}{time}</p> }.into_any());
        }
        lines
    });
    let hide = small_button("hide-lines", text.hide_lines, move || {
        store.hide_lines(true);
        browser::focus("[data-testid=log]");
    });
    view! { <div class="run" data-testid="run">{lines}{hide}</div> }.into_any()
}
