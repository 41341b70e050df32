//! The check of the host name of a request, against DNS rebinding.
//!
//! A page of `http://evil.example` can let its own name lead to the address of a server that only its visitor can
//! reach, on the visitor's machine or network. The browser then takes both for one origin, and only `Host` shows the
//! difference. Over TLS, the certificate prevents this.
//!
//! Source: RFC 9110, 7.2, 7.4 and 15.5.20; ASVS 5.0, 4.1.3 and 13.4.

use super::client::{Peer, Proxies};
use super::explain::{Words, put};
use super::router::Site;
use super::settings::{HostName, Settings, TlsMode};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, Version, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hardtack_session::{Cut, LogLimit};
use std::sync::Arc;
use url::Host;

/// Suffixes of names that cannot be registered on the internet: names of this machine, of a local network, of a
/// cluster.
///
/// Source: RFC 6761, 6.3; RFC 6762, 3; RFC 8375; ICANN's reservation of `.internal`.
const PRIVATE: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Paths that load balancers request by any name of a server. Their responses reveal nothing.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

const WORDS: Words = Words {
    kind: "misdirected",
    title: "That is not this site's name.",
    sentence: "This server does not serve the host name of the request. Open it by its own address, or add the name to \
               `site.hosts` if you run it.",
};

const MALFORMED: Words = Words {
    kind: "invalid",
    title: "This request names no valid host.",
    sentence: "The header `Host` of this request is missing, repeated or malformed. Send exactly one, with a valid host.",
};

/// The hosts that a request may name.
pub(super) struct Hosts {
    known: Vec<String>,
    /// Whether every request came over this server's own TLS, for which browsers have compared the certificate with the
    /// host.
    encrypted: bool,
    /// Whether browsers reach this server by https alone, so that requests from a trusted proxy came over the proxy's
    /// TLS.
    behind_tls: bool,
    refusals: LogLimit,
}

impl Hosts {
    pub(super) fn of(settings: &Settings) -> Self {
        let site = &settings.site;
        let named = [&site.url].into_iter().chain(&site.front_ends).map(|origin| origin.host().to_string());
        Self {
            known: named.chain(site.hosts.iter().map(HostName::to_string)).collect(),
            encrypted: settings.tls.mode != TlsMode::Off,
            behind_tls: site.url.is_https(),
            refusals: LogLimit::a_minute(),
        }
    }

    fn accept(&self, uri: &Uri, headers: &HeaderMap, peer: Option<Peer>, proxies: &Proxies) -> bool {
        let passed_on = || self.behind_tls && peer.is_some_and(|Peer(peer)| proxies.trust(peer));
        self.encrypted || OPEN.contains(&uri.path()) || self.is_own(uri, headers) || passed_on()
    }

    /// Returns whether each host that the request names is this server's, or cannot be a foreign name that leads here.
    fn is_own(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let line = headers.get(header::HOST).map(http::HeaderValue::as_bytes);
        let target = uri.authority().map(|authority| authority.as_str().as_bytes());
        // A request of HTTP/1.0 may name no host. No browser of today sends one.
        line.into_iter().chain(target).all(|named| self.knows(named))
    }

    fn knows(&self, named: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(named.trim_ascii()) else { return false };
        match Host::parse(authority.host()) {
            // A trailing dot does not change the name.
            Ok(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                let private = !name.contains('.') || PRIVATE.iter().any(|ending| name.ends_with(ending));
                private || self.known.iter().any(|known| known.strip_suffix('.').unwrap_or(known) == name)
            }
            // Browsers look up no name for an address, so an attacker cannot make one lead here.
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Err(_) => false,
        }
    }
}

/// Returns whether the request breaks the rules for `Host`. Source: RFC 9112, 3.2; RFC 9110, 4.2.4 (user information).
fn is_malformed(request: &Request) -> bool {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let first = lines.next();
    let twice = lines.next().is_some();
    let wrong = |value: &http::HeaderValue| {
        let Ok(authority) = Authority::try_from(value.as_bytes().trim_ascii()) else { return true };
        let port = authority.as_str().strip_prefix(authority.host());
        port.is_none_or(|port| !port.is_empty() && port != ":" && authority.port_u16().is_none())
    };
    twice || first.map_or(request.version() == Version::HTTP_11, wrong)
}

/// Refuses a request without a host or with a malformed one by 400, and a request for a foreign host by 421.
pub(super) async fn check(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if is_malformed(&request) && !OPEN.contains(&request.uri().path()) {
        let mut response = StatusCode::BAD_REQUEST.into_response();
        put(&mut response, MALFORMED);
        return response;
    }
    let peer = request.extensions().get().copied();
    if site.hosts.accept(request.uri(), request.headers(), peer, &site.proxies) {
        return next.run(request).await;
    }
    if let Some(held_back) = site.hosts.refusals.turn() {
        let host = request.headers().get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
        let host = host.map(|host| Cut(&host).to_string());
        tracing::warn!(
            ?host,
            held_back,
            "refused a request for another host; if it is this server's, list it in site.hosts"
        );
    }
    metrics::counter!("hardtack_requests_refused_total", "reason" => "host").increment(1);
    let mut response = StatusCode::MISDIRECTED_REQUEST.into_response();
    put(&mut response, WORDS);
    response
}
