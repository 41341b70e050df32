//! One list of routes, one list of layers.
//!
//! ```text
//! client         whose address it is
//! log            one line a request
//! └ headers      security headers on whatever comes out; https from now on
//!   └ compress   what is not compressed yet
//!     └ explain  bare error answers become a page or JSON
//!       └ guard  other origins are refused, front ends let in; all that comes from below says so to their browsers
//!         └ panic  a panic is a 500, and the server goes on
//!           └ limits   methods, headers, time
//!             └ sessions     cookie, unit of work, commit
//!               └ pages, /api
//!             └ files, /healthz, /readyz: no session is near them
//! ```

use super::assets::Assets;
use super::settings::Limits;
use super::visitor::provide_visitor;
use super::{api, assets, client, document, explain, headers, health, limits, log};
use crate::app::App;
use crate::backend::accounts::Accounts;
use crate::model::error::Kind;
use crate::session::Sessions;
use crate::session::policy::Guard;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use ipnet::IpNet;
use leptos_axum::{AxumRouteListing, LeptosRoutes as _};
use leptos_axum::{generate_route_list_with_exclusions, render_app_async_with_context};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

/// What all requests share.
pub(super) struct Site {
    pub(super) assets: Assets,
    pub(super) sessions: Sessions,
    pub(super) accounts: Accounts,
    /// Who may call from other origins.
    pub(super) guard: Guard,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) limits: Limits,
    /// Whether browsers are told to come by https alone.
    pub(super) hsts: bool,
    /// False while the server stops.
    pub(super) ready: AtomicBool,
}

/// The pages. Without the server functions: their door stands beside.
///
/// Listed once in a process: while Leptos lists, a page that any server in it renders would wait for ever for its
/// data (leptos_server 0.8, `SuppressResourceLoad` is global).
pub(super) static PAGES: LazyLock<Vec<AxumRouteListing>> =
    LazyLock::new(|| generate_route_list_with_exclusions(App, Some(api::paths())));

/// Everything that the server answers.
pub(super) fn router(site: &Arc<Site>) -> Router {
    let shell = {
        let site = Arc::clone(site);
        move || document::document(&site.assets)
    };
    let tell = {
        let site = Arc::clone(site);
        move || {
            document::provide_theme();
            provide_visitor(&site.accounts);
        }
    };
    let functions = Router::new().route("/api/{*path}", any(api::call)).with_state(Arc::clone(site));
    let with_session = Router::new()
        .leptos_routes_with_context(&site.assets.options, PAGES.clone(), tell, shell.clone())
        .with_state(site.assets.options.clone())
        .merge(functions)
        .layer(site.sessions.clone());

    let files = assets::files(&site.assets);
    let not_found = render_app_async_with_context(document::provide_theme, shell);
    let without_session = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .nest_service("/pkg", assets::package(&site.assets))
        .fallback(move |request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let answer = files(Request::from_parts(parts.clone(), Body::empty())).await;
            if answer.status() != StatusCode::NOT_FOUND {
                return answer;
            }
            if !explain::wants_page(&parts) {
                return explain::refuse(Kind::NotFound);
            }
            let mut page: Response = not_found(Request::from_parts(parts, body)).await;
            *page.status_mut() = StatusCode::NOT_FOUND;
            // It wears the visitor's theme.
            page.headers_mut().append(header::VARY, HeaderValue::from_static("cookie"));
            page
        })
        .with_state(Arc::clone(site));

    let inner = with_session
        .merge(without_session)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, site.limits.request_timeout))
        .layer(from_fn_with_state(Arc::clone(site), limits::headers))
        .layer(CatchPanicLayer::custom(|_| explain::refuse(Kind::Internal)))
        .layer(site.guard.clone())
        .layer(from_fn_with_state(Arc::clone(site), explain::explain))
        .layer(CompressionLayer::new())
        .layer(from_fn(headers::secure));
    let inner = if site.hsts { inner.layer(from_fn(headers::stay_on_https)) } else { inner };
    inner.layer(from_fn(log::request)).layer(from_fn_with_state(Arc::clone(site), client::identify))
}
