//! The graph of imports between files, and its circles.

use std::collections::{BTreeMap, BTreeSet};

/// The imports of each file.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    imports: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Graph<'a> {
    /// Adds an import, unless a file imports itself.
    pub(super) fn add(&mut self, from: &'a str, to: &'a str) {
        if from != to {
            self.imports.entry(from).or_default().insert(to);
        }
    }

    /// Returns the largest sets of files that reach each other, each in order.
    pub(super) fn circles(&self) -> Vec<Vec<&'a str>> {
        let reached: BTreeMap<_, _> =
            self.imports.keys().map(|&file| (file, self.reached_from(file))).collect();
        let mut circles = BTreeSet::new();
        for (file, files) in &reached {
            let reaches_back =
                |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(file));
            let circle: Vec<_> = files.iter().filter(reaches_back).copied().collect();
            if circle.contains(file) {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// Returns all files that a file imports, and what those import.
    fn reached_from(&self, file: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            for &to in self.imports.get(file).into_iter().flatten() {
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached
    }
}
