//! The results of a hostile run: tables, and the bounds that must hold.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::kind::Kind;
use super::pair::PairResult;
use super::swarm::Tally;
use crate::machine::Machine;

/// The largest p99 of a well-behaved pair, in milliseconds.
pub(super) const P99_MS_MAX: f64 = 100.0;

/// The largest ratio of the server's memory after the attack to that before it.
pub(super) const MEMORY_RATIO_MAX: f64 = 1.1;

const MIB: f64 = 1024.0 * 1024.0;

/// The results.
pub(super) struct Outcome {
    pub(super) seconds: f64,
    pub(super) connected_max: usize,
    pub(super) tallies: BTreeMap<Kind, Tally>,
    pub(super) pairs: Vec<PairResult>,
    /// The server's memory in use: after its start, before the attack, at most during it, and after it.
    pub(super) rss_cold_bytes: u64,
    pub(super) rss_before_bytes: u64,
    pub(super) rss_peak_bytes: u64,
    pub(super) rss_after_bytes: u64,
    /// Seconds until the last of these.
    pub(super) settle_seconds: f64,
    /// Cores that the server used during the attack.
    pub(super) cores: f64,
    pub(super) panics: Vec<String>,
    pub(super) ended_in_order: bool,
}

impl Outcome {
    /// Returns the broken bounds, in words.
    pub(super) fn broken(&self, counts_latency: bool, counts_memory: bool) -> Vec<String> {
        let mut broken = Vec::new();
        for pair in &self.pairs {
            broken.extend(pair.faults.iter().map(|fault| format!("{}: {fault}", pair.room)));
            let p99_ms = pair.attack.quantile_us(0.99).map(|us| us / 1e3);
            match p99_ms {
                None => broken.push(format!("{}: no message was received", pair.room)),
                Some(p99_ms) if counts_latency && p99_ms > P99_MS_MAX => broken
                    .push(format!("{}: p99 is {p99_ms:.1} ms, over {P99_MS_MAX} ms", pair.room)),
                Some(_) => {}
            }
        }
        let ratio = self.memory_ratio();
        if counts_memory && ratio > MEMORY_RATIO_MAX {
            broken.push(format!("memory is {ratio:.2} times that before the attack"));
        }
        broken.extend(self.panics.iter().map(|line| format!("panic in the log: {line}")));
        if !self.ended_in_order {
            broken.push("the server did not shut down in order".to_owned());
        }
        broken
    }

    /// Returns the tables as Markdown.
    pub(super) fn markdown(&self, machine: &Machine, command: &str) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.pairs(&mut out);
        let _ = self.server(&mut out);
        let _ = self.attackers(&mut out);
        let (seconds, machine) = (self.seconds, machine.line());
        let _ = writeln!(out, "\n{seconds:.0} s of attack. {machine}.\nCommand: `{command}`");
        out
    }

    fn pairs(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "| well-behaved pair | messages | calm p50 ms | calm p99 ms | attacked p50 ms \
             | attacked p99 ms | p99.9 ms | longest ms | faults |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|"
        )?;
        for pair in &self.pairs {
            let cells = [
                pair.calm.quantile_us(0.5),
                pair.calm.quantile_us(0.99),
                pair.attack.quantile_us(0.5),
                pair.attack.quantile_us(0.99),
                pair.attack.quantile_us(0.999),
                pair.attack.max_us(),
            ];
            write!(out, "| in the room `{}` | {} |", pair.room, pair.sent)?;
            for us in cells {
                match us {
                    Some(us) => write!(out, " {:.1} |", us / 1e3)?,
                    None => write!(out, " – |")?,
                }
            }
            writeln!(out, " {} |", pair.faults.len())?;
        }
        Ok(())
    }

    fn server(&self, out: &mut String) -> fmt::Result {
        let memory = [
            ("memory after the start", self.rss_cold_bytes),
            ("memory before the attack", self.rss_before_bytes),
            ("memory at most", self.rss_peak_bytes),
            ("memory after the attack", self.rss_after_bytes),
        ];
        writeln!(out, "\n| the server | |\n|---|--:|")?;
        for (what, bytes) in memory {
            writeln!(out, "| {what}, MiB | {:.1} |", bytes as f64 / MIB)?;
        }
        writeln!(out, "| after / before | {:.2} |", self.memory_ratio())?;
        writeln!(
            out,
            "| seconds from the end of the attack until then | {:.0} |",
            self.settle_seconds
        )?;
        writeln!(out, "| cores used | {:.2} |", self.cores)?;
        writeln!(out, "| panics in the log | {} |", self.panics.len())?;
        writeln!(out, "| connections at once, at most | {} |", self.connected_max)
    }

    fn attackers(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n| attackers | connections opened | how the server ended them |")?;
        writeln!(out, "|---|--:|---|")?;
        for (kind, Tally { opened, ends }) in &self.tallies {
            let ends: Vec<_> = ends.iter().map(|(end, count)| format!("{end}: {count}")).collect();
            let ends = if ends.is_empty() { "–".to_owned() } else { ends.join(", ") };
            writeln!(out, "| {} | {opened} | {ends} |", kind.name())?;
        }
        Ok(())
    }

    fn memory_ratio(&self) -> f64 {
        self.rss_after_bytes as f64 / self.rss_before_bytes as f64
    }
}
