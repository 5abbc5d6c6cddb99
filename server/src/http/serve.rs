//! Accepts connections and serves HTTP/1.1 on each, until the shutdown.

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
use crate::config::limits::LimitSettings;
use crate::limits::admission::{Admission, AdmissionError};
use crate::limits::network::Peer;
use crate::metrics::Panics;
use crate::session::stats::ConnectionId;

/// The pause after a failed accept, for example while all file descriptors of the process are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time in which a client must receive a response, in addition to the keep-alive time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of connections beyond a limit that are answered at the same time. Further connections are
/// closed without an answer.
const TURNED_AWAY_MAX: usize = 64;

/// The time in which a connection beyond a limit must send its request and receive the answer.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);

/// The label of connections in the count of panics.
pub(super) const CONNECTION_TASK: &str = "http";

/// The longest request head, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How much longer than a request head an idle connection may take.
const KEEP_ALIVE_FACTOR: u32 = 3;

/// The time limits of a connection before it is a WebSocket.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Time from the start to the end of the first request head, including a TLS handshake.
    pub request: Duration,
    /// Time from a response to the end of the next request head.
    pub keep_alive: Duration,
}

impl From<&LimitSettings> for HttpLimits {
    fn from(settings: &LimitSettings) -> Self {
        let request = Duration::from_secs(settings.request_seconds.into());
        Self { request, keep_alive: request * KEEP_ALIVE_FACTOR }
    }
}

/// Serves the connections of a listener.
#[derive(Debug)]
pub struct HttpServer {
    pub site: Site,
    pub admission: Arc<Admission>,
    pub limits: HttpLimits,
    /// The count of panics. A panic ends one connection alone.
    pub panics: Arc<Panics>,
}

impl HttpServer {
    /// Serves until `shutdown` is cancelled and the requests in progress are answered. Does not wait for
    /// upgraded connections. A TCP port of a site with a certificate speaks TLS only.
    pub async fn serve(self, listener: Listener, shutdown: CancellationToken) {
        let Self { site, admission, limits, panics } = self;
        let http = Http::new(site, admission, limits);
        let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
        let tasks = TaskTracker::new();
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = accept(&listener) => accepted,
            };
            let http = http.clone();
            let panics = Arc::clone(&panics);
            match http.admission.admit(peer) {
                Ok(permit) => {
                    let caller = Caller { id: ConnectionId::next(), peer, permit };
                    let work = http.serve_when_readable(stream, caller, shutdown.clone());
                    tasks.spawn(async move { panics.catch(CONNECTION_TASK, work).await });
                }
                Err(denial) => match Arc::clone(&turned_away).try_acquire_owned() {
                    Ok(permit) => {
                        let work = async move {
                            Box::pin(http.turn_away_in_time(stream, peer, denial)).await;
                            drop(permit);
                        };
                        tasks.spawn(async move { panics.catch(CONNECTION_TASK, work).await });
                    }
                    Err(_) => http.admission.record_refusal(peer, denial),
                },
            }
        }
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }
}

/// The service of each connection.
#[derive(Clone)]
struct Http {
    builder: http1::Builder,
    site: Site,
    admission: Arc<Admission>,
    limits: HttpLimits,
}

impl Http {
    fn new(site: Site, admission: Arc<Admission>, limits: HttpLimits) -> Self {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        builder.header_read_timeout(limits.keep_alive);
        builder.max_buf_size(HEAD_BYTES_MAX);
        Self { builder, site, admission, limits }
    }

    /// Waits for the first bytes of a connection, and serves it. While it waits, it holds almost no memory.
    async fn serve_when_readable(
        self,
        stream: Incoming,
        caller: Caller,
        shutdown: CancellationToken,
    ) {
        let deadline = Instant::now() + self.limits.request;
        tokio::select! {
            () = stream.readable() => {}
            () = shutdown.cancelled() => return,
            () = sleep_until(deadline) => return self.admission.record_request_timeout(),
        }
        self.serve_boxed(stream, caller, deadline, shutdown).await;
    }

    /// Boxes the future that serves requests. This is a separate function, because otherwise the future that
    /// waits for the first bytes would have space for this future too.
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
            Err(_) => self.admission.record_request_timeout(),
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
        let Self { builder, site, admission, limits } = self;
        let id = caller.id;
        let requests = Arc::new(AtomicUsize::new(0));
        let service = service_fn({
            let (requests, admission) = (Arc::clone(&requests), Arc::clone(&admission));
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                admission.inspect_forwarding(caller.peer, request.headers());
                request.extensions_mut().insert(caller.clone());
                site.call(request)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        let served = tokio::select! {
            served = &mut connection => served,
            () = overdue(&requests, deadline, limits) => return admission.record_request_timeout(),
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(connection = id.number(), %error, "a request could not be served");
        }
    }

    /// Answers the first request of a connection beyond a limit with the refusal.
    async fn turn_away_in_time(self, stream: Incoming, peer: Peer, denial: AdmissionError) {
        let (admission, is_served) =
            (Arc::clone(&self.admission), Arc::new(AtomicBool::new(false)));
        let turning_away = self.turn_away(stream, denial, Arc::clone(&is_served));
        // After the time-out the connection is closed without an answer.
        let _ = timeout(TURN_AWAY_TIMEOUT, turning_away).await;
        if !is_served.load(Ordering::Relaxed) {
            admission.record_refusal(peer, denial);
        }
    }

    async fn turn_away(self, stream: Incoming, denial: AdmissionError, is_served: Arc<AtomicBool>) {
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

    async fn deny_on<S>(mut self, stream: S, denial: AdmissionError, is_served: Arc<AtomicBool>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let site = self.site;
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(denial);
            let (answer, is_served) = (site.call(request), Arc::clone(&is_served));
            async move {
                let response = answer.await?;
                // Health checks are answered beyond the limits too.
                let is_refused = response.extensions().get::<AdmissionError>().is_some();
                is_served.store(!is_refused, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        });
        self.builder.keep_alive(false);
        // An error means that the client has disconnected.
        let _ = self.builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// Returns if a connection has sent no request by the deadline, or later sends no request for longer than any
/// response may take. hyper closes idle connections earlier.
async fn overdue(requests: &AtomicUsize, deadline: Instant, limits: HttpLimits) {
    sleep_until(deadline).await;
    let mut seen_requests = requests.load(Ordering::Relaxed);
    while seen_requests > 0 {
        sleep(limits.keep_alive + RESPONSE_TIMEOUT).await;
        let requests = requests.load(Ordering::Relaxed);
        if requests == seen_requests {
            return;
        }
        seen_requests = requests;
    }
}

/// Accepts the next connection. After an error of the system, waits and tries again.
async fn accept(listener: &Listener) -> (Incoming, Peer) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client disconnected before the connection was accepted.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "failed to accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
