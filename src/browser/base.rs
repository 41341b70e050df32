//! Where the server is.

use crate::model::exported::Exported;
use leptos::prelude::document;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::js_sys::JsString;
use std::cell::OnceCell;
use web_sys::{HtmlDocument, window};

thread_local! {
    static BASE: OnceCell<Option<String>> = const { OnceCell::new() };
}

/// The origin of the server, when the page was exported; empty when that is the page's own. `None`: the server has rendered it.
pub(super) fn base() -> Option<String> {
    BASE.with(|base| base.get_or_init(read).clone())
}

/// The origin of the server that the page belongs to; nothing when it is the page's own.
#[must_use]
pub fn server() -> String {
    base().unwrap_or_default()
}

/// The path of the server that an address leads to, as the forms of a page have it.
#[must_use]
pub fn path_at_server(address: &str) -> Option<&str> {
    address.strip_prefix(server().as_str())
}

/// Whether this page was exported: it came from some web server, and not from the server of its sessions.
#[must_use]
pub fn is_elsewhere() -> bool {
    base().is_some()
}

/// Keeps a plain cookie of the page's own. No secret belongs there.
pub fn keep(cookie: &str) {
    if let Ok(page) = document().dyn_into::<HtmlDocument>() {
        // A browser that takes no cookies keeps none.
        drop(page.set_cookie(cookie));
    }
}

/// The port of the page, which is nothing where it is the usual one.
///
/// Cookies do not know ports. A page that is a file puts it behind the names of its own, because another port of its host may
/// be another site.
#[must_use]
pub fn port() -> String {
    window().and_then(|window| window.location().port().ok()).unwrap_or_default()
}

/// The state of the visitor's account, as a page that is a file remembers it.
///
/// It is a hint and no more, because the answer of the server decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A server has just said that the visitor has signed in. The page does not know yet whether the browser keeps the
    /// cookie.
    Entered,
    /// The visitor is signed in. Such a page asks the server for the account. Without a sign-in it does not ask.
    Known,
    /// The visitor has signed in, and then the server did not know the account, because the browser keeps no cookie of
    /// the server.
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

/// Remembers the state of the visitor's account, where the page is a file. `None` means that the visitor is not signed
/// in.
pub fn know(account: Option<Account>) {
    if is_elsewhere() {
        let kept = account.map_or("; Path=/; Max-Age=0", |_| "; Path=/; Max-Age=31536000; SameSite=Lax");
        keep(&["account", &port(), "=", account.map_or("", Account::name), kept].concat());
    }
}

/// Whether that was known when it was last heard of.
#[must_use]
pub fn knows(account: Account) -> bool {
    let kept = document().dyn_into::<HtmlDocument>().ok().and_then(|page| page.cookie().ok());
    let sought = ["account", &port(), "=", account.name()].concat();
    // By the browser: a search of our own would be a kilobyte of program.
    kept.is_some_and(|kept| JsString::from(kept).includes(&sought, 0))
}

fn read() -> Option<String> {
    let named = document().query_selector(&["meta[name=", Exported::META, "]"].concat()).ok().flatten()?;
    named.get_attribute("content").map(|url| url.trim_end_matches('/').to_owned())
}
