//! The plain http listener beside https: it redirects pages to https and refuses every other request.
//!
//! Calls are not redirected, because a redirected call works, and its client would go on sending each call in the clear
//! first. This listener sets no cookie and touches no session. It logs a session cookie that arrives here, because
//! others may have read it.

use super::client::Peer;
use super::headers;
use super::listen::{self, BindError, Door, Listener};
use super::settings::{Limits, Settings};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use hardtack_session::LogLimit;
use hardtack_session::cookie::pairs;
use hardtack_session::policy::Origin;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A listener for plain http, and the target of its redirects.
pub(super) struct Redirect {
    listener: Listener,
    way: Way,
}

#[derive(Clone)]
struct Way {
    to: Origin,
    /// The name of the session cookie. Browsers never send it here, because it is Secure.
    cookie: String,
    warnings: Arc<LogLimit>,
}

impl Redirect {
    /// Binds the address.
    pub(super) fn open(address: SocketAddr, settings: &Settings) -> Result<Self, BindError> {
        let (to, cookie) = (settings.site.url.clone(), settings.session.name.clone());
        let way = Way { to, cookie, warnings: Arc::new(LogLimit::a_minute()) };
        Ok(Self { listener: Listener::bind(Door::Redirect, address)?, way })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Serves until [`stop`](Redirecting::stop).
    pub(super) fn run(self, limits: &Limits) -> Redirecting {
        let Self { listener, way } = self;
        tracing::info!("plain http at http://{} redirects to {}", listener.address, way.to);
        let (stop, stopped) = oneshot::channel::<()>();
        let (router, limits) = (router(way), limits.clone());
        let server = tokio::spawn(async move {
            let served = listen::serve(listener, router, &limits, None, async { drop(stopped.await) }).await;
            if let Err(error) = served {
                tracing::error!(%error, "the listener for plain http failed");
            }
        });
        Redirecting { stop, server }
    }
}

/// A running [`Redirect`].
pub(super) struct Redirecting {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Redirecting {
    pub(super) async fn stop(self) {
        drop(self.stop);
        // If the task panicked, the log has a line about it.
        self.server.await.ok();
    }
}

fn router(way: Way) -> Router {
    Router::new().fallback(lead).with_state(way).layer(from_fn(headers::secure))
}

/// Redirects to `site.url`, never to the host that the request names. Source: ASVS 5.0, 4.1.2.
async fn lead(State(Way { to, cookie, warnings }): State<Way>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if carries(&parts, &cookie)
        && let Some(held_back) = warnings.turn()
    {
        let client = parts.extensions.get().map(|Peer(address)| tracing::field::display(*address));
        tracing::warn!(
            client,
            held_back,
            "a session cookie was sent over plain http, where others can read it; end that session"
        );
    }
    let safe = matches!(parts.method, Method::GET | Method::HEAD);
    let path = parts.uri.path();
    let call = path == "/api" || path.starts_with("/api/");
    let target = parts.uri.path_and_query().map(ToString::to_string);
    // `GET *` has no path.
    let target = target.filter(|target| target.starts_with('/'));
    let location = target.and_then(|target| HeaderValue::from_str(&format!("{to}{target}")).ok());
    match location {
        Some(location) if safe && !call => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        _ => {
            // Not a kind of `model`, because the program in the browser cannot reach this listener.
            let error = json!({
                "kind": "https_required",
                "message": format!("This request was not encrypted, so it was refused. Call {to} instead, over https."),
            });
            (StatusCode::FORBIDDEN, [(header::CACHE_CONTROL, "no-store")], Json(error)).into_response()
        }
    }
}

fn carries(parts: &Parts, cookie: &str) -> bool {
    pairs(&parts.headers).any(|(name, _)| name == cookie.as_bytes())
}
