//! Security headers on every answer: pages, files, errors, redirects.

use super::fields::essence;
use crate::app::access::DOCTOR;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// What stands on every answer that does not say otherwise itself.
///
/// Source: ASVS 5.0, 3.4.3 to 3.4.8.
const ALWAYS: [(HeaderName, &str); 7] = [
    // For what is no page. A page brings its own policy, with its nonce.
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

/// Adds the headers.
pub(super) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    keep_as_it_is(response.headers_mut());
    for (name, value) in ALWAYS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Tells proxies to pass pages and streams on unchanged: a page with another text is not the one that its islands expect, and
/// of a stream that is compressed nothing arrives in time.
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

/// In the extensions of an answer that is not compressed.
#[derive(Clone, Copy)]
pub(super) struct Reflects;

/// Marks the page that shows what its address says: compressed beside the name of the visitor, its length would tell how much
/// of a guess in the address is on the page (BREACH).
pub(super) async fn reflect(request: Request, next: Next) -> Response {
    let reflects = request.uri().path() == DOCTOR;
    let mut response = next.run(request).await;
    if reflects {
        response.extensions_mut().insert(Reflects);
    }
    response
}

/// The policy of a page that is a file: its scripts by what they say and by where they lie, WebAssembly, and calls of the
/// server.
///
/// In a `meta` element a browser does not heed `frame-ancestors`: that is for whoever serves the file.
pub(super) fn exported_policy(scripts: &[&str], api: &str) -> String {
    let hash = |script: &&str| format!(" 'sha256-{}'", digest(script.as_bytes()));
    let scripts: String = scripts.iter().map(hash).collect();
    let api = if api.is_empty() { String::new() } else { format!(" {api}") };
    format!(
        "default-src 'none'; script-src 'self'{scripts} 'wasm-unsafe-eval'; style-src 'self'; \
         connect-src 'self'{api}; img-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'{api}"
    )
}

/// The SHA-256 in base64, as policies and the manifest of an export have it.
pub(super) fn digest(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

/// Tells browsers to come by https alone, for a year; not where this machine is the host, whose other ports would lose
/// plain http with it.
///
/// Source: RFC 6797, 7.1; ASVS 5.0, 3.4.1.
pub(super) async fn stay_on_https(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    response
}

/// The policy of a page: its own scripts by nonce, WebAssembly, styles and calls of this origin.
///
/// Source: ASVS 5.0, 3.4.3. While `make dev` runs, the reload's socket is let through too.
pub(super) fn page_policy(nonce: &str, reload: Option<&str>) -> String {
    let reload = reload.map(|port| format!(" ws://127.0.0.1:{port} ws://localhost:{port}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; connect-src 'self'{reload}; img-src 'self'; base-uri 'none'; \
         object-src 'none'; frame-ancestors 'none'; form-action 'self'"
    )
}
