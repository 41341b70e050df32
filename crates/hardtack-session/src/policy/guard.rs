//! The layer for CORS and CSRF: it decides by one list of origins which requests pass, before a session is read.
//!
//! Source: the Fetch specification, CORS protocol; ASVS 5.0, 3.4.2 and 3.5.1 to 3.5.3; the OWASP CSRF prevention cheat
//! sheet.

use super::origin::Origin;
use super::origins::Origins;
use crate::{Cut, LogLimit};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The layer that lets pages of the listed origins call this server with cookies, and refuses pages of other origins.
///
/// * A request with an unsafe method must prove its origin: by a listed `Origin`, or by `Sec-Fetch-Site: same-origin`
///   or `none`; from older browsers by an `Origin`, else a `Referer`, of this server. Otherwise it is refused with 403
///   before a handler or a session sees it. A request without all three headers comes from no browser of today and
///   passes, unless [`strict`].
/// * Preflights are answered here, with 204 and no store call; preflights of unlisted origins with 403.
/// * All responses to a listed origin, errors too, carry the CORS headers and `Vary: Origin`.
///
/// [`strict`]: Guard::strict
#[derive(Clone, Debug)]
pub struct Guard(Arc<Rules>);

#[derive(Clone, Debug)]
struct Rules {
    origins: Origins,
    methods: HeaderValue,
    headers: HeaderValue,
    exposed: HeaderValue,
    max_age: HeaderValue,
    strict: bool,
    /// Selects requests that must prove their origin although they only read.
    reads: fn(&Uri, &HeaderMap) -> bool,
    refusals: Arc<LogLimit>,
    /// Selects addresses to which forms of all origins may post.
    posts: fn(&Uri) -> bool,
}

/// The mark in the extensions of a response that the guard gave instead of a handler. An application may replace that
/// response with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A name that cannot be listed: `*`, which browsers ignore for requests with cookies, or an invalid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the name of a method or header; list each name, because browsers ignore `*` for requests with cookies"
)]
pub struct Unlistable(String);

/// The decision on a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The request goes on. If it is a front end's, its origin is here, for the CORS headers of the response.
    Pass(Option<HeaderValue>),
    /// A browser asks whether a front end with this origin may send a request.
    Preflight(HeaderValue),
    Refuse,
}

impl Guard {
    pub(super) fn new(origins: Origins) -> Self {
        Self(Arc::new(Rules {
            origins,
            methods: HeaderValue::from_static("GET,HEAD,POST,PUT,PATCH,DELETE"),
            headers: HeaderValue::from_static("content-type"),
            exposed: HeaderValue::from_static("retry-after"),
            // Chromium caps longer values to this.
            max_age: HeaderValue::from_static("7200"),
            strict: false,
            reads: |_, _| false,
            refusals: Arc::new(LogLimit::a_minute()),
            posts: |_| false,
        }))
    }

    /// Sets the methods that front ends may use. Default: GET, HEAD, POST, PUT, PATCH and DELETE.
    ///
    /// # Errors
    ///
    /// When one of the names is invalid.
    pub fn methods<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let methods = list(names)?;
        Ok(self.with(|rules| rules.methods = methods))
    }

    /// Sets the headers that front ends may send in addition to those that browsers always allow. Default:
    /// `content-type`.
    ///
    /// # Errors
    ///
    /// When one of the names is invalid.
    pub fn headers<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let headers = list(names)?;
        Ok(self.with(|rules| rules.headers = headers))
    }

    /// Sets the response headers that front ends may read in addition to those that they always may. Default:
    /// `retry-after`.
    ///
    /// # Errors
    ///
    /// When one of the names is invalid.
    pub fn exposed<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let exposed = list(names)?;
        Ok(self.with(|rules| rules.exposed = exposed))
    }

    /// Sets the time for which a browser caches the response to a preflight. Default: 2 hours, the most that Chromium
    /// accepts.
    #[must_use]
    pub fn max_age(self, span: Duration) -> Self {
        self.with(|rules| rules.max_age = HeaderValue::from(span.as_secs()))
    }

    /// Also refuses requests that do not say where they come from: of curl, mobile applications, the oldest browsers.
    /// Default: false.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.with(|rules| rules.strict = strict)
    }

    /// Selects requests that must prove their origin although they only read, because reading changes something (a
    /// visit is counted, a session begins). Default: none.
    #[must_use]
    pub fn reads(self, reads: fn(&Uri, &HeaderMap) -> bool) -> Self {
        self.with(|rules| rules.reads = reads)
    }

    /// Selects addresses to which pages of every origin may post forms, because such a post changes nothing by itself
    /// and proves its context by other means, as the response of an OpenID provider does. Default: none.
    ///
    /// Browsers send no `SameSite` cookie with such a post, so the handler must decide nothing by a session.
    #[must_use]
    pub fn posts(self, posts: fn(&Uri) -> bool) -> Self {
        self.with(|rules| rules.posts = posts)
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Rules {
    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let origin = headers.get(header::ORIGIN);
        let listed = origin.filter(|origin| self.origins.front_ends.iter().any(|front_end| front_end.is(origin)));
        // A browser sends each of these headers once. Two are refused, because a proxy before this server may read the
        // other one.
        let twice = [SEC_FETCH_SITE, header::ORIGIN, header::REFERER, header::ACCESS_CONTROL_REQUEST_METHOD]
            .iter()
            .any(|name| headers.get_all(name).iter().nth(1).is_some());
        if twice {
            return Verdict::Refuse;
        }
        if method == Method::OPTIONS && origin.is_some() && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return listed.map_or(Verdict::Refuse, |origin| Verdict::Preflight(origin.clone()));
        }
        if let Some(origin) = listed {
            return Verdict::Pass(Some(origin.clone()));
        }
        let is_form = method == Method::POST && (self.posts)(uri);
        let must_prove = !is_form && (!method.is_safe() || (self.reads)(uri, headers));
        if !must_prove || is_own(headers, &self.origins.own, self.strict) {
            Verdict::Pass(None)
        } else {
            Verdict::Refuse
        }
    }

    /// Adds the headers without which a browser does not give the response to a page of that origin.
    fn admit(&self, headers: &mut HeaderMap, origin: HeaderValue) {
        name(headers, origin);
        if !self.exposed.is_empty() {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
    }

    /// Adds `Vary: Origin` to all responses if there are front ends, because a response then depends on the origin of
    /// the request.
    fn vary(&self, headers: &mut HeaderMap) {
        if !self.origins.front_ends.is_empty() {
            headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
        }
    }

    fn preflight(&self, origin: HeaderValue) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        name(headers, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        self.vary(headers);
        response
    }

    fn refuse<B>(&self, request: &Request<B>) -> Response<Body> {
        if let Some(held_back) = self.refusals.turn() {
            let origin = request.headers().get(header::ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
            tracing::warn!(
                method = %request.method(),
                path = %Cut(request.uri().path()),
                origin = ?origin.map(|origin| Cut(&origin).to_string()),
                held_back,
                "refused a request from another origin"
            );
        }
        metrics::counter!("hardtack_requests_refused_total", "reason" => "origin").increment(1);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        response.extensions_mut().insert(Refused);
        self.vary(response.headers_mut());
        response
    }
}

fn name(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

/// Returns whether a request without a listed origin comes from the server's own pages, from a user that opened an
/// address, or from a program that is no browser.
///
/// `same-site` does not count, because a sibling host may belong to another owner.
fn is_own(headers: &HeaderMap, own: &Origin, strict: bool) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    match (headers.get(header::ORIGIN), headers.get(header::REFERER)) {
        (Some(origin), _) => own.is(origin),
        (None, Some(referer)) => {
            // The header is read as bytes, because some browsers write a path as the document does, in any charset.
            let referer = Url::parse(&String::from_utf8_lossy(referer.as_bytes())).ok();
            referer.is_some_and(|referer| referer.origin().ascii_serialization() == own.as_str())
        }
        (None, None) => !strict,
    }
}

fn list<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<HeaderValue, Unlistable> {
    let mut listed = String::new();
    for name in names {
        let name = name.as_ref();
        let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&c);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(Unlistable(name.to_owned()));
        }
        if !listed.is_empty() {
            listed.push(',');
        }
        listed.push_str(name);
    }
    HeaderValue::try_from(listed).map_err(|_| Unlistable(String::new()))
}

impl<S> Layer<S> for Guard {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { rules: Arc::clone(&self.0), inner }
    }
}

/// The service of the layer [`Guard`].
#[derive(Clone)]
pub struct GuardService<S> {
    rules: Arc<Rules>,
    inner: S,
}

impl<S> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GuardService").field(&self.rules).finish()
    }
}

impl<S, B> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let admitted = match self.rules.judge(request.method(), request.uri(), request.headers()) {
            Verdict::Pass(admitted) => admitted,
            Verdict::Preflight(origin) => return at_once(self.rules.preflight(origin)),
            Verdict::Refuse => return at_once(self.rules.refuse(&request)),
        };
        let (rules, answer) = (Arc::clone(&self.rules), self.inner.call(request));
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(origin) = admitted {
                rules.admit(response.headers_mut(), origin);
            }
            rules.vary(response.headers_mut());
            Ok(response)
        })
    }
}

fn at_once<E>(response: Response<Body>) -> Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>> {
    Box::pin(async { Ok(response) })
}

#[cfg(test)]
mod tests;
