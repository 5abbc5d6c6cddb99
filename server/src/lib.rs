//! The XMeet server: chat rooms over the XGate protocol on WebSockets, and the web client.
//!
//! # Layout
//! - [`config`], [`check`]: settings, and whether the server can start with them
//! - [`telemetry`], [`version`], [`clock`], [`turns`]: logs, which build this is, time, turns
//!   between tasks
//! - [`metrics`]: what is counted
//! - [`readiness`]: whether this server should be sent anybody now
//! - [`http`]: where connections come in, routes, the page and its files
//! - [`tls`]: the operator's own certificate
//! - [`limits`]: how much anybody may do
//! - [`ws`]: a client's connection, from handshake to close
//! - [`hub`]: the rooms in memory, each driven by one task
//! - [`room`]: a room as a pure state machine
//! - [`history`]: where messages are kept
//! - [`supervisor`], [`shutdown`]: what a service manager is told, and how the server ends
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
pub mod metrics;
pub mod readiness;
pub mod room;
pub mod shutdown;
pub mod supervisor;
pub mod telemetry;
pub mod tls;
pub mod turns;
pub mod version;
pub mod ws;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use clock::Clock;
use config::Config;
use history::Health;
use history::sqlite::{Keeping, Opened, SqliteHistory, Threads};
use http::{Listener, Opener, Site};
use hub::{Hub, HubSettings};
use limits::descriptors;
use limits::forwarded::Proxies;
use limits::gate::{Gate, GateLimits};
use metrics::Metrics;
use readiness::Readiness;
use shutdown::{Ended, Schedule};
use supervisor::Supervisor;
use tls::{Files, Tls, TlsError};
use ws::keeper::{Keeper, Patience};
use ws::memory::FrameMemory;
use ws::outbox::OutboxLimits;
use ws::session::{SessionLimits, Sessions};

/// How long the last requests may take to be answered once the rooms are empty.
const REQUESTS_TIMEOUT: Duration = Duration::from_millis(500);

/// Connections that the operator's own listener takes.
const PRIVATE_CONNECTIONS_MAX: usize = 64;

/// Serves on `listener` until `shutdown` is cancelled, and returns when everything is on disk. It
/// answers from the beginning; rooms are there when the store is open.
///
/// # Errors
/// When a setting is wrong, the data folder cannot be used, or the listener fails.
pub async fn run(
    config: Config,
    listener: impl Into<Listener>,
    shutdown: CancellationToken,
) -> anyhow::Result<Ended> {
    if config.limits.no_limits {
        tracing::warn!("no limits: anybody may do anything as often as they like (--no-limits)");
    }
    let frames = Arc::new(FrameMemory::new(config.limits.waiting_bytes_max));
    let metrics = Metrics { frames, ..Metrics::default() };
    let (front, opener) = Front::start(&config, listener.into(), &metrics).await?;
    let mut supervisor = Supervisor::from_environment();
    let opening = shutdown.run_until_cancelled(open(&config, metrics)).await;
    let Some((sessions, threads, store)) = opening.transpose()? else {
        // Nobody was let in. What the store had begun is left to the next start, as after a crash.
        front.readiness.drain();
        supervisor.stopping();
        drop(opener);
        front.close().await;
        tracing::info!("xmeet has ended before its store was open");
        return Ok(Ended::InOrder);
    };
    let keeping = tokio::spawn({
        let sessions = Arc::clone(&sessions);
        async move { sessions.keeper.run().await }
    });
    opener.open(Arc::clone(&sessions));
    front.readiness.opened(store);
    tracing::info!(
        url = %front.url,
        data_dir = %std::path::absolute(&config.store.data_dir)?.display(),
        "xmeet is ready"
    );
    supervisor.ready();

    shutdown.cancelled().await;
    front.readiness.drain();
    supervisor.stopping();
    tracing::info!("xmeet is shutting down");
    let time = Duration::from_secs(config.service.shutdown_seconds);
    let schedule = Schedule::new(Instant::now(), time);
    let said = shutdown::say_goodbye(&sessions, &front.tasks, schedule).await;
    let private = front.close().await;
    keeping.abort();
    let closed = shutdown::close_store(threads, schedule).await;
    // To the last, so that whoever asks learns that the server is going away.
    drop(private);
    tracing::info!("xmeet has ended");
    Ok(said.and(closed))
}

/// What answers requests, from before the store is open until the rooms are empty.
struct Front {
    readiness: Arc<Readiness>,
    /// What clients came in by.
    tasks: TaskTracker,
    url: String,
    serving: JoinHandle<()>,
    /// Should the store not open, the serving ends with this.
    serving_end: DropGuard,
    gate_keeping: JoinHandle<()>,
    private: Option<DropGuard>,
}

impl Front {
    async fn start(
        config: &Config,
        listener: Listener,
        metrics: &Metrics,
    ) -> anyhow::Result<(Self, Opener)> {
        let proxies = Proxies::new(config.network.proxies());
        let hits = Arc::clone(&metrics.limits);
        let logs_addresses = config.log.log_addresses;
        let gate = Arc::new(Gate::new(gate_limits(config), proxies, hits, logs_addresses));
        let readiness = Arc::new(Readiness::default());
        let private = private(config, metrics, &readiness).await?;
        let (opener, rooms) = http::Rooms::closed();
        let tasks = TaskTracker::new();
        let app = http::App {
            rooms,
            readiness: Arc::clone(&readiness),
            origins: Arc::new(config.network.origins()),
            gate: Arc::clone(&gate),
            tasks: tasks.clone(),
            metrics: metrics.clone(),
        };
        let end = CancellationToken::new();
        let serving_end = end.clone().drop_guard();
        let tls = tls(config, &end)?;
        let url = listener.url(tls.is_some(), config.page.path_prefix.as_str());
        let gate_keeping = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.run().await }
        });
        let limits = config.limits.http();
        let site = Site::new(http::router(app), &config.page, tls);
        let serving = tokio::spawn(http::serve(listener, site, gate, limits, end));
        let front = Self { readiness, tasks, url, serving, serving_end, gate_keeping, private };
        Ok((front, opener))
    }

    /// Ends once the last requests are answered. What it returns still answers the operator.
    async fn close(self) -> Option<DropGuard> {
        drop(self.serving_end);
        let _ = timeout(REQUESTS_TIMEOUT, self.serving).await;
        self.gate_keeping.abort();
        self.private
    }
}

/// How many may come in, as far as there are descriptors for them.
fn gate_limits(config: &Config) -> GateLimits {
    let mut limits = config.limits.gate();
    if let Some(possible) = descriptors::connections_max()
        && possible < limits.connections_max
        && !config.limits.no_limits
    {
        let set = limits.connections_max;
        tracing::info!(possible, set, "fewer connections are possible than are set (ulimit -n)");
        limits.connections_max = possible;
    }
    limits
}

/// Serves the operator's routes, if that is asked for, until what it returns is dropped.
async fn private(
    config: &Config,
    metrics: &Metrics,
    readiness: &Arc<Readiness>,
) -> anyhow::Result<Option<DropGuard>> {
    let Some(address) = config.log.metrics_listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for metrics"))?;
    // Not "url": programs that start a server look for that in the line that says it is ready.
    let at = format!("http://{}/metrics", listener.local_addr()?);
    tracing::info!(metrics = at, "metrics are served");
    let end = CancellationToken::new();
    let router = metrics::listener::router(metrics, Arc::clone(readiness));
    let limits =
        GateLimits { connections_max: PRIVATE_CONNECTIONS_MAX, rooms_max: 0, address: None };
    let (hits, logs_addresses) = (Arc::clone(&metrics.limits), config.log.log_addresses);
    let gate = Arc::new(Gate::new(limits, Proxies::default(), hits, logs_addresses));
    let limits = config.limits.http();
    let site = Site::new(router, &config.page, None);
    tokio::spawn(http::serve(listener.into(), site, gate, limits, end.clone()));
    Ok(Some(end.drop_guard()))
}

/// Reads the certificate, and watches its files until the `end`. `None` where TLS is off.
fn tls(config: &Config, end: &CancellationToken) -> Result<Option<Tls>, TlsError> {
    let tls = Files::of(&config.tls)?.map(Tls::new).transpose()?;
    if let Some(tls) = tls.clone() {
        let watching = async move { tls.watch().await };
        tokio::spawn(end.clone().run_until_cancelled_owned(watching));
    }
    Ok(tls)
}

/// Opens the store, and the rooms on it.
async fn open(
    config: &Config,
    metrics: Metrics,
) -> anyhow::Result<(Arc<Sessions>, Threads, Arc<Health>)> {
    let clock = Clock::new(config.store.time_zone.as_deref()).context("--time-zone")?;
    let (store, counts) = (config.store.clone(), Arc::clone(&metrics.store));
    let opening = spawn_blocking(move || {
        let keeping = Keeping {
            messages_max: store.history_messages,
            age_max: store.kept_for(),
            sync: store.sync,
            ..Keeping::default()
        };
        SqliteHistory::open_with(&store.data_dir, &keeping, counts)
    });
    let Opened { history, creation, epoch, health, threads } = opening.await??;
    let memory = Arc::clone(&metrics.frames);
    let settings = HubSettings {
        history_kept_messages: config.store.history_messages,
        history_kept_for: config.store.kept_for(),
        resume_grace: Duration::from_secs(config.limits.resume_grace_seconds),
        rooms_max: config.limits.rooms_max(),
        members_per_room_max: config.limits.members_per_room_max(),
        creation,
        epoch,
        metrics,
    };
    let patience = Patience {
        ping_after_ticks: config.limits.ping_seconds,
        pong_within_ticks: config.limits.pong_seconds,
    };
    let sessions = Sessions {
        hub: Arc::new(Hub::new(Arc::new(history), clock, settings)),
        keeper: Keeper::new(patience, Arc::clone(&memory)),
        limits: SessionLimits {
            message: config.limits.message(),
            outbox: Arc::new(OutboxLimits {
                bytes_max: config.limits.outbox_bytes_max,
                write_time: Duration::from_secs(config.limits.write_seconds.into()),
                memory,
            }),
            pace: config.limits.pace(),
        },
        started: Instant::now(),
        deadline: OnceLock::new(),
    };
    Ok((Arc::new(sessions), threads, health))
}
