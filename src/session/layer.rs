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

/// Gives every request below it its [`Session`].
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hardtack::session::{CookieSettings, Error, Key, Keys, Session, Sessions, store::memory::MemoryStore};
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
    /// Sessions in `store`, their cookies signed by the first of `keys`.
    ///
    /// For https; say otherwise with [`cookie`](Sessions::cookie). All other values have the defaults named
    /// at their methods.
    #[must_use]
    pub fn new(store: impl Store, keys: Keys) -> Self {
        Self::shared(Arc::new(store), keys)
    }

    /// As [`new`](Sessions::new), in a store that others hold too.
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

    /// Signs by the first of these keys from now on, and verifies by all.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        self.with(|engine| engine.keys = keys)
    }

    /// Name and attributes of the cookie. Default: [`CookieSettings::default`], for https.
    ///
    /// # Errors
    ///
    /// When browsers would drop such a cookie: the sentence says why, and what to do.
    pub fn cookie(self, cookie: CookieSettings) -> Result<Self, Contradiction> {
        match Contradiction::of_cookie(&cookie) {
            Some(contradiction) => Err(contradiction),
            None => Ok(self.with(|engine| engine.cookie = cookie)),
        }
    }

    /// The cookies of the same name that browsers may hold from earlier settings, with another domain, path or partition.
    /// Each answer that gives or takes the session's cookie removes them, so that browsers send one. Default: none.
    #[must_use]
    pub fn former(self, variants: Vec<CookieSettings>) -> Self {
        self.with(|engine| engine.former = variants)
    }

    /// How long sessions live, how often that is written down, and how their ids change. Default:
    /// [`Clocks::default`].
    ///
    /// # Errors
    ///
    /// When they contradict each other: the sentence says how, and what to do.
    pub fn clocks(self, clocks: Clocks) -> Result<Self, Contradiction> {
        match Contradiction::of_clocks(&clocks) {
            Some(contradiction) => Err(contradiction),
            None => Ok(self.with(|engine| engine.clocks = clocks)),
        }
    }

    /// How long a session with a lifetime of its own may live at most, also one that was given more before. Default: 400
    /// days.
    #[must_use]
    pub fn longest(self, span: Duration) -> Self {
        self.with(|engine| engine.longest = span.min(Lifetime::LONGEST))
    }

    /// How many sessions an account may have. A plain number is [`PerAccount::Exactly`]. Default: any number.
    ///
    /// What is beyond it ends at a sign-in, before that is answered. Source: ASVS 5.0, 7.1.2.
    #[must_use]
    pub fn per_account(self, limit: impl Into<PerAccount>) -> Self {
        let limit = limit.into();
        self.with(|engine| engine.per_account = limit)
    }

    /// How many bytes the names and values of a session may measure. Default: 16 KiB.
    #[must_use]
    pub fn max_data(self, bytes: usize) -> Self {
        self.with(|engine| engine.max_data = bytes)
    }

    /// How long one request waits for the store, all its steps together. Default: 800 milliseconds.
    #[must_use]
    pub fn timeout(self, span: Duration) -> Self {
        self.with(|engine| engine.timeout = span)
    }

    /// Where the time comes from. Default: the system's clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|engine| engine.clock = clock)
    }

    /// How often a session that is watched is looked at, for the case that the store's channel has missed something.
    /// Default: about every 15 seconds.
    #[must_use]
    pub fn look_every(self, span: Duration) -> Self {
        self.with(|engine| engine.look_every = span)
    }

    /// Ends all watching of sessions, and lets nobody begin it any more: for a server that stops.
    pub fn stop_watching(&self) {
        self.0.watchers.close();
    }

    /// The store that they are kept in.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.store)
    }

    /// Removes sessions that are over, in the background, until the future is dropped.
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
        // What is in doubt has a name as well, so that tower-sessions' `delete` of it is heard.
        let id = unit.asked.presented.as_ref().map(Secret::hash).or_else(|| unit.in_doubt());
        let id = id.map(|id| id.as_tower_id());
        Session { inner: tower_sessions::Session::new(id, Arc::clone(&unit), None), unit }
    }
}

impl Sessions {
    /// Whether the browser may hold a cookie that it does not show: with `SameSite=Strict`, when it follows a link from
    /// another site. To begin a session now would replace the one that it has.
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

/// What [`Sessions`] makes of a service.
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
        // The service that was polled ready is the one to call; its clone waits for the next request.
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

/// `HEAD`, and a `GET` that is a prefetch or a prerender: nobody looks at the answer yet.
///
/// `Sec-Purpose` is what browsers send today. `Purpose` (older Chromium), `X-Purpose` (older Safari) and `X-Moz` (older
/// Firefox) say the same.
///
/// Source: <https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header>.
fn is_speculative(method: &Method, headers: &HeaderMap) -> bool {
    const PURPOSES: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    if *method != Method::GET {
        return *method == Method::HEAD;
    }
    // A token with parameters behind it, `prefetch;prerender`; a proxy may have joined several by commas.
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
            assert!(!speculative(Method::POST, name, value), "a post is meant");
        }
        for value in [&b""[..], b"prefetched", b"not-prefetch", b"\"prefetch\"", b";prefetch", b"\xffprefetch"] {
            assert!(!speculative(Method::GET, "sec-purpose", value), "{}", String::from_utf8_lossy(value));
        }
        assert!(is_speculative(&Method::HEAD, &HeaderMap::new()));
        assert!(!is_speculative(&Method::GET, &HeaderMap::new()));
        let mut both = HeaderMap::new();
        both.append("sec-purpose", HeaderValue::from_static(""));
        both.append("purpose", HeaderValue::from_static("prefetch"));
        assert!(is_speculative(&Method::GET, &both), "an empty header hides no other");
    }
}
