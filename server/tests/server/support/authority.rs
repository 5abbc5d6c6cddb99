//! Certificates of the tests' own, and clients that trust them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The year in which certificates of the tests end, unless a test wants another one.
pub(crate) const FAR_YEAR: i32 = 2100;

/// A certificate with its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    der: CertificateDer<'static>,
}

impl Identity {
    /// A new one, for `localhost`, valid until the beginning of a year.
    pub(crate) fn until(year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der().clone();
        Self { certificate: certificate.pem(), key: key.serialize_pem(), der }
    }

    /// Writes both as `cert.pem` and `key.pem`, as tools that renew certificates do: beside the old
    /// ones, and then in their place.
    pub(crate) fn write(&self, folder: &Path) {
        for (name, text) in [("cert.pem", &self.certificate), ("key.pem", &self.key)] {
            fs::write(folder.join("new"), text).unwrap();
            fs::rename(folder.join("new"), folder.join(name)).unwrap();
        }
    }

    /// The settings for what [`Self::write`] wrote.
    pub(crate) fn settings(folder: &Path) -> [String; 4] {
        let path = |name| folder.join(name).to_str().unwrap().to_owned();
        ["--tls-certificate".into(), path("cert.pem"), "--tls-key".into(), path("key.pem")]
    }

    /// Connects as somebody who trusts this certificate and no other.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}
