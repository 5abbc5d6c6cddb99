//! How a cost grows: the points of a sweep, a line for each peer.

use super::scale::{Scale, short};
use super::svg::{Anchor, Svg};
use super::{peer, source};
use crate::figures::{Row, grouped, spread};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 116.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 78.0;

/// How near the names of two lines may come, in pixels.
const NAMES_APART: f64 = 17.0;

/// A line: whose colour, its name in words, its points.
struct Line {
    class: &'static str,
    name: String,
    points: Vec<(f64, f64)>,
}

/// The plot of a sweep, or nothing where it has no points.
pub(super) fn sweep(what: &str, rows: &[&Row]) -> Option<String> {
    let (title, below) = words(what);
    let mut lines = Vec::new();
    for (name, of_peer) in grouped(rows.iter().copied(), |row| row.peer.clone()) {
        let points = points(&of_peer, |row| row.figures.cpu_us_per_delivery);
        let name_in_plot = match name.as_str() {
            "floor-batch" => "floor, joined",
            "xmeet" if what == "history" => "a delivery",
            other => peer(other).0.split(':').next().unwrap_or_default(),
        };
        if what != "history" || name == "xmeet" {
            lines.push(Line { class: peer(&name).1, name: name_in_plot.to_owned(), points });
        }
        // A member's greeting holds a page of the history.
        if what == "history" && name == "xmeet" {
            let points = self::points(&of_peer, |row| Some(row.figures.join_cpu_us));
            lines.push(Line { class: "c", name: "a join".into(), points });
        }
    }
    lines.retain(|line| !line.points.is_empty());
    let all = || lines.iter().flat_map(|line| line.points.iter().copied());
    all().next()?;
    let across = Across::of(all().map(|(x, _)| x).collect());
    let up = all().map(|(_, y)| y);
    let scale = if what == "members" || what == "rooms" {
        Scale::linear_up_to(up)
    } else {
        Scale::log_around(up)
    };
    let unit = "µs of the server's CPU";
    let subtitle =
        if what == "history" { unit.to_owned() } else { format!("{unit} for each delivery") };
    let mut svg = Svg::new(WIDTH, HEIGHT, title, &subtitle);
    axes(&mut svg, &across, scale, below);
    let mut ends = Vec::new();
    for line in &lines {
        let points: Vec<_> =
            line.points.iter().map(|(x, y)| (across.x(*x), height(scale, *y))).collect();
        svg.line(&points, line.class);
        if let Some((x, y)) = points.last() {
            ends.push((*y, *x, line));
        }
    }
    names(&mut svg, ends);
    svg.text(24.0, HEIGHT - 18.0, "soft small", Anchor::Start, &source(rows));
    Some(svg.finish())
}

/// The title, and what the horizontal axis counts.
fn words(what: &str) -> (&'static str, &'static str) {
    match what {
        "members" => {
            ("Larger rooms", "members of one room; as many deliveries a second for each size")
        }
        "rooms" => ("More rooms", "rooms of 3; as many deliveries a second for each number"),
        "rate" => ("More messages", "messages a second in a room of 100"),
        _ => ("A longer history", "messages that a room of 100 already keeps"),
    }
}

fn points(rows: &[&Row], value: impl Fn(&Row) -> Option<f64> + Copy) -> Vec<(f64, f64)> {
    let by_x = grouped(rows.iter().copied(), |row| row.x.unwrap_or_default());
    let point = |(x, runs): (u64, Vec<&Row>)| Some((x as f64, spread(&runs, value)?.median));
    by_x.into_iter().filter_map(point).collect()
}

/// The horizontal axis: its points stand as far apart as their logarithms, and nought, which has
/// none, one decade before the first.
struct Across {
    marks: Vec<f64>,
    from: f64,
    to: f64,
}

impl Across {
    fn of(mut marks: Vec<f64>) -> Self {
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        let first = marks.iter().copied().find(|mark| *mark > 0.0).unwrap_or(1.0);
        let from = if marks.first() == Some(&0.0) { first / 10.0 } else { first };
        let to = marks.last().copied().unwrap_or(1.0).max(from * 1.1);
        Self { marks, from, to }
    }

    fn x(&self, value: f64) -> f64 {
        let place = (value.max(self.from) / self.from).ln() / (self.to / self.from).ln();
        LEFT + 14.0 + place * (WIDTH - LEFT - RIGHT - 28.0)
    }
}

fn height(scale: Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.place(value) * (HEIGHT - TOP - BOTTOM)
}

fn axes(svg: &mut Svg, across: &Across, scale: Scale, below: &str) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for mark in scale.marks() {
        let y = height(scale, mark);
        svg.rule((LEFT, y), (right, y), "grid");
        svg.text(LEFT - 9.0, y + 4.0, "soft small", Anchor::End, &short(mark));
    }
    svg.rule((LEFT, bottom), (right, bottom), "axis");
    for mark in &across.marks {
        let x = across.x(*mark);
        svg.rule((x, bottom), (x, bottom + 4.0), "axis");
        svg.text(x, bottom + 18.0, "soft small", Anchor::Middle, &short(*mark));
    }
    svg.text(f64::midpoint(LEFT, right), bottom + 38.0, "ink", Anchor::Middle, below);
}

/// Each line's name at its end, moved where two would meet.
fn names(svg: &mut Svg, mut ends: Vec<(f64, f64, &Line)>) {
    ends.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    let mut last = f64::NEG_INFINITY;
    for (y, x, line) in ends {
        let y = y.max(last + NAMES_APART);
        last = y;
        let class = format!("t{} bold", line.class);
        svg.text(x + 12.0, y + 4.5, &class, Anchor::Start, &line.name);
    }
}
