//! Joins and leaves with nothing between them stand as one line, so that a door that is used a lot
//! does not push out what was said.

use std::collections::HashSet;
use std::sync::Arc;

use super::log::{Line, LineKind};

/// How many are named before the rest is only counted.
const NAMED_MAX: usize = 3;

/// Lines that stand as one: joins and leaves in a row, or a single line of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run(Vec<Arc<Line>>);

/// Who came, or who went.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether they came.
    pub came: bool,
    /// The first of them, each once.
    pub names: Vec<Arc<str>>,
    /// How many others there are.
    pub more: u64,
}

impl Line {
    /// Whether it may stand as one with others, and be left out.
    #[must_use]
    pub fn is_passage(&self) -> bool {
        matches!(self.kind, LineKind::Join | LineKind::Leave)
    }
}

impl Run {
    /// A run of one.
    #[must_use]
    pub fn new(line: Arc<Line>) -> Self {
        Self(vec![line])
    }

    /// Its lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[Arc<Line>] {
        &self.0
    }

    /// Adds the line that follows. Gives it back if it stands by itself.
    pub fn take(&mut self, line: Arc<Line>) -> Option<Arc<Line>> {
        // The first line stands for all: a rename is alone in its run.
        if line.is_passage() && self.0.first().is_none_or(|held| held.is_passage()) {
            self.0.push(line);
            return None;
        }
        Some(line)
    }

    /// What it says as one: who came and who went, whichever was first.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        let mut seen: HashSet<(bool, &str)> = HashSet::new();
        for line in &self.0 {
            let came = line.kind == LineKind::Join;
            let place = told.iter().position(|told| told.came == came).unwrap_or(told.len());
            if place == told.len() {
                told.push(Told { came, names: Vec::new(), more: 0 });
            }
            if let Some(told) = told.get_mut(place)
                && seen.insert((came, &line.name))
            {
                told.names.push(line.name.clone());
            }
        }
        for told in &mut told {
            told.more = told.names.len().saturating_sub(NAMED_MAX) as u64;
            told.names.truncate(NAMED_MAX);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use xmeet_shared::Pid;

    use super::*;

    fn line(name: &str, kind: LineKind) -> Arc<Line> {
        let pid = Pid::from_wire(name);
        Arc::new(Line { number: 1, run: 1, pid, name: name.into(), kind, at: 0 })
    }

    fn run(steps: &[(&str, LineKind)]) -> Run {
        let mut lines = steps.iter().map(|(name, kind)| line(name, kind.clone()));
        let mut run = Run::new(lines.next().unwrap());
        for line in lines {
            assert_eq!(run.take(line), None);
        }
        run
    }

    #[test]
    fn a_run_names_a_few_once_and_counts_the_rest() {
        use LineKind::{Join, Leave};
        let told = run(&[
            ("Ann", Join),
            ("Bob", Join),
            ("Ann", Leave),
            ("Ann", Join),
            ("Cy", Join),
            ("Di", Join),
            ("Ed", Join),
        ])
        .told();
        let names: Vec<&[Arc<str>]> = told.iter().map(|told| &told.names[..]).collect();
        assert_eq!(names, [&["Ann".into(), "Bob".into(), "Cy".into()][..], &["Ann".into()][..]]);
        assert_eq!(
            told.iter().map(|told| (told.came, told.more)).collect::<Vec<_>>(),
            [(true, 2), (false, 0)]
        );
        assert!(!run(&[("Cy", Leave), ("Ann", Join)]).told()[0].came, "what was first");
    }

    #[test]
    fn a_rename_stands_by_itself() {
        let rename = LineKind::Rename("B".into());
        assert!(run(&[("A", LineKind::Join)]).take(line("A", rename.clone())).is_some());
        assert!(run(&[("A", rename)]).take(line("A", LineKind::Join)).is_some());
    }
}
