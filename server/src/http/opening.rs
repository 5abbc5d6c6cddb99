//! The rooms, which are there only when the store is open. What comes before waits for a moment,
//! for a start takes well under a second, and is then sent away for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::ws::session::Sessions;

/// How long a client is kept waiting for the rooms.
const OPENING_WAIT: Duration = Duration::from_secs(2);

/// The rooms, for those who ask for them.
#[derive(Debug, Clone)]
pub struct Rooms(watch::Receiver<Option<Arc<Sessions>>>);

/// Opens the rooms, once.
#[derive(Debug)]
pub struct Opener(watch::Sender<Option<Arc<Sessions>>>);

impl Rooms {
    /// Rooms that are not open yet, and what opens them.
    #[must_use]
    pub fn closed() -> (Opener, Self) {
        let (sender, receiver) = watch::channel(None);
        (Opener(sender), Self(receiver))
    }

    /// The rooms. `None` when they do not open in time.
    pub(super) async fn opened(&self) -> Option<Arc<Sessions>> {
        let mut receiver = self.0.clone();
        let opening = timeout(OPENING_WAIT, receiver.wait_for(Option::is_some));
        opening.await.ok()?.ok()?.clone()
    }
}

impl Opener {
    /// Lets everybody in.
    pub fn open(self, sessions: Arc<Sessions>) {
        self.0.send_replace(Some(sessions));
    }
}
