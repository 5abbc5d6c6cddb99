//! Reads the operator's certificate and its key from two PEM files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::validity;
use crate::config::tls::TlsSettings;

/// Why TLS cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct TlsError {
    /// The setting that causes the error.
    pub setting: &'static str,
    /// The reason, for people.
    pub reason: String,
}

const CERTIFICATE: &str = "tls-certificate";
const KEY: &str = "tls-key";

impl TlsError {
    fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self { setting, reason: reason.into() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "map_err passes the error by value")]
    pub(super) fn provider(error: rustls::Error) -> Self {
        Self::new(CERTIFICATE, error.to_string())
    }
}

/// The paths of a certificate and its key.
#[derive(Debug, Clone)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Detects changes of the two files: modification time, length and inode of each; `None` for a missing
/// file.
pub(super) type Fingerprint = [Option<(Option<SystemTime>, u64, u64)>; 2];

/// A valid certificate chain with its key.
#[derive(Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    valid_until: Timestamp,
}

impl Files {
    /// Returns the files that the settings name; `None` if TLS is off.
    ///
    /// # Errors
    /// If only one of the two settings is set.
    pub fn of(settings: &TlsSettings) -> Result<Option<Self>, TlsError> {
        match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(Self { certificate: certificate.clone(), key: key.clone() }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(TlsError::new(KEY, "the key that belongs to tls-certificate is not set"))
            }
            (None, Some(_)) => {
                Err(TlsError::new(CERTIFICATE, "the certificate of tls-key is not set"))
            }
        }
    }

    /// Reads both files.
    ///
    /// # Errors
    /// If a file cannot be read or contains no certificate or key, or the key does not match.
    pub fn read(&self) -> Result<Certificate, TlsError> {
        let chain = self.chain()?;
        let valid_until = validity::valid_until(&chain[0]).ok_or_else(|| {
            TlsError::new(CERTIFICATE, self.certificate_reason("the first certificate is damaged"))
        })?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            let reason = pem_reason(&error, "private key");
            TlsError::new(KEY, format!("{}: {reason}", self.key.display()))
        })?;
        let key =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
                let (setting, path, reason) = match error {
                    rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                        (KEY, &self.key, "it is not the key of the certificate".to_owned())
                    }
                    rustls::Error::InvalidCertificate(error) => {
                        (CERTIFICATE, &self.certificate, error.to_string())
                    }
                    error => (KEY, &self.key, error.to_string()),
                };
                TlsError::new(setting, format!("{}: {reason}", path.display()))
            })?;
        Ok(Certificate { key: Arc::new(key), valid_until })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect);
        match read {
            Ok(chain) if Vec::is_empty(&chain) => {
                let reason = pem_reason(&pem::Error::NoItemsFound, "certificate");
                Err(TlsError::new(CERTIFICATE, self.certificate_reason(&reason)))
            }
            Ok(chain) => Ok(chain),
            Err(error) => {
                let reason = pem_reason(&error, "certificate");
                Err(TlsError::new(CERTIFICATE, self.certificate_reason(&reason)))
            }
        }
    }

    /// Prefixes a reason with the path of the certificate.
    fn certificate_reason(&self, reason: &str) -> String {
        format!("{}: {reason}", self.certificate.display())
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        use std::os::unix::fs::MetadataExt;
        [&self.certificate, &self.key].map(|path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().ok(), found.len(), found.ino()))
        })
    }
}

/// Describes an error about a PEM file. `what` names the missing item.
fn pem_reason(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => format!("there is no {what} in it, in PEM form"),
        error => error.to_string(),
    }
}

impl Certificate {
    /// Returns when the certificate expires.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.valid_until < Timestamp::now()
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tempfile::TempDir;

    use super::*;

    /// Creates a certificate that expires on the first day of a year. Returns it and its key as PEM.
    fn create(until_year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(until_year, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn read(certificate: &str, key: &str) -> Result<Certificate, TlsError> {
        let folder = TempDir::new().unwrap();
        let files = Files {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        files.read()
    }

    #[test]
    fn expiry_of_a_certificate_is_read() {
        for (year, is_expired) in [(2021, true), (2049, false), (2050, false), (2112, false)] {
            let (certificate, key) = create(year);
            let read = read(&certificate, &key).unwrap();
            assert_eq!(read.valid_until().to_string(), format!("{year}-01-01T00:00:00Z"));
            assert_eq!(read.is_expired(), is_expired);
        }
    }

    #[test]
    fn error_names_the_setting_and_the_file() {
        let ((certificate, key), (other, _)) = (create(2100), create(2100));
        for (certificate, key, setting, reason) in [
            (other.as_str(), key.as_str(), KEY, "key.pem: it is not the key of the certificate"),
            ("", &key, CERTIFICATE, "cert.pem: there is no certificate in it"),
            (&key, &key, CERTIFICATE, "cert.pem: there is no certificate in it"),
            (&certificate, "x", KEY, "key.pem: there is no private key in it"),
            (&certificate, &certificate, KEY, "key.pem: there is no private key in it"),
        ] {
            let error = read(certificate, key).unwrap_err();
            assert_eq!(error.setting, setting, "{error}");
            assert!(error.reason.contains(reason), "{error}");
        }
        let nowhere = Files { certificate: "/nowhere/a".into(), key: "/nowhere/b".into() };
        let error = nowhere.read().unwrap_err();
        assert!(error.reason.starts_with("/nowhere/a: No such file"), "{error}");
    }

    #[test]
    fn one_file_without_the_other_is_an_error() {
        let path = Some(PathBuf::from("x"));
        for (certificate, key, setting) in [(path.clone(), None, KEY), (None, path, CERTIFICATE)] {
            let error = Files::of(&TlsSettings { certificate, key, hsts_seconds: 0 }).unwrap_err();
            assert_eq!(error.setting, setting);
        }
        assert!(
            Files::of(&TlsSettings { certificate: None, key: None, hsts_seconds: 0 })
                .unwrap()
                .is_none()
        );
    }
}
