//! Addresses: networks of them as they stand in settings, and whose limit an address falls under.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Who is at the other end of a connection, as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody at this address, over TCP.
    Tcp(IpAddr),
    /// A program on this machine, over a Unix socket: a proxy, which is trusted.
    Unix,
}

/// Whose limit it is: one IPv4 address, or the /64 of an IPv6 address, which is what one customer
/// has at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKey {
    /// The address.
    V4(u32),
    /// The upper half of the address.
    V6(u64),
    /// All whom a proxy on the Unix socket does not name.
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

/// A network: an address and how many of its bits count. A single address is one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Whether an address belongs to it. An IPv4 address that is written as an IPv6 one (RFC 4291
    /// section 2.5.5.2) is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                is_same(u128::from(own.to_bits() ^ other.to_bits()), 32 - self.prefix_bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                is_same(own.to_bits() ^ other.to_bits(), Ipv6Addr::BITS - self.prefix_bits)
            }
            _ => false,
        }
    }
}

/// Whether nothing differs but the lowest bits.
fn is_same(difference: u128, lowest_bits: u32) -> bool {
    difference.checked_shr(lowest_bits).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NOT_A_NETWORK)?;
        let bits = if address.is_ipv4() { 32 } else { Ipv6Addr::BITS };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits),
            None => Some(bits),
        };
        Ok(Self { address, prefix_bits: prefix_bits.ok_or(NOT_A_NETWORK)? })
    }
}

const NOT_A_NETWORK: &str = "a network is an address and how many of its bits count, as in \
                             10.0.0.0/8 or fd00::/8, or one address";

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_its_bits_say() {
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
    fn what_is_no_network_is_refused() {
        for text in ["", "/8", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "host/8", "*"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn ipv4_counts_whole_and_ipv6_by_its_upper_half() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
        assert_eq!(key("10.0.0.1"), key("::ffff:10.0.0.1"));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }
}
