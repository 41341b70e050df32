//! Error responses that say what happened: a page for people, JSON for programs.

use super::document;
use super::fields::accepts;
use super::router::Site;
use crate::model::error::{Kind, WireError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hardtack_session::Fault;
use hardtack_session::policy::Refused;
use serde_json::json;
use std::sync::Arc;

/// Returns a response that holds only its error, which may be a [`Kind`] alone. [`explain`] writes the body.
pub(super) fn refuse(error: impl Into<WireError>) -> Response {
    let error = error.into();
    let mut response = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::BAD_REQUEST).into_response();
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response.extensions_mut().insert(error);
    response
}

/// The text of an error response whose kind does not explain enough.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// The `kind` field of the JSON body. It need not be a [`Kind`], because the program in the browser never receives
    /// some kinds.
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) sentence: &'static str,
}

/// Attaches its text to a response without a body. [`explain`] writes the body.
pub(super) fn put(answer: &mut Response, words: Words) {
    answer.extensions_mut().insert(words);
}

/// Returns whether the client prefers a page to JSON.
pub(super) fn wants_page(parts: &Parts) -> bool {
    prefers_page(parts.uri.path(), &parts.headers)
}

fn prefers_page(path: &str, headers: &HeaderMap) -> bool {
    !accepts(headers, "application/json") && (accepts(headers, "text/html") || !path.starts_with("/api/"))
}

/// Writes the body of error responses that have none. Passes responses that already are a page or JSON.
pub(super) async fn explain(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let page = prefers_page(request.uri().path(), request.headers());
    let theme = document::theme(request.headers());
    let answer = next.run(request).await;
    let words = answer.extensions().get::<Words>().copied();
    let error = if words.is_some() { None } else { unexplained(&answer) };
    let (title, sentence, json) = match (words, error) {
        (Some(Words { kind, title, sentence }), _) => {
            (title, sentence.to_owned(), json!({ "kind": kind, "message": sentence }).to_string())
        }
        (None, Some(error)) => {
            let json = serde_json::to_string(&error).unwrap_or_default();
            (error.kind.title(), error.message, json)
        }
        (None, None) => return answer,
    };
    let (mut parts, _) = answer.into_parts();
    let (body, content_type) = if page {
        (document::error_page(&site.assets, theme, title, &sentence), "text/html; charset=utf-8")
    } else {
        (json, "application/json")
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept, cookie"));
    if parts.status == StatusCode::SERVICE_UNAVAILABLE {
        parts.headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    Response::from_parts(parts, Body::from(body))
}

fn unexplained(answer: &Response) -> Option<WireError> {
    if let Some(error) = answer.extensions().get::<WireError>() {
        return Some(error.clone());
    }
    if answer.extensions().get::<Refused>().is_some() {
        return Some(Kind::CrossOrigin.into());
    }
    if let Some(fault) = answer.extensions().get::<Fault>() {
        return Some((*fault).into());
    }
    let content_type = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if content_type.starts_with(b"text/html") || content_type.starts_with(b"application/json") {
        return None;
    }
    let kind = match answer.status() {
        StatusCode::NOT_FOUND => Some(Kind::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Some(Kind::MethodNotAllowed),
        StatusCode::SERVICE_UNAVAILABLE => Some(Kind::Busy),
        status if status.is_server_error() => Some(Kind::Internal),
        status if status.is_client_error() => Some(Kind::Invalid),
        _ => None,
    };
    kind.map(WireError::from)
}
