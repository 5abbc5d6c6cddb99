//! Checks a run for violations of the guarantees. Pure: it sees the journals and the store's records only.
//! `tests` checks that it finds each kind of fault.
//!
//! It cannot check that each event is serialised once, because that is not visible from outside.

mod answers;
mod endings;
mod log;
mod order;
mod resume;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::Run;
use view::View;

/// Counts of what was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) connections: usize,
    pub(crate) events: usize,
    pub(crate) kept: usize,
    pub(crate) refused: usize,
    pub(crate) resumed: usize,
    pub(crate) taken_over: usize,
    pub(crate) too_slow: usize,
    pub(crate) panics: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.events += other.events;
        self.kept += other.kept;
        self.refused += other.refused;
        self.resumed += other.resumed;
        self.taken_over += other.taken_over;
        self.too_slow += other.too_slow;
        self.panics += other.panics;
    }
}

/// Checks a run.
///
/// # Errors
/// The first fault.
pub(crate) fn check(run: &Run) -> Result<Tally, String> {
    let mut tally = Tally { connections: run.journals.len(), ..Tally::default() };
    let mut rooms: BTreeMap<&str, Vec<View<'_>>> = BTreeMap::new();
    let mut tokens = BTreeSet::new();
    for (number, journal) in run.journals.iter().enumerate() {
        let place = |fault| format!("connection {number} in {}: {fault}", journal.room);
        endings::check(journal, run.rooms.get(&journal.room), run.terms).map_err(place)?;
        let is_first = journal.token.as_ref().is_none_or(|token| tokens.insert(token));
        if let Some(mut view) = View::of(number, journal).map_err(place)? {
            view.is_first = is_first;
            tally.events += view.events.len();
            rooms.entry(&journal.room).or_default().push(view);
        }
    }
    for (room, views) in &rooms {
        let record = run.rooms.get(*room).ok_or("a room that was never loaded greets")?;
        if let Some(offence) = record.offences.first() {
            return Err(format!("{room}: {offence}"));
        }
        order::check(views).map_err(|fault| format!("{room}: {fault}"))?;
        for view in views {
            let place = |fault| format!("connection {} in {room}: {fault}", view.number);
            log::check(view, record, run.terms).map_err(place)?;
            answers::check(view, record, run.terms).map_err(place)?;
        }
        let resumed = resume::check(views, record, run);
        let (resumed, taken_over) = resumed.map_err(|fault| format!("{room}: {fault}"))?;
        tally.resumed += resumed;
        tally.taken_over += taken_over;
        tally.too_slow += views.iter().filter(|view| view.was_too_slow()).count();
    }
    for record in run.rooms.values() {
        tally.kept += record.log.len();
        tally.refused += record.handed.len() - record.log.len();
        tally.panics += record.panics.len();
    }
    Ok(tally)
}
