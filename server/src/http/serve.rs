//! Takes connections and serves HTTP/1.1 on each, until the shutdown.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Caller;
use super::listener::{Incoming, Listener};
use super::site::Site;
use crate::limits::gate::{Denial, Gate};
use crate::limits::network::Peer;
use crate::ws::account::ConnectionId;

/// How long no connection is taken when the system cannot give one, as when all of the process's
/// file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client has to take a response, beside the time that it may keep a connection idle.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// Connections past a limit that are told so at the same time. More are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// How long such a connection may take to send its request and read the answer.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a connection may take before it is a WebSocket.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// From its beginning until its first request's head is there, a TLS handshake included.
    pub request: Duration,
    /// From a response until the next request's head is there.
    pub keep_alive: Duration,
    /// A request's head, in bytes; 8 KiB at least.
    pub head_bytes_max: usize,
}

/// Serves until `shutdown` is cancelled and what is under way then has been answered. Connections
/// that were upgraded are not waited for. On a TCP port of a site with TLS nothing else is spoken.
pub async fn serve(
    listener: Listener,
    site: Site,
    gate: Arc<Gate>,
    limits: HttpLimits,
    shutdown: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    builder.header_read_timeout(limits.keep_alive);
    builder.max_buf_size(limits.head_bytes_max);
    let http = Http { builder, site, gate, limits };
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let tasks = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener) => accepted,
        };
        let http = http.clone();
        match http.gate.admit(peer) {
            Ok(place) => {
                let caller = Caller { id: ConnectionId::next(), peer, place };
                tasks.spawn(http.serve_when_it_speaks(stream, caller, shutdown.clone()));
            }
            Err(denial) => match Arc::clone(&turned_away).try_acquire_owned() {
                Ok(permit) => {
                    tasks.spawn(async move {
                        Box::pin(http.turn_away_in_time(stream, peer, denial)).await;
                        drop(permit);
                    });
                }
                Err(_) => http.gate.refused(peer, denial),
            },
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// What each connection is served by.
#[derive(Clone)]
struct Http {
    builder: http1::Builder,
    site: Site,
    gate: Arc<Gate>,
    limits: HttpLimits,
}

impl Http {
    /// A connection holds next to nothing until it says something.
    async fn serve_when_it_speaks(
        self,
        stream: Incoming,
        caller: Caller,
        shutdown: CancellationToken,
    ) {
        let deadline = Instant::now() + self.limits.request;
        tokio::select! {
            () = stream.spoken() => {}
            () = shutdown.cancelled() => return,
            () = sleep_until(deadline) => return self.gate.gave_up_waiting(),
        }
        self.serve_boxed(stream, caller, deadline, shutdown).await;
    }

    /// In memory of its own, which a connection has only once it has said something. A function,
    /// so that the future that waits for that has no room for the other even while it is made.
    fn serve_boxed(
        self,
        stream: Incoming,
        caller: Caller,
        deadline: Instant,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve(stream, caller, deadline, shutdown))
    }

    async fn serve(
        self,
        stream: Incoming,
        caller: Caller,
        deadline: Instant,
        shutdown: CancellationToken,
    ) {
        let id = caller.id;
        let stream = match (stream, self.site.tls()) {
            (Incoming::Unix(stream), _) => {
                return self.serve_on(stream, caller, deadline, shutdown).await;
            }
            (Incoming::Tcp(stream), None) => {
                return self.serve_on(stream, caller, deadline, shutdown).await;
            }
            (Incoming::Tcp(stream), Some(tls)) => tokio::select! {
                stream = timeout_at(deadline, tls.accept(stream)) => stream,
                () = shutdown.cancelled() => return,
            },
        };
        match stream {
            Ok(Ok(stream)) => self.serve_on(stream, caller, deadline, shutdown).await,
            Ok(Err(error)) => {
                tracing::debug!(connection = id.number(), %error, "a TLS handshake failed");
            }
            Err(_) => self.gate.gave_up_waiting(),
        }
    }

    async fn serve_on<S>(
        self,
        stream: S,
        caller: Caller,
        deadline: Instant,
        shutdown: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { builder, site, gate, limits } = self;
        let id = caller.id;
        let requests = Arc::new(AtomicUsize::new(0));
        let service = service_fn({
            let (requests, gate) = (Arc::clone(&requests), Arc::clone(&gate));
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                gate.look_at(caller.peer, request.headers());
                request.extensions_mut().insert(caller.clone());
                site.call(request)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        let served = tokio::select! {
            served = &mut connection => served,
            () = overdue(&requests, deadline, limits) => return gate.gave_up_waiting(),
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(connection = id.number(), %error, "a request could not be served");
        }
    }

    /// Has the first request answered as one that came on a connection past a limit.
    async fn turn_away_in_time(self, stream: Incoming, peer: Peer, denial: Denial) {
        let (gate, is_served) = (Arc::clone(&self.gate), Arc::new(AtomicBool::new(false)));
        let turning_away = self.turn_away(stream, denial, Arc::clone(&is_served));
        // Whoever cannot be told in time is not told.
        let _ = timeout(TURN_AWAY_TIMEOUT, turning_away).await;
        if !is_served.load(Ordering::Relaxed) {
            gate.refused(peer, denial);
        }
    }

    async fn turn_away(self, stream: Incoming, denial: Denial, is_served: Arc<AtomicBool>) {
        match (stream, self.site.tls()) {
            (Incoming::Unix(stream), _) => self.deny_on(stream, denial, is_served).await,
            (Incoming::Tcp(stream), None) => self.deny_on(stream, denial, is_served).await,
            (Incoming::Tcp(stream), Some(tls)) => {
                if let Ok(stream) = tls.accept(stream).await {
                    self.deny_on(stream, denial, is_served).await;
                }
            }
        }
    }

    async fn deny_on<S>(mut self, stream: S, denial: Denial, is_served: Arc<AtomicBool>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let site = self.site;
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(denial);
            let (answering, is_served) = (site.call(request), Arc::clone(&is_served));
            async move {
                let response = answering.await?;
                // It asked how the server is.
                let is_refused = response.extensions().get::<Denial>().is_some();
                is_served.store(!is_refused, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        });
        self.builder.keep_alive(false);
        // It may be gone already.
        let _ = self.builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// Waits until a connection has had its time: no request by the deadline, or, later on, none for
/// so long that a response must be stuck. Idle ones are ended sooner, by hyper.
async fn overdue(requests: &AtomicUsize, deadline: Instant, limits: HttpLimits) {
    sleep_until(deadline).await;
    let mut seen = requests.load(Ordering::Relaxed);
    while seen > 0 {
        sleep(limits.keep_alive + RESPONSE_TIMEOUT).await;
        let now = requests.load(Ordering::Relaxed);
        if now == seen {
            return;
        }
        seen = now;
    }
}

async fn accept(listener: &Listener) -> (Incoming, Peer) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // One that was gone before it was taken.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken now");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
