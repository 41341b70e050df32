//! The routes to an OpenID provider and back, to which browsers navigate. A script that navigates by itself gets the
//! target in JSON.
//!
//! ```text
//! POST /sign-in                    a page that leads to the provider: `form-action` forbids a redirect there
//! GET  /sign-in/ID/callback        the target of the provider's redirect
//! POST /sign-in/ID/callback        the same by a form of its page (`form_post`), which is redirected to `GET`
//! POST /sign-in/ID/end             ends the session, and leads to the sign-out of the provider
//! ```

use super::access::see_other;
use super::api;
use super::document;
use super::explain::{refuse, wants_page};
use super::outcome;
use super::router::Site;
use crate::app::access::{DEVICES, LOGIN, PROFILE, SECURITY};
use crate::backend::federated::{self, Answer, Back, Begun, Purpose, SLOTS, Wish};
use crate::backend::sign_in::{KNOWN_FOR, sign_out};
use crate::backend::visitor::Visitor;
use crate::model::codec::form;
use crate::model::error::{Kind, WireError};
use crate::model::next::Next;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts};
use axum::response::{Html, IntoResponse as _, Response};
use hardtack_session::cookie::SameSite;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The fields of the form.
#[derive(Deserialize)]
struct Fields {
    provider: String,
    #[serde(default)]
    purpose: Purpose,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    next: String,
}

/// Returns the page that a purpose was started from. `Confirm` has more than one, so `next` names it.
fn page(purpose: Purpose, next: Option<&Next>) -> &str {
    match purpose {
        Purpose::SignIn => LOGIN,
        Purpose::Connect => SECURITY,
        Purpose::Confirm => next.map_or(DEVICES, Next::path),
    }
}

/// Starts a sign-in by a provider.
pub(super) async fn begin(State(site): State<Arc<Site>>, visitor: Visitor, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match api::read(&parts, body, &site.limits).await {
        Ok(body) => body,
        Err(kind) => return refuse(kind),
    };
    let Ok(fields) = form::<Fields>(&body) else { return refuse(Kind::Invalid) };
    let Fields { provider, purpose, keep, next } = fields;
    let (next, origin) = (Next::parse(&next), site.front_end(&parts.headers));
    let wish = Wish { purpose, keep, next: next.clone(), origin: origin.clone() };
    let begun = match federated::begin(&visitor, &provider, wish, &ways(&visitor, &parts.headers)).await {
        Ok(begun) => begun,
        Err(error) => return tell(&visitor, &parts, origin.as_deref(), (page(purpose, next.as_ref()), &error)),
    };
    let Begun { slot, text, to, name } = begun;
    let Ok(cookie) = visitor.session.give_beside(&federated::cookie(slot), &text, federated::TIME) else {
        return refuse(Kind::Internal);
    };
    let mut answer = lead(&site, &parts, to.as_str(), &format!("To {name}"));
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

/// Completes a sign-in when the provider leads the browser back.
pub(super) async fn finish(
    State(site): State<Arc<Site>>,
    Path(provider): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Response {
    // A request that only checks whether the URL exists must not use the sign-in up.
    if parts.method == Method::HEAD || visitor.session.is_speculative() {
        return refuse(Kind::Busy);
    }
    let query = parts.uri.query().unwrap_or_default();
    // Browsers withhold a Strict cookie while another site leads here, so a page of this site leads here once more.
    let here = format!("{query}&here");
    if visitor.session.cookie().same_site == SameSite::Strict && !query.ends_with("&here") {
        return lead(&site, &parts, &format!("{}?{here}", parts.uri.path()), "One moment");
    }
    let Ok(answer) = form::<Answer>(query.as_bytes()) else { return refuse(Kind::SignInLost) };
    let ways = ways(&visitor, &parts.headers);
    let Back { slot, purpose, next, origin, result } = match federated::finish(&visitor, &provider, answer, &ways).await
    {
        Ok(back) => back,
        Err(error) => return refuse(error),
    };
    let page = page(purpose, next.as_ref());
    // Without `next`: after a sign-in, the profile; after connect or confirm, the page that it was started from.
    let home = if purpose == Purpose::SignIn { PROFILE } else { page };
    let (mut answer, known) = match result {
        Ok(entered) => {
            let to = next.as_ref().map_or(home, Next::path);
            (see_other(&at(origin.as_deref(), to, "")), entered.map(|entered| entered.known))
        }
        Err(error) => (tell(&visitor, &parts, origin.as_deref(), (page, &error)), None),
    };
    let known = known.map(|known| visitor.session.give_beside(Visitor::KNOWN, &known, KNOWN_FOR));
    let cookies = [Some(visitor.session.take_beside(&federated::cookie(slot))), known];
    for cookie in cookies.into_iter().flatten().flatten() {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// Returns whether pages of a provider may post a form to this URL.
pub(super) fn is_callback(uri: &Uri) -> bool {
    let provider = uri.path().strip_prefix("/sign-in/").and_then(|rest| rest.strip_suffix("/callback"));
    provider.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

/// Receives the form of a provider's page, and redirects to `GET` with its fields.
///
/// A form of another site carries no `SameSite=Lax` cookie, so nothing is decided here. The browser comes once more by
/// `GET`, as if the provider had redirected it, and sends the cookie of the sign-in that it began. Source: OAuth 2.0
/// Form Post Response Mode; RFC 6265bis, 5.6.7.
pub(super) async fn posted(State(site): State<Arc<Site>>, Path(provider): Path<String>, request: Request) -> Response {
    if !site.accounts.providers().is_posting(&provider) {
        let mut refusal = refuse(Kind::MethodNotAllowed);
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return refusal;
    }
    let (parts, body) = request.into_parts();
    let body = match api::read(&parts, body, &site.limits).await {
        Ok(body) => body,
        Err(kind) => return refuse(kind),
    };
    // The form may also hold tokens and names, which do not belong into a URL.
    let Ok(answer) = form::<Answer>(&body) else { return refuse(Kind::SignInLost) };
    let Ok(query) = serde_urlencoded::to_string(&answer) else { return refuse(Kind::SignInLost) };
    let mut answer = see_other(&format!("{}?{query}", parts.uri.path()));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// Signs the user out here, then at the provider.
pub(super) async fn end(
    State(site): State<Arc<Site>>,
    Path(provider): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Response {
    let hint = match federated::hint(&visitor, &provider).await {
        Ok(hint) => hint,
        Err(error) => return refuse(error),
    };
    // Here first, because the provider may take its time.
    if let Err(error) = sign_out(&visitor.session).await {
        return refuse(error);
    }
    let there = match federated::end(&visitor, &provider, hint.as_ref()).await {
        Ok(there) => there,
        Err(error) => return refuse(error),
    };
    let origin = site.front_end(&parts.headers);
    let mut answer = match there {
        Some((url, name)) => lead(&site, &parts, url.as_str(), &format!("To {name}")),
        None => see_other(&at(origin.as_deref(), "/", "")),
    };
    // As after `POST /api/logout`, for the same reasons.
    answer.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"storage\""));
    answer
}

/// Returns the cookies of the sign-ins by providers that the browser has begun.
fn ways(visitor: &Visitor, headers: &HeaderMap) -> [Option<String>; SLOTS] {
    std::array::from_fn(|slot| visitor.session.beside(&federated::cookie(slot), headers))
}

/// Returns a page that leads to `to` by itself; for a script, the URL in JSON.
fn lead(site: &Site, parts: &Parts, to: &str, title: &str) -> Response {
    let mut answer = if wants_page(parts) {
        let theme = document::theme(&parts.headers);
        Html(document::leading_page(&site.assets, theme, to, title)).into_response()
    } else {
        Json(json!({ "location": to })).into_response()
    };
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The target need not know the page that led to it.
    answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// Redirects to the page that the sign-in was started from, with the kind of the error as a fixed word.
fn tell(visitor: &Visitor, parts: &Parts, origin: Option<&str>, (page, error): (&str, &WireError)) -> Response {
    if !wants_page(parts) || error.kind == Kind::NotFound || error.kind.status() >= 503 {
        return refuse(error.clone());
    }
    let to = at(origin, page, &format!("?error={}", error.kind.name()));
    // An exported page of a front end has its own mark: see `server/loader.js`.
    if origin.is_none() { outcome::lead(Some(&visitor.session), &to) } else { see_other(&to) }
}

/// Returns the URL of a page of this server, or of a front end, where it is an `index.html` in a folder.
fn at(origin: Option<&str>, path: &str, query: &str) -> String {
    match origin {
        Some(origin) if path.ends_with('/') => format!("{origin}{path}{query}"),
        Some(origin) => format!("{origin}{path}/{query}"),
        None => format!("{path}{query}"),
    }
}
