//! The HTML document around every page.

use super::assets::Assets;
use super::fields::essence;
use super::headers::{exported_policy, page_policy};
use super::outcome;
use crate::app::{App, ErrorPage, LeadingPage};
use crate::backend::accounts::Rules;
use crate::model::exported::Exported;
use crate::model::provider::{Provider, Providers};
use crate::model::sign_up::SignUp;
use crate::model::theme::Theme;
use crate::model::viewer::{Own, Unseen, Viewer};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use axum::response::Response;
use hardtack_session::Session;
use hardtack_session::cookie::pairs;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::MetaTags;

/// Returns the document of a page: head, stylesheet, the loader of the islands, and the body that `body` renders.
pub(super) fn document(assets: &Assets, body: fn() -> AnyView) -> impl IntoView + use<> {
    let theme = use_context::<Theme>().unwrap_or_default();
    let nonce = use_nonce();
    if let (Some(nonce), Some(answer)) = (&nonce, use_context::<ResponseOptions>()) {
        if let Ok(policy) = HeaderValue::from_str(&page_policy(nonce, assets.reload.as_deref())) {
            answer.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        // A page shows data of its visitor's session, and its nonce is valid for one response.
        answer.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Islands carry their own data, so the data that the rest of the page was rendered from stays on the server.
    if let Some(shared) = Owner::current_shared_context() {
        shared.set_is_hydrating(false);
    }
    let start = assets.start();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.name()>
            <head>
                <Head style=assets.style.clone()/>
                <MetaTags/>
                <AutoReload options=assets.options.clone()/>
                <script type="module" nonce=nonce>
                    {start}
                </script>
            </head>
            <body>{body()}</body>
        </html>
    }
}

/// Applies the theme from the cookie before the page is shown, because an exported page is the same for all visitors.
const CHOSEN: &str = r#"document.documentElement.dataset.theme = RegExp(`(?:^|; )theme${location.port}=(\\w+)`).exec(document.cookie)?.[1] ?? "system""#;

/// Returns the document of an exported page. It names its server, and holds its own Content-Security-Policy.
pub(super) fn exported(assets: &Assets, exported: &Exported) -> impl IntoView + use<> {
    if let Some(shared) = Owner::current_shared_context() {
        shared.set_is_hydrating(false);
    }
    let start = assets.start();
    let policy = exported_policy(&[CHOSEN, &start], &exported.api);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta http-equiv="content-security-policy" content=policy/>
                <Head style=assets.style.clone()/>
                <MetaTags/>
                <meta name=Exported::META content=exported.api.clone()/>
                <script>{CHOSEN}</script>
                <script type="module">{start}</script>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

#[component]
fn Head(style: String) -> impl IntoView {
    view! {
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <link rel="stylesheet" href=style/>
        <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
    }
}

/// Returns the page of an error response.
pub(super) fn error_page(assets: &Assets, theme: Theme, title: &'static str, sentence: &str) -> String {
    let body = || view! { <ErrorPage title message=sentence/> }.into_any();
    plain(assets, theme, title, None, body)
}

/// Returns a page that leads to another site by itself, and by a link in browsers that do not.
pub(super) fn leading_page(assets: &Assets, theme: Theme, to: &str, title: &str) -> String {
    let body = || view! { <LeadingPage title to/> }.into_any();
    plain(assets, theme, title, Some(format!("0; url={to}")), body)
}

/// Renders a page without the router and without a session. `refresh` is the content of a `meta` refresh to another
/// page.
fn plain(
    assets: &Assets,
    theme: Theme,
    title: &str,
    refresh: Option<String>,
    body: impl FnOnce() -> AnyView,
) -> String {
    let page = Owner::new().with(|| {
        view! {
            <html lang="en" data-theme=theme.name()>
                <head>
                    <Head style=assets.style.clone()/>
                    {refresh.map(|content| view! { <meta http-equiv="refresh" content=content/> })}
                    // A single text: between two, Leptos writes a comment, which a title shows as text because it is
                    // not parsed.
                    <title>{format!("{title} · Hardtack")}</title>
                </head>
                <body>{body()}</body>
            </html>
        }
        .to_html()
    });
    format!("<!DOCTYPE html>{page}")
}

/// Removes the text after `</html>`: Leptos writes two scripts there for resources that the browser hydrates. Islands
/// have no such resources, so both scripts are empty, and HTML allows nothing there.
pub(super) async fn up_to_its_end(answer: Response) -> Response {
    const END: &[u8] = b"</html>";
    let is_page = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| essence(kind) == b"text/html");
    if !is_page {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // Without a limit, because the body was just rendered in memory.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let end = body.windows(END.len()).rposition(|part| part == END).map_or(body.len(), |start| start + END.len());
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.slice(..end)))
}

/// Provides a page with the current user, the theme, the handle of the session and the outcome of a form.
pub(super) fn introduce() {
    // Reads the request in place, because a copy of the whole head is not needed for these values.
    let seen = |Parts { headers, extensions, .. }: &Parts| {
        let unseen = extensions.get::<Session>().is_some_and(Session::keeps_nothing);
        let viewer = extensions.get::<Viewer>().cloned().unwrap_or_default();
        (theme(headers), viewer, extensions.get::<Own>().cloned(), unseen)
    };
    if let Some((outcome, used_up)) = with_context(outcome::read) {
        provide_context(outcome);
        if let (Some(answer), Some(used_up)) = (use_context::<ResponseOptions>(), used_up) {
            answer.append_header(header::SET_COOKIE, used_up);
        }
    }
    if let Some((theme, viewer, own, unseen)) = with_context(seen) {
        if unseen {
            provide_context(Unseen);
        }
        if let Some(own) = own {
            provide_context(own);
        }
        provide_context(theme);
        provide_context(viewer);
    }
}

/// Returns the rules of registration that pages show.
pub(super) const fn sign_up(rules: &Rules) -> SignUp {
    SignUp { password_min: rules.password_min, open: rules.register }
}

/// Returns the providers that pages offer for sign-in.
pub(super) fn providers<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Providers {
    Providers(names.map(|(id, name)| Provider { id: id.to_owned(), name: name.to_owned() }).collect())
}

/// Returns the theme from the request's unsigned theme cookie.
pub(super) fn theme(headers: &HeaderMap) -> Theme {
    let value = pairs(headers).find(|(name, _)| *name == Theme::COOKIE.as_bytes()).map(|(_, value)| value);
    value.and_then(|value| str::from_utf8(value).ok()).map(Theme::named).unwrap_or_default()
}
