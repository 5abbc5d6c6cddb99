//! Takes connections and serves HTTP/1.1 on each, until the shutdown.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Caller;
use super::refusal::Refusal;
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
    /// From its beginning until its first request's head is there.
    pub request: Duration,
    /// From a response until the next request's head is there.
    pub keep_alive: Duration,
    /// A request's head, in bytes; 8 KiB at least.
    pub head_bytes_max: usize,
}

/// Serves until `shutdown` is cancelled and what is under way then has been answered. Connections
/// that were upgraded are not waited for.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    gate: Arc<Gate>,
    limits: HttpLimits,
    shutdown: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    builder.header_read_timeout(limits.keep_alive);
    builder.max_buf_size(limits.head_bytes_max);
    let service = TowerToHyperService::new(router);
    let http = Http { builder, service, gate, limits };
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
            Err(denial) => {
                if let Ok(permit) = Arc::clone(&turned_away).try_acquire_owned() {
                    tasks.spawn(async move {
                        let turning_away = Box::pin(http.turn_away(stream, denial));
                        // Whoever cannot be told in time is not told.
                        let _ = timeout(TURN_AWAY_TIMEOUT, turning_away).await;
                        drop(permit);
                    });
                }
            }
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
    service: TowerToHyperService<Router>,
    gate: Arc<Gate>,
    limits: HttpLimits,
}

impl Http {
    /// A connection holds next to nothing until it says something.
    async fn serve_when_it_speaks(
        self,
        stream: TcpStream,
        caller: Caller,
        shutdown: CancellationToken,
    ) {
        let deadline = Instant::now() + self.limits.request;
        tokio::select! {
            () = spoken(&stream) => {}
            () = shutdown.cancelled() => return,
            () = sleep_until(deadline) => return self.gate.gave_up_waiting(),
        }
        self.serve_boxed(stream, caller, deadline, shutdown).await;
    }

    /// In memory of its own, which a connection has only once it has said something. A function,
    /// so that the future that waits for that has no room for the other even while it is made.
    fn serve_boxed(
        self,
        stream: TcpStream,
        caller: Caller,
        deadline: Instant,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve(stream, caller, deadline, shutdown))
    }

    async fn serve(
        self,
        stream: TcpStream,
        caller: Caller,
        deadline: Instant,
        shutdown: CancellationToken,
    ) {
        let Self { builder, service, gate, limits } = self;
        let id = caller.id;
        let requests = Arc::new(AtomicUsize::new(0));
        let service = service_fn({
            let (requests, gate) = (Arc::clone(&requests), Arc::clone(&gate));
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                gate.look_at(caller.peer, request.headers());
                request.extensions_mut().insert(caller.clone());
                service.call(request)
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

    /// Answers the first request, whatever it is, by what stands against its connection.
    async fn turn_away(mut self, stream: TcpStream, denial: Denial) {
        let service = service_fn(move |_| async move {
            Ok::<_, Infallible>(Refusal::denied(denial).into_response())
        });
        self.builder.keep_alive(false);
        // It may be gone already.
        let _ = self.builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// Waits until something has come, or the end. A new socket is taken to be readable until one has
/// looked, so this looks; what is there stays there.
async fn spoken(stream: &TcpStream) {
    let look = || SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    // Whatever is wrong with it is found when it is served.
    let _ = stream.async_io(Interest::READABLE, look).await;
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

async fn accept(listener: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Frames are written whole; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, Peer::Tcp(address.ip()));
            }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_connection_has_spoken_when_there_is_something_to_read_and_not_before() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = accept(&listener).await;
        let silence = timeout(Duration::from_millis(200), spoken(&stream)).await;
        assert!(silence.is_err(), "nothing has come");
        client.write_all(b"x").await.unwrap();
        timeout(PATIENCE, spoken(&stream)).await.expect("something has come");
        assert_eq!(stream.read_u8().await.unwrap(), b'x', "and is still there");
        drop(client);
        timeout(PATIENCE, spoken(&stream)).await.expect("the end has come");
    }
}
