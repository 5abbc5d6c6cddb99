//! Who may come in: counts connections, by address and in all, and rooms.
//!
//! A connection is counted from the moment it is taken, whether or not it ever sends a request. The
//! address of one that a trusted proxy forwards is known only from its request: it is counted there.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::addresses::{AddressLimits, Addresses, Excess};
use super::forwarded::{self, Proxies};
use super::hits::{Hits, LimitKind};
use super::network::{AddressKey, Peer};
use super::notices::Notices;
use super::ns_since;

/// How often addresses are looked through for those that can be forgotten.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);

const SECOND_NS: u64 = 1_000_000_000;

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub struct GateLimits {
    /// Connections in all.
    pub connections_max: usize,
    /// Rooms in memory.
    pub rooms_max: usize,
    /// For each address; `None` where addresses do not matter.
    pub address: Option<AddressLimits>,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// There are as many connections as there may be.
    Connections,
    /// There are as many rooms as there may be.
    Rooms,
    /// The address has as many connections as it may have.
    AddressConnections,
    /// The address connects too often.
    AddressConnects {
        /// When it may again, in seconds.
        retry_after_seconds: u64,
    },
    /// The address opens too many rooms.
    AddressRooms {
        /// When it may again, in seconds.
        retry_after_seconds: u64,
    },
}

impl Denial {
    /// Which limit it is.
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

/// The gate. Shared by all who let somebody in.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    proxies: Proxies,
    addresses: Option<Mutex<Addresses>>,
    connections: AtomicUsize,
    hits: Arc<Hits>,
    started: Instant,
    notices: Notices,
}

/// The place that a connection takes, until it is dropped.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    address: Option<AddressKey>,
    /// The place of the connection that this one is forwarded on.
    below: Option<Arc<Place>>,
}

impl Gate {
    /// A gate that nobody has come through yet. `logs_addresses` says whether the log may tell where
    /// clients are.
    #[must_use]
    pub fn new(
        limits: GateLimits,
        proxies: Proxies,
        hits: Arc<Hits>,
        logs_addresses: bool,
    ) -> Self {
        Self {
            limits,
            proxies,
            addresses: limits.address.map(|limits| Mutex::new(Addresses::new(limits))),
            connections: AtomicUsize::new(0),
            hits,
            started: Instant::now(),
            notices: Notices::new(logs_addresses),
        }
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// [`Denial`]. It counts only when [`Self::refused`] says so: whoever asks how the server is may be
    /// answered all the same.
    pub fn admit(self: &Arc<Self>, peer: Peer) -> Result<Arc<Place>, Denial> {
        let mut place = Place { gate: Arc::clone(self), address: None, below: None };
        if self.connections.fetch_add(1, Ordering::Relaxed) >= self.limits.connections_max {
            return Err(Denial::Connections);
        }
        // Of a proxy it is the clients who count.
        if let (false, Peer::Tcp(address)) = (self.proxies.trust(peer), peer) {
            place.address = self.connect(address.into())?;
        }
        Ok(Arc::new(place))
    }

    /// Takes a WebSocket on a connection that has its place.
    ///
    /// # Errors
    /// [`Denial`], for a client of a proxy.
    pub fn admit_socket(
        self: &Arc<Self>,
        peer: Peer,
        headers: &HeaderMap,
        place: &Arc<Place>,
    ) -> Result<Arc<Place>, Denial> {
        if self.addresses.is_none() || !self.proxies.trust(peer) {
            return Ok(Arc::clone(place));
        }
        let address = self.proxies.client(peer, headers);
        if address.is_none_or(|address| self.proxies.has(address)) {
            self.notices.unnamed(peer, self.now_ns());
        }
        let address = address.map_or(AddressKey::Unnamed, AddressKey::from);
        let connected = self.connect(address);
        let address = connected.map_err(|denial| self.deny(denial, Some(address)))?;
        let below = Some(Arc::clone(place));
        Ok(Arc::new(Place { gate: Arc::clone(self), address, below }))
    }

    /// Counts a connection that was not taken and was told so, or cut off.
    pub fn refused(&self, peer: Peer, denial: Denial) {
        self.deny(denial, Some(AddressKey::from(peer)));
    }

    /// Takes a room that is not in memory, for somebody with this place.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn admit_room(&self, place: &Place, rooms_in_memory: usize) -> Result<(), Denial> {
        if rooms_in_memory >= self.limits.rooms_max {
            return Err(self.deny(Denial::Rooms, place.address));
        }
        let (Some(mut addresses), Some(address)) = (self.addresses(), place.address) else {
            return Ok(());
        };
        let opened = addresses.open_room(address, self.now_ns());
        drop(addresses);
        opened.map_err(|wait_ns| {
            let retry_after_seconds = wait_ns.div_ceil(SECOND_NS);
            self.deny(Denial::AddressRooms { retry_after_seconds }, Some(address))
        })
    }

    /// Counts a request of somebody who is no trusted proxy and sends a proxy's headers, and warns
    /// now and then.
    pub fn look_at(&self, peer: Peer, headers: &HeaderMap) {
        if forwarded::is_there(headers) && !self.proxies.trust(peer) {
            self.hits.count(LimitKind::ForgedAddress);
            self.notices.forged(peer, self.now_ns());
        }
    }

    /// Where a client is, for the log: behind a trusted proxy, where that says. `None` when nobody
    /// knows, and when the log may not tell.
    #[must_use]
    pub fn address_for_log(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        self.proxies.client(peer, headers).filter(|_| self.notices.has_addresses)
    }

    /// Counts a request that did not come in time.
    pub fn gave_up_waiting(&self) {
        self.hits.count(LimitKind::RequestTime);
    }

    /// Connections that have a place.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Addresses that are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.addresses().map_or(0, |addresses| addresses.len())
    }

    /// Forgets addresses that need not be remembered, for ever.
    pub async fn run(&self) {
        let mut due = tokio::time::interval(EXPIRE_EVERY);
        loop {
            due.tick().await;
            if let Some(mut addresses) = self.addresses() {
                addresses.expire(self.now_ns());
            }
        }
    }

    fn connect(&self, address: AddressKey) -> Result<Option<AddressKey>, Denial> {
        let Some(mut addresses) = self.addresses() else { return Ok(None) };
        let connected = addresses.connect(address, self.now_ns());
        drop(addresses);
        match connected {
            Ok(()) => Ok(Some(address)),
            Err(Excess::Connections) => Err(Denial::AddressConnections),
            Err(Excess::Connects(wait_ns)) => {
                let retry_after_seconds = wait_ns.div_ceil(SECOND_NS);
                Err(Denial::AddressConnects { retry_after_seconds })
            }
        }
    }

    fn deny(&self, denial: Denial, who: Option<AddressKey>) -> Denial {
        self.note(denial.kind(), who);
        denial
    }

    /// Counts that somebody met a limit, and says it in the log.
    fn note(&self, limit: LimitKind, who: Option<AddressKey>) {
        self.hits.count(limit);
        self.notices.refused(limit, who, self.now_ns());
    }

    fn addresses(&self) -> Option<MutexGuard<'_, Addresses>> {
        let addresses = self.addresses.as_ref()?;
        Some(addresses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now_ns(&self) -> u64 {
        ns_since(self.started)
    }
}

impl Place {
    /// Whether whoever has it may be greeted with a long page.
    #[must_use]
    pub fn may_be_greeted(&self) -> bool {
        self.ask_for_greeting(|addresses, address, now_ns| {
            addresses.may_be_greeted(address, now_ns)
        })
    }

    /// Takes a greeting with a long page, of so many bytes; false where that may not be.
    #[must_use]
    pub fn take_greeting(&self, bytes: usize) -> bool {
        self.ask_for_greeting(|addresses, address, now_ns| {
            addresses.take_greeting(address, bytes as u64, now_ns)
        })
    }

    fn ask_for_greeting(&self, ask: impl FnOnce(&mut Addresses, AddressKey, u64) -> bool) -> bool {
        let (Some(address), Some(mut addresses)) = (self.address, self.gate.addresses()) else {
            return true;
        };
        let may_be = ask(&mut addresses, address, self.gate.now_ns());
        drop(addresses);
        if !may_be {
            self.gate.note(LimitKind::AddressGreetings, Some(address));
        }
        may_be
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.below.is_none() {
            self.gate.connections.fetch_sub(1, Ordering::Relaxed);
        }
        if let (Some(address), Some(mut addresses)) = (self.address, self.gate.addresses()) {
            addresses.disconnect(address);
        }
    }
}
