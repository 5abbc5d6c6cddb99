//! Admits connections and rooms within the limits of the server and of each address.
//!
//! A connection counts from the moment it is accepted, whether or not it sends a request. Behind a
//! trusted proxy the client's address is known only from the request, and counts from there.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::addresses::{AddressLimits, Addresses, Excess};
use super::counters::{LimitCounters, LimitKind};
use super::forwarded::Proxies;
use super::log::LimitLog;
use super::network::{AddressKey, Peer};
use super::ns_since;

/// The time between two removals of unneeded entries from the table of addresses.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);

const SECOND_NS: u64 = 1_000_000_000;

/// The limits of admission.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// Connections in all.
    pub connections_max: usize,
    /// Rooms in memory.
    pub rooms_max: usize,
    /// The limits of each address; `None` if addresses do not count.
    pub address: Option<AddressLimits>,
}

/// The limit that a connection or a room has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionError {
    /// Connections of the server.
    Connections,
    /// Rooms in memory.
    Rooms,
    /// Connections of the address.
    AddressConnections,
    /// New connections of the address.
    AddressConnects {
        /// The time until the next is allowed, in seconds.
        retry_after_seconds: u64,
    },
    /// New rooms of the address.
    AddressRooms {
        /// The time until the next is allowed, in seconds.
        retry_after_seconds: u64,
    },
}

impl AdmissionError {
    /// Returns the limit's kind for metrics and the log.
    #[must_use]
    pub fn kind(self) -> LimitKind {
        match self {
            Self::Connections => LimitKind::Connections,
            Self::Rooms => LimitKind::Rooms,
            Self::AddressConnections => LimitKind::AddressConnections,
            Self::AddressConnects { .. } => LimitKind::AddressConnects,
            Self::AddressRooms { .. } => LimitKind::AddressRooms,
        }
    }
}

/// Decides which connections and rooms are admitted. Shared by all listeners.
#[derive(Debug)]
pub struct Admission {
    limits: AdmissionLimits,
    proxies: Proxies,
    addresses: Option<Mutex<Addresses>>,
    connections: AtomicUsize,
    counters: Arc<LimitCounters>,
    started: Instant,
    log: LimitLog,
}

/// The permit of an admitted connection or WebSocket. When the permit is dropped, the connection no longer
/// counts.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<Admission>,
    address: Option<AddressKey>,
    /// The permit of the proxy's connection that carries this client.
    parent: Option<Arc<ConnectionPermit>>,
}

impl Admission {
    /// Creates an admission without connections.
    #[must_use]
    pub fn new(
        limits: AdmissionLimits,
        proxies: Proxies,
        counters: Arc<LimitCounters>,
        logs_addresses: bool,
    ) -> Self {
        Self {
            limits,
            proxies,
            addresses: limits.address.map(|limits| Mutex::new(Addresses::new(limits))),
            connections: AtomicUsize::new(0),
            counters,
            started: Instant::now(),
            log: LimitLog::new(logs_addresses),
        }
    }

    /// Admits a connection.
    ///
    /// # Errors
    /// [`AdmissionError`]. The caller either answers a health check or calls [`Self::record_refusal`], which
    /// counts and logs the refusal.
    pub fn admit(self: &Arc<Self>, peer: Peer) -> Result<Arc<ConnectionPermit>, AdmissionError> {
        let mut permit =
            ConnectionPermit { admission: Arc::clone(self), address: None, parent: None };
        if self.connections.fetch_add(1, Ordering::Relaxed) >= self.limits.connections_max {
            return Err(AdmissionError::Connections);
        }
        // A trusted proxy does not count: each of its clients counts when it opens a WebSocket.
        if let (false, Peer::Tcp(address)) = (self.proxies.is_trusted(peer), peer) {
            permit.address = self.connect(address.into())?;
        }
        Ok(Arc::new(permit))
    }

    /// Admits a WebSocket on an admitted connection. Behind a trusted proxy this counts for the client.
    ///
    /// # Errors
    /// [`AdmissionError`], for a client of a proxy.
    pub fn admit_socket(
        self: &Arc<Self>,
        peer: Peer,
        headers: &HeaderMap,
        permit: &Arc<ConnectionPermit>,
    ) -> Result<Arc<ConnectionPermit>, AdmissionError> {
        if self.addresses.is_none() || !self.proxies.is_trusted(peer) {
            return Ok(Arc::clone(permit));
        }
        let address = self.proxies.client(peer, headers);
        if address.is_none_or(|address| self.proxies.contains(address)) {
            self.log.warn_unnamed(peer, self.proxies.header(), self.now_ns());
        }
        let address = address.map_or(AddressKey::Unnamed, AddressKey::from);
        let connected = self.connect(address);
        let address = connected.map_err(|denial| self.deny(denial, Some(address)))?;
        let parent = Some(Arc::clone(permit));
        Ok(Arc::new(ConnectionPermit { admission: Arc::clone(self), address, parent }))
    }

    /// Counts and logs a connection that was refused.
    pub fn record_refusal(&self, peer: Peer, denial: AdmissionError) {
        self.deny(denial, Some(AddressKey::from(peer)));
    }

    /// Admits a room that is not in memory, for the client with this permit.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub fn admit_room(
        &self,
        permit: &ConnectionPermit,
        rooms_in_memory: usize,
    ) -> Result<(), AdmissionError> {
        if rooms_in_memory >= self.limits.rooms_max {
            return Err(self.deny(AdmissionError::Rooms, permit.address));
        }
        let (Some(mut addresses), Some(address)) = (self.addresses(), permit.address) else {
            return Ok(());
        };
        let opened = addresses.open_room(address, self.now_ns());
        drop(addresses);
        opened.map_err(|wait_ns| {
            let retry_after_seconds = wait_ns.div_ceil(SECOND_NS);
            self.deny(AdmissionError::AddressRooms { retry_after_seconds }, Some(address))
        })
    }

    /// Counts a request that has the proxies' header and is not from a trusted proxy, and warns.
    pub fn inspect_forwarding(&self, peer: Peer, headers: &HeaderMap) {
        if self.proxies.names_client(headers) && !self.proxies.is_trusted(peer) {
            self.counters.count(LimitKind::ForgedAddress);
            self.log.warn_forged(peer, self.proxies.header(), self.now_ns());
        }
    }

    /// Returns the client's address for the log. Returns `None` if it is unknown or addresses are not
    /// logged.
    #[must_use]
    pub fn address_for_log(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        self.proxies.client(peer, headers).filter(|_| self.log.logs_addresses)
    }

    /// Counts a request that was not complete in time.
    pub fn record_request_timeout(&self) {
        self.counters.count(LimitKind::RequestTime);
    }

    /// Returns the number of admitted connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns the number of addresses in the table.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.addresses().map_or(0, |addresses| addresses.len())
    }

    /// Removes unneeded entries from the table of addresses every [`EXPIRE_EVERY`]. Never returns.
    pub async fn expire_regularly(&self) {
        let mut due = tokio::time::interval(EXPIRE_EVERY);
        loop {
            due.tick().await;
            if let Some(mut addresses) = self.addresses() {
                addresses.expire(self.now_ns());
            }
        }
    }

    /// Counts a new connection of an address. Returns the address if addresses count.
    fn connect(&self, address: AddressKey) -> Result<Option<AddressKey>, AdmissionError> {
        let Some(mut addresses) = self.addresses() else { return Ok(None) };
        let connected = addresses.connect(address, self.now_ns());
        drop(addresses);
        match connected {
            Ok(()) => Ok(Some(address)),
            Err(Excess::Connections) => Err(AdmissionError::AddressConnections),
            Err(Excess::Connects(wait_ns)) => {
                let retry_after_seconds = wait_ns.div_ceil(SECOND_NS);
                Err(AdmissionError::AddressConnects { retry_after_seconds })
            }
        }
    }

    /// Counts and logs a refusal, and returns it.
    fn deny(&self, denial: AdmissionError, client: Option<AddressKey>) -> AdmissionError {
        self.record(denial.kind(), client);
        denial
    }

    /// Counts and logs that a client was refused by this limit.
    fn record(&self, limit: LimitKind, client: Option<AddressKey>) {
        self.counters.count(limit);
        self.log.record_refusal(limit, client, self.now_ns());
    }

    fn addresses(&self) -> Option<MutexGuard<'_, Addresses>> {
        let addresses = self.addresses.as_ref()?;
        Some(addresses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now_ns(&self) -> u64 {
        ns_since(self.started)
    }
}

impl ConnectionPermit {
    /// Returns the address that the connection counts for, if addresses count.
    #[must_use]
    pub fn address(&self) -> Option<AddressKey> {
        self.address
    }

    /// Returns whether the client may receive a long greeting now.
    #[must_use]
    pub fn may_be_greeted(&self) -> bool {
        self.ask_for_greeting(|addresses, address, now_ns| {
            addresses.may_be_greeted(address, now_ns)
        })
    }

    /// Charges for a long greeting of so many bytes. Returns whether it was allowed.
    #[must_use]
    pub fn take_greeting(&self, bytes: usize) -> bool {
        self.ask_for_greeting(|addresses, address, now_ns| {
            addresses.take_greeting(address, bytes as u64, now_ns)
        })
    }

    /// Asks the table of addresses about a long greeting, and counts and logs a refusal. `ask` takes the
    /// table, the client's address and the time in nanoseconds. Without an address the greeting is allowed.
    fn ask_for_greeting(&self, ask: impl FnOnce(&mut Addresses, AddressKey, u64) -> bool) -> bool {
        let (Some(address), Some(mut addresses)) = (self.address, self.admission.addresses())
        else {
            return true;
        };
        let is_allowed = ask(&mut addresses, address, self.admission.now_ns());
        drop(addresses);
        if !is_allowed {
            self.admission.record(LimitKind::AddressGreetings, Some(address));
        }
        is_allowed
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if self.parent.is_none() {
            self.admission.connections.fetch_sub(1, Ordering::Relaxed);
        }
        if let (Some(address), Some(mut addresses)) = (self.address, self.admission.addresses()) {
            addresses.disconnect(address);
        }
    }
}

#[cfg(test)]
#[path = "admission_test.rs"]
mod tests;
