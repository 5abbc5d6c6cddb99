//! Checks that a member that resumes in time keeps its identity, and that a late one is a new member. A
//! taken-over connection is closed with its own code, and its messages precede the new greeting.

use std::collections::BTreeMap;

use super::endings::TAKEN_OVER;
use super::view::{TRY_AGAIN_LATER, View};
use crate::journal::{Command, End, Journal, RoomRecord, Run};

/// Checks the connections of a room. Returns how many resumed a member, and how many of these took over
/// an open connection.
pub(super) fn check(
    views: &[View<'_>],
    record: &RoomRecord,
    run: &Run,
) -> Result<(usize, usize), String> {
    let (mut resumed, mut taken_over) = (0, 0);
    for pair in successions(views) {
        let [earlier, later] = pair;
        let place = |fault| {
            format!("connections {} and {} of one token: {fault}", earlier.number, later.number)
        };
        if earlier.pid == later.pid {
            resumed += 1;
            taken_over += usize::from(earlier.journal.end == End::Closed(Some(TAKEN_OVER)));
            said_before_greeting(earlier, later, record, run).map_err(place)?;
        }
        identity(earlier, later, record, run).map_err(place)?;
    }
    for view in views.iter().filter(|view| view.journal.end == End::Closed(Some(TAKEN_OVER))) {
        let is_later = |journal: &&Journal| journal.opened > view.journal.opened;
        let mut others = run.journals.iter().filter(is_later);
        if !others.any(|other| other.token.is_some() && other.token == view.journal.token) {
            return Err(format!(
                "connection {} is closed with 4001 without a takeover",
                view.number
            ));
        }
    }
    Ok((resumed, taken_over))
}

/// Checks two consecutive greeted connections of one token.
fn successions<'a>(views: &'a [View<'a>]) -> Vec<[&'a View<'a>; 2]> {
    let mut by_token: BTreeMap<&str, Vec<&View<'_>>> = BTreeMap::new();
    for view in views {
        if let Some(token) = &view.journal.token {
            by_token.entry(token).or_default().push(view);
        }
    }
    for views in by_token.values_mut() {
        views.sort_by_key(|view| view.greeted);
    }
    let pairs = by_token.values().flat_map(|views| views.windows(2));
    pairs.map(|pair| [pair[0], pair[1]]).collect()
}

fn identity(
    earlier: &View<'_>,
    later: &View<'_>,
    record: &RoomRecord,
    run: &Run,
) -> Result<(), String> {
    let (lost, opened) = (lost_at_ms(earlier, later), later.journal.opened.ms);
    let is_same = earlier.pid == later.pid;
    let leaves = (earlier.journal.sent.iter())
        .any(|sent| sent.what == Command::Goodbye(Some(1000)) && sent.arrived.is_some());
    let is_new_room = record.panics.iter().any(|at| *at > earlier.greeted && *at < later.greeted);
    if earlier.journal.end == End::Closed(Some(1000)) && is_same {
        return Err("a member that left is back".to_owned());
    }
    if is_new_room && is_same {
        return Err("a member of a room that panicked is back".to_owned());
    }
    let [latest_lost_ms, earliest_lost_ms] = lost;
    let (grace_ms, slack_ms) = (run.terms.grace_ms, run.terms.slack_ms);
    // A connection in between may have held the member for a while.
    let has_between = has_between(earlier, later, run);
    let is_late = latest_lost_ms.is_some_and(|lost| opened > lost + grace_ms + slack_ms);
    if is_same && is_late && !has_between {
        return Err("a member is back after its time".to_owned());
    }
    let in_time = earliest_lost_ms.is_none_or(|lost| opened + slack_ms < lost + grace_ms);
    if !is_same && in_time && !leaves && !is_new_room && !has_between {
        return Err("a member that comes back in time is another one".to_owned());
    }
    Ok(())
}

/// Returns the latest and the earliest time at which a connection was lost, or `None` if it was open until
/// the later one came.
fn lost_at_ms(earlier: &View<'_>, later: &View<'_>) -> [Option<u64>; 2] {
    let journal = earlier.journal;
    // The server completes a partial frame even on a lost connection.
    let last = journal.received.iter().rfind(|received| received.is_prompt);
    let last_ms = last.map(|received| received.written.ms);
    let hung_up = journal.hung_up.map(|hung_up| hung_up.at.ms);
    let hung_up = hung_up.filter(|at| *at < later.journal.opened.ms);
    match journal.end {
        // The server may have closed the connection long before the client noticed.
        _ if journal.was_full || journal.has_stalled => [hung_up, last_ms],
        End::Closed(Some(TAKEN_OVER)) | End::Open if hung_up.is_none() => [None, None],
        End::Closed(Some(TRY_AGAIN_LATER)) | End::Closed(_) | End::Cut => [None, last_ms],
        End::Open => [hung_up, hung_up],
    }
}

/// Returns whether a connection of the same token, greeted or not, came between the two.
fn has_between(earlier: &View<'_>, later: &View<'_>, run: &Run) -> bool {
    let is_between = |journal: &&Journal| {
        journal.opened > earlier.journal.opened && journal.opened < later.greeted
    };
    let mut others = run.journals.iter().filter(is_between);
    others.any(|other| other.token == later.journal.token && other.opened != later.journal.opened)
}

/// Checks that the texts of the earlier connection are stored before the later greeting is created. If the
/// earlier connection was open, all its texts must be stored.
fn said_before_greeting(
    earlier: &View<'_>,
    later: &View<'_>,
    record: &RoomRecord,
    run: &Run,
) -> Result<(), String> {
    // The first later connection took it over, even if it was never greeted.
    let successors = run.journals.iter().filter(|other| other.token == earlier.journal.token);
    let opened = successors.map(|other| other.opened).filter(|at| *at > earlier.journal.opened);
    let taken_over = opened.min().unwrap_or(later.journal.opened);
    let handed: BTreeMap<_, _> =
        record.handed.iter().map(|(text, id)| (text.as_str(), *id)).collect();
    for sent in &earlier.journal.sent {
        let Command::Say(text) = &sent.what else { continue };
        match (handed.get(text.as_str()), sent.arrived) {
            (Some(Some(id)), _) if *id > later.newest() => {
                return Err(format!("{text:?} is kept behind the greeting"));
            }
            (None, Some(arrived))
                if arrived < taken_over && earlier.journal.end == End::Closed(Some(TAKEN_OVER)) =>
            {
                return Err(format!("{text:?} was there before the other one came, and is lost"));
            }
            _ => {}
        }
    }
    Ok(())
}
