//! Somebody came, went, or took another name. Several who came and went in a row are one line that
//! can be opened.

use std::sync::Arc;

use leptos::prelude::*;

use super::button::small_button;
use super::live::{attribute, live, truth, when, words};
use crate::browser;
use crate::i18n::Text;
use crate::room::log::{Line, LineKind};
use crate::room::{PresenceGroup, Row, RowKey};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::LocalTime;

/// The most lines that are shown one by one.
const OPENED_MAX: usize = 50;

/// The lines of a row; none once it is gone from the list.
fn run_of(key: RowKey) -> PresenceGroup {
    match Store::get().row(key, Clone::clone) {
        Some(Row::Lines(run)) => run,
        _ => PresenceGroup::default(),
    }
}

fn time_of(line: &Line) -> LocalTime {
    LocalTime::new(line.at, browser::offset_minutes(line.at))
}

fn kind_of(run: &PresenceGroup) -> &'static str {
    match run.lines() {
        [line] => match line.kind {
            LineKind::Join => "join",
            LineKind::Leave => "leave",
            LineKind::Rename(_) => "changename",
            LineKind::Missed => "missed",
        },
        _ => "run",
    }
}

/// One line or several.
pub fn line_row(key: RowKey) -> AnyView {
    let text = Settings::words();
    let is_open = RwSignal::new(false);
    let kind = attribute(move || Some(kind_of(&run_of(key)).to_owned()));
    let zones = Store::get().zones;
    let title = attribute(move || {
        let _ = zones.get();
        Some(text.moment(&time_of(run_of(key).lines().last()?)))
    });
    let summary = live(move || draw(summary(text, &run_of(key))));
    view! {
        <div class="row line" data-row="system" data-kind=kind title=title tabindex="-1">
            <span>{summary}</span>
            {when(move || run_of(key).lines().len() > 1, move || toggle(is_open))}
            {when(move || is_open.get(), move || opened(key))}
        </div>
    }
    .into_any()
}

/// A part of a sentence: a name, or words around one.
enum Part {
    Name(Arc<str>),
    Words(String),
}

fn words_part(words: &str) -> Part {
    Part::Words(words.to_owned())
}

fn draw(parts: Vec<Part>) -> Vec<AnyView> {
    let draw = |part| match part {
        Part::Name(name) => view! { <bdi>{name.to_string()}</bdi> }.into_any(),
        Part::Words(words) => words.into_any(),
    };
    parts.into_iter().map(draw).collect()
}

/// What the lines say as one, in words.
pub fn summary_words(text: &Text, run: &PresenceGroup) -> String {
    let words = |part| match part {
        Part::Name(name) => name.to_string(),
        Part::Words(words) => words,
    };
    summary(text, run).into_iter().map(words).collect()
}

fn summary(text: &Text, run: &PresenceGroup) -> Vec<Part> {
    match run.lines() {
        [line] => one(text, line),
        _ => several(text, run),
    }
}

fn one(text: &Text, line: &Line) -> Vec<Part> {
    let (before, after) = match line.kind {
        LineKind::Join => text.joined,
        LineKind::Leave => text.left,
        LineKind::Rename(_) => text.renamed,
        LineKind::Missed => return vec![words_part(text.missed_not_kept)],
    };
    let mut parts = vec![words_part(before), Part::Name(line.name.clone()), words_part(after)];
    if let LineKind::Rename(new) = &line.kind {
        parts.push(Part::Name(new.clone()));
    }
    parts
}

/// Who came and who went, a few by name.
fn several(text: &Text, run: &PresenceGroup) -> Vec<Part> {
    let mut parts = Vec::new();
    for summary in run.summaries() {
        let (before, after) = if summary.is_join { text.joined } else { text.left };
        let between = if parts.is_empty() { "" } else { " · " };
        parts.extend([words_part(between), words_part(before)]);
        for (place, who) in summary.names.into_iter().enumerate() {
            let comma = if place > 0 { text.comma } else { "" };
            parts.extend([words_part(comma), Part::Name(who)]);
        }
        if summary.more_count > 0 {
            parts.push(Part::Words((text.more_people)(summary.more_count)));
        }
        parts.push(words_part(after));
    }
    parts
}

fn toggle(is_open: RwSignal<bool>) -> AnyView {
    let text = Settings::words();
    let label = move || if is_open.get() { text.show_less } else { text.show_more }.to_owned();
    view! {
        <button
            type="button"
            class="small run-toggle"
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
        let _ = store.zones.get();
        let mut lines = Vec::new();
        let run = run_of(key);
        let older = run.lines().len().saturating_sub(OPENED_MAX);
        if older > 0 {
            lines.push(view! { <p>{(text.earlier_lines)(older as u64)}</p> }.into_any());
        }
        for line in &run.lines()[older..] {
            let time = time_of(line);
            let parts = draw(one(text, line));
            let full_time = text.moment(&time);
            let time = format!(" {}", time.clock());
            lines.push(view! { <p title=full_time>{parts}{time}</p> }.into_any());
        }
        lines
    });
    let hide = small_button("small hide-lines", text.hide_lines, move || {
        store.hide_lines(true);
        browser::focus(".log");
    });
    view! { <div class="run">{lines}{hide}</div> }.into_any()
}
