//! The tower layer: cookie in, unit of work around the handler, commit, cookie out.

use super::begin_limit::BeginLimit;
use super::clock::Clock;
use super::cookie::{Came, CookieSettings, SameSite, Target};
use super::doubt::Doubt;
use super::engine::{Engine, PerAccount};
use super::finish::{Abandoned, finish};
use super::handle::Session;
use super::id::Secret;
use super::keys::Keys;
use super::lifetime::{Clocks, Lifetime};
use super::policy::Contradiction;
use super::store::Store;
use super::sweep::sweep;
use super::unit::{Asked, Unit};
use axum::http::{HeaderMap, Method, Request, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// The tower layer that gives every request its [`Session`].
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hardtack_session::{CookieSettings, Error, Key, Keys, Session, Sessions, store::memory::MemoryStore};
///
/// const VISITS: Key<u32> = Key::new("visits");
///
/// async fn count(session: Session) -> Result<String, Error> {
///     Ok(session.update(VISITS, |n| n.unwrap_or(0) + 1).await?.to_string())
/// }
///
/// let sessions = Sessions::new(MemoryStore::default(), Keys::generate()?)
///     .cookie(CookieSettings::new(false))?; // plain http on this machine
/// let app: Router = Router::new().route("/", get(count)).layer(sessions);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Engine>);

impl Sessions {
    /// Creates sessions in `store`, with cookies that the first of `keys` signs.
    ///
    /// The cookie is for https; [`cookie`](Sessions::cookie) changes that. All other settings have the defaults that
    /// their methods name.
    #[must_use]
    pub fn new(store: impl Store, keys: Keys) -> Self {
        Self::shared(Arc::new(store), keys)
    }

    /// Creates sessions as [`new`](Sessions::new) does, in a store that is shared already.
    #[must_use]
    pub fn shared(store: Arc<dyn Store>, keys: Keys) -> Self {
        Self(Arc::new(Engine {
            store,
            keys,
            cookie: CookieSettings::default(),
            former: Vec::new(),
            clocks: Clocks::default(),
            longest: Lifetime::LONGEST,
            per_account: PerAccount::Any,
            max_data: 16 * 1024,
            timeout: Duration::from_millis(800),
            clock: Clock::System,
            queues: Arc::default(),
            watchers: Arc::default(),
            look_every: Duration::from_secs(15),
        }))
    }

    /// Signs with the first of these keys from now on, and verifies with all of them.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        self.with(|engine| engine.keys = keys)
    }

    /// Sets the name and the attributes of the cookie. Default: [`CookieSettings::default`], for https.
    ///
    /// # Errors
    ///
    /// When browsers would drop such a cookie. The error says why, and what to do.
    pub fn cookie(self, cookie: CookieSettings) -> Result<Self, Contradiction> {
        match Contradiction::of_cookie(&cookie) {
            Some(contradiction) => Err(contradiction),
            None => Ok(self.with(|engine| engine.cookie = cookie)),
        }
    }

    /// Names the cookies of the same name that browsers may hold from earlier settings, with another domain, path or
    /// partition. Each response that sets or removes the session cookie removes them too, so that browsers send only
    /// one. Default: none.
    #[must_use]
    pub fn former(self, variants: Vec<CookieSettings>) -> Self {
        self.with(|engine| engine.former = variants)
    }

    /// Sets the timeouts of sessions, the interval of touches and the rotation of ids. Default: [`Clocks::default`].
    ///
    /// # Errors
    ///
    /// When they contradict each other. The error says how, and what to do.
    pub fn clocks(self, clocks: Clocks) -> Result<Self, Contradiction> {
        match Contradiction::of_clocks(&clocks) {
            Some(contradiction) => Err(contradiction),
            None => Ok(self.with(|engine| engine.clocks = clocks)),
        }
    }

    /// Limits the lifetime of sessions that have one of their own, also of existing sessions. Default: 400 days.
    #[must_use]
    pub fn longest(self, span: Duration) -> Self {
        self.with(|engine| engine.longest = span.min(Lifetime::LONGEST))
    }

    /// Limits the sessions of an account. A plain number is [`PerAccount::Exactly`]. Default: any number.
    ///
    /// The sessions beyond the limit end at a sign-in, before it returns. Source: ASVS 5.0, 7.1.2.
    #[must_use]
    pub fn per_account(self, limit: impl Into<PerAccount>) -> Self {
        let limit = limit.into();
        self.with(|engine| engine.per_account = limit)
    }

    /// Limits the size of a session: the bytes of all names and values. Default: 16 KiB.
    #[must_use]
    pub fn max_data(self, bytes: usize) -> Self {
        self.with(|engine| engine.max_data = bytes)
    }

    /// Limits the time that one request waits for the store, all its calls together. Default: 800 milliseconds.
    #[must_use]
    pub fn timeout(self, span: Duration) -> Self {
        self.with(|engine| engine.timeout = span)
    }

    /// Sets the source of the time. Default: the system's clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|engine| engine.clock = clock)
    }

    /// Sets the interval at which a watched session is loaded again, in case the store's channel has missed a change.
    /// Default: about every 15 seconds.
    #[must_use]
    pub fn look_every(self, span: Duration) -> Self {
        self.with(|engine| engine.look_every = span)
    }

    /// Ends all watching of sessions and refuses new watchers. For a server that stops.
    pub fn stop_watching(&self) {
        self.0.watchers.close();
    }

    /// Returns the store that keeps the sessions.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.store)
    }

    /// Removes expired sessions in the background, until the future is dropped.
    pub fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        sweep(self.store(), self.0.clock.clone())
    }

    fn with(mut self, change: impl FnOnce(&mut Engine)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn begin<B>(&self, request: &Request<B>) -> Session {
        let (method, headers) = (request.method(), request.headers());
        let (presented, doubt) = match self.0.cookie.read(headers, &self.0.keys) {
            Came::Nothing => (None, self.is_withheld(headers).then_some(Doubt::Withheld)),
            Came::One(secret) => (Some(secret), None),
            Came::InDoubt(doubt) => (None, Some(doubt)),
        };
        let speculative = is_speculative(method, headers);
        let (safe, limit) = (method.is_safe(), request.extensions().get::<BeginLimit>().cloned());
        let asked = Asked { presented, doubt, speculative, safe, limit, target: Target::of(request) };
        let unit = Arc::new(Unit::new(Arc::clone(&self.0), asked));
        // A doubt has an id as well, because tower-sessions calls `delete` only for a session that has one.
        let id = unit.asked.presented.as_ref().map(Secret::hash).or_else(|| unit.in_doubt());
        let id = id.map(|id| id.as_tower_id());
        Session { inner: tower_sessions::Session::new(id, Arc::clone(&unit), None), unit }
    }
}

impl Sessions {
    /// Returns whether the browser may hold a cookie that it does not send: a `SameSite=Strict` cookie, when it follows
    /// a link from another site. A session that began now would replace the session of that cookie.
    fn is_withheld(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        self.0.cookie.same_site == SameSite::Strict && site.is_some_and(|site| site == "cross-site")
    }
}

impl<S> Layer<S> for Sessions {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { sessions: self.clone(), inner }
    }
}

/// The service of the layer [`Sessions`].
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    sessions: Sessions,
    inner: S,
}

impl<S, B> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<axum::body::Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The service that was polled ready must be the one that is called, so its clone stays for the next request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let session = self.sessions.begin(&request);
        request.extensions_mut().insert(session.inner.clone());
        request.extensions_mut().insert(session.clone());
        Box::pin(async move {
            let guard = Abandoned::guard(session.clone());
            let response = inner.call(request).await?;
            let response = finish(session, response).await;
            guard.disarm();
            Ok(response)
        })
    }
}

/// Returns whether the request is a `HEAD`, or a `GET` that is a prefetch or a prerender: no person sees the response
/// yet.
///
/// Browsers of today send `Sec-Purpose`. `Purpose` (older Chromium), `X-Purpose` (older Safari) and `X-Moz` (older
/// Firefox) mean the same.
///
/// Source: <https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header>.
fn is_speculative(method: &Method, headers: &HeaderMap) -> bool {
    const PURPOSES: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    if *method != Method::GET {
        return *method == Method::HEAD;
    }
    // A value is a token with parameters after it, `prefetch;prerender`. A proxy may have joined several with commas.
    let values = PURPOSES.iter().flat_map(|name| headers.get_all(*name));
    let mut tokens = values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|item| item.split(|byte| *byte == b';').next())
        .map(<[u8]>::trim_ascii);
    tokens.any(|token| {
        ["prefetch", "prerender", "preview"].iter().any(|name| token.eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn g7_a_purpose_is_read_as_a_token_in_all_its_spellings() {
        let speculative = |method: Method, name: &'static str, value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.append(name, HeaderValue::from_bytes(value).expect("a header"));
            is_speculative(&method, &headers)
        };
        for (name, value) in [
            ("sec-purpose", &b"prefetch"[..]),
            ("sec-purpose", b"prefetch;prerender"),
            ("sec-purpose", b"prefetch;anonymous-client-ip"),
            ("sec-purpose", b" Prefetch ; prerender"),
            ("sec-purpose", b"other, prefetch"),
            ("purpose", b"prefetch"),
            ("x-purpose", b"preview"),
            ("x-moz", b"prefetch"),
        ] {
            assert!(speculative(Method::GET, name, value), "{name}: {}", String::from_utf8_lossy(value));
            assert!(!speculative(Method::POST, name, value), "a POST is not speculative");
        }
        for value in [&b""[..], b"prefetched", b"not-prefetch", b"\"prefetch\"", b";prefetch", b"\xffprefetch"] {
            assert!(!speculative(Method::GET, "sec-purpose", value), "{}", String::from_utf8_lossy(value));
        }
        assert!(is_speculative(&Method::HEAD, &HeaderMap::new()));
        assert!(!is_speculative(&Method::GET, &HeaderMap::new()));
        let mut both = HeaderMap::new();
        both.append("sec-purpose", HeaderValue::from_static(""));
        both.append("purpose", HeaderValue::from_static("prefetch"));
        assert!(is_speculative(&Method::GET, &both), "an empty header does not hide another one");
    }
}
