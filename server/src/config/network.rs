//! Settings of addresses, origins and proxies.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::config::origins::Origins;
use crate::limits::forwarded::AddressHeader;
use crate::limits::network::Network;

/// Settings of addresses, origins and proxies.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkSettings {
    /// Address and port to listen on, or unix: and the path of a socket for a proxy on this machine
    #[arg(long, env = "XMEET_LISTEN", value_name = "WHERE", default_value = "127.0.0.1:8080")]
    pub listen: ListenAddress,

    /// File mode of the Unix socket, in octal
    #[arg(long, env = "XMEET_SOCKET_MODE", value_name = "MODE", default_value = "660")]
    pub socket_mode: SocketMode,

    /// Origins whose pages may connect, separated by commas. With an empty list only pages of the
    /// server's own host may. Programs that send no Origin always may [default: all]
    #[arg(
        long = "allow-origin",
        env = "XMEET_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        value_parser = origin_or_none
    )]
    pub allowed_origins: Vec<String>,

    /// Networks of trusted proxies, separated by commas [default: none]
    #[arg(
        long,
        env = "XMEET_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ',',
        value_parser = network_or_none
    )]
    pub trusted_proxies: Vec<Option<Network>>,

    /// Header in which trusted proxies send the client's address: forwarded (RFC 7239), or one with
    /// an address or a list of addresses, such as x-real-ip
    #[arg(
        long,
        env = "XMEET_CLIENT_ADDRESS_HEADER",
        value_name = "HEADER",
        default_value = "x-forwarded-for"
    )]
    pub client_address_header: AddressHeader,
}

impl NetworkSettings {
    /// Returns the origins whose pages may connect.
    #[must_use]
    pub fn origins(&self) -> Origins {
        let listed: Vec<_> =
            self.allowed_origins.iter().filter(|origin| !origin.is_empty()).cloned().collect();
        match (self.allowed_origins.is_empty(), listed.is_empty()) {
            (true, _) => Origins::All,
            (false, true) => Origins::Own,
            (false, false) => Origins::Listed(listed),
        }
    }

    /// Returns the networks of trusted proxies.
    #[must_use]
    pub fn proxies(&self) -> Vec<Network> {
        self.trusted_proxies.iter().flatten().copied().collect()
    }
}

/// Prefix of the path of a Unix socket.
const UNIX: &str = "unix:";

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("the path of the socket is missing, as in unix:/run/xmeet/xmeet.sock"),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(
                |_| "it is an address and a port, as in 127.0.0.1:8080, or unix: and a path",
            ),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// The permission bits of the Unix socket's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl FromStr for SocketMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
        mode.map(Self).ok_or("a mode is up to three octal digits, as in 660")
    }
}

/// Parses an origin as browsers send it (RFC 6454 section 6.2): scheme and host without a path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim();
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    if scheme.is_empty() || host.is_empty() || host.contains(['/', ' ', '*']) {
        return Err("an origin is a scheme and a host, as in https://example.org".to_owned());
    }
    Ok(origin.to_owned())
}

/// Parses an origin, or the empty string that represents an empty list.
fn origin_or_none(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { origin(text) }
}

/// Parses a network, or the empty string that represents an empty list.
fn network_or_none(text: &str) -> Result<Option<Network>, &'static str> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_is_a_port_or_a_socket_path() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/xmeet.sock", "unix:here"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in ["", "8080", "localhost:80", "unix:", "/run/xmeet.sock"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn socket_mode_is_octal() {
        assert_eq!("0660".parse(), Ok(SocketMode(0o660)));
        for text in ["", "9", "1777", "rw"] {
            assert!(text.parse::<SocketMode>().is_err(), "{text}");
        }
    }
}
