//! The XMeet server: chat rooms over the XGate protocol on WebSockets, and the web client.
//!
//! # Layout
//! - [`config`], [`check`]: settings, and whether the server can start with them
//! - [`telemetry`], [`clock`], [`turns`]: logs, time, turns between tasks
//! - [`readiness`]: whether this server should be sent anybody now
//! - [`http`]: routes, the page and its files
//! - [`limits`]: how much anybody may do
//! - [`ws`]: a client's connection, from handshake to close
//! - [`hub`]: the rooms in memory, each driven by one task
//! - [`room`]: a room as a pure state machine
//! - [`history`]: where messages are kept
//!
//! A message goes `ws` → `hub` → `room` → `history` → `room` → `hub` → `ws`: nobody receives it
//! before it is kept.

pub mod check;
pub mod clock;
pub mod config;
pub mod history;
pub mod http;
pub mod hub;
pub mod limits;
pub mod readiness;
pub mod room;
pub mod telemetry;
pub mod turns;
pub mod ws;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use clock::Clock;
use config::Config;
use history::sqlite::{Opened, SqliteHistory, Threads};
use hub::{Hub, HubSettings};
use limits::forwarded::Proxies;
use limits::gate::Gate;
use limits::hits::Hits;
use readiness::Readiness;
use ws::keeper::{Keeper, Patience};
use ws::session::{self, SessionLimits, Sessions};

/// How long a shutdown waits for clients to take their goodbye. Whatever they do, what they were
/// told is kept is on disk.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(3500);

/// How much of that may go by while requests that are under way are answered.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it then waits for the store to end in order. With the goodbye it stays below 5 s.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves on `listener` until `shutdown` is cancelled, and returns when everything is on disk. It
/// answers from the beginning; rooms are there when the store is open.
///
/// # Errors
/// When a setting is wrong, the data folder cannot be used, or the listener fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    if config.limits.no_limits {
        tracing::warn!("no limits: anybody may do anything as often as they like (--no-limits)");
    }
    let address = listener.local_addr()?;
    let hits = Arc::new(Hits::default());
    let proxies = Proxies::new(config.network.trusted_proxies.clone());
    let gate = Arc::new(Gate::new(config.limits.gate(), proxies, Arc::clone(&hits)));
    let readiness = Arc::new(Readiness::default());
    let (opener, rooms) = http::Rooms::closed();
    let tasks = TaskTracker::new();
    let app = http::App {
        rooms,
        readiness: Arc::clone(&readiness),
        allowed_origins: config.network.allowed_origins.clone().into(),
        gate: Arc::clone(&gate),
        tasks: tasks.clone(),
    };
    // Should the store not open, the serving ends with this.
    let end = shutdown.child_token();
    let _end = end.clone().drop_guard();
    let gate_keeping = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.run().await }
    });
    let limits = config.limits.http();
    let serving = tokio::spawn(http::serve(listener, http::router(app), gate, limits, end));

    let (sessions, threads) = open(&config, &hits).await?;
    let keeping = tokio::spawn({
        let sessions = Arc::clone(&sessions);
        async move { sessions.keeper.run().await }
    });
    opener.open(Arc::clone(&sessions));
    readiness.opened();
    tracing::info!(
        url = %format_args!("http://{address}/"),
        data_dir = %std::path::absolute(&config.store.data_dir)?.display(),
        "xmeet is ready"
    );

    shutdown.cancelled().await;
    readiness.drain();
    tracing::info!("xmeet is shutting down");
    sessions.keeper.end_all(session::GOING_AWAY);
    let goodbye = async {
        // A handshake that is under way may still make a session.
        let _ = tokio::time::timeout(REQUESTS_TIMEOUT, serving).await;
        tasks.close();
        tasks.wait().await;
        sessions.hub.drained().await;
    };
    if tokio::time::timeout(GOODBYE_TIMEOUT, goodbye).await.is_err() {
        tracing::warn!("some clients did not take their goodbye in time");
    }
    keeping.abort();
    gate_keeping.abort();
    if tokio::time::timeout(STORE_TIMEOUT, threads.stop()).await.is_err() {
        tracing::warn!("the store did not end in time; the next start takes up what it left");
    }
    Ok(())
}

/// Opens the store, and the rooms on it.
async fn open(config: &Config, hits: &Arc<Hits>) -> anyhow::Result<(Arc<Sessions>, Threads)> {
    let clock = Clock::new(config.store.time_zone.as_deref()).context("--time-zone")?;
    let store = config.store.clone();
    let opening = spawn_blocking(move || {
        SqliteHistory::open_with_sync(&store.data_dir, store.history_messages, store.sync)
    });
    let Opened { history, creation, epoch, threads } = opening.await??;
    let settings = HubSettings {
        history_kept_messages: config.store.history_messages,
        resume_grace: Duration::from_secs(config.limits.resume_grace_seconds),
        rooms_max: config.limits.rooms_max(),
        members_per_room_max: config.limits.members_per_room_max(),
        creation,
        epoch,
    };
    let sessions = Sessions {
        hub: Arc::new(Hub::new(Arc::new(history), clock, settings)),
        keeper: Keeper::new(Patience {
            ping_after_ticks: config.limits.ping_seconds,
            pong_within_ticks: config.limits.pong_seconds,
        }),
        limits: SessionLimits {
            frame_bytes_max: config.limits.frame_bytes_max,
            outbox_bytes_max: config.limits.outbox_bytes_max,
            pace: config.limits.pace(),
        },
        hits: Arc::clone(hits),
        started: Instant::now(),
    };
    Ok((Arc::new(sessions), threads))
}
