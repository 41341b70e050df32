//! The networks of clients, by which limits and queues are shared.

use std::net::{IpAddr, Ipv6Addr};

/// The factor between the limit of a wide network and that of a narrow one.
pub const WIDE: u32 = 10;

/// Returns the network that attempts are counted by: one IPv4 address, or the IPv6 /64 of one link.
#[must_use]
pub fn narrow(address: IpAddr) -> IpAddr {
    of(address, 64).unwrap_or_else(|| address.to_canonical())
}

/// Returns the IPv6 /48 of one site, the largest network that a customer is assigned. `None` for IPv4.
///
/// A customer with a /48 has 65,536 networks of /64, so a limit of those alone would not hold. Source: RFC 6177.
#[must_use]
pub fn wide(address: IpAddr) -> Option<IpAddr> {
    of(address, 48)
}

/// Returns the network of one customer: one IPv4 address, or the IPv6 /48.
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
