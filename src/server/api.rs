//! The door of the server functions: what may come in, and what goes out.

use super::explain::refuse;
use super::fields::{accepts, essence, text};
use super::form::Form;
use super::outcome;
use super::router::Site;
use super::settings::Limits;
use super::visitor::visitor;
use crate::app::doctor::SCRIPT;
use crate::model::error::{Kind, WireError};
use crate::session::Session;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use axum::response::{IntoResponse, Response};
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
    // A form without script: server functions would answer it with the error in the address (ASVS 5.0, 14.2.1).
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

/// Whether a request that only reads must come from a page of ours all the same: a call, and a page that is not opened but
/// loaded as if it were a picture, because it counts a visit.
pub(super) fn must_be_ours(uri: &Uri, headers: &HeaderMap) -> bool {
    let opened = headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    uri.path().starts_with("/api/") || !(opened || matches!(uri.path(), "/healthz" | SCRIPT))
}

/// The addresses of all server functions.
pub(super) fn paths() -> Vec<String> {
    server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}

/// Finds the function of an address. `HEAD` is answered as `GET`.
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

/// What `Allow` says of an address (RFC 9110, 15.5.6); none when there is nothing.
fn methods(path: &str) -> Option<HeaderValue> {
    let known = server_fn::axum::server_fn_paths().filter(|(known, _)| *known == path);
    let mut methods: Vec<String> = known.map(|(_, method)| method.to_string().replace("GET", "GET,HEAD")).collect();
    methods.sort_unstable();
    HeaderValue::try_from(methods.join(",")).ok().filter(|methods| !methods.is_empty())
}

/// The body, if it is of a kind, a size and a speed that we take.
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
    // No body has no type. A body without one, or as text, is what a foreign page can send unasked (ASVS 5.0, 3.5.2).
    if !body.is_empty() && !is_ours(&parts.headers) {
        return Err(Kind::UnsupportedMediaType);
    }
    Ok(body)
}

/// Whether the body is said to be of a type that we take. A proxy may say it twice, but not of two types.
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

/// Gives an error of a server function, which arrives as 500 always, the status of its kind.
async fn with_status(mut answer: Response) -> (Response, Option<WireError>) {
    answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if answer.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return (answer, None);
    }
    let (mut parts, body) = answer.into_parts();
    // Made a moment ago in memory; the bound is for form's sake.
    let body = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let error: WireError = serde_json::from_slice(&body).unwrap_or_else(|_| Kind::Internal.into());
    parts.status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers.remove("serverfnerror");
    // What is over in a moment says so, too.
    let wait = error.retry_after.or((error.kind.status() == 503).then_some(1));
    if let Some(seconds) = wait {
        parts.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    (Response::from_parts(parts, Body::from(body)), Some(error))
}

/// Post, redirect, get.
fn redirect(answer: &Response, session: Option<&Session>, to: &str) -> Response {
    let mut redirect = outcome::lead(session, to);
    // What the browser is to do with what it keeps.
    for name in [header::SET_COOKIE, HeaderName::from_static("clear-site-data")] {
        for value in answer.headers().get_all(&name) {
            redirect.headers_mut().append(&name, value.clone());
        }
    }
    redirect
}
