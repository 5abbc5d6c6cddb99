//! Who a request is from, where it came through proxies: `X-Forwarded-For`, and `Forwarded` of RFC
//! 7239. What they say counts only as far as each name was written by somebody who is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use super::network::{Network, Peer};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    networks: Vec<Network>,
}

impl Proxies {
    /// Those at these addresses, and whoever comes over a Unix socket.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        Self { networks }
    }

    /// Whether a peer is one.
    #[must_use]
    pub fn trust(&self, peer: Peer) -> bool {
        match peer {
            Peer::Tcp(address) => self.has(address),
            Peer::Unix => true,
        }
    }

    /// Whether an address belongs to a proxy.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The address that a request is from. `None` when nobody knows: it came over a Unix socket,
    /// and the proxy named no address.
    ///
    /// Headers of a peer that is no proxy mean nothing. A proxy appends whom it was asked by, so the
    /// names are read from the right, past those of further proxies; the first that is none is the
    /// client. Where a name is no address, what stands left of it is not believed either, and the
    /// request is from the proxy that was named last. `Forwarded` counts only where there is no
    /// `X-Forwarded-For`: a proxy that writes the one may pass on a forged other.
    #[must_use]
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let mut nearest = match peer {
            Peer::Tcp(address) => Some(address.to_canonical()),
            Peer::Unix => None,
        };
        if !self.trust(peer) {
            return nearest;
        }
        for name in names(headers).into_iter().rev() {
            let Some(address) = name else { break };
            nearest = Some(address);
            if !self.has(address) {
                break;
            }
        }
        nearest
    }
}

/// Whether a request has a header that only proxies write.
#[must_use]
pub fn is_there(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

/// The addresses that are named, in the order of the hops; `None` for one that is no address.
fn names(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    // What is no text is no address, and ends the belief like one that is none.
    let lines = |name: &HeaderName| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>()
    };
    let listed = lines(&X_FORWARDED_FOR);
    if !listed.is_empty() {
        return listed.iter().flat_map(|line| line.split(',')).map(address).collect();
    }
    lines(&FORWARDED).into_iter().flat_map(|line| split(line, ',')).map(forwarded_for).collect()
}

/// The `for` of one hop (RFC 7239 section 5.2).
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

/// Splits at a character that does not stand in quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|c: char| {
        let splits = c == at && !is_quoted;
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && is_quoted {
            is_escaped = true;
        } else if c == '"' {
            is_quoted = !is_quoted;
        }
        splits
    })
    .collect()
}

/// An address with or without a port, an IPv6 address with or without brackets.
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

    fn proxies() -> Proxies {
        Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
    }

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(name.clone(), value);
        }
        headers
    }

    fn client(peer: &str, lines: &[(HeaderName, &str)]) -> String {
        let peer = if peer == "unix" { Peer::Unix } else { Peer::Tcp(peer.parse().unwrap()) };
        let client = proxies().client(peer, &headers(lines));
        client.map_or("nobody knows".to_owned(), |client| client.to_string())
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right_as_far_as_it_is_trusted() {
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
            // Nobody but proxies.
            ("10.7.7.7, 10.9.9.9", "10.7.7.7"),
            // What cannot be read ends the belief, and so does what stands left of it.
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
    fn forwarded_is_read_by_its_own_grammar() {
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
        let both = [(FORWARDED, "for=6.6.6.6"), (X_FORWARDED_FOR, "1.2.3.4")];
        assert_eq!(client(PROXY, &both), "1.2.3.4");
    }

    #[test]
    fn nobody_else_is_believed() {
        let line = [(X_FORWARDED_FOR, "1.2.3.4")];
        assert_eq!(client("9.9.9.9", &line), "9.9.9.9");
        assert_eq!(client("::ffff:9.9.9.9", &line), "9.9.9.9");
        assert_eq!(client("::ffff:10.0.0.1", &line), "1.2.3.4");
        assert_eq!(client("unix", &line), "1.2.3.4");
        assert_eq!(client("unix", &[]), "nobody knows");
        assert_eq!(client(PROXY, &[]), PROXY);
        let nobody = Proxies::default();
        assert!(!nobody.trust(Peer::Tcp("127.0.0.1".parse().unwrap())));
    }

    proptest! {
        #[test]
        fn whatever_a_header_holds_nobody_falls_over_it(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            text in "[0-9a-f.:,;=\"\\\\\\[\\] for]{0,60}",
        ) {
            for value in [HeaderValue::from_bytes(&bytes), HeaderValue::from_str(&text)] {
                let Ok(value) = value else { continue };
                for name in [X_FORWARDED_FOR, FORWARDED] {
                    let mut headers = HeaderMap::new();
                    headers.insert(name, value.clone());
                    let peer = Peer::Tcp(PROXY.parse().unwrap());
                    prop_assert!(proxies().client(peer, &headers).is_some());
                    prop_assert_eq!(proxies().client(Peer::Tcp([9, 9, 9, 9].into()), &headers),
                        Some([9, 9, 9, 9].into()));
                }
            }
        }
    }
}
