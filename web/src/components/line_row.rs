//! A join, a leave or a rename. Consecutive joins and leaves are one line that can be opened.

use std::sync::Arc;

use leptos::prelude::*;

use super::button::label_button;
use crate::browser;
use crate::context::{Client, ListView, RoomView};
use crate::i18n::Text;
use crate::reactive::{aria_bool, attribute, dynamic, reactive_text, show_if};
use crate::room::log::{Line, LineKind};
use crate::room::{PresenceGroup, Row, RowKey};
use crate::settings::Settings;
use crate::time::LocalTime;

/// The most lines that an opened group shows.
const OPENED_MAX: usize = 50;

/// Returns the lines of a row, none if the row is not in the list any more.
fn run_of(key: RowKey) -> PresenceGroup {
    match RoomView::get().row(key, Clone::clone) {
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

/// Draws a line or a group of lines.
pub fn line_row(key: RowKey) -> AnyView {
    let text = Settings::text();
    let is_open = RwSignal::new(false);
    let kind = attribute(move || Some(kind_of(&run_of(key)).to_owned()));
    let room = RoomView::get();
    let title = attribute(move || {
        room.track_zone();
        Some(text.moment(&time_of(run_of(key).lines().last()?)))
    });
    let summary = dynamic(move || draw(summary(text, &run_of(key))));
    view! {
        <div class="row line" data-row="system" data-kind=kind title=title tabindex="-1">
            <span>{summary}</span>
            {show_if(move || run_of(key).lines().len() > 1, move || toggle(is_open))}
            {show_if(move || is_open.get(), move || opened(key))}
        </div>
    }
    .into_any()
}

/// A part of a sentence: a name, or the words around it.
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

/// Returns the summary of the lines as text.
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

/// Returns the joins and leaves, a few of them by name.
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
    let text = Settings::text();
    let label = move || if is_open.get() { text.show_less } else { text.show_more }.to_owned();
    view! {
        <button
            type="button"
            class="small run-toggle"
            aria-expanded=aria_bool(move || is_open.get())
            on:click=move |_| is_open.update(|open| *open = !*open)
        >
            {reactive_text(label)}
        </button>
    }
    .into_any()
}

/// Draws each line, and a button that hides all such lines.
fn opened(key: RowKey) -> AnyView {
    let (text, room) = (Settings::text(), RoomView::get());
    let (client, list) = (Client::get(), ListView::get());
    let lines = dynamic(move || {
        room.track_zone();
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
    let hide = label_button("small hide-lines", text.hide_lines, move || {
        client.hide_lines(true);
        list.focus();
    });
    view! { <div class="run">{lines}{hide}</div> }.into_any()
}
