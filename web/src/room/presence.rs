//! Groups consecutive joins and leaves into one row, so that frequent reconnects do not push the
//! messages out of view.

use std::collections::HashSet;
use std::sync::Arc;

use super::log::{Line, LineKind};

/// The most names in a summary. Further names are only counted.
const NAMES_MAX: usize = 3;

/// The lines of one row: consecutive joins and leaves, or a single line of another kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresenceGroup(Vec<Arc<Line>>);

/// The members of a group who joined, or those who left.
#[derive(Debug, PartialEq, Eq)]
pub struct PresenceSummary {
    /// True for joins, false for leaves.
    pub is_join: bool,
    /// The first distinct names.
    pub names: Vec<Arc<str>>,
    /// The number of further distinct names.
    pub more_count: u64,
}

impl Line {
    /// Returns whether the line is a join or a leave. Such lines share a row, and the person can
    /// hide them.
    #[must_use]
    pub fn is_join_or_leave(&self) -> bool {
        matches!(self.kind, LineKind::Join | LineKind::Leave)
    }
}

impl PresenceGroup {
    /// Returns a group of one line.
    #[must_use]
    pub fn new(line: Arc<Line>) -> Self {
        Self(vec![line])
    }

    /// Returns the lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[Arc<Line>] {
        &self.0
    }

    /// Appends a line if the line and the group are joins or leaves. Otherwise returns the line,
    /// which needs a row of its own.
    pub fn try_push(&mut self, line: Arc<Line>) -> Option<Arc<Line>> {
        // The first line tells the kind of the group, because only joins and leaves share a group.
        let accepts_lines = self.0.first().is_none_or(|first| first.is_join_or_leave());
        if accepts_lines && line.is_join_or_leave() {
            self.0.push(line);
            return None;
        }
        Some(line)
    }

    /// Returns a summary of the joins and a summary of the leaves, without empty ones. If the first
    /// line is a leave, the leaves come first.
    #[must_use]
    pub fn summaries(&self) -> Vec<PresenceSummary> {
        let Some(first) = self.0.first() else { return Vec::new() };
        let starts_with_join = first.kind == LineKind::Join;
        let mut summaries = vec![self.summary(starts_with_join), self.summary(!starts_with_join)];
        summaries.retain(|summary| !summary.names.is_empty());
        summaries
    }

    /// Returns the summary of the joins if `is_join`, and of the other lines if not.
    fn summary(&self, is_join: bool) -> PresenceSummary {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut names = Vec::new();
        for line in &self.0 {
            let is_same_kind = (line.kind == LineKind::Join) == is_join;
            if is_same_kind && seen.insert(&line.name) {
                names.push(line.name.clone());
            }
        }
        let more_count = names.len().saturating_sub(NAMES_MAX) as u64;
        names.truncate(NAMES_MAX);
        PresenceSummary { is_join, names, more_count }
    }
}

#[cfg(test)]
mod tests {
    use xmeet_shared::Pid;

    use super::*;

    fn line(name: &str, kind: LineKind) -> Arc<Line> {
        let pid = Pid::from_wire(name);
        Arc::new(Line { number: 1, group: 1, pid, name: name.into(), kind, at: 0 })
    }

    /// Returns a group of lines with these names and kinds.
    fn group_of(lines: &[(&str, LineKind)]) -> PresenceGroup {
        let mut lines = lines.iter().map(|(name, kind)| line(name, kind.clone()));
        let mut group = PresenceGroup::new(lines.next().unwrap());
        for line in lines {
            assert_eq!(group.try_push(line), None);
        }
        group
    }

    #[test]
    fn summary_has_three_distinct_names_and_the_count_of_the_others() {
        use LineKind::{Join, Leave};
        let summaries = group_of(&[
            ("Ann", Join),
            ("Bob", Join),
            ("Ann", Leave),
            ("Ann", Join),
            ("Cy", Join),
            ("Di", Join),
            ("Ed", Join),
        ])
        .summaries();
        let joins = PresenceSummary {
            is_join: true,
            names: vec!["Ann".into(), "Bob".into(), "Cy".into()],
            more_count: 2,
        };
        let leaves = PresenceSummary { is_join: false, names: vec!["Ann".into()], more_count: 0 };
        assert_eq!(summaries, [joins, leaves]);

        let leave_first = group_of(&[("Cy", Leave), ("Ann", Join)]).summaries();
        assert!(!leave_first[0].is_join, "the first line is a leave, so the leaves come first");
    }

    #[test]
    fn rename_next_to_a_join_has_its_own_row() {
        let rename = line("A", LineKind::Rename("B".into()));
        let join = line("A", LineKind::Join);
        let mut joins = PresenceGroup::new(join.clone());
        assert!(joins.try_push(rename.clone()).is_some());
        let mut renames = PresenceGroup::new(rename);
        assert!(renames.try_push(join).is_some());
    }
}
