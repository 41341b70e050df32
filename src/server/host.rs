//! Which hosts a request may name: a stranger's name that leads to this server by DNS reaches nothing (DNS rebinding).
//!
//! A page of `http://evil.example` can let its own name lead to the address of a server that only its visitor reaches, on
//! the visitor's machine or network. For the browser both are one origin then. The server knows the difference by `Host`.
//! Over TLS the certificate prevents it.
//!
//! Source: RFC 9110, 7.2, 7.4 and 15.5.20; ASVS 5.0, 4.1.3 and 13.4.

use super::client::{Peer, Proxies};
use super::explain::{Words, put};
use super::router::Site;
use super::settings::{HostName, Settings, TlsMode};
use crate::session::{Cut, LogLimit};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, Version, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use url::Host;

/// Endings of names that nobody can own on the internet: of this machine, of a local network, of a cluster.
///
/// Source: RFC 6761, 6.3; RFC 6762, 3; RFC 8375; ICANN's reservation of `.internal`.
const PRIVATE: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Answers of these say nothing, and balancers ask for them by whatever name they know a server.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

const WORDS: Words = Words {
    kind: "misdirected",
    title: "That is not this site's name.",
    sentence: "This server is not known by the host name of the request. Open it by its own address; who runs it may add \
               the name to `site.hosts`.",
};

const MALFORMED: Words = Words {
    kind: "invalid",
    title: "That request names no host.",
    sentence: "The header `Host` of this request is missing, stands there twice, or is not a host with a port. Send one.",
};

/// The hosts that a request may name.
pub(super) struct Hosts {
    known: Vec<String>,
    /// Whether every request came by TLS of this server, whose certificate browsers have compared with the host.
    encrypted: bool,
    /// Whether browsers reach this server by https alone, so that what a trusted proxy passes on came by its TLS.
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

    /// Whether each host that a request names is one of ours, or one that no stranger's name leads to.
    fn is_own(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let line = headers.get(header::HOST).map(http::HeaderValue::as_bytes);
        let target = uri.authority().map(|authority| authority.as_str().as_bytes());
        // HTTP/1.0 may name none. No browser of today speaks it.
        line.into_iter().chain(target).all(|named| self.knows(named))
    }

    fn knows(&self, named: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(named.trim_ascii()) else { return false };
        match Host::parse(authority.host()) {
            // A name that ends with a dot is the same name.
            Ok(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                let private = !name.contains('.') || PRIVATE.iter().any(|ending| name.ends_with(ending));
                private || self.known.iter().any(|known| known.strip_suffix('.').unwrap_or(known) == name)
            }
            // No name is looked up for an address, so none can be made to lead here.
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Err(_) => false,
        }
    }
}

/// Whether the request breaks the rules for `Host`. Source: RFC 9112, 3.2; RFC 9110, 4.2.4 (user information).
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

/// Refuses with 400 a request without a host or with a malformed one, and with 421 a request for a host that is not ours.
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
