//! The metrics of the operator's listener. The public listener does not serve them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use xmeet_shared::{ErrorCode, ServerMessage};

use crate::crowds::connect_from;
use crate::health::ready;
use crate::support::client::path;
use crate::support::observed::{observed, series};
use crate::support::{Client, raw, soon, until};

/// Waits until each series has its value. A missing series counts as 0.
async fn settle(metrics: SocketAddr, expected: &[(&str, u64)]) {
    let agrees = async || {
        let series = series(metrics).await;
        expected.iter().all(|(name, value)| {
            let found = series.get(*name).copied().unwrap_or_default();
            (found - *value as f64).abs() < f64::EPSILON
        })
    };
    let waiting = until("numbers that agree", agrees);
    if tokio::time::timeout(crate::support::PATIENCE / 2, waiting).await.is_err() {
        panic!("not {expected:?}: {:#?}", series(metrics).await);
    }
}

#[tokio::test]
async fn connections_and_messages_are_counted() {
    let (server, metrics) = observed(&[]).await;
    let mut a = Client::enter(server.address, "secretroom", "secretname").await;
    let mut b = Client::enter(server.address, "secretroom", "b").await;
    a.next().await;
    a.say("hello").await;
    b.next().await;
    a.say("again").await;
    b.next().await;
    assert!(b.ask_page(1).await.is_empty());
    b.send("@history:x").await;
    b.next_error().await;
    let frame_bytes = series(metrics).await["xmeet_sent_bytes_total"];
    assert!(frame_bytes > 1000.0, "{frame_bytes}");
    settle(
        metrics,
        &[
            ("xmeet_connections", 2),
            ("xmeet_connections_opened_total", 2),
            ("xmeet_members", 2),
            ("xmeet_rooms", 1),
            ("xmeet_ready", 1),
            // Two messages, a page request and an invalid one, each with a header and a mask.
            ("xmeet_received_messages_total", 4),
            ("xmeet_received_bytes_total", 4 * 6 + 5 + 5 + 10 + 10),
            // Two greetings, a join, two messages for two, a page, an error.
            ("xmeet_sent_messages_total", 8 + 1 + 4 + 1 + 1),
            ("xmeet_store_commit_seconds_count", 2),
            ("xmeet_store_commit_messages_sum", 2),
            ("xmeet_store_commit_failures_total", 0),
            ("xmeet_history_read_seconds_count{kind=\"room\"}", 1),
            ("xmeet_room_panics_total", 0),
            ("xmeet_session_panics_total", 0),
        ],
    )
    .await;
    a.leave().await;
    b.end_with(&raw::frame(0x88, &4321_u16.to_be_bytes())).await;
    settle(
        metrics,
        &[
            ("xmeet_connections", 0),
            ("xmeet_connections_opened_total", 2),
            ("xmeet_members", 0),
            ("xmeet_rooms", 0),
            ("xmeet_connections_closed_total{by=\"client\",code=\"1000\"}", 1),
            ("xmeet_connections_closed_total{by=\"client\",code=\"other\"}", 1),
        ],
    )
    .await;
    let text = raw::get(metrics, "/metrics", &[]).await;
    assert!(!text.text().contains("secret") && !text.text().contains("127.0.0.1"));
}

#[tokio::test]
async fn page_reads_are_timed() {
    let (server, metrics) = observed(&[]).await;
    let mut a = Client::enter(server.address, "r", "a").await;
    for number in 0..60 {
        a.say(&number.to_string()).await;
    }
    assert_eq!(a.ask_page(1).await.len(), 10);
    settle(metrics, &[("xmeet_history_read_seconds_count{kind=\"page\"}", 1)]).await;
    let series = series(metrics).await;
    assert!(series["xmeet_history_read_seconds_sum{kind=\"page\"}"] > 0.0);
    assert!(series["process_resident_memory_bytes"] > 1e6);
    assert!(series["process_open_fds"] > 3.0);
    assert!(series.contains_key("process_cpu_seconds_total"));
}

/// Many members resume at once after a network failure. Their greetings come from memory.
#[tokio::test]
async fn resuming_members_read_nothing_from_the_store() {
    const MEMBERS: usize = 200;
    let (server, metrics) = observed(&["--resume-grace-seconds", "3600"]).await;
    let mut writer = Client::enter(server.address, "r", "writer").await;
    for number in 0..60 {
        writer.say(&number.to_string()).await;
    }
    let enter = async |member: usize| {
        let token = format!("a-token-of-a-tab_{member:06}");
        Client::enter_with(server.address, "r", "m", &token).await
    };
    for _ in 0..2 {
        for member in join_all((0..MEMBERS).map(enter)).await {
            assert_eq!(member.page.len(), 50);
            member.lose().await;
        }
    }
    let members = MEMBERS as u64;
    settle(
        metrics,
        &[
            ("xmeet_resumes_total{outcome=\"returned\"}", members),
            ("xmeet_history_read_seconds_count{kind=\"room\"}", 1),
            ("xmeet_history_read_seconds_count{kind=\"page\"}", 0),
        ],
    )
    .await;
}

/// Returns the metrics in the table of docs/operations.md, with their types.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../../docs/operations.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0)));
    let is_metric = |name: &str| name.starts_with("xmeet_") || name.starts_with("process_");
    let metrics = rows.filter(|(name, _)| is_metric(name));
    metrics.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// Sends messages until the server refuses one. Returns how many were accepted.
async fn say_until_refused(client: &mut Client) -> u64 {
    let mut accepted = 0;
    loop {
        client.send("x").await;
        match client.next().await.message {
            ServerMessage::Normal { .. } => accepted += 1,
            ServerMessage::Error { code, .. } => {
                assert_eq!(code, Some(ErrorCode::RateLimited));
                return accepted;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn scraped_metrics_are_the_documented_ones() {
    let limits = ["--no-limits=false", "--messages-per-second", "1"];
    let (server, metrics) = observed(&limits).await;
    // A metric with labels appears after its first event.
    let mut a = Client::enter_with(server.address, "r", "a", "a-token-of-a-tab_012345").await;
    say_until_refused(&mut a).await;
    a.leave().await;
    assert_eq!(raw::get(server.address, &path("r", "n"), &[]).await.status, 426);
    settle(metrics, &[("xmeet_connections", 0), ("xmeet_rooms", 0)]).await;
    let text = raw::get(metrics, "/metrics", &[]).await.text().to_owned();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: BTreeMap<_, _> =
        types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    assert_eq!(types, documented());
}

#[tokio::test]
async fn resumes_are_counted_by_outcome() {
    const TOKEN: &str = "a-token-of-a-tab_012345";
    let (server, metrics) = observed(&["--resume-grace-seconds", "1"]).await;
    let mut witness = Client::enter(server.address, "r", "w").await;
    let lost = Client::enter_with(server.address, "r", "a", TOKEN).await;
    lost.lose().await;
    let mut back = Client::enter_with(server.address, "r", "a", TOKEN).await;
    let other = Client::enter_with(server.address, "r", "a", TOKEN).await;
    assert_eq!(back.closed().await, 4001);
    other.lose().await;
    assert_eq!(witness.next().await.message.kind(), "join");
    assert_eq!(witness.next().await.message.kind(), "leave");
    settle(
        metrics,
        &[
            ("xmeet_resumes_total{outcome=\"new\"}", 1),
            ("xmeet_resumes_total{outcome=\"returned\"}", 1),
            ("xmeet_resumes_total{outcome=\"took_over\"}", 1),
            ("xmeet_resumes_total{outcome=\"expired\"}", 1),
            ("xmeet_connections_closed_total{by=\"server\",code=\"4001\"}", 1),
            ("xmeet_members", 1),
        ],
    )
    .await;
}

fn refused(code: &str) -> String {
    format!("xmeet_handshakes_refused_total{{code=\"{code}\"}}")
}

#[tokio::test]
async fn rejections_and_broken_frames_are_counted() {
    let (server, metrics) = observed(&[]).await;
    let before = series(metrics).await;
    for name in [
        &*refused("too_many_connections_from_address"),
        "xmeet_connections_closed_total{by=\"server\",code=\"1008\"}",
    ] {
        assert_eq!(before.get(name), Some(&0.0), "{name} is there before it rises");
    }
    for (path, status) in [("/xgate/websocket/a%2F%00", 400), ("/xgate/websocket/r", 426)] {
        assert_eq!(raw::get(server.address, path, &[]).await.status, status);
    }
    let a = Client::enter(server.address, "r", "a").await;
    // An unmasked frame.
    a.end_with(&[0x81, 0x01, b'x']).await;
    settle(
        metrics,
        &[
            (&refused("bad_room_id"), 1),
            (&refused("upgrade_required"), 1),
            ("xmeet_connections_closed_total{by=\"server\",code=\"1002\"}", 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn rejections_by_connection_limits_are_counted_for_every_request() {
    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
    let (server, metrics) =
        observed(&["--no-limits=false", "--connections-per-address", "1"]).await;
    let ask = async |method: &str, path: &str| {
        let mut stream = connect_from(SOURCE, server.address).await;
        let response = raw::request_over(&mut stream, method, path, &raw::UPGRADE).await;
        (response.status, stream)
    };
    let (entered, _member) = ask("GET", &path("r", "a")).await;
    assert_eq!(entered, 101);
    for (method, path) in [("GET", "/"), ("GET", &*path("r", "b")), ("CONNECT", "a:1")] {
        assert_eq!(ask(method, path).await.0, 429, "{method} {path}");
    }
    // Health checks are not rejected.
    assert_eq!(ask("GET", "/healthz").await.0, 200);
    settle(
        metrics,
        &[
            // A request for a page is not a handshake.
            (&refused("too_many_connections_from_address"), 1),
            ("xmeet_limit_hits_total{kind=\"address_connections\"}", 3),
        ],
    )
    .await;
}

/// Messages that fill the kernel's buffers and the outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_readers_are_counted() {
    let (server, metrics) = observed(&["--outbox-bytes-max", "100000"]).await;
    let (response, stalled) = raw::upgrade(server.address, &path("r", "stalled"), &[]).await;
    assert_eq!(response.status, 101);
    let mut writer = Client::enter(server.address, "r", "writer").await;
    let text = "x".repeat(32 * 1024);
    let is_closed = async || series(metrics).await["xmeet_outbox_overflows_total"] >= 1.0;
    let writing = async {
        while !is_closed().await {
            for _ in 0..64 {
                writer.send(&text).await;
                while writer.next().await.message.kind() != "normal" {}
            }
        }
    };
    soon("a close", writing).await;
    settle(metrics, &[("xmeet_connections_closed_total{by=\"server\",code=\"1013\"}", 1)]).await;
    drop(stalled);
}

#[tokio::test]
async fn metrics_are_served_only_on_the_operators_listener() {
    let (server, metrics) = observed(&[]).await;
    assert_eq!(raw::get(server.address, "/metrics", &[]).await.status, 404);
    for path in ["/", "/room/r", "/xgate/websocket/r", "/qr.svg?text=x"] {
        assert_eq!(raw::get(metrics, path, &[]).await.status, 404, "{path}");
    }
    assert_eq!(raw::get(metrics, "/healthz", &[]).await.status, 200);
    let (response, _) = raw::request(metrics, "POST", "/metrics", &[]).await;
    assert_eq!(response.status, 405);
    // The listener has its own limit of connections, and health checks need no permit.
    let mut silent = Vec::new();
    let filling = async {
        while raw::get(metrics, "/metrics", &[]).await.status != 503 {
            silent.push(TcpStream::connect(metrics).await.unwrap());
        }
    };
    soon("all places are taken", filling).await;
    assert_eq!(raw::get(metrics, "/readyz", &[]).await.status, 200);
}

/// A client that does not answer the Close frame delays the end of the server.
#[tokio::test]
async fn readyz_reports_draining_until_the_end() {
    let (server, metrics) = observed(&[]).await;
    until("ready", async || ready(metrics).await == (200, "ready".to_owned())).await;
    let (response, silent) = raw::upgrade(server.address, &path("r", "silent"), &[]).await;
    assert_eq!(response.status, 101);
    let stopping = tokio::spawn(server.stop());
    until("draining", async || ready(metrics).await == (503, "draining".to_owned())).await;
    assert!(!stopping.is_finished());
    assert_eq!(raw::get(metrics, "/healthz", &[]).await.status, 200);
    drop(silent);
    soon("the end", stopping).await.unwrap();
}

#[tokio::test]
async fn unusable_metrics_address_fails_with_one_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let mut command = crate::support::Process::command(folder.path());
    let output = command.args(["--metrics-listen", &taken]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("for metrics"), "{said}");
}

#[tokio::test]
async fn reached_limits_are_counted() {
    let limits = ["--no-limits=false", "--messages-per-second", "1"];
    let (server, metrics) = observed(&limits).await;
    let mut a = Client::enter(server.address, "r", "a").await;
    let said = say_until_refused(&mut a).await;
    let expected = [
        ("xmeet_limit_hits_total{kind=\"messages\"}", 1),
        ("xmeet_store_commit_messages_sum", said),
    ];
    settle(metrics, &expected).await;
}
