//! Who asks: the address of the client, past the proxies that are trusted to name it.

use super::router::Site;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of the connection. In the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The address of the client, as far as it can be believed. In the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

/// Finds out who asks.
pub(super) async fn identify(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let client = client(peer, request.headers(), &site.trusted_proxies);
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

/// Walks back along the addresses that the proxies have written down, for as long as whoever wrote one is trusted.
///
/// What stands further left may have been written by anybody. Source: RFC 7239, 8.1; ASVS 5.0, 4.1.3.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    // By bytes: what a client has written in front must not hide what a proxy has written behind it.
    let mut written = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while trusted.iter().any(|network| network.contains(&client)) {
        let Some(next) = written.next().and_then(address) else { break };
        client = next.to_canonical();
    }
    client
}

/// An address; some proxies write the port behind it.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?.trim();
    entry.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn found(peer: &str, lines: &[&[u8]], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a value"));
        }
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().expect("a network")).collect();
        client(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn s56_only_a_trusted_proxy_says_who_the_client_is() {
        let (proxy, networks) = ("10.0.0.1", ["10.0.0.0/8", "2001:db8::/32"]);
        for (peer, lines, expected) in [
            ("203.0.113.9", &[b"198.51.100.1" as &[u8]][..], "203.0.113.9"),
            (proxy, &[], proxy),
            (proxy, &[b"198.51.100.1"], "198.51.100.1"),
            (proxy, &[b"1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (proxy, &[b"1.1.1.1", b"198.51.100.1"], "198.51.100.1"),
            (proxy, &[b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            (proxy, &[b"198.51.100.1 ,10.0.0.2 , 10.0.0.3"], "198.51.100.1"),
            (proxy, &[b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (proxy, &[b"not an address"], proxy),
            (proxy, &[b"198.51.100.1, \"10.0.0.2\""], proxy),
            (proxy, &[b"198.51.100.1,"], proxy),
            ("2001:db8::1", &[b"2001:470::7"], "2001:470::7"),
            // A socket that takes both kinds of addresses shows old ones in the clothes of new ones.
            ("::ffff:10.0.0.1", &[b"::ffff:198.51.100.1"], "198.51.100.1"),
            (proxy, &[b"\xff, 198.51.100.1"], "198.51.100.1"),
            (proxy, &[b"198.51.100.1:4444"], "198.51.100.1"),
            (proxy, &[b"[2001:470::7]:443"], "2001:470::7"),
        ] {
            assert_eq!(found(peer, lines, &networks), expected, "{peer} {lines:?}");
        }
        assert_eq!(found("127.0.0.1", &[b"198.51.100.1"], &[]), "127.0.0.1", "nobody is trusted by default");
    }
}
