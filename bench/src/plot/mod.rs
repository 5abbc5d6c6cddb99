//! The plots for the documents, drawn from kept figures.

mod bars;
mod lines;
mod scale;
mod svg;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::figures::{Row, grouped};

/// Draws what the rows have figures for.
pub(crate) fn draw(rows: &[Row], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut plots: Vec<(String, String)> = Vec::new();
    plots.extend(bars::cost(rows).map(|svg| ("cost.svg".to_owned(), svg)));
    let sweeps = rows.iter().filter(|row| row.scenario.starts_with("sweep-"));
    for (scenario, rows) in grouped(sweeps, |row| row.scenario.clone()) {
        let what = scenario.trim_start_matches("sweep-");
        plots.extend(lines::sweep(what, &rows).map(|svg| (format!("{what}.svg"), svg)));
    }
    for (name, svg) in plots {
        let path = folder.join(name);
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What a peer is called in a plot, and its colour's class.
fn peer(name: &str) -> (&str, &'static str) {
    match name {
        "xmeet" => ("XMeet", "a"),
        "floor" => ("floor: a write for each delivery", "b"),
        "floor-batch" => ("floor: writes joined", "c"),
        other => (other, "b"),
    }
}

/// One line on where the figures are from.
fn source(rows: &[&Row]) -> String {
    rows.first().map_or_else(String::new, |row| {
        let runs = rows.iter().map(|row| row.run).max().unwrap_or(1);
        let runs = if runs == 1 { "one run".into() } else { format!("median of {runs} runs") };
        format!("{}; {runs}", row.machine.line())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Faults;
    use crate::figures::Figures;
    use crate::machine::Machine;

    fn row(scenario: &str, x: Option<u64>, peer: &str, cost_us: f64) -> Row {
        let faults = Faults::default();
        Row {
            scenario: scenario.into(),
            x,
            peer: peer.into(),
            run: 1,
            pinned: true,
            quick: false,
            calibration_us: 5.0,
            figures: Figures {
                cpu_us_per_delivery: Some(cost_us),
                join_cpu_us: 90.0,
                faults,
                ..Figures::default()
            },
            machine: Machine { cpu: "A & B".into(), ..Machine::default() },
            command: String::new(),
        }
    }

    #[test]
    fn every_plot_is_drawn_within_its_card() {
        let mut rows = vec![row("big", None, "xmeet", 9.0), row("big", None, "floor", 5.0)];
        for sweep in ["sweep-members", "sweep-rooms", "sweep-rate", "sweep-history"] {
            rows.extend([0, 10, 1000].map(|x| row(sweep, Some(x), "xmeet", 7.0 + x as f64)));
            rows.extend([10, 1000].map(|x| row(sweep, Some(x), "floor", 3.0)));
        }
        let folder = tempfile::tempdir().unwrap();
        draw(&rows, folder.path()).unwrap();
        for name in ["cost", "members", "rooms", "rate", "history"] {
            let svg = fs::read_to_string(folder.path().join(format!("{name}.svg"))).unwrap();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name}");
            assert!(
                svg.contains("A &amp; B") && svg.contains("XMeet") || name == "history",
                "{name}"
            );
            assert!(
                !svg.contains("NaN") && !svg.contains("inf") && !svg.contains("=\"-"),
                "{name}"
            );
        }
    }
}
