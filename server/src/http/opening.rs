//! The sessions, which exist once the store is open. Earlier requests wait a moment, because a start
//! takes well under a second, and are then refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::session::Sessions;

/// The longest wait for the store to open.
const OPENING_WAIT: Duration = Duration::from_secs(2);

/// Returns the sessions once the store is open.
#[derive(Debug, Clone)]
pub struct Rooms(watch::Receiver<Option<Arc<Sessions>>>);

/// Provides the sessions, once.
#[derive(Debug)]
pub struct Opener(watch::Sender<Option<Arc<Sessions>>>);

impl Rooms {
    /// Creates the two halves.
    #[must_use]
    pub fn closed() -> (Opener, Self) {
        let (sender, receiver) = watch::channel(None);
        (Opener(sender), Self(receiver))
    }

    /// Waits for the sessions. Returns `None` after a time-out.
    pub(super) async fn opened(&self) -> Option<Arc<Sessions>> {
        let mut receiver = self.0.clone();
        let opening = timeout(OPENING_WAIT, receiver.wait_for(Option::is_some));
        opening.await.ok()?.ok()?.clone()
    }
}

impl Opener {
    /// Provides the sessions to all who wait, and to later requests.
    pub fn open(self, sessions: Arc<Sessions>) {
        self.0.send_replace(Some(sessions));
    }
}
