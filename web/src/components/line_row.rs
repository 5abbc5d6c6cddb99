//! Somebody came, went, or took another name.

use leptos::prelude::*;

use crate::browser;
use crate::room::log::{Line, LineKind};
use crate::settings::Settings;
use crate::time::LocalTime;

/// A line.
pub fn line_row(line: &Line) -> AnyView {
    let text = Settings::words();
    let time = LocalTime::new(line.at, browser::offset_minutes(line.at));
    let (kind, (before, after), new_name) = match &line.kind {
        LineKind::Join => ("join", text.joined, None),
        LineKind::Leave => ("leave", text.left, None),
        LineKind::Rename(new) => ("changename", text.renamed, Some(new.to_string())),
    };
    let new_name = new_name.map(|name| view! { <bdi>{name}</bdi> });
    view! {
        <div class="row line" data-row="system" data-kind=kind title=time.clock_and_zone()>
            <span>{before}<bdi>{line.name.to_string()}</bdi>{after}{new_name}</span>
        </div>
    }
    .into_any()
}
