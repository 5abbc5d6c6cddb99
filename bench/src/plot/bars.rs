//! CPU for each delivery, scenario by scenario, XMeet beside the floors.

use super::scale::{Scale, short};
use super::svg::{Anchor, Svg};
use super::{peer, source};
use crate::figures::{Row, grouped, spread};

const WIDTH: f64 = 860.0;
const TOP: f64 = 108.0;
const LEFT: f64 = 148.0;
const RIGHT: f64 = 64.0;
const BAR: f64 = 19.0;
const BETWEEN_BARS: f64 = 3.0;
const BETWEEN_GROUPS: f64 = 20.0;
const BOTTOM: f64 = 66.0;

/// What a scenario is, in a word or two beneath its name.
const EXPLAINED: [(&str, &str); 7] = [
    ("small", "a room of 2"),
    ("big", "a room of 1000"),
    ("flood", "20 of 1000 speak"),
    ("many", "1000 rooms of 10"),
    ("storm", "2000 join a room"),
    ("quiet", "beside a flood"),
    ("stalled", "50 do not read"),
];

/// The plot, or nothing where no scenario has such a figure.
pub(super) fn cost(rows: &[Row]) -> Option<String> {
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.x.is_none() && row.figures.cpu_us_per_delivery.is_some())
        .collect();
    let value = |rows: &[&Row]| spread(rows, |row| row.figures.cpu_us_per_delivery);
    let groups = grouped(rows.iter().copied(), |row| row.scenario.clone());
    let peers: Vec<String> =
        grouped(rows.iter().copied(), |row| row.peer.clone()).into_iter().map(|(p, _)| p).collect();
    let all = rows.iter().filter_map(|row| row.figures.cpu_us_per_delivery);
    all.clone().next()?;
    let Scale::Log { from, to } = Scale::log_around(all) else { return None };
    // The shortest bar has a length too.
    let scale = Scale::Log { from: from / 2.0, to };
    // A scenario that not everybody ran takes less room.
    let height = |rows: &[&Row]| {
        let bars = peers.iter().filter(|name| rows.iter().any(|row| row.peer == **name)).count();
        bars.max(2) as f64 * (BAR + BETWEEN_BARS)
    };
    let heights = groups.iter().map(|(_, rows)| height(rows) + BETWEEN_GROUPS);
    let bottom = TOP + heights.sum::<f64>();
    let title = "CPU time for each delivery";
    let subtitle = "µs of the server's user and system time, logarithmic; shorter is better";
    let mut svg = Svg::new(WIDTH, bottom + BOTTOM, title, subtitle);
    let x = |value| LEFT + scale.place(value) * (WIDTH - LEFT - RIGHT);
    key(&mut svg, &peers);
    for mark in scale.marks() {
        svg.rule((x(mark), TOP - 8.0), (x(mark), bottom), "grid");
        svg.text(
            x(mark),
            bottom + 18.0,
            "soft small",
            Anchor::Middle,
            &format!("{} µs", short(mark)),
        );
    }
    let mut top = TOP;
    for (scenario, of_scenario) in &groups {
        let mut y = top + BETWEEN_GROUPS / 2.0;
        let middle = y + height(of_scenario) / 2.0;
        let explained = EXPLAINED.iter().find(|(name, _)| name == scenario);
        svg.text(LEFT - 12.0, middle - 4.0, "ink bold", Anchor::End, scenario);
        let explained = explained.map_or("", |(_, words)| words);
        svg.text(LEFT - 12.0, middle + 13.0, "soft small", Anchor::End, explained);
        for name in &peers {
            let runs: Vec<&Row> =
                of_scenario.iter().copied().filter(|row| row.peer == *name).collect();
            let Some(spread) = value(&runs) else { continue };
            let (_, class) = peer(name);
            svg.bar(LEFT, y, x(spread.median) - LEFT, BAR, class);
            let at = x(spread.median) + 6.0;
            let class = format!("t{class} small bold");
            svg.text(at, y + 14.0, &class, Anchor::Start, &short(spread.median));
            y += BAR + BETWEEN_BARS;
        }
        top += height(of_scenario) + BETWEEN_GROUPS;
    }
    svg.rule((LEFT, TOP - 8.0), (LEFT, bottom), "axis");
    svg.text(24.0, bottom + BOTTOM - 18.0, "soft small", Anchor::Start, &source(&rows));
    Some(svg.finish())
}

/// Which colour is whose, in a line above the bars.
fn key(svg: &mut Svg, peers: &[String]) {
    const LETTER: f64 = 6.4;
    let mut x = 24.0;
    for name in peers {
        let (words, class) = peer(name);
        svg.bar(x, 72.0, 12.0, 12.0, class);
        svg.text(x + 18.0, 82.5, "ink", Anchor::Start, words);
        x += 18.0 + words.chars().count() as f64 * LETTER + 30.0;
    }
}
