//! Settings: TLS with a certificate of one's own.

use std::path::PathBuf;

use clap::Args;

/// TLS with a certificate of one's own. Without it plain HTTP is served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsSettings {
    /// PEM file with the certificate and those that lead to its authority; turns TLS on
    #[arg(long = "tls-certificate", env = "XMEET_TLS_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(long = "tls-key", env = "XMEET_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
}
