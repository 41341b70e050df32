//! Plain http beside https: pages lead there, and everything else is refused.
//!
//! A call that was redirected would work, and go on travelling in the clear first every time. Nothing here sets a cookie
//! or touches a session; a cookie of ours that has come this way is told of in the log, because it may have been read.

use super::client::Peer;
use super::headers;
use super::listen::{self, BindError, Door, Listener};
use super::settings::{Limits, Settings};
use crate::session::LogLimit;
use crate::session::cookie::pairs;
use crate::session::policy::Origin;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A listener for plain http, and where it leads.
pub(super) struct Redirect {
    listener: Listener,
    way: Way,
}

#[derive(Clone)]
struct Way {
    to: Origin,
    /// The name of the cookie that must not come here: browsers keep it back, because it is Secure.
    cookie: String,
    warnings: Arc<LogLimit>,
}

impl Redirect {
    /// Takes the address.
    pub(super) fn open(address: SocketAddr, settings: &Settings) -> Result<Self, BindError> {
        let (to, cookie) = (settings.site.url.clone(), settings.session.name.clone());
        let way = Way { to, cookie, warnings: Arc::new(LogLimit::a_minute()) };
        Ok(Self { listener: Listener::bind(Door::Redirect, address)?, way })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Answers until [`stop`](Redirecting::stop).
    pub(super) fn run(self, limits: &Limits) -> Redirecting {
        let Self { listener, way } = self;
        tracing::info!("plain http at http://{} leads to {}", listener.address, way.to);
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

/// A [`Redirect`] at work.
pub(super) struct Redirecting {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Redirecting {
    pub(super) async fn stop(self) {
        drop(self.stop);
        // It cannot have panicked without a line in the log.
        self.server.await.ok();
    }
}

fn router(way: Way) -> Router {
    Router::new().fallback(lead).with_state(way).layer(from_fn(headers::secure))
}

/// To `site.url` and never to what the request names as its host. Source: ASVS 5.0, 4.1.2.
async fn lead(State(Way { to, cookie, warnings }): State<Way>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if carries(&parts, &cookie)
        && let Some(held_back) = warnings.turn()
    {
        let client = parts.extensions.get().map(|Peer(address)| tracing::field::display(*address));
        tracing::warn!(
            client,
            held_back,
            "a session's cookie came over plain http, where it can be read; end that session"
        );
    }
    let safe = matches!(parts.method, Method::GET | Method::HEAD);
    let path = parts.uri.path();
    let call = path == "/api" || path.starts_with("/api/");
    let target = parts.uri.path_and_query().map(ToString::to_string);
    // `GET *` names no path.
    let target = target.filter(|target| target.starts_with('/'));
    let location = target.and_then(|target| HeaderValue::from_str(&format!("{to}{target}")).ok());
    match location {
        Some(location) if safe && !call => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        _ => {
            // Not of the kinds in `model`: what the browser loads cannot get here, and need not know it.
            let error = json!({
                "kind": "https_required",
                "message": format!("This travelled unencrypted, so it was refused. Call {to} instead, over https."),
            });
            (StatusCode::FORBIDDEN, [(header::CACHE_CONTROL, "no-store")], Json(error)).into_response()
        }
    }
}

fn carries(parts: &Parts, cookie: &str) -> bool {
    pairs(&parts.headers).any(|(name, _)| name == cookie.as_bytes())
}
