//! The router: one list of routes, one list of layers.
//!
//! ```text
//! client         finds the client's address
//! log            writes a line per request
//! └ headers      adds security headers to every response, and HSTS
//!   └ compress   compresses responses that are not compressed yet
//!     └ explain  turns error responses without a body into a page or JSON
//!       └ host   refuses foreign host names that lead here
//!        └ guard refuses other origins, admits front ends; adds CORS headers to every response from below
//!         └ panic  turns a panic into a 500, and the server goes on
//!           └ limits   methods, headers, time
//!             └ begin_limit  limits the sessions that the client's network may begin
//!               └ sessions   cookie, unit of work, commit
//!                 │ └ access decides which visitors may see the page, before it is rendered
//!                 │   └ pages
//!                 ├ /api: server functions, the event stream, and the doctor's calls
//!                 └ /sign-in: to a provider and back
//!             └ files, /healthz, /readyz: served without a session
//! ```

use super::assets::Assets;
use super::client::Proxies;
use super::host::Hosts;
use super::settings::Limits;
use super::streams::Streams;
use super::visitor::provide_visitor;
use super::{
    access, api, assets, begin_limit, client, doctor, document, events, explain, federated, headers, health, host,
    limits, log,
};
use crate::app::access::{Access, of};
use crate::app::{App, Nowhere};
use crate::backend::accounts::Accounts;
use crate::model::doctor::Examiner;
use crate::model::error::Kind;
use axum::Router;
use axum::body::Body;
use axum::http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{any, get, post};
use hardtack_session::policy::{Guard, Origin};
use hardtack_session::store::Readiness;
use hardtack_session::{RateLimit, Sessions};
use leptos::prelude::{AnyView, IntoAny as _, IntoView, provide_context, view};
use leptos_axum::{AxumRouteListing, LeptosRoutes as _};
use leptos_axum::{generate_route_list_with_exclusions, render_app_async_with_context};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};
use tower_http::timeout::TimeoutLayer;

/// The state that all requests share.
pub(super) struct Site {
    pub(super) assets: Assets,
    pub(super) sessions: Sessions,
    pub(super) accounts: Accounts,
    /// The layer that admits front ends and refuses other origins.
    pub(super) guard: Guard,
    /// The other origins whose pages may use sessions.
    pub(super) front_ends: Vec<String>,
    pub(super) proxies: Proxies,
    /// The origin by which browsers call this server.
    pub(super) own: Origin,
    /// The names of the session cookie and of the signed cookies beside it.
    pub(super) own_cookies: Vec<String>,
    /// The hosts that a request may name.
    pub(super) hosts: Hosts,
    pub(super) limits: Limits,
    /// The limit of sessions that a network may begin; `None` without a limit.
    pub(super) session_limit: Option<Arc<dyn RateLimit>>,
    /// The slots for event streams.
    pub(super) streams: Arc<Streams>,
    /// The addresses that pages need to examine browsers; `None` when this server does not examine them.
    pub(super) examiner: Option<Examiner>,
    /// Whether responses carry `Strict-Transport-Security`.
    pub(super) hsts: bool,
    /// `false` while the server stops.
    pub(super) ready: AtomicBool,
    /// The readiness check of the store.
    pub(super) readiness: Readiness,
    /// The readiness check of the accounts database.
    pub(super) accounts_readiness: Readiness,
}

impl Site {
    /// Returns the front end whose page sent the request, if there is one.
    pub(super) fn front_end(&self, headers: &HeaderMap) -> Option<String> {
        let origin = headers.get(header::ORIGIN)?;
        self.front_ends.iter().find(|front_end| origin == front_end.as_str()).cloned()
    }

    /// Returns whether a cookie of this name is the session cookie or one of the signed cookies beside it.
    pub(super) fn is_own_cookie(&self, name: &[u8]) -> bool {
        self.own_cookies.iter().any(|own| own.as_bytes() == name)
    }
}

/// The routes of the pages. Server functions are listed too, but as excluded: `/api/{*path}` serves them.
///
/// Listed once per process: while Leptos lists, a page that any server of the process renders would wait for its data
/// for ever (leptos_server 0.8, `SuppressResourceLoad` is global).
pub(super) static PAGES: LazyLock<Vec<AxumRouteListing>> =
    LazyLock::new(|| generate_route_list_with_exclusions(App, Some(api::paths())));

/// Returns whether a page is served to this audience. A page without an entry in `app::access` is served to none.
fn is_for(page: &AxumRouteListing, who: Access) -> bool {
    of(page.path()) == Some(who)
}

/// Returns the routes of the pages that this audience may see.
fn pages<V: IntoView + 'static>(
    who: Access,
    site: &Site,
    shell: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Router {
    let calls = api::paths();
    let listed = PAGES.iter().filter(|page| is_for(page, who) || calls.iter().any(|call| call == page.path()));
    let listed = listed.filter(|page| doctor::serves(page.path(), site.examiner.is_some()));
    let options = &site.assets.options;
    let accounts = site.accounts.clone();
    let providers = document::providers(accounts.providers().names());
    let examiner = site.examiner.clone();
    let tell = move || {
        document::introduce();
        provide_visitor(&accounts);
        provide_context(document::sign_up(accounts.rules()));
        provide_context(providers.clone());
        examiner.iter().cloned().for_each(provide_context);
    };
    Router::new()
        .leptos_routes_with_context(options, listed.cloned().collect(), tell, shell)
        .with_state(options.clone())
        .route_layer(map_response(document::up_to_its_end))
        .route_layer(from_fn_with_state((who, site.accounts.clone()), access::admit))
}

/// Returns whether a response may be compressed.
fn is_compressed(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<headers::Reflects>().is_none()
}

/// Returns the router of the whole server.
pub(super) fn router(site: &Arc<Site>) -> Router {
    let shell = |body: fn() -> AnyView| {
        let site = Arc::clone(site);
        move || document::document(&site.assets, body)
    };
    let examines = site.examiner.is_some();
    let functions = Router::new()
        .route("/api/{*path}", any(api::call))
        .route("/api/events", get(events::events))
        .route("/sign-in", post(federated::begin))
        .route("/sign-in/{provider}/callback", get(federated::finish).post(federated::posted))
        .route("/sign-in/{provider}/end", post(federated::end))
        .merge(doctor::routes(examines))
        .with_state(Arc::clone(site));
    let with_session = [Access::Everybody, Access::SignedIn, Access::Nobody]
        .map(|who| pages(who, site, shell(|| view! { <App/> }.into_any())))
        .into_iter()
        .fold(functions, Router::merge)
        .layer(site.sessions.clone())
        .layer(from_fn_with_state(Arc::clone(site), begin_limit::limit));

    let files = assets::files(&site.assets);
    let not_found = render_app_async_with_context(document::introduce, shell(|| view! { <Nowhere/> }.into_any()));
    let without_session = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(doctor::files(examines))
        .nest_service("/pkg", assets::package(&site.assets))
        .fallback(move |request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let answer = files(Request::from_parts(parts.clone(), Body::empty())).await;
            if answer.status() != StatusCode::NOT_FOUND {
                return answer;
            }
            let is_there = |page: &String| doctor::serves(page.split('?').next().unwrap_or_default(), examines);
            if let Some(page) = access::meant(&parts.uri).filter(is_there) {
                return Redirect::permanent(&page).into_response();
            }
            if !explain::wants_page(&parts) {
                return explain::refuse(Kind::NotFound);
            }
            let mut page = document::up_to_its_end(not_found(Request::from_parts(parts, body)).await).await;
            *page.status_mut() = StatusCode::NOT_FOUND;
            // The page has the theme of the visitor's cookie.
            page.headers_mut().append(header::VARY, HeaderValue::from_static("cookie"));
            page
        })
        .with_state(Arc::clone(site));

    layered(with_session.merge(without_session), site)
}

/// Adds the layers around all responses.
fn layered(answers: Router, site: &Arc<Site>) -> Router {
    let inner = answers
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, site.limits.request_timeout))
        .layer(from_fn_with_state(Arc::clone(site), limits::headers))
        .layer(CatchPanicLayer::custom(|_| explain::refuse(Kind::Internal)))
        .layer(site.guard.clone())
        .layer(from_fn_with_state(Arc::clone(site), host::check))
        .layer(from_fn_with_state(Arc::clone(site), explain::explain))
        .layer(from_fn(headers::reflect))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_compressed)))
        .layer(from_fn(headers::secure));
    let inner = if site.hsts { inner.layer(from_fn(headers::stay_on_https)) } else { inner };
    inner.layer(from_fn(log::request)).layer(from_fn_with_state(Arc::clone(site), client::identify))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::access;
    use crate::server::Server;
    use crate::server::settings::Settings;

    const FRONT_END: &str = "http://localhost:2015";

    /// No route of the server panics, so the test adds one.
    #[tokio::test]
    async fn s52_s90_s118_a_panic_is_a_500_without_its_text_that_front_ends_can_read() {
        let variables = [("STORE_URL", "memory:"), ("SITE_LISTEN", "127.0.0.1:0"), ("SITE_FRONT_ENDS", FRONT_END)];
        let variables = variables.map(|(name, value)| (format!("HARDTACK_{name}"), value.to_owned()));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Leptos.toml");
        std::fs::write(&file, "").expect("an empty file of settings");
        let server = Server::start(Settings::load(Some(&file), variables).expect("settings")).await.expect("a server");
        let panics = Router::new()
            .route("/panics", get(async || -> &str { panic!("canary") }))
            .route("/lives", get(async || "it lives"));
        let router = layered(panics, &server.site);
        let ask = async |path: &str| {
            let request = Request::get(path).header("host", "localhost").header("accept", "application/json");
            let mut request = request.header("origin", FRONT_END).body(Body::empty()).expect("a request");
            request.extensions_mut().insert(client::Peer(std::net::Ipv4Addr::LOCALHOST.into()));
            let answer = tower::ServiceExt::oneshot(router.clone(), request).await.expect("an answer");
            let (head, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, 10_000).await.expect("a body");
            (head, String::from_utf8_lossy(&body).into_owned())
        };
        for _ in 0..2 {
            let (head, body) = ask("/panics").await;
            assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(body.contains("\"kind\":\"internal\"") && !body.contains("canary"), "{body}");
            for (name, value) in [
                ("access-control-allow-origin", FRONT_END),
                ("access-control-allow-credentials", "true"),
                ("x-content-type-options", "nosniff"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(head.headers.get(name).map(HeaderValue::as_bytes), Some(value.as_bytes()), "{name}");
            }
        }
        assert_eq!(ask("/lives").await.1, "it lives");
    }

    #[test]
    fn every_page_has_a_decision_and_every_decision_a_page() {
        let calls = api::paths();
        let mut listed: Vec<_> =
            PAGES.iter().map(AxumRouteListing::path).filter(|path| !calls.contains(&(*path).to_owned())).collect();
        let mut decided: Vec<_> = access::PAGES.iter().map(|(path, _)| *path).collect();
        listed.sort_unstable();
        decided.sort_unstable();
        assert_eq!(listed, decided, "src/app/mod.rs lists the pages, src/app/access.rs decides who may see them");
    }
}
