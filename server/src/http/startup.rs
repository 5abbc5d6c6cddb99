//! Access to the sessions during a start. Requests that arrive before the store is open wait for a
//! moment, because a start takes well under a second, and are then refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::session::Sessions;

/// Maximum time that a request waits for the store to open.
const STORE_OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the sessions once the store is open.
#[derive(Debug, Clone)]
pub struct SessionsHandle(watch::Receiver<Option<Arc<Sessions>>>);

/// Provides the sessions to a [`SessionsHandle`], once. If it is dropped, waiting requests are refused.
#[derive(Debug)]
pub struct StartupLatch(watch::Sender<Option<Arc<Sessions>>>);

impl SessionsHandle {
    /// Creates a handle without sessions, and its latch.
    #[must_use]
    pub fn new() -> (StartupLatch, Self) {
        let (sender, receiver) = watch::channel(None);
        (StartupLatch(sender), Self(receiver))
    }

    /// Waits for the sessions. Returns `None` after a time-out, or if the latch was dropped.
    pub(super) async fn ready(&self) -> Option<Arc<Sessions>> {
        let mut receiver = self.0.clone();
        let opening = timeout(STORE_OPEN_TIMEOUT, receiver.wait_for(Option::is_some));
        opening.await.ok()?.ok()?.clone()
    }
}

impl StartupLatch {
    /// Provides the sessions to all waiting and later requests.
    pub fn open(self, sessions: Arc<Sessions>) {
        self.0.send_replace(Some(sessions));
    }
}
