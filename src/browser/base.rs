//! The origin of the server, and the plain cookies of an exported page.

use crate::model::exported::Exported;
use leptos::prelude::document;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::js_sys::JsString;
use std::cell::OnceCell;
use web_sys::{HtmlDocument, window};

thread_local! {
    static BASE: OnceCell<Option<String>> = const { OnceCell::new() };
}

/// Returns the origin of the server for an exported page; empty if it is the page's own. `None` if the server rendered
/// the page.
pub(super) fn base() -> Option<String> {
    BASE.with(|base| base.get_or_init(read).clone())
}

/// Returns the origin of the page's server; empty if it is the page's own.
#[must_use]
pub fn server() -> String {
    base().unwrap_or_default()
}

/// Returns the path of a URL of the server, as the forms of a page hold it.
#[must_use]
pub fn path_at_server(address: &str) -> Option<&str> {
    address.strip_prefix(server().as_str())
}

/// Returns whether this page was exported: it came from a static web server, and not from the server of its sessions.
#[must_use]
pub fn is_elsewhere() -> bool {
    base().is_some()
}

/// Sets a plain cookie for the page's own origin. It must hold no secret.
pub fn keep(cookie: &str) {
    if let Ok(page) = document().dyn_into::<HtmlDocument>() {
        // Errors are ignored, because a browser may block cookies.
        drop(page.set_cookie(cookie));
    }
}

/// Returns the port of the page; empty if it is the default port.
///
/// Cookies do not depend on the port. An exported page appends the port to the names of its own cookies, because
/// another port of its host may serve another application.
#[must_use]
pub fn port() -> String {
    window().and_then(|window| window.location().port().ok()).unwrap_or_default()
}

/// The state of the visitor's account, as an exported page remembers it.
///
/// It is only a hint, because the response of the server decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// The server has just signed the visitor in. The page does not know yet whether the browser keeps the cookie.
    Entered,
    /// The visitor is signed in, so the page requests the account. It does not without a sign-in.
    Known,
    /// The visitor has signed in, but the next request was not signed in, because the browser keeps no cookie of the
    /// server.
    Lost,
}

impl Account {
    const fn name(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Known => "known",
            Self::Lost => "lost",
        }
    }
}

/// Remembers the state of the visitor's account on an exported page. `None`: the visitor is not signed in.
pub fn know(account: Option<Account>) {
    if is_elsewhere() {
        let kept = account.map_or("; Path=/; Max-Age=0", |_| "; Path=/; Max-Age=31536000; SameSite=Lax");
        keep(&["account", &port(), "=", account.map_or("", Account::name), kept].concat());
    }
}

/// Returns whether this is the state that was remembered last.
#[must_use]
pub fn knows(account: Account) -> bool {
    let kept = document().dyn_into::<HtmlDocument>().ok().and_then(|page| page.cookie().ok());
    let sought = ["account", &port(), "=", account.name()].concat();
    // The browser searches, because a search in Rust would add a kilobyte to the program.
    kept.is_some_and(|kept| JsString::from(kept).includes(&sought, 0))
}

fn read() -> Option<String> {
    let named = document().query_selector(&["meta[name=", Exported::META, "]"].concat()).ok().flatten()?;
    named.get_attribute("content").map(|url| url.trim_end_matches('/').to_owned())
}
