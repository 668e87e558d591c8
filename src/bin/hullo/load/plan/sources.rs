//! Source addresses, used in turn.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sources {
    first: IpAddr,
    count: u64,
}

impl Sources {
    /// `10.0.0.7` or `10.0.0.0/24`; the error ends a sentence that begins with the text. The first and the last address of
    /// an IPv4 block of four and more are left out: they name the network and everybody on it.
    pub fn parse(text: &str) -> Result<Sources, String> {
        let not = || "not a source: write it as an address, 127.0.0.2, or a block, 127.0.0.0/24".to_owned();
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| not())?;
        let bits: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(bits), str::parse).map_err(|_| not())?;
        let free: u32 = bits.checked_sub(length).ok_or_else(not)?;
        // More are never needed: each gives room for tens of thousands of connections.
        let count = 1u64 << free.min(16);
        let first = match address {
            IpAddr::V4(ip) => {
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.checked_shl(free).unwrap_or(0)))
            }
            IpAddr::V6(ip) => {
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.checked_shl(free).unwrap_or(0)))
            }
        };
        let block = Sources { first, count };
        let has_ends = address.is_ipv4() && free >= 2;
        Ok(if has_ends { Sources { first: block.of(1), count: count - 2 } } else { block })
    }

    /// How many addresses there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }

    /// The address that a client uses.
    pub fn of(&self, client: u64) -> IpAddr {
        let offset = client % self.count;
        match self.first {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() + offset as u32).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() + u128::from(offset)).into(),
        }
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.of(self.count - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_used_in_turn() {
        let addresses = |text: &str| {
            let sources = Sources::parse(text).unwrap();
            (0..4).map(|client| sources.of(client).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(addresses("127.0.0.9"), ["127.0.0.9"; 4]);
        assert_eq!(addresses("127.0.0.2/31"), ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);
        assert_eq!(addresses("10.1.2.9/24"), ["10.1.2.1", "10.1.2.2", "10.1.2.3", "10.1.2.4"]);
        assert_eq!(addresses("fd00::/127"), ["fd00::", "fd00::1", "fd00::", "fd00::1"]);
        assert_eq!(Sources::parse("10.1.2.0/24").unwrap().count(), 254);
        assert_eq!(Sources::parse("fd00::/64").unwrap().count(), 65_536);
        for text in ["", "x", "1.2.3.4/33", "1.2.3.4/", "::1/129", "1.2.3.4/-1"] {
            assert!(Sources::parse(text).unwrap_err().starts_with("not a source"), "{text}");
        }
    }
}
