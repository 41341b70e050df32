//! Requests of other origins are refused before a session is read.

use super::explain::refuse;
use super::router::Site;
use crate::model::error::Kind;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets pass what this server's own pages ask, what a person types, and what no browser sent.
pub(super) async fn same_origin(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let reads_only = request.method().is_safe() && !request.uri().path().starts_with("/api/");
    if reads_only || is_own(request.method(), request.headers(), &site.origin) {
        return next.run(request).await;
    }
    tracing::warn!(
        method = %request.method(),
        path = request.uri().path(),
        origin = ?request.headers().get(header::ORIGIN),
        "refused a request from another origin"
    );
    refuse(Kind::CrossOrigin)
}

/// Browsers say where a request comes from: by `Sec-Fetch-Site`, the older ones by `Origin` or `Referer`.
///
/// Source: ASVS 5.0, 3.5.1 to 3.5.3; the OWASP CSRF prevention cheat sheet.
fn is_own(method: &Method, headers: &HeaderMap, own: &str) -> bool {
    // A browser sends each of them once.
    let twice = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if [SEC_FETCH_SITE, header::ORIGIN, header::REFERER].iter().any(twice) {
        return false;
    }
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(&SEC_FETCH_SITE) {
        return matches!(site, "same-origin" | "none");
    }
    if method.is_safe() {
        return true;
    }
    match (text(&header::ORIGIN), text(&header::REFERER)) {
        (Some(origin), _) => origin == own,
        (None, Some(referer)) => Url::parse(referer).is_ok_and(|referer| referer.origin().ascii_serialization() == own),
        // Every browser of today sends one of the three: this is curl or a mobile application.
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("text")));
        is_own(&Method::POST, &headers.collect(), "https://example.com")
    }

    #[test]
    fn s39_s40_s41_an_unsafe_request_proves_where_it_comes_from() {
        assert!(passes(&[]));
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "none")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site"), ("origin", "https://example.com")]));
        assert!(passes(&[("origin", "https://example.com")]));
        assert!(!passes(&[("origin", "null")]));
        assert!(passes(&[("referer", "https://example.com/page?x")]));
        assert!(!passes(&[("referer", "https://other.com/https://example.com/")]));
    }

    #[test]
    fn s45_s46_origins_compare_exactly() {
        for origin in [
            "http://example.com",
            "https://example.com.evil",
            "https://evilexample.com",
            "https://example.com:444",
            "https://example.com.",
            "https://user@example.com",
            "https://example.com/",
            "",
        ] {
            assert!(!passes(&[("origin", origin)]), "{origin}");
        }
    }
}
