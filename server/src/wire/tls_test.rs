//! Tests of the two TLS halves on real sockets, with the TLS client of `tokio-rustls`.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::*;

/// The size of the socket's send and receive buffers, in bytes. They are small, so that they are soon
/// full.
const BUFFER_BYTES: usize = 8 * 1024;

/// The time limit of a test.
const TEST_TIME_MAX: Duration = Duration::from_secs(20);

/// Connects a client over TLS. Returns the server's two halves, and the client's stream.
async fn connect() -> (Reading, Writing, client::TlsStream<TcpStream>) {
    // 1. A certificate that the client trusts.
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();

    // 2. A TCP connection with small buffers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client_tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server_tcp, _) = listener.accept().await.unwrap();
    SockRef::from(&server_tcp).set_send_buffer_size(BUFFER_BYTES).unwrap();
    SockRef::from(&client_tcp).set_recv_buffer_size(BUFFER_BYTES).unwrap();

    // 3. The TLS handshake.
    let name = ServerName::try_from("localhost").unwrap();
    let (server_tls, client_tls) = tokio::join!(
        TlsAcceptor::from(Arc::new(server)).accept(server_tcp),
        TlsConnector::from(Arc::new(client)).connect(name, client_tcp)
    );
    let (reading, writing) = split(server_tls.unwrap());
    (reading, writing, client_tls.unwrap())
}

/// Returns random bytes, the same in each call.
fn random_bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

/// Drops the sending half. A task then reads until the end of the stream: while it reads, the receiving
/// half writes the encrypted bytes that are left.
fn end_stream(writing: Writing, mut reading: Reading) {
    drop(writing);
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok(1..) = reading.read(&mut buffer).await {}
    });
}

/// Writes all bytes as an outbox does, in pieces of random lengths.
async fn write_all(writing: &mut Writing, mut bytes: &[u8]) {
    let mut random = fastrand::Rng::with_seed(1);
    while !bytes.is_empty() {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        for _ in 0..random.usize(1..40) {
            let length = random.usize(2..9_000).min(rest.len());
            let piece;
            (piece, rest) = rest.split_at(length);
            pieces.push(IoSlice::new(piece));
        }
        match writing.try_write(&pieces) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::future::poll_fn(|cx| writing.poll_writable(cx)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn bytes_arrive_complete_and_in_order_through_full_sockets() {
    let sent = random_bytes(3_000_000);
    let (reading, mut writing, mut client) = connect().await;
    let expected = sent.clone();
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.expect("the stream ends with close_notify");
        assert!(received == expected, "{} bytes arrived", received.len());
    });
    write_all(&mut writing, &sent).await;
    end_stream(writing, reading);
    tokio::time::timeout(TEST_TIME_MAX, receiving).await.unwrap().unwrap();
}

/// While the socket is full, the last encrypted byte is reported as unwritten. So once all bytes of a
/// caller are reported as written, the socket has all of them.
#[tokio::test]
async fn bytes_reported_as_written_are_in_the_socket() {
    let (reading, mut writing, mut client) = connect().await;
    let pattern = random_bytes(60_000);
    let mut written = 0;
    // The server sends the pattern again and again. The client does not read, so the socket becomes
    // full.
    while let Ok(count) = writing.try_write(&[IoSlice::new(&pattern[written % pattern.len()..])]) {
        written += count;
    }
    assert!(!written.is_multiple_of(pattern.len()), "the socket became full within the pattern");

    // Now the client reads, and the server sends the rest of the pattern.
    let rest = &pattern[written % pattern.len()..];
    let total = written + rest.len();
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        received
    });
    write_all(&mut writing, rest).await;
    end_stream(writing, reading);
    let received = tokio::time::timeout(TEST_TIME_MAX, receiving).await.unwrap().unwrap();
    assert_eq!(received.len(), total);
    assert!(received.chunks(pattern.len()).all(|chunk| chunk == &pattern[..chunk.len()]));
}

#[tokio::test]
async fn tls_key_update_is_answered_while_only_reading() {
    let (mut reading, mut writing, mut client) = connect().await;
    client.get_mut().1.refresh_traffic_keys().unwrap();
    client.write_all(b"with new keys").await.unwrap();
    let mut buffer = [0; 100];
    let count = reading.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..count], b"with new keys");
    write_all(&mut writing, b"with new keys too").await;
    let count = client.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..count], b"with new keys too");
}

#[tokio::test]
async fn close_notify_ends_the_stream_and_its_absence_is_an_error() {
    let (mut reading, _writing, mut client) = connect().await;
    client.shutdown().await.unwrap();
    assert_eq!(reading.read(&mut [0; 10]).await.unwrap(), 0);

    // The client closes the TCP connection without close_notify.
    let (mut reading, _writing, client) = connect().await;
    drop(client.into_inner());
    assert!(reading.read(&mut [0; 10]).await.is_err());
}
