//! The networks of clients: what a share of the server belongs to.

use std::net::{IpAddr, Ipv6Addr};

/// How much more a wide network may have than a narrow one.
pub const WIDE: u32 = 10;

/// The network that attempts are counted by: one IPv4 address, or the IPv6 /64 of one link.
#[must_use]
pub fn narrow(address: IpAddr) -> IpAddr {
    of(address, 64).unwrap_or_else(|| address.to_canonical())
}

/// The IPv6 /48 of one site, as large as what a customer is assigned at most. `None` for IPv4.
///
/// A customer with a /48 has 65,536 networks of /64, so a limit on those alone is none. Source: RFC 6177.
#[must_use]
pub fn wide(address: IpAddr) -> Option<IpAddr> {
    of(address, 48)
}

/// The network of one customer: one IPv4 address, or the IPv6 /48.
#[must_use]
pub fn customer(address: IpAddr) -> IpAddr {
    wide(address).unwrap_or_else(|| address.to_canonical())
}

fn of(address: IpAddr, bits: u32) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let rest = 128 - bits;
            Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> rest << rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s65_a_network_is_an_ipv4_address_an_ipv6_64_and_a_48() {
        for (address, first, second) in [
            ("203.0.113.9", "203.0.113.9", None),
            ("::ffff:203.0.113.9", "203.0.113.9", None),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", Some("2001:db8:1::")),
            ("2001:db8:1:2::", "2001:db8:1:2::", Some("2001:db8:1::")),
            ("2001:db8:1:3::1", "2001:db8:1:3::", Some("2001:db8:1::")),
            ("2001:db8:2:3::1", "2001:db8:2:3::", Some("2001:db8:2::")),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(narrow(address).to_string(), first);
            assert_eq!(wide(address).map(|network| network.to_string()).as_deref(), second);
            assert_eq!(customer(address).to_string(), second.unwrap_or(first));
        }
    }
}
