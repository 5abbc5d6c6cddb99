//! Checks that each connection received the stored messages: each once, in order, without a gap, and as soon
//! as the store had answered.

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Record, ServerMessage};

use super::view::View;
use crate::journal::{Received, RoomRecord, Terms};
use crate::timeline::Moment;

pub(super) fn check(view: &View<'_>, record: &RoomRecord, terms: Terms) -> Result<(), String> {
    page_is_true(view.page, record, view.greeted)?;
    let mut newest = view.newest();
    page_is_whole(view, record, terms)?;
    let told: Vec<_> = record.log.iter().map(|kept| kept.answered).collect();
    // A room that holds its whole page creates and writes a greeting at once. Messages of the same time
    // may be before or after the greeting.
    let is_at_hand = terms.held_text_bytes_max == usize::MAX;
    let cut_ms = if is_at_hand { view.greeted.ms } else { view.joined_ms };
    let missed = told.iter().rposition(|at| at.is_some_and(|at| at.ms < cut_ms));
    if let Some(missed) = missed.map(|at| at as u64 + 1).filter(|id| *id > newest) {
        return Err(format!("the greeting ends with id {newest}, but {missed} was kept before"));
    }
    for received in view.events {
        if let ServerMessage::Normal { text, id, .. } = &received.message {
            newest += 1;
            if *id != Some(newest) {
                return Err(format!("id {id:?} where {newest} is due"));
            }
            message_is_true(received, text, (newest, view.greeted.ms), record)?;
        }
    }
    Ok(())
}

/// Checks that the page of a greeting is complete, except for messages that the store removed during the
/// read.
fn page_is_whole(view: &View<'_>, record: &RoomRecord, terms: Terms) -> Result<(), String> {
    let (newest, records) = (view.newest(), view.page.len() as u64);
    let page_max = terms.kept_max.min(HISTORY_PAGE_MESSAGES);
    let expected = newest.min(page_max);
    let kept = record.log.iter().filter(|kept| kept.kept < view.greeted).count() as u64;
    // Ids up to this one may be removed.
    let dropped = kept.saturating_sub(terms.kept_max);
    let is_whole =
        records == expected || (records < expected && newest - records <= dropped && records > 0);
    if is_whole {
        return Ok(());
    }
    Err(format!("the greeting has {records} records up to id {newest}"))
}

fn message_is_true(
    received: &Received,
    text: &str,
    (id, greeted_ms): (u64, u64),
    record: &RoomRecord,
) -> Result<(), String> {
    let kept = usize::try_from(id).ok().and_then(|id| record.log.get(id - 1));
    let kept = kept.ok_or_else(|| format!("the store never kept id {id}"))?;
    if kept.text != text || kept.from != received.from {
        return Err(format!("{} says {text:?} with id {id}, unlike the store", received.from));
    }
    if kept.kept >= received.written {
        return Err(format!("id {id} is delivered before it is kept"));
    }
    // The server's work takes no virtual time, so only the greeting may delay a message.
    match kept.answered {
        None => Err(format!("id {id} is delivered, though the room never knew that it is kept")),
        Some(answered)
            if received.is_prompt && answered.ms.max(greeted_ms) != received.written.ms =>
        {
            let late_ms = received.written.ms - answered.ms;
            Err(format!("id {id} is delivered {late_ms} ms late"))
        }
        Some(_) => Ok(()),
    }
}

/// Compares a page with the messages that were stored when it was written.
pub(super) fn page_is_true(
    page: &[Record],
    record: &RoomRecord,
    written: Moment,
) -> Result<(), String> {
    let Some(first) = page.first() else { return Ok(()) };
    let first = first.id.ok_or("a record without an id")?;
    for (id, told) in (first..).zip(page) {
        let kept = usize::try_from(id).ok().and_then(|id| record.log.get(id - 1));
        let is_true = kept.is_some_and(|kept| {
            told.id == Some(id)
                && told.payload == kept.text
                && told.from == kept.from
                && kept.kept < written
        });
        if !is_true {
            return Err(format!("a page has {told:?} where id {id} is due, unlike the store"));
        }
    }
    Ok(())
}
