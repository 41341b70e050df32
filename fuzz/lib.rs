//! Shared code of the fuzz targets: one request through the session layer, without a network.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::routing::get;
use base64::Engine as _;
use hardtack_session::id::IdHash;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{CookieSettings, Key, Keys, Session, Sessions};
use sha2::Digest as _;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;

/// Returns a runtime on this thread only.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Returns the session layer of a site on plain http.
pub fn sessions(store: Arc<MemoryStore>, keys: &Keys) -> Sessions {
    Sessions::shared(store, keys.clone()).cookie(CookieSettings::new(false)).expect("a cookie that browsers keep")
}

/// Returns the response of a handler behind the layer, to a request with these `Cookie` headers.
pub async fn request<F, Fut>(sessions: &Sessions, cookies: &[HeaderValue], handler: F) -> Response<Body>
where
    F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = String> + Send,
{
    let mut app = Router::new().route("/", get(handler)).layer(sessions.clone());
    let mut request = Request::new(Body::empty());
    for cookie in cookies {
        request.headers_mut().append(header::COOKIE, cookie.clone());
    }
    app.call(request).await.expect("routers do not fail")
}

/// Begins a session and returns its cookie as a browser sends it: `name=value`.
pub async fn begin(sessions: &Sessions) -> String {
    const NOTE: Key<String> = Key::new("note");
    let answer = request(sessions, &[], async |session: Session| {
        session.put(NOTE, &"kept".to_owned()).await.expect("put");
        String::new()
    });
    let answer = answer.await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    cookie.split(';').next().expect("a pair").to_owned()
}

/// Returns the hash by which the store knows the session of a cookie.
pub fn id_of(cookie: &str) -> IdHash {
    let secret = cookie.split_once('=').and_then(|(_, value)| value.split_once('.')).expect("a signed value").0;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).expect("base64");
    IdHash(sha2::Sha256::digest(secret).into())
}
