//! Networks of addresses in CIDR notation, and the keys under which limits count addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The other end of a connection, as the operating system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A TCP connection from this address.
    Tcp(IpAddr),
    /// A connection over a Unix socket: a proxy on this machine, which is trusted.
    Unix,
}

/// The key under which limits count a client: an IPv4 address, or the /64 of an IPv6 address, because
/// a customer has at least a /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKey {
    V4(u32),
    /// The upper 64 bits of the address.
    V6(u64),
    /// All clients for which a proxy on the Unix socket gives no address.
    Unnamed,
}

impl From<Peer> for AddressKey {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Tcp(address) => address.into(),
            Peer::Unix => Self::Unnamed,
        }
    }
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.to_canonical().fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(bits) => Ipv4Addr::from_bits(*bits).fmt(f),
            Self::V6(upper) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*upper) << 64)),
            Self::Unnamed => Peer::Unix.fmt(f),
        }
    }
}

/// A network in CIDR notation, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Returns whether the network contains an address. An IPv4-mapped IPv6 address (RFC 4291
    /// section 2.5.5.2) counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| NOT_A_NETWORK)
    }
}

const NOT_A_NETWORK: &str = "a network is an address and how many of its bits count, as in \
                             10.0.0.0/8 or fd00::/8, or one address";

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_contains_the_addresses_of_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.9.9.9", "9.9.9.9"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("192.168.1.7/31", "::ffff:192.168.1.6", "192.168.1.8"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::/1", "7fff::", "8000::"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} has {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} lacks {outside}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("1.2.3.4".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()), "the other kind");
        assert!("::/0".parse::<Network>().unwrap().contains("ffff::".parse().unwrap()));
    }

    #[test]
    fn invalid_network_is_refused() {
        for text in ["", "/8", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "host/8", "*"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn address_key_is_an_ipv4_address_or_an_ipv6_64() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
        assert_eq!(key("10.0.0.1"), key("::ffff:10.0.0.1"));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }
}
