//! The server's side of the doctor's page: the responses to `doctor.js` in the visitor's browser.
//!
//! ```text
//! POST /api/doctor/set?test=T             sets test cookies of the value T, for a minute
//! GET, POST /api/doctor/echo?test=T&nonce=N   returns the cookies and headers that came: see `Echo`
//! GET /api/doctor/fail                    returns 500
//! GET /doctor.js                          returns the script, for pages of every origin
//! ```
//!
//! None of these exists unless `doctor.enabled` allows it.

use super::api;
use super::explain::refuse;
use super::fields;
use super::router::Site;
use super::settings::Settings;
use crate::app::access::DOCTOR;
use crate::app::doctor::SCRIPT;
use crate::backend::doctor::{seal, shown};
use crate::model::doctor::Examiner;
use crate::model::error::Kind;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use hardtack_doctor::{Echo, Known, Scheme};
use hardtack_session::clock::Clock;
use hardtack_session::cookie::{SameSite, pairs};
use hardtack_session::policy::Origin;
use hardtack_session::{CookieSettings, Presented, Session};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// The script that examines a browser.
pub(super) const EXAMINATION: &str = include_str!("doctor.js");
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const STORAGE_ACCESS: HeaderName = HeaderName::from_static("sec-fetch-storage-access");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The most cookies of a request whose names are repeated.
const MOST: usize = 50;
/// The most characters of a cookie's name that are repeated.
const LONGEST: usize = 48;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    test: String,
    #[serde(default)]
    nonce: String,
}

/// Returns the facts about the examination at a server that pages need.
pub(super) fn examiner(server: &Origin, settings: &Settings) -> Examiner {
    let listed = settings.site.front_ends.iter().map(ToString::to_string).collect();
    Examiner { origin: server.to_string(), listed }
}

/// Returns whether a page exists, given whether browsers are examined.
pub(super) fn serves(page: &str, on: bool) -> bool {
    on || page != DOCTOR
}

/// Returns the routes with a session. If browsers are not examined, neither these nor the page's own call exist.
pub(super) fn routes(on: bool) -> Router<Arc<Site>> {
    if !on {
        return Router::new().route("/api/doctor", any(|| async { refuse(Kind::NotFound) }));
    }
    Router::new()
        .route("/api/doctor/set", post(set))
        .route("/api/doctor/echo", get(echo).post(echo))
        .route("/api/doctor/fail", get(|| async { refuse(Kind::Internal) }))
}

/// Returns the route without a session: the script.
pub(super) fn files(on: bool) -> Router<Arc<Site>> {
    if on { Router::new().route(SCRIPT, get(script)) } else { Router::new() }
}

/// Returns the script. Pages of every origin may load it, because it examines the browser from there.
async fn script() -> Response {
    let kept = (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // With a charset, because a page in another encoding would decode the script by its own.
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    let for_all = (RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    ([kept, kind, for_all], EXAMINATION).into_response()
}

async fn set(session: Session, Query(Asked { test, .. }): Query<Asked>) -> Response {
    if test.is_empty() || test.len() > 64 || !test.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return refuse(Kind::Invalid);
    }
    let mut answer = (StatusCode::NO_CONTENT, [NO_STORE]).into_response();
    for cookie in test_cookies(session.cookie()) {
        let line = format!("{}={test}; {}; Max-Age=60", cookie.name, cookie.attributes().join("; "));
        let Ok(line) = HeaderValue::from_str(&line) else { return refuse(Kind::Internal) };
        answer.headers_mut().append(header::SET_COOKIE, line);
    }
    answer
}

async fn echo(
    State(site): State<Arc<Site>>,
    session: Session,
    Query(Asked { test, nonce }): Query<Asked>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(kind) = api::read(&parts, body, &site.limits).await {
        return refuse(kind);
    }
    let headers = &parts.headers;
    let known = match session.presented().await {
        Ok(Presented::Nothing) => Known::NoCookie,
        Ok(Presented::Foreign) => Known::Foreign,
        Ok(Presented::OtherKey) => Known::OtherKey,
        Ok(Presented::Forgotten) => Known::Forgotten,
        Ok(Presented::Live) => Known::Live,
        Err(error) => return error.into_response(),
    };
    let settings = session.cookie();
    let cookies = cookies(headers);
    let came = |name: &str| !test.is_empty() && cookies.iter().any(|(known, value)| known == name && *value == test);
    let [plain, partitioned] = test_cookies(settings).map(|cookie| came(&cookie.name));
    let told = Echo {
        nonce,
        answer: Uuid::new_v4().to_string(),
        cookies: cookies.iter().take(MOST).map(|(name, _)| shortened(name)).collect(),
        test_cookie: plain,
        partitioned_cookie: partitioned,
        session_cookie: shown(settings),
        session: known,
        // The scheme of `site.url`, from which `secure` cannot differ.
        scheme: if settings.secure { Scheme::Https } else { Scheme::Http },
        origin: text(headers, header::ORIGIN),
        fetch_site: text(headers, FETCH_SITE),
        storage_access: text(headers, STORAGE_ACCESS),
        now: Clock::System.now().seconds(),
        proof: String::new(),
    };
    ([NO_STORE], Json(seal(told, &session))).into_response()
}

/// Returns a cookie with the attributes of the session cookie, and a cookie that third parties can have.
fn test_cookies(own: &CookieSettings) -> [CookieSettings; 2] {
    let named = |ending: &str| CookieSettings { name: format!("{}_{ending}", own.name), ..own.clone() };
    let third = CookieSettings { secure: true, same_site: SameSite::None, partitioned: true, ..named("doctor_apart") };
    [named("doctor"), third]
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    fields::text(headers, name).map(Cow::into_owned)
}

/// Returns names and values of all cookies of the request. For a nameless cookie, which is all value, a placeholder is
/// the name.
fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let named = |name: &[u8]| if name.is_empty() { "(without a name)".to_owned() } else { text(name) };
    pairs(headers).map(|(name, value)| (named(name), text(value))).collect()
}

/// Returns a name cut to the length of a line in the report.
fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST { name.to_owned() } else { name.chars().take(LONGEST).chain(['…']).collect() }
}
