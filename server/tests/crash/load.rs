//! What the clients of a round share: where the server is, and the moment at which it is killed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::server::Victim;
use crate::support::soon;

/// The load on one server.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// Whom to kill when the moment has come. Nobody, where the server is asked to end first.
    victim: Option<Victim>,
    deliveries: AtomicU32,
    /// The moment has come when so many messages have reached somebody live.
    deliveries_awaited: u32,
    moment: Semaphore,
    /// Clients that have gone for good, for the server has: one place each.
    gone: Semaphore,
    /// Set before the server is told to end or killed. Only from then on may connections break.
    pub(crate) over: CancellationToken,
}

impl Load {
    pub(crate) fn new(
        address: SocketAddr,
        deliveries_awaited: u32,
        victim: Option<Victim>,
    ) -> Self {
        let (moment, gone) = (Semaphore::new(0), Semaphore::new(0));
        let (deliveries, over) = (AtomicU32::new(0), CancellationToken::new());
        Self { address, victim, deliveries, deliveries_awaited, moment, gone, over }
    }

    /// Counts a message that reached somebody. Whoever counts the last kills the server: nothing
    /// is quicker, and what the server has begun by then it does not end.
    pub(crate) fn delivered(&self) {
        let before = self.deliveries.fetch_add(1, Ordering::Relaxed);
        if before + 1 == self.deliveries_awaited {
            if let Some(victim) = &self.victim {
                self.over.cancel();
                victim.kill();
            }
            self.moment.add_permits(1);
        }
    }

    /// Counts a client that does not come back.
    pub(crate) fn has_gone(&self) {
        self.gone.add_permits(1);
    }

    /// Waits for the moment.
    pub(crate) async fn moment(&self) {
        let come = soon("the deliveries", self.moment.acquire()).await;
        come.expect("it is never closed").forget();
    }

    /// Waits until so many clients have gone.
    pub(crate) async fn gone(&self, clients: u32) {
        let gone = soon("the clients go", self.gone.acquire_many(clients)).await;
        gone.expect("it is never closed").forget();
    }
}
