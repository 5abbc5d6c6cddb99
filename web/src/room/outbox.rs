//! The texts whose delivery is not confirmed, in the order in which they were typed.
//!
//! One text is in flight at a time, so the server's answer belongs to that text, and a lost
//! connection leaves at most one text unconfirmed. `search` looks for that text in the history. If
//! the history certainly lacks the text, it is sent again. If that is unknown, the person decides.

use std::collections::VecDeque;
use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::log::Log;
use crate::encoding::{decode_segment, encode};

/// The most automatic resends of a text. Without a limit, a text that breaks each connection would
/// be sent forever.
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

/// When and by whom an entry was handed to a socket. Both help to find the text in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    /// The own member id on that connection.
    by: Pid,
    /// The newest known message at that time. The id of the text can only be greater.
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

/// The last word of a saved line if the entry is unconfirmed. Escaped texts never equal this mark.
const UNCONFIRMED_MARK: &str = "%";

impl SavedEntry {
    /// Returns the entry as a line of words that spaces separate:
    ///
    /// 1. the time and the text;
    /// 2. if the text was sent: the sender's pid, and the newest message id at that time;
    /// 3. if the entry is unconfirmed: [`UNCONFIRMED_MARK`].
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
        let at = words.first()?.parse().ok()?;
        let text = decode_segment(words.get(1)?)?.into();
        let sent = match words.get(2..4) {
            Some([by, after]) => {
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

    /// Records that another page may have sent the text or may still send it. The person decides
    /// whether to send it again.
    pub fn mark_unconfirmed(&mut self) {
        self.is_unconfirmed = true;
    }
}

/// Escapes `%` and the characters that would split a word or a line. All other characters stay, so
/// that a text takes little of the browser's limited storage.
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
    /// Returns an outbox with the entries that an earlier page has saved.
    #[must_use]
    pub fn restore(saved: Vec<SavedEntry>) -> Self {
        let mut outbox = Self::default();
        for SavedEntry { text, at, sent, is_unconfirmed } in saved {
            let local = outbox.push(text, at);
            if let Some(entry) = outbox.entry(local) {
                entry.delivery = if is_unconfirmed {
                    Delivery::Unconfirmed
                } else if sent.is_some() {
                    // The next greeting shows whether the server has the text.
                    Delivery::Sending
                } else {
                    Delivery::Waiting
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

    /// Returns the oldest waiting entry. Returns `None` while an entry is in flight.
    #[must_use]
    pub fn next_to_send(&self) -> Option<&Entry> {
        if self.is_sending() {
            return None;
        }
        self.entries.iter().find(|entry| entry.delivery == Delivery::Waiting)
    }

    /// Returns whether an entry is in flight.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.entries.iter().any(|entry| entry.delivery == Delivery::Sending)
    }

    /// Records that the entry `local` was handed to the socket. `by` is the own member id on that
    /// connection, and `after` the newest message at that time.
    pub fn mark_sent(&mut self, local: LocalId, by: Pid, after: MessageId) {
        if let Some(entry) = self.entry(local) {
            entry.delivery = Delivery::Sending;
            entry.sent = Some(Sent { by, after });
        }
    }

    /// Removes the entry that came back as a live message of member `by` with this text. Returns
    /// the id of the entry.
    pub fn confirm(&mut self, by: &Pid, text: &str) -> Option<LocalId> {
        let was_sent = |entry: &Entry| match &entry.sent {
            Some(sent) => sent.by == *by && *entry.text == *text,
            None => false,
        };
        // An entry in flight takes precedence over an unconfirmed entry with the same text.
        let is_in_flight = |entry: &Entry| entry.delivery == Delivery::Sending && was_sent(entry);
        let in_flight = self.entries.iter().position(is_in_flight);
        let index = in_flight.or_else(|| self.entries.iter().position(was_sent))?;
        self.entries.remove(index).map(|entry| entry.local)
    }

    /// Removes the sent entries that are in the log. Gives each found message the id of its entry.
    /// Returns whether any entry was found.
    pub fn confirm_from_history(&mut self, log: &mut Log) -> bool {
        let count_before = self.entries.len();
        self.entries.retain(|entry| {
            let Some(sent) = &entry.sent else { return true };
            // A message with an outbox id already belongs to another entry.
            let found = log.messages_after(sent.after).find(|message| {
                message.from == sent.by && message.text == entry.text && message.local.is_none()
            });
            let Some(id) = found.and_then(|message| message.id) else { return true };
            log.set_local_id(id, entry.local);
            false
        });
        self.entries.len() < count_before
    }

    /// Returns the message that was the newest known one when the entry in flight was sent. If an
    /// earlier page left several entries in flight, returns the oldest of these messages.
    #[must_use]
    pub fn sent_after(&self) -> Option<MessageId> {
        let in_flight = self.entries.iter().filter(|entry| entry.delivery == Delivery::Sending);
        in_flight.filter_map(|entry| entry.sent.as_ref()).map(|sent| sent.after).min()
    }

    /// Lets later searches for sent entries begin at the first message. Needed after a change of
    /// the epoch, because the known ids belong to the earlier epoch.
    pub fn search_from_start(&mut self) {
        for sent in self.entries.iter_mut().filter_map(|entry| entry.sent.as_mut()) {
            sent.after = 0;
        }
    }

    /// Records that the server does not have the entries in flight. Each entry waits for sending
    /// again, at its position. After [`RESENDS_MAX`] resends it becomes unconfirmed instead.
    pub fn requeue_missing(&mut self) {
        for entry in &mut self.entries {
            if entry.delivery != Delivery::Sending {
                continue;
            }
            if entry.resends >= RESENDS_MAX {
                entry.delivery = Delivery::Unconfirmed;
            } else {
                entry.delivery = Delivery::Waiting;
                entry.sent = None;
            }
            entry.resends += 1;
        }
    }

    /// Marks the entries in flight as unconfirmed. The person decides whether to send them again.
    pub fn mark_unconfirmed(&mut self) {
        for entry in &mut self.entries {
            if entry.delivery == Delivery::Sending {
                entry.delivery = Delivery::Unconfirmed;
            }
        }
    }

    /// Removes the entry in flight, which the server refused, and returns its text.
    pub fn take_refused(&mut self) -> Option<Arc<str>> {
        self.take_by_delivery(&[Delivery::Sending])
    }

    /// Removes the entry in flight, which the server refused, and all waiting entries. Returns the
    /// texts of these entries, joined by line breaks.
    pub fn take_refused_and_waiting(&mut self) -> Option<Arc<str>> {
        self.take_by_delivery(&[Delivery::Sending, Delivery::Waiting])
    }

    /// Removes the entries with one of these states. Returns the texts of these entries, joined by
    /// line breaks, or `None` if there are no such entries.
    fn take_by_delivery(&mut self, deliveries: &[Delivery]) -> Option<Arc<str>> {
        let mut texts: Vec<Arc<str>> = Vec::new();
        self.entries.retain(|entry| {
            let is_taken = deliveries.contains(&entry.delivery);
            if is_taken {
                texts.push(entry.text.clone());
            }
            !is_taken
        });
        if texts.is_empty() { None } else { Some(texts.join("\n").into()) }
    }

    /// Removes an entry and returns its text. Returns `None` if there is no such entry, or if it is
    /// in flight, because the server may have it already.
    pub fn take_back(&mut self, local: LocalId) -> Option<Arc<str>> {
        let may_take = |entry: &Entry| entry.local == local && entry.delivery != Delivery::Sending;
        let index = self.entries.iter().position(may_take)?;
        self.entries.remove(index).map(|entry| entry.text)
    }

    /// Queues an unconfirmed entry for sending again, at its position.
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
