//! Who may come in: counts connections, by address and in all, and rooms.
//!
//! A connection is counted from the moment it is taken, whether or not it ever sends a request. The
//! address of one that a trusted proxy forwards is known only from its request: it is counted there.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::addresses::{AddressLimits, Addresses, Excess};
use super::forwarded::{self, Proxies};
use super::hits::{Hits, LimitKind};
use super::network::{AddressKey, Peer};
use super::ns_since;

/// How often addresses are looked through for those that can be forgotten.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);

/// The log says at most so often that somebody wrote a proxy's header who is none.
const WARN_EVERY_NS: u64 = 60 * SECOND_NS;

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
    /// When the log may say again that a header was forged.
    warn_at_ns: AtomicU64,
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
    /// A gate that nobody has come through yet.
    #[must_use]
    pub fn new(limits: GateLimits, proxies: Proxies, hits: Arc<Hits>) -> Self {
        Self {
            limits,
            proxies,
            addresses: limits.address.map(|limits| Mutex::new(Addresses::new(limits))),
            connections: AtomicUsize::new(0),
            hits,
            started: Instant::now(),
            warn_at_ns: AtomicU64::new(0),
        }
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn admit(self: &Arc<Self>, peer: Peer) -> Result<Arc<Place>, Denial> {
        let mut place = Place { gate: Arc::clone(self), address: None, below: None };
        if self.connections.fetch_add(1, Ordering::Relaxed) >= self.limits.connections_max {
            return Err(self.deny(Denial::Connections));
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
        let Some(address) = self.proxies.client(peer, headers) else {
            return Ok(Arc::clone(place));
        };
        let address = self.connect(address.into())?;
        let below = Some(Arc::clone(place));
        Ok(Arc::new(Place { gate: Arc::clone(self), address, below }))
    }

    /// Takes a room that is not in memory, for somebody with this place.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn admit_room(&self, place: &Place, rooms_in_memory: usize) -> Result<(), Denial> {
        if rooms_in_memory >= self.limits.rooms_max {
            return Err(self.deny(Denial::Rooms));
        }
        let (Some(mut addresses), Some(address)) = (self.addresses(), place.address) else {
            return Ok(());
        };
        addresses.open_room(address, self.now_ns()).map_err(|wait_ns| {
            self.deny(Denial::AddressRooms { retry_after_seconds: wait_ns.div_ceil(SECOND_NS) })
        })
    }

    /// Warns, now and then, when somebody who is no trusted proxy sends a proxy's headers: either
    /// they are forged, or a proxy is not in the settings.
    pub fn look_at(&self, peer: Peer, headers: &HeaderMap) {
        if !forwarded::is_there(headers) || self.proxies.trust(peer) {
            return;
        }
        self.hits.count(LimitKind::ForgedAddress);
        let now_ns = self.now_ns();
        let due = |at_ns| (at_ns <= now_ns).then_some(now_ns + WARN_EVERY_NS);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.warn_at_ns.fetch_update(set, fetch, due).is_ok() {
            tracing::warn!(
                "a request had X-Forwarded-For or Forwarded and came from no trusted proxy: what \
                 they say does not count (--trusted-proxies)"
            );
        }
    }

    /// Where a client is: behind a trusted proxy, where that says. `None` when nobody knows.
    #[must_use]
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        self.proxies.client(peer, headers)
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
        match addresses.connect(address, self.now_ns()) {
            Ok(()) => Ok(Some(address)),
            Err(Excess::Connections) => Err(self.deny(Denial::AddressConnections)),
            Err(Excess::Connects(wait_ns)) => {
                let retry_after_seconds = wait_ns.div_ceil(SECOND_NS);
                Err(self.deny(Denial::AddressConnects { retry_after_seconds }))
            }
        }
    }

    fn deny(&self, denial: Denial) -> Denial {
        self.hits.count(denial.kind());
        denial
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
        if !may_be {
            self.gate.hits.count(LimitKind::AddressGreetings);
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
