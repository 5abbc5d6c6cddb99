//! Takes connections and serves HTTP/1.1 on each, until the shutdown.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long no connection is taken when the system cannot give one, as when all of the process's
/// file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is cancelled and what is under way then has been answered. Connections
/// that were upgraded are not waited for.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    let http = Http { builder, service: TowerToHyperService::new(router) };
    let tasks = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            stream = accept(&listener) => stream,
        };
        let http = http.clone();
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            // A connection holds next to nothing until it says something.
            tokio::select! {
                _ = stream.readable() => {}
                () = shutdown.cancelled() => return,
            }
            Box::pin(http.serve(stream, shutdown)).await;
        });
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
}

impl Http {
    async fn serve(self, stream: TcpStream, shutdown: CancellationToken) {
        let connection = self.builder.serve_connection(TokioIo::new(stream), self.service);
        let mut connection = pin!(connection.with_upgrades());
        let served = tokio::select! {
            served = &mut connection => served,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a request could not be served");
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Frames are written whole; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                return stream;
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
