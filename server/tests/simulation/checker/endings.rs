//! Checks that each connection ended for a valid reason.

use super::view::TRY_AGAIN_LATER;
use crate::journal::{Command, End, Journal, RoomRecord, Terms};

/// The close code of a taken-over connection.
pub(super) const TAKEN_OVER: u16 = 4001;

/// Silence after which the server closes a client, in virtual milliseconds. While a session waits for a
/// page it reads nothing, not even the answer to a ping.
const SILENCE_MS_MAX: u64 = 35_000;

pub(super) fn check(
    journal: &Journal,
    record: Option<&RoomRecord>,
    terms: Terms,
) -> Result<(), String> {
    if let Some(garbage) = &journal.garbage {
        return Err(garbage.clone());
    }
    let has_said = |code| journal.sent.iter().any(|sent| sent.what == Command::Goodbye(code));
    match journal.end {
        // The server does not wait until a client reads its Close frame.
        End::Cut if journal.has_stalled || journal.was_full => Ok(()),
        End::Cut => Err("the server goes without a Close frame".to_owned()),
        End::Open if journal.hung_up.is_none() => Err("it never ends".to_owned()),
        End::Open => Ok(()),
        End::Closed(Some(TRY_AGAIN_LATER)) => {
            let has_cause = journal.was_full
                || journal.has_stalled
                || terms.slack_ms > SILENCE_MS_MAX
                || record.is_some_and(|record| was_withheld_too_much(journal, record))
                || record.is_some_and(|record| {
                    let failures = record.page_panics + record.page_failures + record.load_failures;
                    !record.panics.is_empty() || failures > 0
                });
            if has_cause { Ok(()) } else { Err("closed with 1013 for no reason".to_owned()) }
        }
        // `resume` checks these.
        End::Closed(Some(TAKEN_OVER)) => Ok(()),
        End::Closed(code) if has_said(code) => Ok(()),
        End::Closed(code) => Err(format!("closed with {code:?} without a cause")),
    }
}

/// Returns whether the room may have exceeded the bound of the outbox while the store read the page of the
/// greeting.
fn was_withheld_too_much(journal: &Journal, record: &RoomRecord) -> bool {
    let goes_on = |answered| answered > journal.opened;
    journal.received.is_empty() && record.log.iter().filter_map(|kept| kept.answered).any(goes_on)
}
