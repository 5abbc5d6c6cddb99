//! The thread that writes: one transaction for whatever waits.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};
use xmeet_shared::{MessageId, RoomId};

use crate::history::HistoryError;
use crate::room::Message;

/// Appends that go into one transaction at most.
const BATCH_APPENDS_MAX: usize = 1024;

/// Old messages that one append removes beyond as many as it adds. It bounds how long a lowered
/// limit on the history can hold up the writer.
const TRIM_EXTRA_MESSAGES: u64 = 256;

/// Messages to keep, and where to say so.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) room: RoomId,
    pub(super) messages: Vec<Arc<Message>>,
    pub(super) answer: oneshot::Sender<Result<MessageId, HistoryError>>,
}

/// What the writer is sent.
#[derive(Debug)]
pub(super) enum Job {
    Append(Append),
    /// Write what came before this, and end.
    Stop,
}

/// Runs until it is told to stop, and everything that was sent before is written.
pub(super) fn run(mut connection: Connection, mut queue: mpsc::Receiver<Job>, kept_max: u64) {
    let mut jobs = Vec::new();
    let mut batch = Vec::new();
    let mut goes_on = true;
    while goes_on && queue.blocking_recv_many(&mut jobs, BATCH_APPENDS_MAX) > 0 {
        for job in jobs.drain(..) {
            match job {
                Job::Append(append) => batch.push(append),
                Job::Stop => goes_on = false,
            }
        }
        if batch.is_empty() {
            continue;
        }
        match commit(&mut connection, &batch, kept_max) {
            Ok(firsts) => {
                for (append, first) in batch.drain(..).zip(firsts) {
                    // A room that does not wait any more has lost nothing: the message is kept.
                    let _ = append.answer.send(Ok(first));
                }
            }
            // What stops one append, a lock or a full disk, stops them all: each is told now,
            // rather than tried by itself while the others wait.
            Err(error) => {
                tracing::error!(%error, "messages could not be stored");
                for append in batch.drain(..) {
                    let _ = append.answer.send(Err(HistoryError::Storage(error.to_string())));
                }
            }
        }
    }
    // Leaves one file behind instead of three, unless somebody reads it: the next start would do
    // the same.
    let checkpoint = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    if let Err(error) = checkpoint {
        tracing::debug!(%error, "the last checkpoint was left to the next start");
    }
}

fn commit(
    connection: &mut Connection,
    batch: &[Append],
    kept_max: u64,
) -> rusqlite::Result<Vec<MessageId>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let firsts = batch
        .iter()
        .map(|append| insert(&transaction, append, kept_max))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    transaction.commit()?;
    Ok(firsts)
}

fn insert(
    transaction: &Transaction<'_>,
    append: &Append,
    kept_max: u64,
) -> rusqlite::Result<MessageId> {
    let count = append.messages.len() as u64;
    let (room, oldest, newest): (i64, u64, u64) = transaction
        .prepare_cached(
            "INSERT INTO room (name, oldest, newest) VALUES (?1, 1, ?2)
             ON CONFLICT (name) DO UPDATE SET newest = newest + ?2
             RETURNING id, oldest, newest",
        )?
        .query_row(params![append.room.as_str(), count], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let first = newest + 1 - count;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO message (room, id, ts, pid, nickname, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (id, message) in (first..).zip(&append.messages) {
        let Message { from, nickname, text, ts } = &**message;
        insert.execute(params![room, id, ts, from.as_str(), nickname.as_str(), text])?;
    }
    trim(transaction, room, oldest..newest, count, kept_max)?;
    Ok(first)
}

/// Removes messages that are no longer kept, a few at a time.
fn trim(
    transaction: &Transaction<'_>,
    room: i64,
    held: std::ops::Range<MessageId>,
    added: u64,
    kept_max: u64,
) -> rusqlite::Result<()> {
    let wanted = (held.end + 1).saturating_sub(kept_max);
    let cut = wanted.min(held.start + added + TRIM_EXTRA_MESSAGES);
    if cut <= held.start {
        return Ok(());
    }
    transaction
        .prepare_cached("DELETE FROM message WHERE room = ?1 AND id < ?2")?
        .execute(params![room, cut])?;
    transaction
        .prepare_cached("UPDATE room SET oldest = ?2 WHERE id = ?1")?
        .execute(params![room, cut])?;
    Ok(())
}
