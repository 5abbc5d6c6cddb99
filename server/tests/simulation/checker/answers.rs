//! Checks that every frame of a client has one answer, in order, and that the answers match the store: a
//! stored message comes back, and a refused one causes an error.

use std::collections::{BTreeMap, BTreeSet};

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{ErrorCode, Record, ServerMessage};

use super::log::page_is_true;
use super::view::View;
use crate::journal::{Command, End, Received, RoomRecord, Sent, Terms};
use crate::timeline::Moment;

pub(super) fn check(view: &View<'_>, record: &RoomRecord, terms: Terms) -> Result<(), String> {
    handed_in_order(view, record)?;
    let fates: BTreeMap<_, _> =
        record.handed.iter().map(|(text, id)| (text.as_str(), *id)).collect();
    let has_answer = |sent: &&Sent| !matches!(sent.what, Command::Empty | Command::Goodbye(_));
    let mut due = view.journal.sent.iter().filter(has_answer);
    let mut newest = view.newest();
    for received in view.events {
        if let ServerMessage::Normal { id: Some(id), .. } = received.message {
            newest = id;
        }
        if !is_answer(received, view) {
            continue;
        }
        let question =
            due.next().ok_or_else(|| format!("{:?} answers nothing", received.message))?;
        if question.arrived.is_none_or(|arrived| arrived >= received.written) {
            return Err(format!("{:?} is answered before it came", question.what));
        }
        let fits = match (&question.what, &received.message) {
            (Command::Say(said), ServerMessage::Normal { text, .. }) => said == text,
            (Command::Say(said), ServerMessage::Error { code: Some(ErrorCode::Storage), .. }) => {
                fates.get(said.as_str()) == Some(&None)
            }
            (Command::Rename(name), ServerMessage::ChangeName(now)) => name == now.as_str(),
            (Command::History(cursor), ServerMessage::History(page)) => {
                page_is_true(page, record, received.written)?;
                page_is_the_one(page, *cursor, (newest, terms))?
            }
            (what, ServerMessage::Error { code, .. }) => *code == error_of(what),
            _ => false,
        };
        if !fits {
            return Err(format!("{:?} is answered by {:?}", question.what, received.message));
        }
    }
    match due.next() {
        Some(question) if view.journal.settled.is_some() => {
            Err(format!("{:?} is never answered", question.what))
        }
        _ => Ok(()),
    }
}

fn is_answer(received: &Received, view: &View<'_>) -> bool {
    match received.message {
        ServerMessage::Normal { .. } | ServerMessage::ChangeName(_) => received.from == *view.pid,
        ServerMessage::History(_) | ServerMessage::Error { .. } => true,
        _ => false,
    }
}

fn error_of(command: &Command) -> Option<ErrorCode> {
    match command {
        Command::History(_) => Some(ErrorCode::Storage),
        Command::BadRename => Some(ErrorCode::BadNickname),
        Command::BadCursor => Some(ErrorCode::BadCursor),
        Command::Binary => Some(ErrorCode::Unsupported),
        Command::Say(_) | Command::Rename(_) | Command::Empty | Command::Goodbye(_) => None,
    }
}

/// Checks a page. Its range is fixed at its place in the order and may be read later, so it ends at the
/// newest message or before it.
fn page_is_the_one(
    page: &[Record],
    cursor: u64,
    (newest, terms): (u64, Terms),
) -> Result<bool, String> {
    let Some(last) = page.last().and_then(|record| record.id) else { return Ok(true) };
    if page.len() as u64 > HISTORY_PAGE_MESSAGES {
        return Err(format!("a page of {} messages", page.len()));
    }
    let latest = newest.checked_sub(cursor * HISTORY_PAGE_MESSAGES);
    // A room that holds its whole newest page answers at once.
    let is_at_hand = cursor == 0 && terms.held_text_bytes_max == usize::MAX;
    Ok(if is_at_hand { latest == Some(last) } else { latest.is_some_and(|id| last <= id) })
}

/// Checks that the texts of a connection reach the store in the order sent and without a gap.
fn handed_in_order(view: &View<'_>, record: &RoomRecord) -> Result<(), String> {
    let said: Vec<(&str, Option<Moment>)> = (view.journal.sent.iter())
        .filter_map(|sent| match &sent.what {
            Command::Say(text) => Some((text.as_str(), sent.arrived)),
            _ => None,
        })
        .collect();
    let own: BTreeSet<_> = said.iter().map(|(text, _)| *text).collect();
    let handed = record.handed.iter().map(|(text, _)| text.as_str());
    let handed: Vec<_> = handed.filter(|text| own.contains(text)).collect();
    for (number, text) in handed.iter().enumerate() {
        if said.get(number).map(|(said, _)| said) != Some(text) {
            return Err(format!("{text:?} is handed to the store where another one is due"));
        }
    }
    let missing = said.get(handed.len()).and_then(|(text, arrived)| Some((text, (*arrived)?)));
    match (missing, read_until(view, record)) {
        (Some((text, arrived)), Some(until)) if arrived < until => {
            Err(format!("{text:?} had arrived before the connection closed, and was never stored"))
        }
        _ => Ok(()),
    }
}

/// Returns the time up to which the server must have read all bytes, if that is known.
fn read_until(view: &View<'_>, record: &RoomRecord) -> Option<Moment> {
    const LEAVES: Option<u16> = Some(1000);
    let journal = view.journal;
    if !record.panics.is_empty() || record.page_panics > 0 {
        return None;
    }
    let goodbye = journal.sent.iter().find(|sent| sent.what == Command::Goodbye(LEAVES));
    match (journal.end, journal.hung_up) {
        // The server echoes the close code, after it has read everything before the Close frame.
        (End::Closed(LEAVES), _) => goodbye.and_then(|sent| sent.arrived),
        (End::Open, Some(hung_up)) if hung_up.is_readable && !journal.was_full => Some(hung_up.at),
        _ => None,
    }
}
