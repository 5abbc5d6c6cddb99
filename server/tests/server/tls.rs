//! TLS with the operator's certificate.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::authority::{FAR_YEAR, Identity};
use crate::support::client::path;
use crate::support::raw::{read_close, read_frame, read_rest};
use crate::support::{Client, Process, TestServer, raw, soon};

/// Starts a server with a new certificate in the folder.
async fn server(folder: &Path, further: &[&str]) -> (TestServer, Identity) {
    let identity = Identity::until(FAR_YEAR);
    identity.write(folder);
    let settings = Identity::settings(folder);
    let arguments: Vec<_> = settings.iter().map(String::as_str).chain(further.to_vec()).collect();
    (TestServer::with(&arguments).await, identity)
}

async fn enter(
    identity: &Identity,
    server: &TestServer,
    nickname: &str,
) -> Client<TlsStream<TcpStream>> {
    let line = identity.connect(server.address).await.unwrap();
    Client::enter_over(line, &path("r", nickname)).await
}

#[tokio::test]
async fn rooms_and_pages_are_served_over_tls() {
    let folder = TempDir::new().unwrap();
    let (server, identity) = server(folder.path(), &[]).await;
    let mut line = identity.connect(server.address).await.unwrap();
    for path in ["/qr.svg?text=a", "/nothing"] {
        let answer = raw::request_over(&mut line, "GET", path, &[]).await;
        assert_eq!(
            answer.header("strict-transport-security"),
            None,
            "{path}: HSTS is off by default"
        );
    }
    let mut a = enter(&identity, &server, "a").await;
    let mut b = enter(&identity, &server, "b").await;
    assert_eq!(a.next().await.message.kind(), "join");
    b.say("hello").await;
    assert_eq!(a.next_said().await.1, "hello");
    // Longer than a TLS record, in both directions.
    let long = "聊".repeat(20_000);
    a.say(&long).await;
    assert_eq!(b.next_said().await.1, "hello".replace("hello", &long));
    b.leave().await;
    assert_eq!(a.next().await.message.kind(), "leave");
    let ending = tokio::spawn(async move { a.closed().await });
    server.stop().await;
    assert_eq!(ending.await.unwrap(), 1001);
}

#[tokio::test]
async fn plain_text_on_the_tls_port_gets_no_response() {
    let folder = TempDir::new().unwrap();
    let (server, identity) = server(folder.path(), &[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = read_rest(&mut stream).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // The client verifies certificates: it rejects another certificate of the same name.
    assert!(Identity::until(FAR_YEAR).connect(server.address).await.is_err());
    assert!(identity.connect(server.address).await.is_ok());
}

#[tokio::test]
async fn connection_without_a_tls_handshake_is_closed() {
    let folder = TempDir::new().unwrap();
    let (server, identity) =
        server(folder.path(), &["--no-limits=false", "--request-seconds", "1"]).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // A partial TLS record.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"\x16\x03\x01").await.unwrap();
    for stream in [&mut silent, &mut slow] {
        assert_eq!(read_rest(stream).await, b"");
    }
    assert!(identity.connect(server.address).await.is_ok());
}

#[tokio::test]
async fn rejected_client_gets_its_response_over_tls() {
    let folder = TempDir::new().unwrap();
    let limits = ["--no-limits=false", "--connections-per-address", "1", "--hsts-seconds", "60"];
    let (server, identity) = server(folder.path(), &limits).await;
    let _first = enter(&identity, &server, "a").await;
    let mut second = identity.connect(server.address).await.unwrap();
    let answer = raw::request_over(&mut second, "GET", "/", &[]).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("content-security-policy").is_some());
    // HSTS is enabled here, without subdomains.
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=60"));
}

/// Encrypted bytes cannot be taken back. Even so, a slow reader receives whole frames and then the Close
/// frame.
#[tokio::test]
async fn slow_tls_reader_gets_complete_frames_and_then_a_close() {
    let folder = TempDir::new().unwrap();
    let (server, identity) = server(folder.path(), &["--outbox-bytes-max", "50000"]).await;
    for bytes in [3_000, 33_333] {
        let mut stalled = enter(&identity, &server, "stalled").await.into_stream();
        let mut writer = enter(&identity, &server, "writer").await;
        writer.say_until_a_member_leaves(&"x".repeat(bytes)).await;
        let (code, reason) = read_close(&mut stalled).await;
        assert_eq!(code, 1013, "{reason}");
        assert_eq!(soon("the end", read_frame(&mut stalled)).await, None);
        writer.leave().await;
    }
}

/// Waits until new connections get this certificate.
async fn shown(identity: &Identity, address: std::net::SocketAddr) {
    let connecting = async {
        while identity.connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("the new certificate", connecting).await;
}

#[tokio::test]
async fn new_certificate_applies_to_new_connections_only() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = Identity::until(FAR_YEAR);
    first.write(folder.path());
    let mut command = Process::command(data.path());
    command.args(Identity::settings(folder.path()));
    let process = Process::spawn(command);
    assert!(process.url.starts_with("https://127.0.0.1:"), "{}", process.url);
    let line = first.connect(process.address).await.unwrap();
    let mut client = Client::enter_over(line, &path("r", "a")).await;

    let second = Identity::until(FAR_YEAR);
    second.write(folder.path());
    shown(&second, process.address).await;
    assert!(
        first.connect(process.address).await.is_err(),
        "new connections do not get the old certificate"
    );
    client.say("still here").await;

    // An invalid certificate changes nothing.
    fs::write(folder.path().join("cert.pem"), "not a certificate").unwrap();
    process.logs("the old one stays").await;
    assert!(second.connect(process.address).await.is_ok());
    client.say("and here").await;

    let third = Identity::until(FAR_YEAR);
    third.write(folder.path());
    shown(&third, process.address).await;
    client.say("to the end").await;
}

#[tokio::test]
async fn check_warns_about_an_expired_certificate() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmeet"));
        command.args(["check", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        let output = command.args(Identity::settings(folder.path())).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (succeeded, said) = check();
    assert!(
        !succeeded && said.contains("error: tls-certificate: ") && said.contains("No such file")
    );

    Identity::until(2021).write(folder.path());
    let (succeeded, said) = check();
    let warning = "xmeet: warning: tls-certificate: the certificate expired on 2021-01-01";
    assert!(succeeded && said.contains(warning), "{said}");

    Identity::until(FAR_YEAR).write(folder.path());
    let (succeeded, said) = check();
    assert!(succeeded && !said.contains("tls-"), "{said}");
    fs::write(folder.path().join("key.pem"), Identity::until(FAR_YEAR).key).unwrap();
    let (succeeded, said) = check();
    assert!(
        !succeeded && said.contains("error: tls-key: ") && said.contains("not the key"),
        "{said}"
    );
}
