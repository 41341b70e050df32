//! The entry to the server functions: the checks of their requests, and the status of their responses.

use super::explain::refuse;
use super::fields::{accepts, essence, text};
use super::form::Form;
use super::outcome;
use super::router::Site;
use super::settings::Limits;
use super::visitor::visitor;
use crate::app::doctor::SCRIPT;
use crate::model::error::{Kind, WireError};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use axum::response::{IntoResponse, Response};
use hardtack_session::Session;
use http_body_util::LengthLimitError;
use leptos::prelude::provide_context;
use std::error::Error as _;
use std::sync::Arc;

/// Calls a server function.
pub(super) async fn call(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(kind) = route(&mut parts) {
        let mut refusal = refuse(kind);
        if let Some(methods) = methods(parts.uri.path()) {
            refusal.headers_mut().insert(header::ALLOW, methods);
        }
        return refusal;
    }
    let body = match read(&parts, body, &site.limits).await {
        Ok(body) => body,
        Err(kind) => return refuse(kind),
    };
    // A form without script. Server functions would put their error into the URL (ASVS 5.0, 14.2.1).
    let posted_by_page = parts.method == Method::POST && accepts_page(&parts.headers);
    let form = posted_by_page.then(|| Form::read(&parts, &body));
    parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let visitor = visitor(&site.accounts, &parts.headers, &parts.extensions);
    let session: Option<Session> = parts.extensions.get().cloned();
    let examiner = site.examiner.clone();
    let tell = move || {
        visitor.iter().cloned().for_each(provide_context);
        examiner.iter().cloned().for_each(provide_context);
    };
    let request = Request::from_parts(parts, Body::from(body));
    let answer = leptos_axum::handle_server_fns_with_context(tell, request).await.into_response();
    let (answer, error) = with_status(answer).await;
    match (form, error) {
        (Some(_), Some(error)) if error.kind.status() >= 500 => refuse(error),
        (Some(form), error) => redirect(&answer, session.as_ref(), &form.leads_to(error.as_ref())),
        (None, _) => answer,
    }
}

/// Returns whether a request that only reads must still come from a page of this server: an API call, and a page that
/// is loaded as if it were an image and not opened, because that would count a visit.
pub(super) fn must_be_ours(uri: &Uri, headers: &HeaderMap) -> bool {
    let opened = headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    uri.path().starts_with("/api/") || !(opened || matches!(uri.path(), "/healthz" | SCRIPT))
}

/// Returns the paths of all server functions.
pub(super) fn paths() -> Vec<String> {
    server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}

/// Checks that a server function takes the method. `HEAD` is answered as `GET`.
fn route(parts: &mut Parts) -> Result<(), Kind> {
    if parts.method == Method::HEAD {
        parts.method = Method::GET;
    }
    let mut known = server_fn::axum::server_fn_paths().filter(|(path, _)| *path == parts.uri.path()).peekable();
    if known.peek().is_none() {
        return Err(Kind::NotFound);
    }
    if known.any(|(_, method)| method == parts.method) { Ok(()) } else { Err(Kind::MethodNotAllowed) }
}

/// Returns the `Allow` header of a path (RFC 9110, 15.5.6); `None` for a path without a server function.
fn methods(path: &str) -> Option<HeaderValue> {
    let known = server_fn::axum::server_fn_paths().filter(|(known, _)| *known == path);
    let mut methods: Vec<String> = known.map(|(_, method)| method.to_string().replace("GET", "GET,HEAD")).collect();
    methods.sort_unstable();
    HeaderValue::try_from(methods.join(",")).ok().filter(|methods| !methods.is_empty())
}

/// Reads the body, if its type, its size and its speed are acceptable.
pub(super) async fn read(parts: &Parts, body: Body, limits: &Limits) -> Result<Bytes, Kind> {
    if parts.method == Method::GET {
        return Ok(Bytes::new());
    }
    let limit = limits.body.bytes();
    let announced = text(&parts.headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(Kind::TooLarge);
    }
    let body = match tokio::time::timeout(limits.body_timeout, to_bytes(body, limit)).await {
        Err(_) => return Err(Kind::Timeout),
        Ok(Err(error)) if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) => {
            return Err(Kind::TooLarge);
        }
        Ok(Err(_)) => return Err(Kind::Invalid),
        Ok(Ok(body)) => body,
    };
    // An empty body needs no type. A foreign page can send a body without a type, or as text, without a preflight (ASVS
    // 5.0, 3.5.2).
    if !body.is_empty() && !is_ours(&parts.headers) {
        return Err(Kind::UnsupportedMediaType);
    }
    Ok(body)
}

/// Returns whether the body has a type that is accepted. A proxy may repeat the header, if both types are accepted.
fn is_ours(headers: &HeaderMap) -> bool {
    let ours = |essence: &[u8]| {
        essence.eq_ignore_ascii_case(b"application/json")
            || essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    };
    headers.contains_key(header::CONTENT_TYPE) && headers.get_all(header::CONTENT_TYPE).iter().map(essence).all(ours)
}

fn accepts_page(headers: &HeaderMap) -> bool {
    accepts(headers, "text/html") && !accepts(headers, "application/json")
}

/// Gives an error of a server function, which always arrives as 500, the status of its kind.
async fn with_status(mut answer: Response) -> (Response, Option<WireError>) {
    answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if answer.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return (answer, None);
    }
    let (mut parts, body) = answer.into_parts();
    // The body was just made in memory, so the limit is a formality.
    let body = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let error: WireError = serde_json::from_slice(&body).unwrap_or_else(|_| Kind::Internal.into());
    parts.status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers.remove("serverfnerror");
    // A temporary error says so, too.
    let wait = error.retry_after.or((error.kind.status() == 503).then_some(1));
    if let Some(seconds) = wait {
        parts.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    (Response::from_parts(parts, Body::from(body)), Some(error))
}

/// Redirects after a form (post/redirect/get).
fn redirect(answer: &Response, session: Option<&Session>, to: &str) -> Response {
    let mut redirect = outcome::lead(session, to);
    // The headers that change the data that the browser keeps.
    for name in [header::SET_COOKIE, HeaderName::from_static("clear-site-data")] {
        for value in answer.headers().get_all(&name) {
            redirect.headers_mut().append(&name, value.clone());
        }
    }
    redirect
}
