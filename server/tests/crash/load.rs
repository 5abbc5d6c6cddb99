//! The state that the clients of a round share: the server's address, and the time of the kill.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::server::Victim;
use crate::support::soon;

/// The load on one server.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// The process to kill after the last delivery. `None` if the server gets a signal first.
    victim: Option<Victim>,
    deliveries: AtomicU32,
    /// Deliveries after which the round ends.
    deliveries_awaited: u32,
    moment: Semaphore,
    /// Clients that have ended with the server, one permit each.
    gone: Semaphore,
    /// Cancelled before the server is signalled or killed. Connections may only break after that.
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

    /// Counts a delivery. The client that counts the last one kills the server at once, so that the kill
    /// interrupts the server's work.
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

    /// Counts a client that has ended.
    pub(crate) fn has_gone(&self) {
        self.gone.add_permits(1);
    }

    /// Waits for the last delivery.
    pub(crate) async fn moment(&self) {
        let come = soon("the deliveries", self.moment.acquire()).await;
        come.expect("it is never closed").forget();
    }

    /// Waits until this many clients have ended.
    pub(crate) async fn gone(&self, clients: u32) {
        let gone = soon("the clients go", self.gone.acquire_many(clients)).await;
        gone.expect("it is never closed").forget();
    }
}
