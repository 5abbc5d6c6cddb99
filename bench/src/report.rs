//! The table of results: medians of the runs, as Markdown.

use std::fmt::Write as _;

use crate::figures::{Row, Spread, grouped, spread};

const HEAD: &str = "\
| scenario | peer | CPU µs/delivery | × floor | deliveries/s | cores | client busy | p50 ms | p99 ms | p99.9 ms \
| RSS MiB | peak MiB | B/connection | CPU µs/join | calibration µs | faults |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

const MIB: f64 = 1024.0 * 1024.0;

/// Returns the table of all rows, with the machine and the command below it.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut out = format!("{HEAD}\n");
    for ((scenario, x), of_scenario) in grouped(rows, |row| (row.scenario.clone(), row.x)) {
        let floor = of_scenario.iter().copied().filter(|row| row.peer == "floor");
        let floor: Vec<&Row> = floor.collect();
        let floor = spread(&floor, |row| row.figures.cpu_us_per_delivery);
        let name = x.map_or_else(|| scenario.clone(), |x| format!("{scenario} {x}"));
        for (peer, runs) in grouped(of_scenario, |row| row.peer.clone()) {
            line(&mut out, &name, &peer, &runs, floor);
        }
    }
    if let Some(row) = rows.first() {
        let runs = rows.iter().map(|row| row.run).max().unwrap_or(1);
        let pinned =
            if row.pinned { "server and client each on a CPU of its own" } else { "not pinned" };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\nMedians of {runs} runs (smallest–largest); {pinned}. {}.\nCommand: `{}`\n",
            row.machine.line(),
            row.command
        );
    }
    out
}

fn line(out: &mut String, name: &str, peer: &str, runs: &[&Row], floor: Option<Spread>) {
    let cpu = spread(runs, |row| row.figures.cpu_us_per_delivery);
    let cpu_text = match cpu {
        Some(Spread { median, min, max }) if runs.len() > 1 => {
            format!("{median:.2} ({min:.2}–{max:.2})")
        }
        Some(Spread { median, .. }) => format!("{median:.2}"),
        None => "–".into(),
    };
    let ratio = cpu.zip(floor).map(|(cpu, floor)| cpu.median / floor.median);
    let cell = |digits: usize, value: &dyn Fn(&Row) -> Option<f64>| {
        number(spread(runs, value).map(|spread| spread.median), digits)
    };
    let cells = [
        name.to_owned(),
        peer.to_owned(),
        cpu_text,
        number(ratio, 2),
        cell(0, &|row| Some(row.figures.deliveries_per_second)),
        cell(2, &|row| Some(row.figures.cores)),
        cell(2, &|row| Some(row.figures.client_busy)),
        cell(2, &|row| row.figures.p50_us.map(|us| us / 1e3)),
        cell(2, &|row| row.figures.p99_us.map(|us| us / 1e3)),
        cell(2, &|row| row.figures.p999_us.map(|us| us / 1e3)),
        cell(1, &|row| Some(row.figures.rss_bytes as f64 / MIB)),
        cell(1, &|row| Some(row.figures.peak_bytes as f64 / MIB)),
        cell(0, &|row| Some(row.figures.rss_bytes_per_connection)),
        cell(1, &|row| Some(row.figures.join_cpu_us)),
        cell(2, &|row| Some(row.calibration_us)),
        faults(runs),
    ];
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Returns the faults of the worst run, and how the server closed members that did not read.
fn faults(runs: &[&Row]) -> String {
    let worst = runs.iter().max_by_key(|row| row.figures.faults.total());
    let mut words: Vec<String> = worst
        .into_iter()
        .flat_map(|row| row.figures.faults.each())
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    if words.is_empty() {
        words.push("0".into());
    }
    if let Some(figures) = runs.last().map(|row| &row.figures).filter(|figures| figures.stalled > 0)
    {
        let (stalled, closed) = (figures.stalled, figures.stalled_closed_1013);
        let lost = figures.stalled_lost;
        words.push(format!(
            "{stalled} did not read: {closed} closed with 1013, {lost} without a Close"
        ));
    }
    words.join("; ")
}

/// Formats a number with separated thousands.
fn number(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value else { return "–".into() };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(number(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(number(Some(999.5), 2), "999.50");
        assert_eq!(number(None, 0), "–");
    }
}
