//! What a request's head may be. (What its body may be stands in `api`, how long it may take in `listen`.)

use super::explain::{refuse, wants_page};
use super::router::Site;
use crate::model::error::Kind;
use crate::session::cookie::pairs;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The longest name of a cookie that is taken away: longer ones would make the answer as large as the request.
const NAME: usize = 256;

/// Refuses methods that nobody needs, and heads that are too large.
pub(super) async fn headers(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    // TRACE would echo the cookie (ASVS 5.0, 13.4.4).
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return refuse(Kind::MethodNotAllowed);
    }
    let measured: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if measured <= site.limits.headers.bytes() && request.headers().len() <= site.limits.header_count as usize {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let mut response = refuse(Kind::HeadersTooLarge);
    let cookies: usize = parts.headers.get_all(header::COOKIE).iter().map(HeaderValue::len).sum();
    let navigates = parts.headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    // Only where cookies are what is too much, and somebody looks at the page that says so.
    if navigates && wants_page(&parts) && cookies > site.limits.headers.bytes() / 2 {
        clear_cookies(&parts.headers, response.headers_mut());
    }
    response
}

/// Takes all cookies away from a browser that sends too many: else every page of the site stays dead for it.
///
/// Named one by one as well, because `Clear-Site-Data` works on secure origins only.
fn clear_cookies(sent: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cookies\""));
    let names = pairs(sent).filter_map(|(name, _)| str::from_utf8(name).ok());
    for name in names.filter(|name| (1..=NAME).contains(&name.len())).take(200) {
        let secure = if name.starts_with("__") { "; Secure" } else { "" };
        if let Ok(removal) = HeaderValue::from_str(&format!("{name}=; Max-Age=0; Path=/{secure}")) {
            answer.append(header::SET_COOKIE, removal);
        }
    }
}
