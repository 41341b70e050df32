//! The address of the client, past the proxies that are trusted to name it.

use super::forwarded::{Entry, entries};
use super::router::Site;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use hardtack_session::{Cut, LogLimit};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// The trusted proxies, and the limit of warnings about their entries.
pub(super) struct Proxies {
    pub(super) trusted: Vec<IpNet>,
    unread: LogLimit,
}

impl Proxies {
    pub(super) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, unread: LogLimit::a_minute() }
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// The address of the connection's other end. It is in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The address of the client, as far as it can be trusted. It is in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

/// Finds the address of the client, and attaches it to the request.
pub(super) async fn identify(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let client = client(peer, request.headers(), &site.proxies);
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

/// Walks back along the addresses that the proxies have appended, for as long as the proxy that appended one is
/// trusted.
///
/// Any client may have written the entries further left. An entry that is not an address ends the walk, because nothing
/// is known of its client. Source: RFC 7239, 8.1; ASVS 5.0, 4.1.3.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let mut client = peer.to_canonical();
    let mut written = entries(headers);
    while proxies.trust(client) {
        match written.next() {
            Some(Entry::Address(next)) => client = next,
            Some(Entry::Other(entry)) => {
                if let Some(held_back) = proxies.unread.turn() {
                    let wrote = String::from_utf8_lossy(entry);
                    tracing::warn!(
                        proxy = %client, wrote = ?Cut(&wrote).to_string(), held_back,
                        "a trusted proxy does not name its client by an address, so all clients behind it count as one; \
                         let it write the address into X-Forwarded-For"
                    );
                }
                break;
            }
            None => break,
        }
    }
    client
}

/// Returns the address of the client of a request that came from `peer` with these headers, when these networks are
/// trusted. For tests and fuzzers.
#[doc(hidden)]
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    client(peer, headers, &Proxies::new(trusted.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const FORWARDED_FOR: &str = "x-forwarded-for";

    fn found(peer: &str, name: &'static str, lines: &[&[u8]], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(line).expect("a value"));
        }
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().expect("a network")).collect();
        client_address(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    const PROXY: &str = "10.0.0.1";
    const NETWORKS: [&str; 2] = ["10.0.0.0/8", "2001:db8::/32"];

    #[test]
    fn s56_only_a_trusted_proxy_says_who_the_client_is() {
        for (peer, lines, expected) in [
            ("203.0.113.9", &[b"198.51.100.1" as &[u8]][..], "203.0.113.9"),
            (PROXY, &[], PROXY),
            (PROXY, &[b"198.51.100.1"], "198.51.100.1"),
            (PROXY, &[b"1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (PROXY, &[b"1.1.1.1", b"198.51.100.1"], "198.51.100.1"),
            (PROXY, &[b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            (PROXY, &[b"198.51.100.1 ,10.0.0.2 , 10.0.0.3"], "198.51.100.1"),
            (PROXY, &[b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("2001:db8::1", &[b"2001:470::7"], "2001:470::7"),
            // A socket for both kinds of addresses shows IPv4 addresses as IPv6 ones.
            ("::ffff:10.0.0.1", &[b"::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(found(peer, FORWARDED_FOR, lines, &NETWORKS), expected, "{peer} {lines:?}");
        }
        let nobody = found("127.0.0.1", FORWARDED_FOR, &[b"198.51.100.1"], &[]);
        assert_eq!(nobody, "127.0.0.1", "no proxy is trusted by default");
    }

    #[test]
    fn s56_an_address_is_read_in_every_spelling_of_proxies() {
        for (line, expected) in [
            (b"198.51.100.1:4444" as &[u8], "198.51.100.1"),
            (b"\"198.51.100.1:4444\"", "198.51.100.1"),
            (b"[2001:470::7]", "2001:470::7"),
            (b"[2001:470::7]:443", "2001:470::7"),
            (b"\"[2001:470::7]:443\"", "2001:470::7"),
            (b"\"2001:470::7\"", "2001:470::7"),
            (b"2001:470::7%eth0", "2001:470::7"),
            (b"[2001:470::7%eth0]:443", "2001:470::7"),
            (b"[2001:470::7%25eth0]", "2001:470::7"),
            (b"::ffff:198.51.100.1", "198.51.100.1"),
            (b"\t198.51.100.1  ", "198.51.100.1"),
            (b"198.51.100.1, \"10.0.0.2\"", "198.51.100.1"),
            (b"198.51.100.1, \"[2001:db8::2]:80\" ,10.0.0.2:80", "198.51.100.1"),
            // Text that a client has written in front hides nothing.
            (b"\xff, 198.51.100.1", "198.51.100.1"),
            (b"\", 198.51.100.1", "198.51.100.1"),
            (b"\"\\, \"[2001:470::7]:443\"", "2001:470::7"),
        ] {
            let spelt = String::from_utf8_lossy(line);
            assert_eq!(found(PROXY, FORWARDED_FOR, &[line], &NETWORKS), expected, "{spelt}");
        }
    }

    #[test]
    fn s56_what_is_no_address_stands_for_a_client_of_which_nothing_is_known() {
        for line in [
            b"not an address" as &[u8],
            b"unknown",
            b"_hidden",
            b"",
            b"198.51.100.1,",
            b"198.51.100.1, unknown",
            b"198.51.100.1, unix:",
            b"198.51.100.1, [10.0.0.2",
            b"198.51.100.1, 10.0.0.2]",
            b"198.51.100.1, [10.0.0.2]",
            b"198.51.100.1, 10.0.0.2:http",
            b"198.51.100.1, 10.0.0.256",
            b"198.51.100.1, \"10.0.0.2",
            b"198.51.100.1, 10.0.0.2\"",
            b"198.51.100.1, for=10.0.0.2",
            b"198.51.100.1, \xff",
        ] {
            let spelt = String::from_utf8_lossy(line);
            assert_eq!(found(PROXY, FORWARDED_FOR, &[line], &NETWORKS), PROXY, "{spelt}");
        }
    }

    #[test]
    fn s56_forwarded_is_read_by_its_grammar() {
        for (lines, expected) in [
            (&[b"for=198.51.100.1" as &[u8]][..], "198.51.100.1"),
            (&[b"For=\"198.51.100.1:4711\"; Proto=https;by=10.0.0.9"], "198.51.100.1"),
            (&[b"proto=https;by=203.0.113.43 ; FOR = \"[2001:470::7]:443\""], "2001:470::7"),
            (&[b"for=\"[2001:470::7]\""], "2001:470::7"),
            (&[b"for=\"198.51.100.1:_port\""], "198.51.100.1"),
            (&[b"for=198.51.100.1, for=10.0.0.2;proto=http"], "198.51.100.1"),
            (&[b"for=198.51.100.1", b"for=10.0.0.2"], "198.51.100.1"),
            (&[b"for=6.6.6.6, for=198.51.100.1;host=\"a,b;for=7.7.7.7\""], "198.51.100.1"),
            (&[b"for=198.51.100.1;ext=\"a\\\",b\""], "198.51.100.1"),
            // Text that a client has written in front hides nothing.
            (&[b"for=\"evil, for=198.51.100.1"], "198.51.100.1"),
            (&[b"for=6.6.6.6;x=\", for=\"[2001:470::7]:443\""], "2001:470::7"),
            (&[b"for=6.6.6.6;x=\"\\, for=\"198.51.100.1\";proto=https"], "198.51.100.1"),
            (&[b"\", for=\"[2001:470::7]\" ; host=\"a, for=6.6.6.6\""], "2001:470::7"),
            (&[b"for=6.6.6.6;x=\", for=198.51.100.1;host=\"a, for=7.7.7.7, b\""], "198.51.100.1"),
            (&[b"for=6.6.6.6;x=\"\\\", for=198.51.100.1;by=\"_a\\\"b, for=7.7.7.7\""], "198.51.100.1"),
            (&[b"\xff\xfe;;==, for=198.51.100.1"], "198.51.100.1"),
            // Nothing is known of these clients.
            (&[b"for=198.51.100.1, for=unknown"], PROXY),
            (&[b"for=198.51.100.1, for=_hidden"], PROXY),
            (&[b"for=198.51.100.1, proto=https"], PROXY),
            (&[b"for=198.51.100.1, for=10.0.0.2;for=10.0.0.3"], PROXY),
            (&[b"for=198.51.100.1, for="], PROXY),
            (&[b"198.51.100.1"], PROXY),
        ] {
            assert_eq!(found(PROXY, "forwarded", lines, &NETWORKS), expected, "{lines:?}");
        }
        assert_eq!(found("203.0.113.9", "forwarded", &[b"for=198.51.100.1"], &NETWORKS), "203.0.113.9");
    }

    #[test]
    fn s56_forwarded_counts_only_where_no_x_forwarded_for_stands() {
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
        headers.insert(FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"));
        let (proxy, networks) = (PROXY.parse().expect("one"), ["10.0.0.0/8".parse().expect("a network")]);
        assert_eq!(client_address(proxy, &headers, &networks).to_string(), "198.51.100.1");
    }
}
