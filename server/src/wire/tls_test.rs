//! The two TLS halves on real sockets, with a client of another implementation.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::*;

/// Size of the system's buffers for a connection, in bytes. Small, so that they are soon full.
const BUFFER_BYTES: usize = 8 * 1024;

const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the server's halves of a connection, and the client.
async fn connected() -> (Reading, Writing, client::TlsStream<TcpStream>) {
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

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    SockRef::from(&far).set_send_buffer_size(BUFFER_BYTES).unwrap();
    SockRef::from(&near).set_recv_buffer_size(BUFFER_BYTES).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let (far, near) = tokio::join!(
        TlsAcceptor::from(Arc::new(server)).accept(far),
        TlsConnector::from(Arc::new(client)).connect(name, near)
    );
    let (reading, writing) = split(far.unwrap());
    (reading, writing, near.unwrap())
}

fn noise(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

/// Ends the sending half. The reading half sends the bytes that do not fit yet.
fn end(writing: Writing, mut reading: Reading) {
    drop(writing);
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok(1..) = reading.read(&mut buffer).await {}
    });
}

/// Writes pieces of all lengths as an outbox does, until all are reported as written.
async fn write_all(writing: &mut Writing, mut bytes: &[u8]) {
    let mut random = fastrand::Rng::with_seed(1);
    while !bytes.is_empty() {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        for _ in 0..random.usize(1..40) {
            let (piece, behind) = rest.split_at(random.usize(2..9_000).min(rest.len()));
            pieces.push(IoSlice::new(piece));
            rest = behind;
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
async fn frames_arrive_in_order_however_full_the_socket_is() {
    let sent = noise(3_000_000);
    let (reading, mut writing, mut client) = connected().await;
    let expected = sent.clone();
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.expect("a clean end of TLS");
        assert!(received == expected, "{} bytes came", received.len());
    });
    write_all(&mut writing, &sent).await;
    end(writing, reading);
    tokio::time::timeout(PATIENCE, receiving).await.unwrap().unwrap();
}

/// While the socket is full, the last encrypted byte does not count as written. A caller that waits
/// until its bytes are written therefore waits until the system has them.
#[tokio::test]
async fn bytes_reported_as_written_are_in_the_socket() {
    let (reading, mut writing, mut client) = connected().await;
    let bytes = noise(60_000);
    let mut written = 0;
    // The client does not read.
    while let Ok(count) = writing.try_write(&[IoSlice::new(&bytes[written % bytes.len()..])]) {
        written += count;
    }
    assert!(!written.is_multiple_of(bytes.len()), "a byte is deferred");
    let begun = written % bytes.len();
    let rest = &bytes[begun..];
    let total = written + rest.len();
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        received
    });
    write_all(&mut writing, rest).await;
    end(writing, reading);
    let received = tokio::time::timeout(PATIENCE, receiving).await.unwrap().unwrap();
    assert_eq!(received.len(), total);
    assert!(received.chunks(bytes.len()).all(|chunk| chunk == &bytes[..chunk.len()]));
}

#[tokio::test]
async fn tls_key_update_is_answered_while_only_reading() {
    let (mut reading, mut writing, mut client) = connected().await;
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
    let (mut reading, _writing, mut client) = connected().await;
    client.shutdown().await.unwrap();
    assert_eq!(reading.read(&mut [0; 10]).await.unwrap(), 0);

    let (mut reading, _writing, client) = connected().await;
    drop(client.into_inner());
    assert!(reading.read(&mut [0; 10]).await.is_err());
}
