//! Groups consecutive joins and leaves into one row, so that frequent reconnects do not push the
//! messages out of view.

use std::collections::HashSet;
use std::sync::Arc;

use super::log::{Line, LineKind};

/// The most names in a summary. Further members are only counted.
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
    /// Returns whether the line can share a row with others. The person can hide such lines.
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

    /// Appends a line. Returns the line when it needs a row of its own.
    pub fn try_push(&mut self, line: Arc<Line>) -> Option<Arc<Line>> {
        // The first line represents the group, because a line of another kind is always alone.
        if line.is_join_or_leave() && self.0.first().is_none_or(|first| first.is_join_or_leave()) {
            self.0.push(line);
            return None;
        }
        Some(line)
    }

    /// Returns one summary of the joins and one of the leaves. The kind of the first line comes
    /// first.
    #[must_use]
    pub fn summaries(&self) -> Vec<PresenceSummary> {
        let mut summaries: Vec<PresenceSummary> = Vec::new();
        let mut seen: HashSet<(bool, &str)> = HashSet::new();
        for line in &self.0 {
            let is_join = line.kind == LineKind::Join;
            let found = summaries.iter().position(|summary| summary.is_join == is_join);
            let index = found.unwrap_or(summaries.len());
            if index == summaries.len() {
                summaries.push(PresenceSummary { is_join, names: Vec::new(), more_count: 0 });
            }
            if let Some(summary) = summaries.get_mut(index)
                && seen.insert((is_join, &line.name))
            {
                summary.names.push(line.name.clone());
            }
        }
        for summary in &mut summaries {
            summary.more_count = summary.names.len().saturating_sub(NAMES_MAX) as u64;
            summary.names.truncate(NAMES_MAX);
        }
        summaries
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

    fn group_of(lines: &[(&str, LineKind)]) -> PresenceGroup {
        let mut lines = lines.iter().map(|(name, kind)| line(name, kind.clone()));
        let mut group = PresenceGroup::new(lines.next().unwrap());
        for line in lines {
            assert_eq!(group.try_push(line), None);
        }
        group
    }

    #[test]
    fn group_names_three_members_once_and_counts_the_rest() {
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
        let names: Vec<&[Arc<str>]> = summaries.iter().map(|summary| &summary.names[..]).collect();
        assert_eq!(names, [&["Ann".into(), "Bob".into(), "Cy".into()][..], &["Ann".into()][..]]);
        let counts: Vec<_> =
            summaries.iter().map(|summary| (summary.is_join, summary.more_count)).collect();
        assert_eq!(counts, [(true, 2), (false, 0)]);
        let leave_first = group_of(&[("Cy", Leave), ("Ann", Join)]).summaries();
        assert!(!leave_first[0].is_join, "the kind of the first line comes first");
    }

    #[test]
    fn rename_next_to_a_join_has_its_own_row() {
        let rename = LineKind::Rename("B".into());
        let mut joins = group_of(&[("A", LineKind::Join)]);
        assert!(joins.try_push(line("A", rename.clone())).is_some());
        let mut renames = group_of(&[("A", rename)]);
        assert!(renames.try_push(line("A", LineKind::Join)).is_some());
    }
}
