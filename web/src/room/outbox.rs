//! The texts whose delivery is not confirmed, in the order in which they were typed.
//!
//! One text is in flight at a time, so the server's answer belongs to that text, and a lost
//! connection leaves at most one text unconfirmed. `search` looks for it in the history. It is sent
//! again only if the history certainly lacks it. Otherwise the person decides.

use std::collections::VecDeque;
use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::log::Log;
use crate::encoding::{decode_segment, encode};

/// The most automatic resends of a text, because a text that breaks each connection would be sent
/// forever.
const RESENDS_MAX: u8 = 3;

/// The id of an outbox entry within this page. The resulting message keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u64);

/// The progress of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The text waits for the connection or for earlier texts.
    Waiting,
    /// The text was handed to the socket.
    Sending,
    /// The connection closed, and it is unknown whether the server has the text.
    Unconfirmed,
}

/// The circumstances in which an entry was handed to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    by: Pid,
    /// The newest known message at that time. The text's id can only be greater.
    after: MessageId,
}

/// An outbox entry in the browser's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedEntry {
    text: Arc<str>,
    at: UnixMillis,
    sent: Option<Sent>,
    /// Whether another page may have sent the text or may still send it.
    is_unconfirmed: bool,
}

/// The last word of the line of an unconfirmed entry that this page did not send. Escaping never
/// produces it.
const UNCONFIRMED_MARK: &str = "%";

impl SavedEntry {
    /// Returns the entry as one line of words: the time, the text, the pid and message id of the
    /// sending if it was sent, and [`UNCONFIRMED_MARK`] if unconfirmed.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = format!("{} {}", self.at, escape(&self.text));
        if let Some(sent) = &self.sent {
            line.push_str(&format!(" {} {}", encode(sent.by.as_str()), sent.after));
        }
        if self.is_unconfirmed {
            line.push(' ');
            line.push_str(UNCONFIRMED_MARK);
        }
        line
    }

    /// Parses a line of [`SavedEntry::to_line`]. Returns `None` for any other line.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words: Vec<&str> = line.split(' ').collect();
        let is_unconfirmed = words.pop_if(|word| *word == UNCONFIRMED_MARK).is_some();
        let mut words = words.into_iter();
        let at = words.next()?.parse().ok()?;
        let text = decode_segment(words.next()?)?.into();
        let sent = match (words.next(), words.next()) {
            (Some(by), Some(after)) => {
                Some(Sent { by: Pid::from_wire(&decode_segment(by)?), after: after.parse().ok()? })
            }
            _ => None,
        };
        Some(Self { text, at, sent, is_unconfirmed })
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the text was handed to a socket.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Records that another page may have sent the text or may still send it. The person decides.
    pub fn mark_unconfirmed(&mut self) {
        self.is_unconfirmed = true;
    }
}

/// Escapes only the characters that would split a word, because the browser limits its storage by
/// characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '%' => out.push_str("%25"),
            ' ' => out.push_str("%20"),
            '\n' => out.push_str("%0A"),
            '\r' => out.push_str("%0D"),
            other => out.push(other),
        }
    }
    out
}

/// A text whose delivery is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id.
    pub local: LocalId,
    /// The text.
    pub text: Arc<str>,
    /// The time at which it was typed.
    pub at: UnixMillis,
    /// The progress.
    pub delivery: Delivery,
    sent: Option<Sent>,
    resends: u8,
}

/// The entries in the order in which they were typed.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: VecDeque<Entry>,
    last_local: u64,
}

impl Outbox {
    /// Returns the outbox that an earlier page has saved.
    #[must_use]
    pub fn restore(saved: Vec<SavedEntry>) -> Self {
        let mut outbox = Self::default();
        for SavedEntry { text, at, sent, is_unconfirmed } in saved {
            let local = outbox.push(text, at);
            if let Some(entry) = outbox.entry(local) {
                // A text that was sent stays in flight until the greeting decides.
                entry.delivery = match sent {
                    _ if is_unconfirmed => Delivery::Unconfirmed,
                    Some(_) => Delivery::Sending,
                    None => Delivery::Waiting,
                };
                entry.sent = sent;
            }
        }
        outbox
    }

    /// Returns the entries to save in the browser's storage.
    #[must_use]
    pub fn saved(&self) -> Vec<SavedEntry> {
        let save = |entry: &Entry| SavedEntry {
            text: entry.text.clone(),
            at: entry.at,
            sent: entry.sent.clone(),
            is_unconfirmed: entry.delivery == Delivery::Unconfirmed && entry.sent.is_none(),
        };
        self.entries.iter().map(save).collect()
    }

    /// Returns the entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Appends a text and returns its id.
    pub fn push(&mut self, text: Arc<str>, at: UnixMillis) -> LocalId {
        self.last_local += 1;
        let local = LocalId(self.last_local);
        let delivery = Delivery::Waiting;
        self.entries.push_back(Entry { local, text, at, delivery, sent: None, resends: 0 });
        local
    }

    /// Returns the oldest waiting entry, unless an entry is in flight.
    #[must_use]
    pub fn next(&self) -> Option<&Entry> {
        let in_flight = self.is_sending();
        self.entries.iter().find(|entry| !in_flight && entry.delivery == Delivery::Waiting)
    }

    /// Returns whether an entry is in flight.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.entries.iter().any(|entry| entry.delivery == Delivery::Sending)
    }

    /// Records that `local` was handed to the socket of member `by` when `after` was the newest
    /// message.
    pub fn mark_sent(&mut self, local: LocalId, by: Pid, after: MessageId) {
        if let Some(entry) = self.entry(local) {
            entry.delivery = Delivery::Sending;
            entry.sent = Some(Sent { by, after });
        }
    }

    /// Removes the entry that came back as a live message, and returns its id.
    pub fn confirm(&mut self, by: &Pid, text: &str) -> Option<LocalId> {
        let was_sent = |entry: &Entry| {
            entry.sent.as_ref().is_some_and(|sent| sent.by == *by) && *entry.text == *text
        };
        // An entry in flight takes precedence over an unconfirmed one with the same text.
        let is_under_way = |entry: &Entry| entry.delivery == Delivery::Sending && was_sent(entry);
        let mut entries = self.entries.iter();
        let index = entries.position(is_under_way);
        let index = index.or_else(|| self.entries.iter().position(was_sent))?;
        self.entries.remove(index).map(|entry| entry.local)
    }

    /// Removes the sent entries that the log has. Returns whether there were any.
    pub fn confirm_from_history(&mut self, log: &mut Log) -> bool {
        let mut found = Vec::new();
        self.entries.retain(|entry| {
            let Some(sent) = &entry.sent else { return true };
            let id = log.after(sent.after).find_map(|message| {
                let id = message.id?;
                let is_match = message.from == sent.by
                    && message.text == entry.text
                    && message.local.is_none()
                    && !found.iter().any(|(taken, _)| *taken == id);
                is_match.then_some(id)
            });
            if let Some(id) = id {
                found.push((id, entry.local));
            }
            id.is_none()
        });
        for (id, local) in &found {
            log.claim(*id, *local);
        }
        !found.is_empty()
    }

    /// Returns the newest message that was known when the entry in flight was sent. If an earlier page
    /// left several such entries, returns the oldest id.
    #[must_use]
    pub fn sent_after(&self) -> Option<MessageId> {
        let sending = self.entries.iter().filter(|entry| entry.delivery == Delivery::Sending);
        sending.filter_map(|entry| entry.sent.as_ref()).map(|sent| sent.after).min()
    }

    /// Extends the search for sent entries to all messages, because the epoch has changed.
    pub fn search_from_start(&mut self) {
        for sent in self.entries.iter_mut().filter_map(|entry| entry.sent.as_mut()) {
            sent.after = 0;
        }
    }

    /// Records that the server does not have the entries in flight. Each waits again at its position,
    /// or becomes unconfirmed after [`RESENDS_MAX`] resends.
    pub fn requeue_missing(&mut self) {
        for entry in &mut self.entries {
            if entry.delivery == Delivery::Sending {
                let is_spent = entry.resends >= RESENDS_MAX;
                entry.delivery = if is_spent { Delivery::Unconfirmed } else { Delivery::Waiting };
                entry.sent = entry.sent.take().filter(|_| is_spent);
                entry.resends += 1;
            }
        }
    }

    /// Marks the entries in flight as unconfirmed. The person decides.
    pub fn mark_unconfirmed(&mut self) {
        for entry in &mut self.entries {
            if entry.delivery == Delivery::Sending {
                entry.delivery = Delivery::Unconfirmed;
            }
        }
    }

    /// Removes the entry that the server refused, and the waiting ones if `with_waiting`. Returns
    /// their texts, joined by line breaks.
    pub fn take_refused(&mut self, with_waiting: bool) -> Option<Arc<str>> {
        let mut texts: Vec<Arc<str>> = Vec::new();
        self.entries.retain(|entry| {
            let is_refused = match entry.delivery {
                Delivery::Sending => true,
                Delivery::Waiting => with_waiting,
                Delivery::Unconfirmed => false,
            };
            if is_refused {
                texts.push(entry.text.clone());
            }
            !is_refused
        });
        (!texts.is_empty()).then(|| texts.join("\n").into())
    }

    /// Removes an entry and returns its text. Returns `None` if there is no such entry, or if it is
    /// in flight, because the server may have it already.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        let may_take = |entry: &Entry| entry.local == local && entry.delivery != Delivery::Sending;
        let index = self.entries.iter().position(may_take)?;
        self.entries.remove(index).map(|entry| entry.text)
    }

    /// Lets an unconfirmed entry wait for sending again, at its position.
    pub fn send_again(&mut self, local: LocalId) {
        if let Some(entry) = self.entry(local)
            && entry.delivery == Delivery::Unconfirmed
        {
            entry.delivery = Delivery::Waiting;
            entry.sent = None;
        }
    }

    fn entry(&mut self, local: LocalId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.local == local)
    }
}
