//! Settings: where the server is to be reached, and from where.

use std::net::SocketAddr;

use clap::Args;

use crate::limits::network::Network;

/// Where the server is to be reached, and from where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkSettings {
    /// Address and port to serve on
    #[arg(
        long,
        env = "XMEET_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,

    /// Origins whose pages may connect, separated by commas [default: all]
    #[arg(
        long = "allow-origin",
        env = "XMEET_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub allowed_origins: Vec<String>,

    /// Networks of the proxies whose X-Forwarded-For or Forwarded says who a client is, separated by
    /// commas [default: none]
    #[arg(long, env = "XMEET_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
}

/// Takes an origin as browsers send it (RFC 6454 section 6.2): scheme and host, no path.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim();
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    if scheme.is_empty() || host.is_empty() || host.contains(['/', ' ', '*']) {
        return Err("an origin is a scheme and a host, as in https://example.org".to_owned());
    }
    Ok(origin.to_owned())
}
