//! Limits of clients behind proxies, and forged headers.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::crowds::connect_from;
use crate::support::client::path;
use crate::support::raw::{self, UPGRADE};
use crate::support::{Process, TestServer};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 8));

/// Connects with these headers. Returns the status.
async fn enter(server: &TestServer, source: IpAddr, headers: &[(&str, &str)]) -> (u16, TcpStream) {
    let mut stream = connect_from(source, server.address).await;
    let headers: Vec<_> = UPGRADE.iter().chain(headers).copied().collect();
    let response = raw::request_over(&mut stream, "GET", &path("r", "n"), &headers).await;
    (response.status, stream)
}

async fn server() -> TestServer {
    TestServer::limited(&["--connections-per-address=2", "--trusted-proxies=127.0.0.9, fd00::/8"])
        .await
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let server = server().await;
    let mut kept = Vec::new();
    for client in ["1.2.3.4", "5.6.7.8", "6.6.6.6, 9.9.9.9", "fd00::7, 9.9.9.9, fd00::7"] {
        let (status, stream) = enter(&server, PROXY, &[("X-Forwarded-For", client)]).await;
        assert_eq!(status, 101, "{client}");
        kept.push(stream);
    }
    // The client is the rightmost address that is not a trusted proxy: 9.9.9.9 has two connections, the
    // others have one.
    let forged = [("X-Forwarded-For", "7.7.7.7, 9.9.9.9")];
    assert_eq!(enter(&server, PROXY, &forged).await.0, 429);
    // A proxy passes on the other headers as the client wrote them.
    for other in ["Forwarded", "X-Real-IP", "CF-Connecting-IP"] {
        for value in ["7.7.7.7", "for=7.7.7.7"] {
            let headers = [("X-Forwarded-For", "9.9.9.9"), (other, value)];
            assert_eq!(enter(&server, PROXY, &headers).await.0, 429, "{other}: {value}");
        }
    }
}

/// Each proxy writes its own header, and passes on all others as the client wrote them.
#[tokio::test]
async fn only_the_configured_header_identifies_the_client() {
    let all = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "X-Own"];
    for named in all {
        let setting = format!("--client-address-header={}", named.to_lowercase());
        let limits = ["--connections-per-address=1", "--trusted-proxies=127.0.0.9", &setting];
        let server = TestServer::limited(&limits).await;
        let written = if named == "Forwarded" { "for=9.9.9.9" } else { "9.9.9.9" };
        let (status, _first) = enter(&server, PROXY, &[(named, written)]).await;
        assert_eq!(status, 101, "{named}");
        for forged in all.iter().filter(|other| **other != named) {
            for value in ["7.7.7.7", "for=7.7.7.7"] {
                for headers in
                    [[(named, written), (*forged, value)], [(*forged, value), (named, written)]]
                {
                    let status = enter(&server, PROXY, &headers).await.0;
                    assert_eq!(status, 429, "{headers:?} by {named}");
                }
            }
        }
        // Clients without the configured header share one limit.
        let (status, _unnamed) = enter(&server, PROXY, &[]).await;
        assert_eq!(status, 101, "{named}");
        for forged in all.iter().filter(|other| **other != named) {
            let status = enter(&server, PROXY, &[(*forged, "7.7.7.7")]).await.0;
            assert_eq!(status, 429, "{forged} by {named}");
        }
    }
}

#[tokio::test]
async fn ipv6_clients_of_one_64_share_a_limit() {
    let server = server().await;
    let client = |address| [("X-Forwarded-For", address)];
    let (_, _one) = enter(&server, PROXY, &client("2001:db8:1:2::1")).await;
    let (_, _two) = enter(&server, PROXY, &client("2001:db8:1:2:ffff::2")).await;
    assert_eq!(enter(&server, PROXY, &client("2001:db8:1:2:3:4:5:6")).await.0, 429);
    assert_eq!(enter(&server, PROXY, &client("2001:db8:1:3::1")).await.0, 101);
}

#[tokio::test]
async fn headers_of_untrusted_clients_do_not_count() {
    let server = server().await;
    let mut kept = Vec::new();
    for number in 0..2 {
        let client = format!("1.2.3.{number}");
        let (status, stream) = enter(&server, STRANGER, &[("X-Forwarded-For", &client)]).await;
        assert_eq!(status, 101);
        kept.push(stream);
    }
    for header in [("X-Forwarded-For", "1.2.3.9"), ("Forwarded", "for=1.2.3.9"), ("X", "y")] {
        assert_eq!(enter(&server, STRANGER, &[header]).await.0, 429, "{header:?}");
    }
    // A forged header does not count against the limit of the address in it.
    let (status, _stream) = enter(&server, PROXY, &[("X-Forwarded-For", "1.2.3.0")]).await;
    assert_eq!(status, 101);
}

#[tokio::test]
async fn requests_with_unreadable_headers_are_served_and_share_one_limit() {
    let limits = ["--connections-per-address=16", "--trusted-proxies=127.0.0.9"];
    let server = TestServer::limited(&limits).await;
    let mut kept = Vec::new();
    for value in ["", ",,,", "unknown", "for=", "\"", "for=\"[::1", "1.2.3.4.5, %", "=;=,="] {
        for name in ["X-Forwarded-For", "Forwarded"] {
            let (status, stream) = enter(&server, PROXY, &[(name, value)]).await;
            assert_eq!(status, 101, "{name}: {value:?}");
            kept.push(stream);
        }
    }
    assert_eq!(enter(&server, PROXY, &[("X-Forwarded-For", "unknown")]).await.0, 429);
    assert_eq!(enter(&server, PROXY, &[]).await.0, 429);
}

#[tokio::test]
async fn headers_without_a_trusted_proxy_cause_one_warning() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path());
    for number in 0..5 {
        let client = format!("1.2.3.{number}");
        let headers = [("X-Forwarded-For", client.as_str())];
        assert_eq!(raw::get(process.address, "/healthz", &headers).await.status, 200);
    }
    let log = process.stopped().await;
    assert_eq!(log.matches("came from no trusted proxy").count(), 1, "{log}");
    assert!(!log.contains("1.2.3."), "addresses are private: {log}");
    assert_eq!(log.matches("--no-limits").count(), 1, "the tests' servers have none: {log}");
}

#[tokio::test]
async fn log_has_refused_addresses_and_one_warning_of_a_proxy_without_the_header() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--connections-per-address=1", "--log-addresses"]);
    command.args(["--trusted-proxies=127.0.0.9", "--listen=127.0.0.1:0", "--data-dir"]);
    command.arg(folder.path());
    let process = Process::spawn(command);
    let enter = async |source, client: &[(&str, &str)]| {
        let mut stream = connect_from(source, process.address).await;
        let headers: Vec<_> = UPGRADE.iter().chain(client).copied().collect();
        let response = raw::request_over(&mut stream, "GET", &path("r", "n"), &headers).await;
        (response.status, stream)
    };
    let client = [("X-Forwarded-For", "2001:db8:1:2::9")];
    let _in = (enter(PROXY, &client).await, enter(PROXY, &[]).await, enter(STRANGER, &[]).await);
    for _ in 0..300 {
        assert_eq!(enter(PROXY, &client).await.0, 429);
    }
    assert_eq!(enter(PROXY, &[]).await.0, 429);
    assert_eq!(enter(STRANGER, &client).await.0, 429);
    let log = process.stopped().await;
    let refused: Vec<_> =
        log.lines().filter(|line| line.contains("a client was refused")).collect();
    assert!(refused[0].contains("address=2001:db8:1:2::/64"), "{log}");
    assert!((50..300).contains(&refused.len()), "some of many: {}", refused.len());
    assert_eq!(log.matches("a trusted proxy sent no client address").count(), 1, "{log}");
    let warning =
        log.lines().find(|line| line.contains("a trusted proxy sent no client address")).unwrap();
    assert!(warning.contains("address=127.0.0.9"), "{warning}");
}

/// The header of a trusted proxy contains another trusted proxy only.
#[tokio::test]
async fn client_reported_as_trusted_proxy_uses_shared_bucket() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
    command.args(["--trusted-proxies=127.0.0.9,10.0.0.0/8", "--listen=127.0.0.1:0"]);
    command.arg("--data-dir").arg(folder.path());
    let process = Process::spawn(command);
    let mut stream = connect_from(PROXY, process.address).await;
    let headers = [&UPGRADE[..], &[("X-Forwarded-For", "10.0.0.7")]].concat();
    let response = raw::request_over(&mut stream, "GET", &path("r", "n"), &headers).await;
    assert_eq!(response.status, 101);
    let log = process.stopped().await;
    assert_eq!(log.matches("the address of another trusted proxy").count(), 1, "{log}");
}

/// Templates leave the variable empty if there is no proxy.
#[tokio::test]
async fn empty_variable_is_an_empty_list_of_proxies() {
    let folder = TempDir::new().unwrap();
    let mut command = Process::command(folder.path());
    command.env("XMEET_TRUSTED_PROXIES", "");
    let process = Process::spawn(command);
    let headers = [("X-Forwarded-For", "1.2.3.4")];
    assert_eq!(raw::get(process.address, "/healthz", &headers).await.status, 200);
    let log = process.stopped().await;
    assert_eq!(log.matches("came from no trusted proxy").count(), 1, "{log}");
}
