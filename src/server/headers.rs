//! Security headers on every response: pages, files, errors, redirects.

use super::fields::essence;
use crate::app::access::DOCTOR;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The headers of every response that does not set them itself.
///
/// Source: ASVS 5.0, 3.4.3 to 3.4.8.
const ALWAYS: [(HeaderName, &str); 7] = [
    // For responses that are not pages. A page has its own policy, with its nonce.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
         microphone=(), midi=(), payment=(), usb=()",
    ),
];

/// Adds the security headers.
pub(super) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    keep_as_it_is(response.headers_mut());
    for (name, value) in ALWAYS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Adds `no-transform` to pages and event streams, so that proxies pass them on unchanged: islands do not hydrate in a
/// changed page, and the events of a compressed stream arrive late.
///
/// Source: RFC 9111, 5.2.2.6.
fn keep_as_it_is(headers: &mut HeaderMap) {
    let kind = headers.get(header::CONTENT_TYPE).map(essence).unwrap_or_default();
    if kind != b"text/html" && kind != b"text/event-stream" {
        return;
    }
    let said = headers.get(header::CACHE_CONTROL).map(HeaderValue::as_bytes).unwrap_or_default();
    let both = if said.is_empty() { b"no-transform".to_vec() } else { [said, b", no-transform"].concat() };
    if let Ok(both) = HeaderValue::from_bytes(&both) {
        headers.insert(header::CACHE_CONTROL, both);
    }
}

/// An extension of a response that must not be compressed.
#[derive(Clone, Copy)]
pub(super) struct Reflects;

/// Marks the page that repeats text from its URL. If it were compressed together with the visitor's name, its length
/// would show how much of a guess in the URL is on the page (BREACH).
pub(super) async fn reflect(request: Request, next: Next) -> Response {
    let reflects = request.uri().path() == DOCTOR;
    let mut response = next.run(request).await;
    if reflects {
        response.extensions_mut().insert(Reflects);
    }
    response
}

/// Returns the policy of an exported page: scripts by hash and from its own origin, WebAssembly, and calls to the
/// server.
///
/// It has no `frame-ancestors`, because browsers ignore that in a `meta` element. The web server of the file has to
/// send it.
pub(super) fn exported_policy(scripts: &[&str], api: &str) -> String {
    let hash = |script: &&str| format!(" 'sha256-{}'", digest(script.as_bytes()));
    let scripts: String = scripts.iter().map(hash).collect();
    let api = if api.is_empty() { String::new() } else { format!(" {api}") };
    format!(
        "default-src 'none'; script-src 'self'{scripts} 'wasm-unsafe-eval'; style-src 'self'; \
         connect-src 'self'{api}; img-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'{api}"
    )
}

/// Returns the SHA-256 in base64, as policies and the manifest of an export have it.
pub(super) fn digest(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

/// Adds `Strict-Transport-Security` for a year. It is not used when the host is this machine, because all other ports
/// of that host would lose plain http too.
///
/// Source: RFC 6797, 7.1; ASVS 5.0, 3.4.1.
pub(super) async fn stay_on_https(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    response
}

/// Returns the policy of a page: its own scripts by nonce, WebAssembly, styles, and calls to its own origin.
///
/// Source: ASVS 5.0, 3.4.3. While `make dev` runs, it also allows the WebSocket that reloads the page.
pub(super) fn page_policy(nonce: &str, reload: Option<&str>) -> String {
    let reload = reload.map(|port| format!(" ws://127.0.0.1:{port} ws://localhost:{port}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; connect-src 'self'{reload}; img-src 'self'; base-uri 'none'; \
         object-src 'none'; frame-ancestors 'none'; form-action 'self'"
    )
}
