//! The limits of a request's head. (`api` limits the body, and `listen` the time.)

use super::explain::{Words, put, refuse, wants_page};
use super::router::Site;
use crate::model::error::Kind;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;
use hardtack_session::cookie::pairs;
use hardtack_session::policy::Origin;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// The longest name of a cookie that is removed, because longer names would make the response as large as the request.
const NAME: usize = 256;
/// The most bytes of all removals together. With the files in `deploy`, nginx accepts a head of 16 KiB.
const REMOVALS: usize = 12 << 10;
/// The bytes of a header line beside its value: `set-cookie: ` and the line end.
const LINE: usize = 14;
/// The number of path segments for which cookies are removed.
const DEPTH: usize = 4;

const TOO_LARGE: Words = Words {
    kind: Kind::HeadersTooLarge.name(),
    title: "The request is too large.",
    sentence: "The address and the headers of this request, cookies included, are larger than this site takes. Send less.",
};

/// Refuses TRACE and CONNECT, and heads that are too large.
pub(super) async fn headers(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    // TRACE would echo the cookie (ASVS 5.0, 13.4.4).
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        let mut refusal = refuse(Kind::MethodNotAllowed);
        // No route accepts other methods. Source: RFC 9110, 15.5.6.
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD,POST,OPTIONS"));
        return refusal;
    }
    let limit = site.limits.headers.bytes();
    let fields: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let fits = address(request.uri()) + fields <= limit;
    if fits && request.headers().len() <= site.limits.header_count as usize {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let mut response = refuse(Kind::HeadersTooLarge);
    let cookies: usize = parts.headers.get_all(header::COOKIE).iter().map(HeaderValue::len).sum();
    let navigates = parts.headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    // Only if the cookies are too large, and the response is a page that the user sees.
    if navigates && wants_page(&parts) && cookies > limit / 2 {
        remove_cookies(&parts, &site, limit / 2, response.headers_mut());
    } else {
        put(&mut response, TOO_LARGE);
    }
    response
}

/// Returns the length of the URL in the request. (HTTP/2 has the host there, HTTP/1.1 in a header.)
fn address(uri: &Uri) -> usize {
    let host = uri.authority().map_or(0, |authority| authority.as_str().len());
    host + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

/// Removes the largest cookies of a browser that sends too many, until `enough` bytes are left. Otherwise the browser
/// could open no page of the site any more.
///
/// Other sites of the domain may have set them, for all of its hosts or for a path. So each is removed in all variants
/// in which it can have been set. Small cookies stay, because they may belong to another application. `Clear-Site-Data`
/// is not sent, because it would remove every cookie of every host of the domain.
///
/// This site's own cookies go last, and those with a prefix never, because no other host can have set them. Otherwise a
/// neighbour with many small cookies would sign users out.
fn remove_cookies(parts: &Parts, site: &Site, enough: usize, answer: &mut HeaderMap) {
    let mut sizes: HashMap<&[u8], usize> = HashMap::new();
    for (name, value) in pairs(&parts.headers) {
        *sizes.entry(name).or_default() += name.len() + value.len();
    }
    let mut left: usize = sizes.values().sum();
    let mut largest: Vec<_> = sizes.into_iter().filter(|(name, _)| (1..=NAME).contains(&name.len())).collect();
    largest.retain(|(name, _)| !(site.is_own_cookie(name) && name.starts_with(b"__Host-")));
    largest.sort_unstable_by_key(|(name, size)| (site.is_own_cookie(name), Reverse(*size), *name));
    largest.retain(|(_, size)| {
        let too_many = left > enough;
        left -= if too_many { *size } else { 0 };
        too_many
    });
    let mut room = REMOVALS;
    for attributes in ways(parts.uri.path(), &site.own) {
        for (name, _) in &largest {
            let secure: &[u8] =
                if name.starts_with(b"__") && !attributes.contains("Secure") { b"; Secure" } else { b"" };
            let line = [name, b"=; Max-Age=0".as_slice(), attributes.as_bytes(), secure].concat();
            let Some(left) = room.checked_sub(line.len() + LINE) else { return };
            room = left;
            if let Ok(line) = HeaderValue::from_bytes(&line) {
                answer.append(header::SET_COOKIE, line);
            }
        }
    }
}

/// Returns the attributes of all cookies that a browser sends to a page, the usual ones first: with or without a
/// domain, partitioned or not, and by path.
fn ways(path: &str, own: &Origin) -> Vec<String> {
    let domains = own.cookie_domains().map(|domain| format!("; Domain={domain}"));
    let scopes: Vec<_> = [String::new()].into_iter().chain(domains).collect();
    let partitioned = own.is_https().then_some("; Secure; Partitioned");
    let parts = path.match_indices('/').skip(1).flat_map(|(end, _)| [&path[..end], &path[..=end]]);
    let deeper = parts.take(2 * DEPTH).chain([path]).filter(|path| *path != "/" && !path.contains(';'));
    let mut ways = Vec::new();
    for path in ["/"].into_iter().chain(deeper) {
        for kind in [""].into_iter().chain(partitioned) {
            ways.extend(scopes.iter().map(|scope| format!("; Path={path}{scope}{kind}")));
        }
    }
    ways
}
