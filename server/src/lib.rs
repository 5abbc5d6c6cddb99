//! The XMeet server: chat rooms over the XGate protocol on WebSockets, and the web client.
//!
//! # Layout
//! - [`config`], [`telemetry`], [`clock`]: settings, logs, time
//! - [`http`]: routes, the page and its files
//! - [`ws`]: a client's connection, from handshake to close
//! - [`hub`]: the rooms in memory, each driven by one task
//! - [`room`]: a room as a pure state machine
//! - [`history`]: where messages are kept
//!
//! A message goes `ws` → `hub` → `room` → `history` → `room` → `hub` → `ws`: nobody receives it
//! before it is kept.

pub mod clock;
pub mod config;
pub mod history;
pub mod http;
pub mod hub;
pub mod room;
pub mod telemetry;
pub mod ws;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use clock::Clock;
use config::Config;
use history::sqlite::{Opened, SqliteHistory};
use hub::Hub;

/// How long a shutdown waits for clients to take their goodbye. Whatever they do, what they were
/// told is kept is on disk.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(3500);

/// How much of that may go by while requests that are under way are answered.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it then waits for the store to end in order. With the goodbye it stays below 5 s.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves on `listener` until `shutdown` is cancelled, and returns when everything is on disk.
///
/// # Errors
/// When a setting is wrong, the data folder cannot be used, or the listener fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let clock = Clock::new(config.time_zone.as_deref()).context("--time-zone")?;
    let Opened { history, creation, threads } =
        SqliteHistory::open(&config.data_dir, config.history_messages)?;
    let hub = Arc::new(Hub::new(Arc::new(history), clock, config.history_messages, creation));
    let sessions = TaskTracker::new();
    let app = http::App {
        hub: Arc::clone(&hub),
        allowed_origins: config.allowed_origins.into(),
        limits: ws::session::SessionLimits {
            frame_bytes_max: config.frame_bytes_max,
            outbox_bytes_max: config.outbox_bytes_max,
        },
        sessions: sessions.clone(),
        shutdown: shutdown.clone(),
    };

    let address = listener.local_addr()?;
    tracing::info!(
        url = %format_args!("http://{address}/"),
        data_dir = %std::path::absolute(&config.data_dir)?.display(),
        "xmeet is ready"
    );
    let listener = listener.tap_io(|stream| {
        // Frames are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, http::router(app))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let mut serving = tokio::spawn(serving);

    let ended_early = tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        ended = &mut serving => Some(ended),
    };
    tracing::info!("xmeet is shutting down");
    shutdown.cancel();
    let is_serving = ended_early.is_none();
    let goodbye = async {
        // A handshake that is under way may still make a session.
        if is_serving {
            let _ = tokio::time::timeout(REQUESTS_TIMEOUT, serving).await;
        }
        sessions.close();
        sessions.wait().await;
        hub.drained().await;
    };
    if tokio::time::timeout(GOODBYE_TIMEOUT, goodbye).await.is_err() {
        tracing::warn!("some clients did not take their goodbye in time");
    }
    if tokio::time::timeout(STORE_TIMEOUT, threads.stop()).await.is_err() {
        tracing::warn!("the store did not end in time; the next start takes up what it left");
    }
    match ended_early {
        None => Ok(()),
        Some(ended) => {
            ended??;
            anyhow::bail!("the listener ended by itself")
        }
    }
}
