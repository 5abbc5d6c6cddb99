//! Finds the client of a request that came through proxies, by the one header that a setting names:
//! `X-Forwarded-For`, `Forwarded` (RFC 7239), or another that holds an address or a list of them. An
//! address counts only as far as a trusted proxy wrote it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use super::network::{Network, Peer};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which trusted proxies name the client. Only one header counts: a proxy that writes one
/// passes on any other as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressHeader(HeaderName);

impl Default for AddressHeader {
    fn default() -> Self {
        Self(X_FORWARDED_FOR)
    }
}

impl FromStr for AddressHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().parse();
        name.map(Self).map_err(|_| "it is the name of one header, as in x-forwarded-for")
    }
}

impl fmt::Display for AddressHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AddressHeader {
    /// Returns the entries of the header, in the order of the hops. An entry that is not an address is
    /// `None`.
    fn addresses(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let values = headers.get_all(&self.0).into_iter();
        // A value that is not text counts as an entry that is not an address.
        let lines = values.map(|value| value.to_str().unwrap_or("?"));
        if self.0 == FORWARDED {
            lines.flat_map(|line| split(line, ',')).map(forwarded_for).collect()
        } else {
            lines.flat_map(|line| line.split(',')).map(address).collect()
        }
    }
}

/// The trusted proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    networks: Vec<Network>,
    header: AddressHeader,
}

impl Proxies {
    /// Trusts peers in these networks, and all peers on a Unix socket, to name clients in `header`.
    #[must_use]
    pub fn new(networks: Vec<Network>, header: AddressHeader) -> Self {
        Self { networks, header }
    }

    /// Returns whether a request has the header in which proxies name the client.
    #[must_use]
    pub fn names_client(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header.0)
    }

    /// Returns the header in which proxies name the client.
    #[must_use]
    pub fn header(&self) -> &AddressHeader {
        &self.header
    }

    /// Returns whether a peer is a trusted proxy.
    #[must_use]
    pub fn is_trusted(&self, peer: Peer) -> bool {
        match peer {
            Peer::Tcp(address) => self.contains(address),
            Peer::Unix => true,
        }
    }

    /// Returns whether an address is in a trusted network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Returns the client's address. Returns `None` if it is unknown: the peer is on a Unix socket and
    /// names no address.
    ///
    /// The header counts only from a trusted proxy. Each proxy appends the address of its own peer. So
    /// entries are read from the right, past those of trusted proxies; the next entry is the client. The
    /// search ends at an entry that is not an address, and returns the address read before that entry.
    #[must_use]
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let mut nearest = match peer {
            Peer::Tcp(address) => Some(address.to_canonical()),
            Peer::Unix => None,
        };
        if !self.is_trusted(peer) {
            return nearest;
        }
        for entry in self.header.addresses(headers).into_iter().rev() {
            let Some(address) = entry else { break };
            nearest = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        nearest
    }
}

/// Returns the address in the `for` parameter of one hop (RFC 7239 section 5.2).
fn forwarded_for(hop: &str) -> Option<IpAddr> {
    split(hop, ';').into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        if !key.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        address(quoted.unwrap_or(value))
    })
}

/// Splits at each `separator` outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|c: char| {
        let is_separator = c == separator && !is_quoted;
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && is_quoted {
            is_escaped = true;
        } else if c == '"' {
            is_quoted = !is_quoted;
        }
        is_separator
    })
    .collect()
}

/// Parses an address with or without a port, and an IPv6 address with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|found| found.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn proxies(header: &HeaderName) -> Proxies {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        Proxies::new(networks, AddressHeader(header.clone()))
    }

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(name.clone(), value);
        }
        headers
    }

    /// Returns the client if the header of the first line is the named one.
    fn client(peer: &str, lines: &[(HeaderName, &str)]) -> String {
        let header = lines.first().map_or(X_FORWARDED_FOR, |(name, _)| name.clone());
        client_by(&header, peer, lines)
    }

    fn client_by(header: &HeaderName, peer: &str, lines: &[(HeaderName, &str)]) -> String {
        let peer = if peer == "unix" { Peer::Unix } else { Peer::Tcp(peer.parse().unwrap()) };
        let client = proxies(header).client(peer, &headers(lines));
        client.map_or("unknown".to_owned(), |client| client.to_string())
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right_past_trusted_proxies() {
        for (line, expected) in [
            ("1.2.3.4", "1.2.3.4"),
            (" 1.2.3.4 ", "1.2.3.4"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.9.9.9, fd00::7", "1.2.3.4"),
            ("6.6.6.6,1.2.3.4,10.9.9.9", "1.2.3.4"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, ::ffff:10.0.0.9", "6.6.6.6"),
            // Trusted proxies only.
            ("10.7.7.7, 10.9.9.9", "10.7.7.7"),
            // An entry that is not an address ends the search. Entries to the left of that entry do not count.
            ("", PROXY),
            (",", PROXY),
            ("1.2.3.4,", PROXY),
            ("unknown", PROXY),
            ("1.2.3.4, unknown, 10.9.9.9", "10.9.9.9"),
            ("1.2.3.4, [::1, 10.9.9.9", "10.9.9.9"),
            ("1.2.3.4 5.6.7.8", PROXY),
            ("1.2.3.4:99999", PROXY),
            ("fe80::1%eth0", PROXY),
            ("\"1.2.3.4\"", PROXY),
            ("小明", PROXY),
        ] {
            assert_eq!(client(PROXY, &[(X_FORWARDED_FOR, line)]), expected, "{line:?}");
        }
        let lines = [(X_FORWARDED_FOR, "6.6.6.6"), (X_FORWARDED_FOR, "1.2.3.4")];
        assert_eq!(client(PROXY, &lines), "1.2.3.4", "two lines are one list");
    }

    #[test]
    fn forwarded_header_is_parsed_by_rfc_7239() {
        for (line, expected) in [
            ("for=1.2.3.4", "1.2.3.4"),
            ("for=6.6.6.6, for=1.2.3.4;proto=https;by=10.0.0.1", "1.2.3.4"),
            ("proto=https ; For=\"1.2.3.4:80\", for=10.2.2.2", "1.2.3.4"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=6.6.6.6;host=\"a,b;for=7.7.7.7\\\"\", for=10.2.2.2", "6.6.6.6"),
            ("for=1.2.3.4, proto=https", PROXY),
            ("for=1.2.3.4, for=_hidden", PROXY),
            ("for=1.2.3.4, for=unknown, for=10.2.2.2", "10.2.2.2"),
            ("for=\"1.2.3.4", PROXY),
            ("for", PROXY),
            ("=;=,;,=\"\\", PROXY),
        ] {
            assert_eq!(client(PROXY, &[(FORWARDED, line)]), expected, "{line:?}");
        }
    }

    #[test]
    fn headers_other_than_the_named_one_never_count() {
        let names = ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "x-own"];
        let names = names.map(HeaderName::from_static);
        for header in &names {
            let text = |address| {
                if *header == FORWARDED { format!("for={address}") } else { String::from(address) }
            };
            let others = names
                .iter()
                .filter(|name| *name != header)
                .flat_map(|name| ["6.6.6.6", "for=6.6.6.6"].map(|value| (name.clone(), value)));
            let others: Vec<_> = others.collect();
            assert_eq!(client_by(header, PROXY, &others), PROXY, "{header}");
            let named = text("1.2.3.4");
            let all = [&others[..], &[(header.clone(), named.as_str())], &others[..]].concat();
            assert_eq!(client_by(header, PROXY, &all), "1.2.3.4", "{header}");
            let unreadable = [&others[..], &[(header.clone(), "unknown")]].concat();
            assert_eq!(client_by(header, PROXY, &unreadable), PROXY, "{header}");
        }
    }

    #[test]
    fn header_setting_is_one_name() {
        for text in ["x-forwarded-for", "Forwarded", " X-Real-IP "] {
            let header: AddressHeader = text.parse().unwrap();
            assert_eq!(header.to_string(), text.trim().to_lowercase());
        }
        for text in ["", " ", "a b", "x-real-ip,forwarded", "x:y", "聊"] {
            assert!(text.parse::<AddressHeader>().is_err(), "{text}");
        }
    }

    #[test]
    fn headers_of_untrusted_peers_do_not_count() {
        let line = [(X_FORWARDED_FOR, "1.2.3.4")];
        assert_eq!(client("9.9.9.9", &line), "9.9.9.9");
        assert_eq!(client("::ffff:9.9.9.9", &line), "9.9.9.9");
        assert_eq!(client("::ffff:10.0.0.1", &line), "1.2.3.4");
        assert_eq!(client("unix", &line), "1.2.3.4");
        assert_eq!(client("unix", &[]), "unknown");
        assert_eq!(client(PROXY, &[]), PROXY);
        let no_proxies = Proxies::default();
        assert!(!no_proxies.is_trusted(Peer::Tcp("127.0.0.1".parse().unwrap())));
    }

    proptest! {
        #[test]
        fn any_header_value_gives_a_client_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            text in "[0-9a-f.:,;=\"\\\\\\[\\] for]{0,60}",
        ) {
            for value in [HeaderValue::from_bytes(&bytes), HeaderValue::from_str(&text)] {
                let Ok(value) = value else { continue };
                for name in [X_FORWARDED_FOR, FORWARDED] {
                    let mut headers = HeaderMap::new();
                    headers.insert(name.clone(), value.clone());
                    let peer = Peer::Tcp(PROXY.parse().unwrap());
                    let proxies = proxies(&name);
                    prop_assert!(proxies.client(peer, &headers).is_some());
                    prop_assert_eq!(proxies.client(Peer::Tcp([9, 9, 9, 9].into()), &headers),
                        Some([9, 9, 9, 9].into()));
                }
            }
        }
    }
}
