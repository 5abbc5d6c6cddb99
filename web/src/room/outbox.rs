//! What was typed and is not known to be kept yet. Pure: it decides what may be sent and what
//! became of what was sent; the store carries it out.
//!
//! One message is under way at a time. Whatever the server answers then belongs to that message,
//! and a lost connection leaves at most one in doubt. Such a one is looked for in the history
//! (`search`) and sent again only where it is sure that it is not there; else a person decides.

use std::collections::VecDeque;
use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::log::Log;
use crate::encoding::{decode_segment, encode};

/// How often a message is sent again by itself. One that breaks each connection would go on for
/// ever.
const RESENDS_MAX: u8 = 3;

/// Names an entry of the outbox, and later the message that it became, within this page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u64);

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits for the connection, or for those before it.
    Waiting,
    /// It was handed to the socket.
    Sending,
    /// The connection was lost with it: nobody knows whether the server has it.
    Unconfirmed,
}

/// When and by whom an entry was handed to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    by: Pid,
    /// The newest message known then: ours can only come after it.
    after: MessageId,
}

/// One text on its way, as it is kept in browser storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedEntry {
    text: Arc<str>,
    at: UnixMillis,
    sent: Option<Sent>,
    /// Whether another page may have sent it, or may still.
    is_unconfirmed: bool,
}

/// The last word of a line whose text may have been sent by another page. No text is escaped so.
const UNCONFIRMED_MARK: &str = "%";

impl SavedEntry {
    /// Returns the entry as one line: when it was typed, the text, by whom and after which message
    /// it was sent, where it was, and whether it is in doubt.
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

    /// Reads what [`SavedEntry::to_line`] wrote.
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

    /// Whether it was handed to a socket, as far as is known.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Notes that another page may have sent this, or may still: a person decides.
    pub fn mark_unconfirmed(&mut self) {
        self.is_unconfirmed = true;
    }
}

/// Escapes what would break a line or a word of it; storage is counted in characters.
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

/// One text on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub local: LocalId,
    /// The text.
    pub text: Arc<str>,
    /// When it was typed.
    pub at: UnixMillis,
    /// How far it has come.
    pub delivery: Delivery,
    sent: Option<Sent>,
    resends: u8,
}

/// Everything on its way, in the order in which it was typed.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: VecDeque<Entry>,
    last_local: u64,
}

impl Outbox {
    /// Takes up what an earlier life of this page left behind.
    #[must_use]
    pub fn restore(saved: Vec<SavedEntry>) -> Self {
        let mut outbox = Self::default();
        for SavedEntry { text, at, sent, is_unconfirmed } in saved {
            let local = outbox.push(text, at);
            if let Some(entry) = outbox.entry(local) {
                // The greeting will tell; until then it is as it was.
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

    /// What to keep in browser storage.
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

    /// The entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Adds a text.
    pub fn push(&mut self, text: Arc<str>, at: UnixMillis) -> LocalId {
        self.last_local += 1;
        let local = LocalId(self.last_local);
        let delivery = Delivery::Waiting;
        self.entries.push_back(Entry { local, text, at, delivery, sent: None, resends: 0 });
        local
    }

    /// The entry that may be sent now: the oldest that waits, when none is under way.
    #[must_use]
    pub fn next(&self) -> Option<&Entry> {
        let under_way = self.is_sending();
        self.entries.iter().find(|entry| !under_way && entry.delivery == Delivery::Waiting)
    }

    /// Whether an entry is under way.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.entries.iter().any(|entry| entry.delivery == Delivery::Sending)
    }

    /// Notes that `local` was handed to the socket of `by` when `after` was the newest message.
    pub fn mark_sent(&mut self, local: LocalId, by: Pid, after: MessageId) {
        if let Some(entry) = self.entry(local) {
            entry.delivery = Delivery::Sending;
            entry.sent = Some(Sent { by, after });
        }
    }

    /// Our own words came back live: names the entry that they were.
    pub fn confirm(&mut self, by: &Pid, text: &str) -> Option<LocalId> {
        let was_this = |entry: &Entry| {
            entry.sent.as_ref().is_some_and(|sent| sent.by == *by) && *entry.text == *text
        };
        // One that is under way before one of the same words that is in doubt.
        let is_under_way = |entry: &Entry| entry.delivery == Delivery::Sending && was_this(entry);
        let mut entries = self.entries.iter();
        let place = entries.position(is_under_way);
        let place = place.or_else(|| self.entries.iter().position(was_this))?;
        self.entries.remove(place).map(|entry| entry.local)
    }

    /// Looks in the log for what was sent and settles what is there.
    pub fn confirm_from_history(&mut self, log: &mut Log) -> bool {
        let mut found = Vec::new();
        self.entries.retain(|entry| {
            let Some(sent) = &entry.sent else { return true };
            let id = log.after(sent.after).find_map(|message| {
                let id = message.id?;
                let is_it = message.from == sent.by
                    && message.text == entry.text
                    && message.local.is_none()
                    && !found.iter().any(|(taken, _)| *taken == id);
                is_it.then_some(id)
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

    /// The newest message that was known when what is under way was sent: the first of it, where a
    /// reload took up several.
    #[must_use]
    pub fn sent_after(&self) -> Option<MessageId> {
        let sending = self.entries.iter().filter(|entry| entry.delivery == Delivery::Sending);
        sending.filter_map(|entry| entry.sent.as_ref()).map(|sent| sent.after).min()
    }

    /// Ids count something else now: what is under way may stand anywhere among the messages.
    pub fn search_from_start(&mut self) {
        for sent in self.entries.iter_mut().filter_map(|entry| entry.sent.as_mut()) {
            sent.after = 0;
        }
    }

    /// The server does not have what is under way: it waits once more, in its place.
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

    /// What is still under way will not be answered: a person has to decide.
    pub fn mark_unconfirmed(&mut self) {
        for entry in &mut self.entries {
            if entry.delivery == Delivery::Sending {
                entry.delivery = Delivery::Unconfirmed;
            }
        }
    }

    /// The server refused what is under way: takes it out, and `with_those_waiting` what was to
    /// follow it, for the person to have back as one text.
    pub fn take_refused(&mut self, with_those_waiting: bool) -> Option<Arc<str>> {
        let mut texts: Vec<Arc<str>> = Vec::new();
        self.entries.retain(|entry| {
            let is_refused = match entry.delivery {
                Delivery::Sending => true,
                Delivery::Waiting => with_those_waiting,
                Delivery::Unconfirmed => false,
            };
            if is_refused {
                texts.push(entry.text.clone());
            }
            !is_refused
        });
        (!texts.is_empty()).then(|| texts.join("\n").into())
    }

    /// Takes an entry out. Returns `None` where there is no such entry, and where it is under way:
    /// it may be kept by the server already.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        let is_it = |entry: &Entry| entry.local == local && entry.delivery != Delivery::Sending;
        let place = self.entries.iter().position(is_it)?;
        self.entries.remove(place).map(|entry| entry.text)
    }

    /// A person wants an entry that is in doubt sent again: it waits once more, in its place.
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
