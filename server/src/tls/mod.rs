//! TLS with the operator's certificate. The certificate is reloaded when its files change: new
//! connections use the new one, and open connections are not affected.

mod certificate;
mod validity;

pub use certificate::{Certificate, Files, TlsError};

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use certificate::Fingerprint;

use crate::tasks::run_blocking;

/// Time between two checks of the files. They are reloaded once they are unchanged between two checks,
/// so that a new certificate is not combined with the old key.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The only protocol that the server offers (RFC 7301).
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// Accepts TLS connections. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<CertificateStore>,
}

/// The certificate for new connections, with the files it comes from.
#[derive(Debug)]
struct CertificateStore {
    files: Files,
    loaded: RwLock<Loaded>,
}

#[derive(Debug, Clone)]
struct Loaded {
    certificate: Arc<Certificate>,
    /// The state of the files when they were read.
    fingerprint: Fingerprint,
}

impl Tls {
    /// Reads the certificate.
    ///
    /// # Errors
    /// If the files are not a certificate with its key.
    pub fn new(files: Files) -> Result<Self, TlsError> {
        let fingerprint = files.fingerprint();
        let certificate = Arc::new(files.read()?);
        let current = Arc::new(CertificateStore {
            files,
            loaded: RwLock::new(Loaded { certificate, fingerprint }),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::provider)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<CertificateStore>::clone(&current));
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Performs the TLS handshake with a client. Has no timeout.
    ///
    /// # Errors
    /// If the client does not speak TLS 1.2 or later, or disconnects.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Reloads the certificate whenever its files change, and warns once when it has expired. Never
    /// returns. If the new files cannot be used, logs that and keeps the old certificate.
    pub async fn watch(&self) {
        let mut tried = self.current.loaded().fingerprint;
        let mut seen = tried;
        let mut warned_about = None;
        loop {
            let certificate = self.current.loaded().certificate;
            if certificate.is_expired() && warned_about.as_ref() != Some(&certificate.valid_until())
            {
                tracing::warn!(until = %certificate.valid_until(), "the TLS certificate has expired");
                warned_about = Some(certificate.valid_until());
            }
            sleep(CHECK_INTERVAL).await;
            let current = Arc::clone(&self.current);
            let check = run_blocking(move || current.files.fingerprint()).await;
            let Some(found) = check else { continue };
            if found != tried && found == seen {
                tried = found;
                let current = Arc::clone(&self.current);
                run_blocking(move || current.reload(found)).await;
            } else {
                seen = found;
            }
        }
    }
}

impl CertificateStore {
    fn loaded(&self) -> Loaded {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reload(&self, fingerprint: Fingerprint) {
        match self.files.read() {
            Ok(certificate) => {
                tracing::info!(until = %certificate.valid_until(), "the TLS certificate was reloaded");
                let loaded = Loaded { certificate: Arc::new(certificate), fingerprint };
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
            }
            Err(error) => {
                tracing::error!(%error, "failed to reload the TLS certificate; the old one stays in use");
            }
        }
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.loaded().certificate.key())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("current", &self.current).finish_non_exhaustive()
    }
}
