//! CORS and CSRF in one layer, from one list of origins: who may call, decided before a session is read.
//!
//! Source: the Fetch specification, CORS protocol; ASVS 5.0, 3.4.2 and 3.5.1 to 3.5.3; the OWASP CSRF prevention cheat
//! sheet.

use super::origin::Origin;
use super::origins::Origins;
use crate::session::{Cut, LogLimit};
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

/// Lets the pages of some origins in, with their cookies, and no others.
///
/// * What changes something must prove where it comes from: a listed `Origin`, or `Sec-Fetch-Site: same-origin` or `none`;
///   from older browsers an `Origin`, else a `Referer`, of this server. Anything else is refused with 403 before a handler
///   or a session sees it. Without all three headers no browser of today sent it, and it passes, unless [`strict`].
/// * Preflights are answered here, with 204 and no store call; those of unlisted origins with 403.
/// * All answers to a listed origin, errors too, carry the CORS headers, and `Vary: Origin`.
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
    /// Requests that must prove where they come from although they only read.
    reads: fn(&Uri, &HeaderMap) -> bool,
    refusals: Arc<LogLimit>,
    /// Addresses that forms of all origins may be posted to.
    posts: fn(&Uri) -> bool,
}

/// In the extensions of an answer that the guard gave in the place of a handler. An application may put a page there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A name that cannot be listed: a `*`, which means nothing beside cookies, or no name at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name that a browser can be told; name each method and header, as `*` means none where cookies go along"
)]
pub struct Unlistable(String);

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes on. With the origin to name in the answer when it is a front end's.
    Pass(Option<HeaderValue>),
    /// A browser asks whether it may.
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
            // Chromium heeds no more.
            max_age: HeaderValue::from_static("7200"),
            strict: false,
            reads: |_, _| false,
            refusals: Arc::new(LogLimit::a_minute()),
            posts: |_| false,
        }))
    }

    /// The methods that front ends may use. Default: GET, HEAD, POST, PUT, PATCH and DELETE.
    ///
    /// # Errors
    ///
    /// When one of them cannot be named.
    pub fn methods<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let methods = list(names)?;
        Ok(self.with(|rules| rules.methods = methods))
    }

    /// The headers that front ends may send beside those that browsers always allow. Default: `content-type`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be named.
    pub fn headers<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let headers = list(names)?;
        Ok(self.with(|rules| rules.headers = headers))
    }

    /// The headers of answers that front ends may read beside those that they always may. Default: `retry-after`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be named.
    pub fn exposed<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Unlistable> {
        let exposed = list(names)?;
        Ok(self.with(|rules| rules.exposed = exposed))
    }

    /// How long a browser remembers the answer to a preflight. Default: 2 hours, the most that Chromium heeds.
    #[must_use]
    pub fn max_age(self, span: Duration) -> Self {
        self.with(|rules| rules.max_age = HeaderValue::from(span.as_secs()))
    }

    /// Refuses what does not say where it comes from, too: curl, mobile applications, the oldest browsers. Default: false.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.with(|rules| rules.strict = strict)
    }

    /// Requests that must prove where they come from although they only read, because reading changes something (a visit
    /// is counted, a session begins). Default: none.
    #[must_use]
    pub fn reads(self, reads: fn(&Uri, &HeaderMap) -> bool) -> Self {
        self.with(|rules| rules.reads = reads)
    }

    /// Addresses that pages of every origin may post forms to, because what is posted there changes nothing by itself and
    /// proves by other means what it belongs to, as the answer of an OpenID provider does. Default: none.
    ///
    /// A `SameSite` cookie does not come along. The handler must decide nothing by a session.
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
        // A browser sends each of them once. Two would be read differently by whoever stands before us.
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

    /// What a browser must know to hand the answer to a page of that origin.
    fn admit(&self, headers: &mut HeaderMap, origin: HeaderValue) {
        name(headers, origin);
        if !self.exposed.is_empty() {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
    }

    /// The answer depends on who asks as soon as there is somebody to be let in, whoever has asked.
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

/// Whether a request that no front end has sent is the server's own pages', a person's, or no browser's.
///
/// `same-site` counts for nothing: a sibling host may be anybody's.
fn is_own(headers: &HeaderMap, own: &Origin, strict: bool) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    match (headers.get(header::ORIGIN), headers.get(header::REFERER)) {
        (Some(origin), _) => own.is(origin),
        (None, Some(referer)) => {
            // By bytes: some browsers write a path as it stands in the document, in whatever charset.
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

/// What [`Guard`] makes of a service.
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
