//! Settings of TLS.

use std::path::PathBuf;

use clap::Args;

/// Settings of TLS. Without a certificate the server uses plain HTTP.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsSettings {
    /// PEM file with the certificate chain, the server's own certificate first; turns TLS on
    #[arg(long = "tls-certificate", env = "XMEET_TLS_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(long = "tls-key", env = "XMEET_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// How long browsers must use HTTPS for this host, in seconds (Strict-Transport-Security, RFC 6797);
    /// with 0 the header is not sent
    #[arg(long, env = "XMEET_HSTS_SECONDS", value_name = "SECONDS", default_value_t = 0)]
    pub hsts_seconds: u64,
}
