//! The XMeet server: chat rooms over the XGate protocol on WebSockets, and the web client.
//!
//! # Layout
//! - [`config`], [`check`]: settings, and whether the server can start with them
//! - [`telemetry`], [`version`], [`clock`], [`turns`]: the log, the version of this build, time,
//!   scheduling of tasks
//! - [`metrics`]: counters and gauges
//! - [`readiness`]: whether the server takes clients
//! - [`http`]: listeners, routes, the page and its files
//! - [`tls`]: the operator's own certificate
//! - [`limits`]: rate limits and counts
//! - [`session`]: one client's connection, from its join to its close
//! - [`wire`]: frames, streams, outboxes and their memory
//! - [`hub`]: the rooms in memory, each driven by one task
//! - [`room`]: a room as a pure state machine
//! - [`history`]: the store of messages
//! - [`tasks`], [`supervisor`], [`shutdown`]: background tasks and their panics, notifications of the
//!   service manager, and the shutdown
//!
//! A message goes `session` → `hub` → `room` → `history` → `fanout` → `wire`. No client receives it
//! before it is stored.

pub mod check;
pub mod clock;
pub mod config;
mod fanout;
pub mod history;
pub mod http;
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod readiness;
pub mod room;
pub mod session;
pub mod shutdown;
pub mod supervisor;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod turns;
pub mod version;
pub mod wire;

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
use history::sqlite::{Opened, Retention, SqliteHistory, Threads};
use http::{HttpServer, Listener, Site, StartupLatch};
use hub::{Hub, HubSettings};
use limits::admission::{Admission, AdmissionLimits};
use limits::budgets::{BudgetRates, StoreBudgets};
use limits::descriptors;
use limits::forwarded::Proxies;
use metrics::Metrics;
use readiness::Health;
use readiness::Readiness;
use session::keepalive::{Keepalive, KeepaliveTimeouts};
use session::{SessionLimits, Sessions};
use shutdown::{Schedule, ShutdownOutcome};
use supervisor::Supervisor;
use tasks::Tasks;
use tls::{Files, Tls, TlsError};
use wire::budget::MemoryBudget;
use wire::outbox::OutboxLimits;

/// The time for the last HTTP responses after the rooms have been emptied.
const REQUESTS_TIMEOUT: Duration = Duration::from_millis(500);

/// The limit of connections to the operator's listener.
const OPERATOR_CONNECTIONS_MAX: usize = 64;

/// Serves on `listener` until `shutdown` is cancelled, and returns after the store is closed. Serves HTTP
/// from the start, and rooms once the store is open.
///
/// # Errors
/// If a setting is invalid, the data folder cannot be used, or the listener fails.
pub async fn run(
    config: Config,
    listener: impl Into<Listener>,
    shutdown: CancellationToken,
) -> anyhow::Result<ShutdownOutcome> {
    run_with_tasks(config, listener, shutdown, Tasks::default()).await
}

/// Like [`run`], and also ends when one of the caller's `tasks` fails.
///
/// # Errors
/// If a setting is invalid, the data folder cannot be used, or the listener fails.
pub async fn run_with_tasks(
    config: Config,
    listener: impl Into<Listener>,
    shutdown: CancellationToken,
    tasks: Tasks,
) -> anyhow::Result<ShutdownOutcome> {
    if config.limits.no_limits {
        tracing::warn!("all limits are disabled (--no-limits)");
    }
    let memory = Arc::new(MemoryBudget::new(config.limits.waiting_bytes_max));
    let metrics = Metrics { memory, panics: Arc::clone(tasks.panics()), ..Metrics::default() };
    let (front, latch) = Front::start(&config, listener.into(), &metrics, &tasks).await?;
    let mut supervisor = Supervisor::from_environment();
    let opening = tokio::select! {
        biased;
        _ = tasks.failed() => None,
        () = shutdown.cancelled() => None,
        opening = open(&config, metrics, &tasks) => Some(opening?),
    };
    let Some((sessions, threads, store)) = opening else {
        // No client has joined. The next start recovers an unfinished migration, as after a crash.
        front.readiness.drain();
        supervisor.stopping();
        drop(latch);
        front.close().await;
        tracing::info!("xmeet has ended before its store was open");
        return Ok(if shutdown.is_cancelled() {
            ShutdownOutcome::Clean
        } else {
            ShutdownOutcome::Failed
        });
    };
    let keepalive = tasks.spawn_restarting("keepalive", {
        let sessions = Arc::clone(&sessions);
        move || {
            let sessions = Arc::clone(&sessions);
            async move { sessions.keepalive.run().await }
        }
    });
    latch.open(Arc::clone(&sessions));
    front.readiness.set_open(store);
    tracing::info!(
        url = %front.url,
        data_dir = %std::path::absolute(&config.store.data_dir)?.display(),
        "xmeet is ready"
    );
    supervisor.ready();

    let cause = tokio::select! {
        () = shutdown.cancelled() => ShutdownOutcome::Clean,
        // Clients are told to reconnect: the service manager starts a new process.
        _ = tasks.failed() => ShutdownOutcome::Failed,
    };
    front.readiness.drain();
    supervisor.stopping();
    tracing::info!("xmeet is shutting down");
    let time = Duration::from_secs(config.service.shutdown_seconds);
    let schedule = Schedule::new(Instant::now(), time);
    let drained = shutdown::drain_clients(&sessions, &front.tasks, schedule).await;
    let operator = front.close().await;
    keepalive.abort();
    let closed = shutdown::close_store(threads, schedule).await;
    // The operator's listener stays open until here, so that health checks see the shutdown.
    drop(operator);
    tracing::info!("xmeet has ended");
    Ok(cause.and(drained).and(closed))
}

/// The listeners. They exist from before the store is open until the rooms are empty.
struct Front {
    readiness: Arc<Readiness>,
    /// The tasks of all clients.
    tasks: TaskTracker,
    url: String,
    serving: JoinHandle<()>,
    /// Ends the serving when it is dropped, also if the store cannot be opened.
    serving_end: DropGuard,
    admission_task: JoinHandle<()>,
    /// Ends the operator's listener when it is dropped.
    operator: Option<DropGuard>,
}

impl Front {
    async fn start(
        config: &Config,
        listener: Listener,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> anyhow::Result<(Self, StartupLatch)> {
        let header = config.network.client_address_header.clone();
        let proxies = Proxies::new(config.network.proxies(), header);
        let counters = Arc::clone(&metrics.limits);
        let logs_addresses = config.log.log_addresses;
        let admission =
            Arc::new(Admission::new(admission_limits(config), proxies, counters, logs_addresses));
        let readiness = Arc::new(Readiness::default());
        let operator = serve_operator(config, metrics, &readiness, tasks).await?;
        let (latch, sessions) = http::SessionsHandle::new();
        let clients = TaskTracker::new();
        let app = http::App {
            sessions,
            readiness: Arc::clone(&readiness),
            origins: Arc::new(config.network.origins()),
            admission: Arc::clone(&admission),
            tasks: clients.clone(),
            metrics: metrics.clone(),
        };
        let end = CancellationToken::new();
        let serving_end = end.clone().drop_guard();
        let tls = tls(config, &end, tasks)?;
        let url = listener.url(tls.is_some(), config.page.path_prefix.as_str());
        let admission_task = tasks.spawn_restarting("admission", {
            let admission = Arc::clone(&admission);
            move || {
                let admission = Arc::clone(&admission);
                async move { admission.expire_regularly().await }
            }
        });
        let site = Site::new(http::router(app), &config.page, tls, config.tls.hsts_seconds);
        let panics = Arc::clone(&metrics.panics);
        let server = HttpServer { site, admission, limits: (&config.limits).into(), panics };
        let serving = tasks.spawn_essential("accept", server.serve(listener, end));
        let tasks = clients;
        let front = Self { readiness, tasks, url, serving, serving_end, admission_task, operator };
        Ok((front, latch))
    }

    /// Returns once the last requests are answered. The returned guard keeps the operator's listener open.
    async fn close(self) -> Option<DropGuard> {
        drop(self.serving_end);
        let _ = timeout(REQUESTS_TIMEOUT, self.serving).await;
        self.admission_task.abort();
        self.operator
    }
}

/// Returns the limits of admission, bounded by the number of file descriptors.
fn admission_limits(config: &Config) -> AdmissionLimits {
    let mut limits = config.limits.admission();
    if let Some(possible) = descriptors::connections_max()
        && possible < limits.connections_max
        && !config.limits.no_limits
    {
        let set = limits.connections_max;
        tracing::info!(
            possible,
            set,
            "the limit of open files (ulimit -n) allows fewer connections than the setting"
        );
        limits.connections_max = possible;
    }
    limits
}

/// Serves the operator's routes, if configured, until the returned guard is dropped.
async fn serve_operator(
    config: &Config,
    metrics: &Metrics,
    readiness: &Arc<Readiness>,
    tasks: &Tasks,
) -> anyhow::Result<Option<DropGuard>> {
    let Some(address) = config.log.metrics_listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for metrics"))?;
    // The field is not called "url", because programs read that field from the line "xmeet is ready".
    let at = format!("http://{}/metrics", listener.local_addr()?);
    tracing::info!(metrics = at, "metrics are served");
    let end = CancellationToken::new();
    let router = http::operator::router(metrics, Arc::clone(readiness));
    let limits =
        AdmissionLimits { connections_max: OPERATOR_CONNECTIONS_MAX, rooms_max: 0, address: None };
    let (counters, logs_addresses) = (Arc::clone(&metrics.limits), config.log.log_addresses);
    let admission = Arc::new(Admission::new(limits, Proxies::default(), counters, logs_addresses));
    let site = Site::new(router, &config.page, None, 0);
    let panics = Arc::clone(&metrics.panics);
    let server = HttpServer { site, admission, limits: (&config.limits).into(), panics };
    tasks.spawn_essential("accept_operator", server.serve(listener.into(), end.clone()));
    Ok(Some(end.drop_guard()))
}

/// Reads the certificate, and watches its files until `end`. Returns `None` if TLS is off.
fn tls(config: &Config, end: &CancellationToken, tasks: &Tasks) -> Result<Option<Tls>, TlsError> {
    let tls = Files::of(&config.tls)?.map(Tls::new).transpose()?;
    if let Some(tls) = tls.clone() {
        let end = end.clone();
        tasks.spawn_restarting("tls_watch", move || {
            let (tls, end) = (tls.clone(), end.clone());
            async move {
                end.run_until_cancelled(tls.watch()).await;
            }
        });
    }
    Ok(tls)
}

/// Opens the store and creates the sessions on it.
async fn open(
    config: &Config,
    metrics: Metrics,
    tasks: &Tasks,
) -> anyhow::Result<(Arc<Sessions>, Threads, Arc<Health>)> {
    let clock = Clock::new(config.store.time_zone.as_deref()).context("--time-zone")?;
    let (store, counts) = (config.store.clone(), Arc::clone(&metrics.store));
    let opening = spawn_blocking(move || {
        let retention = Retention {
            messages_max: store.history_messages,
            bytes_max: store.store_bytes_max,
            age_max: store.message_age_max(),
            sync: store.sync,
            ..Retention::default()
        };
        SqliteHistory::open_with(&store.data_dir, &retention, counts)
    });
    let Opened { history, start_count, health, threads, mut panicked, .. } = opening.await??;
    tasks.spawn_essential("history", {
        let tasks = tasks.clone();
        async move {
            while let Some(thread) = panicked.recv().await {
                tasks.report_panic(thread);
            }
        }
    });
    let memory = Arc::clone(&metrics.memory);
    let settings = HubSettings {
        history_kept_messages: config.store.history_messages,
        held_text_bytes_max: room::HELD_TEXT_BYTES_MAX_DEFAULT,
        history_kept_for: config.store.message_age_max(),
        resume_grace: Duration::from_secs(config.limits.resume_grace_seconds),
        rooms_max: config.limits.rooms_max(),
        members_per_room_max: config.limits.members_per_room_max(),
        joins_per_room: config.limits.joins_per_room(),
        creation: start_count,
        metrics,
    };
    let timeouts = KeepaliveTimeouts {
        ping_after_ticks: config.limits.ping_seconds,
        pong_within_ticks: config.limits.pong_seconds,
    };
    let no_limits = config.limits.no_limits;
    let budgets = if no_limits { BudgetRates::default() } else { config.store.budgets() };
    let sessions = Sessions {
        hub: Arc::new(Hub::new(Arc::new(history), clock, settings)),
        keepalive: Keepalive::new(timeouts, Arc::clone(&memory)),
        limits: SessionLimits {
            message: (&config.limits).into(),
            outbox: Arc::new(OutboxLimits {
                bytes_max: config.limits.outbox_bytes_max,
                write_time: Duration::from_secs(config.limits.write_seconds.into()),
                memory,
            }),
            pace: config.limits.pace(),
            budgets: StoreBudgets::new(budgets),
        },
        started: Instant::now(),
        deadline: OnceLock::new(),
    };
    Ok((Arc::new(sessions), threads, health))
}
