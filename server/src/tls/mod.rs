//! TLS with the operator's own certificate. It is read anew when its files change: who connects from
//! then on gets the new one, and open connections stay.

mod certificate;
mod halves;
mod validity;

pub use certificate::{Certificate, Files, TlsError};
pub use halves::split;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use certificate::Fingerprint;

/// How often the files are looked at. They are read once they have stayed the same from one look to
/// the next, so that a certificate is not tried with the key of the one before it.
const LOOK_PERIOD: Duration = Duration::from_secs(2);

/// The one thing that is spoken inside (RFC 7301).
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// TLS for connections that come in.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

/// What a client that connects now is shown.
#[derive(Debug)]
struct Current {
    files: Files,
    shown: RwLock<Shown>,
}

#[derive(Debug, Clone)]
struct Shown {
    certificate: Arc<Certificate>,
    read_from: Fingerprint,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are no certificate with its key.
    pub fn new(files: Files) -> Result<Self, TlsError> {
        let read_from = files.fingerprint();
        let certificate = Arc::new(files.read()?);
        let current =
            Arc::new(Current { files, shown: RwLock::new(Shown { certificate, read_from }) });
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::provider)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Shakes hands with a client, however long that takes.
    ///
    /// # Errors
    /// When the client speaks no TLS that is spoken here, or goes away.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Watches the files, for ever. What cannot be used is logged, and the certificate before it
    /// stays.
    pub async fn watch(&self) {
        let mut tried = self.current.shown().read_from;
        let mut seen = tried;
        let mut warned_of = None;
        loop {
            let shown = self.current.shown().certificate;
            if shown.is_expired() && warned_of.as_ref() != Some(&shown.valid_until()) {
                tracing::warn!(until = %shown.valid_until(), "the TLS certificate has expired");
                warned_of = Some(shown.valid_until());
            }
            sleep(LOOK_PERIOD).await;
            let current = Arc::clone(&self.current);
            let look = spawn_blocking(move || current.files.fingerprint()).await;
            let Ok(found) = look else { continue };
            if found != tried && found == seen {
                tried = found;
                let current = Arc::clone(&self.current);
                let _ = spawn_blocking(move || current.read(found)).await;
            } else {
                seen = found;
            }
        }
    }
}

impl Current {
    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read(&self, read_from: Fingerprint) {
        match self.files.read() {
            Ok(certificate) => {
                tracing::info!(until = %certificate.valid_until(), "a new TLS certificate is used");
                let shown = Shown { certificate: Arc::new(certificate), read_from };
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
            }
            Err(error) => {
                tracing::error!(%error, "the new TLS certificate cannot be used; the old one stays");
            }
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().certificate.key())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("current", &self.current).finish_non_exhaustive()
    }
}
